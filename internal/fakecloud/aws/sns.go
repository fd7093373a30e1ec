package aws

import (
	"encoding/json"
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// snsStore holds topics. Nobody is subscribed: what is published is in the log.
type snsStore struct {
	mu     sync.Mutex
	topics map[string]*topic
}

type topic struct {
	fifo, byContent bool
	attributes      map[string]string
	sent            map[string]sent // by deduplication id
	sequence        uint64
}

// sent is a message that was published or sent under a deduplication id.
type sent struct {
	id, sequence string
	at           time.Time
}

// Limits of messages; a unit is what one request is charged for.
const (
	mostMessage  = 256 << 10
	messageUnit  = 64 << 10
	mostSubject  = 100
	dedupFor     = 5 * time.Minute
	fifoSuffix   = ".fifo"
	sequenceText = "20000000000000000000" // as long as theirs are
)

func (st *snsStore) fill(names []string) {
	st.topics = map[string]*topic{}
	for _, text := range names {
		name, _ := standin.Named(text)
		st.topics[name] = &topic{fifo: strings.HasSuffix(name, fifoSuffix), attributes: map[string]string{}, sent: map[string]sent{}}
	}
}

func (c *Cloud) snsService() *service {
	m := queryManners("http://sns.amazonaws.com/doc/2010-03-31/")
	m.internal = refusal{status: 500, code: "InternalError", message: "We encountered an internal error. Please try again."}
	m.denied = refusal{status: 403, code: "AuthorizationError"}
	onTopic := func(k *call) string { return k.topicARN() }
	return &service{manners: m, ops: map[string]operation{
		"Publish":            {do: c.publish, charge: chargePublish, needs: needs("sns:Publish", onTopic)},
		"GetTopicAttributes": {do: c.topicAttributes, needs: needs("sns:GetTopicAttributes", onTopic)},
		"CreateTopic":        {do: c.createTopic, needs: needs("sns:CreateTopic", func(k *call) string { return k.arn("sns", k.form.Get("Name")) })},
		"ListTopics":         {do: c.listTopics, needs: needs("sns:ListTopics", everything)},
	}}
}

// topicARN is that of the call, which may name it as a target.
func (k *call) topicARN() string {
	if arn := k.form.Get("TopicArn"); arn != "" {
		return arn
	}
	return k.form.Get("TargetArn")
}

// publishSize is what counts of a message: its texts, and names, types and values of
// its attributes.
func (k *call) publishSize() int {
	n := len(k.form.Get("Message")) + len(k.form.Get("Subject"))
	for name, v := range k.form {
		if strings.HasPrefix(name, "MessageAttributes.") {
			n += len(v[0])
		}
	}
	return n
}

func chargePublish(k *call, out *standin.Outcome) {
	add(out, price.MeterPublishes, units(k.publishSize(), messageUnit))
	if strings.HasSuffix(k.topicARN(), fifoSuffix) && out.Status == 200 {
		add(out, price.MeterBytesPublished, int64(k.publishSize()))
	}
}

func (k *call) badParameter(what string) standin.Outcome {
	return k.refuse(refusal{status: 400, code: "InvalidParameter", message: "Invalid parameter: " + what})
}

var (
	topicARN  = regexp.MustCompile(`^arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)
	topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)
	groupID   = regexp.MustCompile("^[A-Za-z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")
	subject   = regexp.MustCompile(`^[!-~][ -~]*$`)
)

// topic finds the call's topic, under the lock.
func (st *snsStore) topic(k *call) (*topic, *standin.Outcome) {
	arn := k.topicARN()
	var out standin.Outcome
	if !topicARN.MatchString(arn) {
		out = k.badParameter("TopicArn")
		return nil, &out
	}
	t := st.topics[lastPart(arn, ":")]
	if t == nil {
		out = k.refuse(refusal{status: 404, code: "NotFound", message: "Topic does not exist"})
		return nil, &out
	}
	return t, nil
}

func (c *Cloud) publish(k *call) standin.Outcome {
	message, title := k.form.Get("Message"), k.form.Get("Subject")
	c.sns.mu.Lock()
	defer c.sns.mu.Unlock()
	t, no := c.sns.topic(k)
	if no != nil {
		return *no
	}
	switch {
	case message == "":
		return k.badParameter("Empty message")
	case !utf8.ValidString(message):
		return k.badParameter("Message")
	case k.publishSize() > mostMessage:
		return k.badParameter("Message too long")
	case k.form.Has("Subject") && (len(title) > mostSubject || !subject.MatchString(title)):
		return k.badParameter("Subject")
	}
	if bad := k.structured(message); bad != "" {
		return k.badParameter(bad)
	}
	if bad := k.fifoRules(t.fifo, t.byContent); bad != "" {
		return k.badParameter(bad)
	}
	s, before := t.remember(k, &c.ids, k.form.Get("MessageDeduplicationId"), message)
	out := k.query(struct {
		XMLName        xml.Name `xml:"PublishResult"`
		MessageID      string   `xml:"MessageId"`
		SequenceNumber string   `xml:",omitempty"`
	}{MessageID: s.id, SequenceNumber: s.sequence})
	out.Message, out.Subject, out.Bytes = s.id, title, int64(k.publishSize())
	out.Done, out.Duplicate = !before, before
	return out
}

// structured says what is wrong with a message that has a version for each protocol.
func (k *call) structured(message string) string {
	switch k.form.Get("MessageStructure") {
	case "":
		return ""
	case "json":
		var versions map[string]json.RawMessage
		var text string
		if json.Unmarshal([]byte(message), &versions) != nil {
			return "Message Structure - JSON message body failed to parse"
		}
		if json.Unmarshal(versions["default"], &text) != nil {
			return "Message Structure - No default entry in JSON message body"
		}
		return ""
	}
	return "MessageStructure"
}

// fifoRules says what is wrong with the ids of group and deduplication.
func (k *call) fifoRules(fifo, byContent bool) string {
	group, id := k.form.Get("MessageGroupId"), k.form.Get("MessageDeduplicationId")
	switch {
	case k.form.Has("MessageGroupId") && !groupID.MatchString(group):
		return "MessageGroupId"
	case k.form.Has("MessageDeduplicationId") && !fifo:
		return "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type"
	case k.form.Has("MessageDeduplicationId") && !groupID.MatchString(id):
		return "MessageDeduplicationId"
	case fifo && group == "":
		return "The MessageGroupId parameter is required for FIFO topics"
	case fifo && id == "" && !byContent:
		return "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
	}
	return ""
}

// remember is the message that a publication is: a new one, or one with the same
// deduplication id that was published in the last five minutes.
func (t *topic) remember(k *call, ids *ids, id, message string) (s sent, before bool) {
	if !t.fifo {
		return sent{id: ids.uuid()}, false
	}
	if id == "" {
		id = contentID(message)
	}
	if s, before = t.sent[id]; before && k.Now.Before(s.at.Add(dedupFor)) {
		return s, true
	}
	t.sequence++
	s = sent{id: ids.uuid(), sequence: sequence(t.sequence), at: k.Now}
	t.sent[id] = s
	return s, false
}

func sequence(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	return sequenceText[:len(sequenceText)-len(digits)] + digits
}
