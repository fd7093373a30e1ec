package aws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// sqsStore holds queues.
type sqsStore struct {
	mu     sync.Mutex
	queues map[string]*queue
}

// queue is a queue of messages, in the order in which they were sent.
type queue struct {
	fifo, byContent bool
	attributes      map[string]string // as it was made with
	created         time.Time
	messages        []*message
	sent            map[string]sent // by deduplication id
	sequence        uint64
	changed         chan struct{} // closed when there may be something to receive
}

type message struct {
	id, body, group, dedup, sequence string
	attributes                       map[string]messageAttribute
	size                             int
	sentAt, firstAt, visible         time.Time
	received                         int
	receipt                          string // of its last delivery
}

// Limits and standards of queues.
const (
	mostBody       = 1 << 20
	standardHidden = 30 * time.Second
	mostHidden     = 12 * time.Hour
	mostDelay      = 15 * time.Minute
	mostWait       = 20 * time.Second
	mostReceived   = 10
)

func (st *sqsStore) fill(names []string) {
	st.queues = map[string]*queue{}
	for _, text := range names {
		name, _ := standin.Named(text)
		st.queues[name] = newQueue(name, map[string]string{}, born)
	}
}

func newQueue(name string, attributes map[string]string, now time.Time) *queue {
	return &queue{fifo: strings.HasSuffix(name, fifoSuffix), byContent: attributes["ContentBasedDeduplication"] == "true",
		attributes: attributes, created: now, sent: map[string]sent{}, changed: make(chan struct{})}
}

// wake tells those who wait that there may be something.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (c *Cloud) sqsService() *service {
	m := jsonManners("application/x-amz-json-1.0", "com.amazonaws.sqs#")
	m.throttled = refusal{status: 400, code: "RequestThrottled", message: "Request is throttled."}
	m.internal = refusal{status: 500, code: "InternalFailure", message: "The request processing has failed because of an unknown error, exception or failure."}
	m.denied.status, m.expired.status, m.unknownKey.status = 403, 403, 403
	on := func(action string) func(*call) []need {
		return needs("sqs:"+action, func(k *call) string { return k.arn("sqs", k.resource) })
	}
	return &service{manners: m, ops: map[string]operation{
		"SendMessage":             {do: c.send, charge: chargeSend, needs: on("SendMessage")},
		"ReceiveMessage":          {do: c.receive, charge: chargeReceive, needs: on("ReceiveMessage")},
		"DeleteMessage":           {do: c.deleteMessage, charge: one(price.MeterAcks), needs: on("DeleteMessage")},
		"ChangeMessageVisibility": {do: c.changeVisibility, charge: one(price.MeterAcks), needs: on("ChangeMessageVisibility")},
		"GetQueueUrl":             {do: c.queueURL, needs: on("GetQueueUrl")},
		"GetQueueAttributes":      {do: c.queueAttributes, needs: on("GetQueueAttributes")},
		"CreateQueue":             {do: c.createQueue, needs: on("CreateQueue")},
		"ListQueues":              {do: c.listQueues, needs: needs("sqs:ListQueues", everything)},
	}}
}

// sqsQueryCode is what an error was called in the protocol before JSON, which clients
// are still told.
func sqsQueryCode(code string) string {
	switch code {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "MessageNotInflight", "UnsupportedOperation":
		return "AWS.SimpleQueueService." + code
	case "QueueNameExists":
		return "QueueAlreadyExists"
	case "AccessDeniedException":
		return "AccessDenied"
	case "ExpiredTokenException":
		return "ExpiredToken"
	case "UnrecognizedClientException":
		return "InvalidClientTokenId"
	}
	return code
}

// queue finds the call's queue, under the lock.
func (st *sqsStore) queue(k *call) (*queue, *standin.Outcome) {
	if q := st.queues[k.resource]; q != nil {
		return q, nil
	}
	out := k.refuse(refusal{status: 400, code: "QueueDoesNotExist", message: "The specified queue does not exist."})
	return nil, &out
}

func (k *call) badValue(format string, args ...any) standin.Outcome {
	return k.refuse(refusal{status: 400, code: "InvalidParameterValue", message: fmt.Sprintf(format, args...)})
}

func (k *call) queueAddress(name string) string { return k.Address + "/" + account + "/" + name }

