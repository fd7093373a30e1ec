package aws

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// messageAttribute is an attribute that a sender gave a message.
type messageAttribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue *string `json:",omitempty"` // in base64
}

// value is the attribute's value, as bytes; ok says that there is one, of its type.
func (a messageAttribute) value() (v []byte, ok bool) {
	kind, _, _ := strings.Cut(a.DataType, ".")
	switch {
	case (kind == "String" || kind == "Number") && a.StringValue != nil && a.BinaryValue == nil:
		return []byte(*a.StringValue), *a.StringValue != ""
	case kind == "Binary" && a.BinaryValue != nil && a.StringValue == nil:
		b, err := base64.StdEncoding.DecodeString(*a.BinaryValue)
		return b, err == nil && len(b) > 0
	}
	return nil, false
}

// contentID is the deduplication id of a message that has none of its own.
func contentID(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// attributesMD5 is the digest of a message's attributes, by
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
func attributesMD5(attributes map[string]messageAttribute) string {
	var b []byte
	put := func(v []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		v, _ := a.value()
		put([]byte(name))
		put([]byte(a.DataType))
		transport := byte(1)
		if strings.HasPrefix(a.DataType, "Binary") {
			transport = 2
		}
		b = append(b, transport)
		put(v)
	}
	return md5Hex(b)
}

type sendIn struct {
	MessageBody            *string
	DelaySeconds           *int
	MessageGroupID         string `json:"MessageGroupId"`
	MessageDeduplicationID string `json:"MessageDeduplicationId"`
	MessageAttributes      map[string]messageAttribute
}

// size is what counts of a message.
func (in *sendIn) size() int {
	n := 0
	if in.MessageBody != nil {
		n = len(*in.MessageBody)
	}
	for name, a := range in.MessageAttributes {
		v, _ := a.value()
		n += len(name) + len(a.DataType) + len(v)
	}
	return n
}

func (c *Cloud) send(k *call) standin.Outcome {
	var in sendIn
	if out := k.decode(&in); out != nil {
		return *out
	}
	return c.sendMessage(k, &in)
}

// chargeSend charges by the size of what was sent, also where it was refused.
func chargeSend(k *call, out *standin.Outcome) {
	var in sendIn
	_ = json.Unmarshal(k.Body, &in) // a body that is none has no size, and is one request
	add(out, price.MeterSends, units(in.size(), messageUnit))
}

func (c *Cloud) sendMessage(k *call, in *sendIn) standin.Outcome {
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	q, no := c.sqs.queue(k)
	if no != nil {
		return *no
	}
	if no := in.refused(k, q); no != nil {
		return *no
	}
	delay := q.setting("DelaySeconds")
	if in.DelaySeconds != nil {
		delay = time.Duration(*in.DelaySeconds) * time.Second
	}
	m := &message{id: c.ids.uuid(), body: *in.MessageBody, group: in.MessageGroupID, attributes: in.MessageAttributes,
		size: in.size(), sentAt: k.Now, visible: k.Now.Add(delay)}
	before := false
	if q.fifo {
		if m.dedup = in.MessageDeduplicationID; m.dedup == "" {
			m.dedup = contentID(m.body)
		}
		var s sent
		if s, before = q.sent[m.dedup]; before && k.Now.Before(s.at.Add(dedupFor)) {
			m.id, m.sequence = s.id, s.sequence
		} else {
			before = false
			q.sequence++
			m.sequence = sequence(q.sequence)
			q.sent[m.dedup] = sent{m.id, m.sequence, k.Now}
		}
	}
	if !before {
		q.messages = append(q.messages, m)
		q.wake()
	}
	answer := map[string]string{"MessageId": m.id, "MD5OfMessageBody": md5Hex([]byte(m.body))}
	if m.sequence != "" {
		answer["SequenceNumber"] = m.sequence
	}
	if len(m.attributes) > 0 {
		answer["MD5OfMessageAttributes"] = attributesMD5(m.attributes)
	}
	out := k.json(answer)
	out.Message, out.Bytes, out.Done, out.Duplicate = m.id, int64(m.size), !before, before
	return out
}

// refused is the answer to a message that the queue does not take.
func (in *sendIn) refused(k *call, q *queue) *standin.Outcome {
	var out standin.Outcome
	switch {
	case in.MessageBody == nil || *in.MessageBody == "":
		out = k.refuse(refusal{status: 400, code: "MissingParameter", message: "The request must contain the parameter MessageBody."})
	case in.size() > mostBody:
		out = k.badValue("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", mostBody)
	case !utf8.ValidString(*in.MessageBody) || strings.ContainsFunc(*in.MessageBody, notXML):
		out = k.refuse(refusal{status: 400, code: "InvalidMessageContents", message: "The message contains characters outside the allowed set."})
	case in.DelaySeconds != nil && (*in.DelaySeconds < 0 || time.Duration(*in.DelaySeconds)*time.Second > mostDelay):
		out = k.badValue("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", *in.DelaySeconds)
	case in.DelaySeconds != nil && *in.DelaySeconds > 0 && q.fifo:
		out = k.badValue("Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type", *in.DelaySeconds)
	case in.MessageGroupID != "" && !groupID.MatchString(in.MessageGroupID):
		out = k.badValue("Value %s for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.", in.MessageGroupID)
	case in.MessageDeduplicationID != "" && !groupID.MatchString(in.MessageDeduplicationID):
		out = k.badValue("Value %s for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length.", in.MessageDeduplicationID)
	case in.MessageDeduplicationID != "" && !q.fifo:
		out = k.badValue("Value %s for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type", in.MessageDeduplicationID)
	case q.fifo && in.MessageGroupID == "":
		out = k.refuse(refusal{status: 400, code: "MissingParameter", message: "The request must contain the parameter MessageGroupId."})
	case q.fifo && in.MessageDeduplicationID == "" && !q.byContent:
		out = k.badValue("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	default:
		for name, a := range in.MessageAttributes {
			if _, ok := a.value(); !ok {
				out = k.badValue("The message attribute '%s' must contain a non-empty value of its type.", name)
				return &out
			}
		}
		return nil
	}
	return &out
}

// notXML reports a character that XML 1.0, and so a message, cannot have.
func notXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}
