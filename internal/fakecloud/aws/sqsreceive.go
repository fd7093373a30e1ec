package aws

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

type receiveIn struct {
	MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds *int
	AttributeNames                                          []string
	MessageSystemAttributeNames, MessageAttributeNames      []string
}

// chargeReceive charges by the size of all that came; nothing costs a request too.
func chargeReceive(_ *call, out *standin.Outcome) {
	add(out, price.MeterReceives, units(int(out.Bytes), messageUnit))
}

func (c *Cloud) receive(k *call) standin.Outcome {
	var in receiveIn
	if out := k.decode(&in); out != nil {
		return *out
	}
	c.sqs.mu.Lock()
	q, no := c.sqs.queue(k)
	if no != nil {
		c.sqs.mu.Unlock()
		return *no
	}
	most, wait, hidden := 1, q.setting("ReceiveMessageWaitTimeSeconds"), q.setting("VisibilityTimeout")
	c.sqs.mu.Unlock()
	if in.MaxNumberOfMessages != nil {
		most = *in.MaxNumberOfMessages
	}
	if in.WaitTimeSeconds != nil {
		wait = time.Duration(*in.WaitTimeSeconds) * time.Second
	}
	if in.VisibilityTimeout != nil {
		hidden = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	switch {
	case most < 1 || most > mostReceived:
		return k.badValue("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most)
	case wait < 0 || wait > mostWait:
		return k.badValue("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", int(wait.Seconds()))
	case hidden < 0 || hidden > mostHidden:
		return k.badValue("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.", int(hidden.Seconds()))
	}
	started := time.Now()
	for {
		c.sqs.mu.Lock()
		passed := time.Since(started)
		list, size, next := q.take(k, k.Now.Add(passed), most, hidden, &in)
		changed := q.changed
		c.sqs.mu.Unlock()
		if len(list) > 0 {
			out := k.json(map[string]any{"Messages": list})
			out.Bytes = int64(size)
			return out
		}
		if passed >= wait || !k.pause(changed, min(wait-passed, next)) {
			return k.json(map[string]any{})
		}
	}
}

// pause waits for a change of the queue, at most so long; it reports whether the
// client is still there.
func (k *call) pause(changed <-chan struct{}, most time.Duration) bool {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-k.Context().Done():
		return false
	}
	return true
}

// take hands out what can be received now, and says in how long there may be more.
// In a FIFO queue a message waits for those of its group before it.
func (q *queue) take(k *call, now time.Time, most int, hidden time.Duration, in *receiveIn) (list []map[string]any, size int, next time.Duration) {
	next = mostWait
	blocked := map[string]bool{}
	retention := q.setting("MessageRetentionPeriod")
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return m.sentAt.Add(retention).Before(now) })
	for _, m := range q.messages {
		if len(list) == most {
			break
		}
		if q.fifo && blocked[m.group] {
			continue
		}
		if m.visible.After(now) {
			next = min(next, m.visible.Sub(now))
			blocked[m.group] = true
			continue
		}
		if m.received++; m.received == 1 {
			m.firstAt = now
		}
		m.visible = now.Add(hidden)
		m.receipt = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %s %d", k.resource, m.id, m.received))
		size += m.size
		list = append(list, m.shown(k, in))
	}
	return list, size, next
}

// shown is a message as it is received, with the attributes that were asked for.
func (m *message) shown(k *call, in *receiveIn) map[string]any {
	answer := map[string]any{"MessageId": m.id, "ReceiptHandle": m.receipt, "Body": m.body, "MD5OfBody": md5Hex([]byte(m.body))}
	all := map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.received), "SenderId": "AIDASTANDIN000000001",
		"SentTimestamp": millis(m.sentAt), "ApproximateFirstReceiveTimestamp": millis(m.firstAt)}
	if m.group != "" {
		all["MessageGroupId"] = m.group
	}
	if m.sequence != "" {
		all["MessageDeduplicationId"], all["SequenceNumber"] = m.dedup, m.sequence
	}
	system := map[string]string{}
	for _, name := range slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames) {
		for have, v := range all {
			if name == "All" || name == have {
				system[have] = v
			}
		}
	}
	if len(system) > 0 {
		answer["Attributes"] = system
	}
	own := map[string]messageAttribute{}
	for _, name := range in.MessageAttributeNames {
		prefix, isPrefix := strings.CutSuffix(name, ".*")
		for have, a := range m.attributes {
			if name == "All" || name == have || isPrefix && strings.HasPrefix(have, prefix) {
				own[have] = a
			}
		}
	}
	if len(own) > 0 {
		answer["MessageAttributes"], answer["MD5OfMessageAttributes"] = own, attributesMD5(own)
	}
	return answer
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// handle finds the message that a receipt handle is of. A handle of a message that is
// gone is good, and of nothing.
func (q *queue) handle(k *call, receipt string) (m *message, current bool, no *standin.Outcome) {
	b, err := base64.StdEncoding.DecodeString(receipt)
	parts := strings.Split(string(b), " ")
	if err != nil || len(parts) != 3 || parts[0] != k.resource {
		out := k.refuse(refusal{status: 400, code: "ReceiptHandleIsInvalid", message: fmt.Sprintf("The input receipt handle %q is not a valid receipt handle.", receipt)})
		return nil, false, &out
	}
	for _, m := range q.messages {
		if m.id == parts[1] {
			return m, m.receipt == receipt, nil
		}
	}
	return nil, false, nil
}

func (k *call) expiredReceipt(receipt string) standin.Outcome {
	return k.badValue("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", receipt)
}

func (c *Cloud) deleteMessage(k *call) standin.Outcome {
	var in struct{ ReceiptHandle string }
	if out := k.decode(&in); out != nil {
		return *out
	}
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	q, no := c.sqs.queue(k)
	if no != nil {
		return *no
	}
	m, current, no := q.handle(k, in.ReceiptHandle)
	if no != nil {
		return *no
	}
	if m != nil && q.fifo && (!current || !m.visible.After(k.Now)) {
		return k.expiredReceipt(in.ReceiptHandle)
	}
	out := standin.Outcome{Status: 200, Header: k.jsonHeader(nil)}
	if m != nil && current { // an old handle of a standard queue's message is good and does nothing
		q.messages = slices.DeleteFunc(q.messages, func(x *message) bool { return x == m })
		q.wake()
		out.Done, out.Message = true, m.id
	}
	return out
}

func (c *Cloud) changeVisibility(k *call) standin.Outcome {
	var in struct {
		ReceiptHandle     string
		VisibilityTimeout *int
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	if in.VisibilityTimeout == nil {
		return k.refuse(refusal{status: 400, code: "MissingParameter", message: "The request must contain the parameter VisibilityTimeout."})
	}
	hidden := time.Duration(*in.VisibilityTimeout) * time.Second
	if hidden < 0 || hidden > mostHidden {
		return k.badValue("Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", *in.VisibilityTimeout)
	}
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	q, no := c.sqs.queue(k)
	if no != nil {
		return *no
	}
	m, current, no := q.handle(k, in.ReceiptHandle)
	switch {
	case no != nil:
		return *no
	case m == nil:
		return k.badValue("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", in.ReceiptHandle)
	case !m.visible.After(k.Now):
		return k.refuse(refusal{status: 400, code: "MessageNotInflight", message: "The specified message isn't in flight."})
	case !current:
		return k.expiredReceipt(in.ReceiptHandle)
	}
	m.visible = k.Now.Add(hidden)
	q.wake()
	return standin.Outcome{Status: 200, Header: k.jsonHeader(nil), Done: true, Message: m.id}
}