func (c *Cloud) queueURL(k *call) standin.Outcome {
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	if _, no := c.sqs.queue(k); no != nil {
		return *no
	}
	return k.json(map[string]string{"QueueUrl": k.queueAddress(k.resource)})
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// queueStandards are the attributes that queues can be made with, and what they are
// where nothing is said.
var queueStandards = map[string]string{"VisibilityTimeout": "30", "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0",
	"MessageRetentionPeriod": "345600", "MaximumMessageSize": "1048576"}

func (c *Cloud) createQueue(k *call) standin.Outcome {
	var in struct {
		QueueName  string
		Attributes map[string]string
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	plain, fifo := strings.CutSuffix(in.QueueName, fifoSuffix)
	if !queueName.MatchString(plain) || len(in.QueueName) > 80 {
		return k.badValue("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	if fifo != (in.Attributes["FifoQueue"] == "true") {
		return k.badValue("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	for name, v := range in.Attributes {
		n, err := strconv.Atoi(v)
		switch {
		case queueStandards[name] != "" && (err != nil || n < 0):
			return k.refuse(refusal{status: 400, code: "InvalidAttributeValue", message: "Invalid value for the parameter " + name + "."})
		case queueStandards[name] == "" && name != "FifoQueue" && (name != "ContentBasedDeduplication" || !fifo):
			return k.refuse(refusal{status: 400, code: "InvalidAttributeName", message: "Unknown Attribute " + name + "."})
		}
	}
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	was := c.sqs.queues[in.QueueName]
	if was != nil && !maps.Equal(was.attributes, in.Attributes) && len(in.Attributes) > 0 {
		return k.refuse(refusal{status: 400, code: "QueueNameExists", message: "A queue already exists with the same name and a different value for an attribute."})
	}
	if was == nil {
		c.sqs.queues[in.QueueName] = newQueue(in.QueueName, maps.Clone(in.Attributes), k.Now)
	}
	out := k.json(map[string]string{"QueueUrl": k.queueAddress(in.QueueName)})
	out.Done = was == nil
	return out
}

// setting is one of a queue's attributes in seconds.
func (q *queue) setting(name string) time.Duration {
	text := q.attributes[name]
	if text == "" {
		text = queueStandards[name]
	}
	n, _ := strconv.Atoi(text) // it was one when the queue was made
	return time.Duration(n) * time.Second
}

func (c *Cloud) queueAttributes(k *call) standin.Outcome {
	var in struct{ AttributeNames []string }
	if out := k.decode(&in); out != nil {
		return *out
	}
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	q, no := c.sqs.queue(k)
	if no != nil {
		return *no
	}
	ready, hidden, delayed := 0, 0, 0
	for _, m := range q.messages {
		switch {
		case !m.visible.After(k.Now):
			ready++
		case m.received > 0:
			hidden++
		default:
			delayed++
		}
	}
	all := map[string]string{"QueueArn": k.arn("sqs", k.resource), "CreatedTimestamp": strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp": strconv.FormatInt(q.created.Unix(), 10), "ApproximateNumberOfMessages": strconv.Itoa(ready),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden), "ApproximateNumberOfMessagesDelayed": strconv.Itoa(delayed)}
	maps.Copy(all, queueStandards)
	maps.Copy(all, q.attributes)
	if q.fifo {
		all["FifoQueue"], all["ContentBasedDeduplication"] = "true", strconv.FormatBool(q.byContent)
		all["DeduplicationScope"], all["FifoThroughputLimit"] = "queue", "perQueue"
	}
	asked := map[string]string{}
	for _, name := range in.AttributeNames {
		if name == "All" {
			asked = all
			break
		}
		v, ok := all[name]
		if !ok && !strings.HasPrefix(name, "Fifo") && name != "ContentBasedDeduplication" && name != "DeduplicationScope" && name != "Policy" && name != "RedrivePolicy" {
			return k.refuse(refusal{status: 400, code: "InvalidAttributeName", message: "Unknown Attribute " + name + "."})
		}
		if ok {
			asked[name] = v
		}
	}
	return k.json(map[string]any{"Attributes": asked})
}

func (c *Cloud) listQueues(k *call) standin.Outcome {
	var in struct {
		QueueNamePrefix, NextToken string
		MaxResults                 *int
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	limit := 1000
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if limit < 1 || limit > 1000 {
		return k.badValue("Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
	}
	c.sqs.mu.Lock()
	defer c.sqs.mu.Unlock()
	answer, list, last := map[string]any{}, []string{}, ""
	for _, name := range slices.Sorted(maps.Keys(c.sqs.queues)) {
		if !strings.HasPrefix(name, in.QueueNamePrefix) || name <= in.NextToken {
			continue
		}
		if len(list) == limit && in.MaxResults != nil {
			answer["NextToken"] = last
		}
		if len(list) == limit {
			break
		}
		list, last = append(list, k.queueAddress(name)), name
	}
	answer["QueueUrls"] = list
	return k.json(answer)
}
