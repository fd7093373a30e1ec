package queue

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// sqsQueue is a queue of Amazon SQS. A FIFO queue accepts a message with an id that it
// saw within the last five minutes and does not deliver it, also where the first has
// been received and deleted; a standard one remembers nothing.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html, read 2026-11.
type sqsQueue struct {
	url   string // as the service knows the queue
	name  string
	fifo  bool
	group string
	wire  *bus.Wire
	sqs   *sqs.Client
}

// What SQS sets: the size of a message with its attributes, how long one request waits,
// how many messages it brings, and how long they can be hidden.
const (
	sqsMost    = 1 << 20
	sqsWindow  = 5 * time.Minute
	sqsWait    = 20 * time.Second
	sqsBatch   = 10
	sqsHidden  = 12 * time.Hour
	sqsEscaped = 2 // bytes that one of a message may take in JSON
)

var sqsHost = regexp.MustCompile(`^(?:sqs[.-]([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.`)

// readSQS is the account, the name and the region that a queue's URL says; the region
// is "" where its host is none of AWS's.
func readSQS(u *resource.URL) (account, name, region string, err error) {
	account, name, ok := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if !ok || u.Host == "" || account == "" || name == "" || strings.Contains(name, "/") {
		return "", "", "", fmt.Errorf("write the queue's URL, as in awssqs://sqs.us-east-1.amazonaws.com/123456789012/jobs")
	}
	if m := sqsHost.FindStringSubmatch(u.Host); m != nil {
		region = m[1] + m[2]
	}
	return account, name, region, nil
}

func openSQS(u *resource.URL) (Queue, error) {
	account, name, region, err := readSQS(u)
	if err != nil {
		return nil, err
	}
	config, err := bus.AWS(u, region)
	if err != nil {
		return nil, err
	}
	q := &sqsQueue{url: "https://" + u.Host + "/" + account + "/" + name, name: name, fifo: strings.HasSuffix(name, ".fifo"), group: u.Options["group"], wire: bus.NewWire(nil)}
	u.Service = "aws/sqs/" + config.Region
	switch {
	case q.fifo:
		u.Service = "aws/sqs-fifo/" + config.Region
		q.group = u.Option("group", "skein")
	case q.group != "":
		return nil, fmt.Errorf("group=%s: a standard queue has no groups that keep an order: leave it out", q.group)
	}
	config.HTTPClient = q.wire.Client(agent.Keyed)
	q.sqs = sqs.NewFromConfig(config, func(o *sqs.Options) { o.BaseEndpoint = bus.Endpoint(config, o.BaseEndpoint) })
	return q, nil
}

func grantsSQS(u *resource.URL) ([]cloud.Grant, error) {
	account, name, region, err := readSQS(u)
	if err != nil {
		return nil, err
	}
	if region = u.Option("region", region); region == "" {
		region = "*"
	}
	actions := []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
	if u.Write {
		actions = []string{"sqs:SendMessage", "sqs:GetQueueAttributes"}
	}
	return []cloud.Grant{{Cloud: cloud.AWS, Actions: actions, Resource: "arn:" + cloud.Partition(region) + ":sqs:" + region + ":" + account + ":" + name}}, nil
}

func (q *sqsQueue) Send(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "send the message"
	if err := inXML(doing, m.Body); err != nil {
		return Sent{}, err
	}
	in := &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &m.Body, MessageAttributes: map[string]types.MessageAttributeValue{}}
	size := int64(len(m.Body))
	attribute := func(name, value string) {
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		size += int64(len(name) + len("String") + len(value))
	}
	attribute(bus.CommandAttribute, command)
	if m.Again {
		attribute(bus.AgainAttribute, "true")
	}
	if q.fifo {
		in.MessageDeduplicationId, in.MessageGroupId = aws.String(bus.Key(command)), aws.String(either(m.Group, q.group))
	}
	class := q.Guarantee().Class
	charge := bus.Charge{Readings: []price.Reading{{Meter: price.MeterSends, Quantity: effect.Units(size, bus.Unit), Source: price.Derived}}}
	var out *sqs.SendMessageOutput
	err := effect.Retry(ctx, class, func(ctx context.Context) error {
		return bus.Ask(ctx, charge, doing, "sqs:SendMessage on "+q.name, func(ctx context.Context) (err error) {
			out, err = q.sqs.SendMessage(ctx, in, func(o *sqs.Options) { o.HTTPClient = q.wire.Client(class) })
			return err
		})
	})
	switch {
	case bus.Unreadable(err) && !q.fifo:
		return Sent{}, nil // its status says that it was sent: only its id is lost
	case err != nil:
		return Sent{}, err
	}
	return Sent{ID: aws.ToString(out.MessageId)}, nil
}

func (q *sqsQueue) Guarantee() effect.Guarantee {
	if q.fifo {
		return effect.Guarantee{Class: agent.Keyed, For: sqsWindow,
			Basis: "SQS FIFO queue: MessageDeduplicationId by the command's id, remembered for 5 minutes"}
	}
	return effect.Guarantee{Class: agent.Once, Basis: "SQS standard queue: it remembers no ids, so a second send is a second message"}
}

func (q *sqsQueue) Limits() Limits {
	return Limits{Bytes: sqsMost - bus.MostAttributes, Groups: q.fifo, Group: q.group}
}

func (q *sqsQueue) Bound(size int) []price.Reading {
	n := int64(size) + bus.MostAttributes
	return bus.Bound(effect.Tries, price.MeterSends, effect.Units(n, bus.Unit), sqsEscaped*n+4<<10, bus.MostAnswer)
}

// Receive asks as often as it takes to have waited for so long: one request waits for
// twenty seconds at most.
func (q *sqsQueue) Receive(ctx context.Context, most int, wait, hidden time.Duration) ([]Received, error) {
	most = max(1, min(most, sqsBatch))
	for end := time.Now().Add(wait); ; {
		got, err := q.receive(ctx, most, max(0, min(time.Until(end), sqsWait)), hidden)
		if err != nil || len(got) > 0 || !time.Now().Add(time.Second).Before(end) {
			return got, err
		}
	}
}

func (q *sqsQueue) receive(ctx context.Context, most int, wait, hidden time.Duration) ([]Received, error) {
	const doing = "receive messages"
	in := &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: int32(most), WaitTimeSeconds: seconds(wait, sqsWait), VisibilityTimeout: seconds(hidden, sqsHidden),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp},
	}
	if q.fifo { // an answer that was lost is asked for once more, not waited out
		in.ReceiveRequestAttemptId = aws.String(rand.Text())
	}
	charge := bus.Charge{
		Readings: []price.Reading{{Meter: price.MeterReceives, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterReceives, Quantity: int64(most)*(sqsMost/bus.Unit) - 1, Source: price.Reported}},
		Most: int64(most)*sqsEscaped*(sqsMost+bus.MostAnswer) + bus.MostAnswer,
	}
	var out *sqs.ReceiveMessageOutput
	err := effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return bus.Ask(ctx, charge, doing, "sqs:ReceiveMessage on "+q.name, func(ctx context.Context) (err error) {
			out, err = q.sqs.ReceiveMessage(ctx, in)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	var got []Received
	size := 0
	for _, m := range out.Messages {
		r := Received{ID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body), Receipt: aws.ToString(m.ReceiptHandle)}
		size += len(r.Body)
		if n, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"]); err == nil {
			r.Times = n
		}
		if ms, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64); err == nil {
			r.Sent = time.UnixMilli(ms).UTC()
		}
		got = append(got, r)
	}
	effect.MeterFrom(ctx).Count(price.MeterReceives, effect.Units(int64(size), bus.Unit)-1, price.Derived)
	return got, nil
}

func (q *sqsQueue) Ack(ctx context.Context, r Received) error {
	return q.settle(ctx, "acknowledge the message", "sqs:DeleteMessage on "+q.name, func(ctx context.Context) error {
		_, err := q.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &r.Receipt})
		return err
	})
}

func (q *sqsQueue) Return(ctx context.Context, r Received, after time.Duration) error {
	return q.settle(ctx, "return the message", "sqs:ChangeMessageVisibility on "+q.name, func(ctx context.Context) error {
		_, err := q.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.url, ReceiptHandle: &r.Receipt, VisibilityTimeout: seconds(after, sqsHidden)})
		return err
	})
}

// settle says what becomes of a message that was received. Both ways can be gone twice.
func (q *sqsQueue) settle(ctx context.Context, doing, needs string, do func(context.Context) error) error {
	charge := bus.Charge{Readings: []price.Reading{{Meter: price.MeterAcks, Quantity: 1, Source: price.Counted}}}
	return effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		err := bus.Ask(ctx, charge, doing, needs, do)
		if bus.Unreadable(err) {
			return nil // its status says that it was done, and it says nothing else
		}
		return err
	})
}

func (q *sqsQueue) Check(ctx context.Context) error {
	const doing = "look at the queue"
	return effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return bus.Ask(ctx, bus.Charge{Readings: []price.Reading{{Meter: price.MeterReceives, Quantity: 1, Source: price.Counted}}}, doing,
			"sqs:GetQueueAttributes on "+q.name, func(ctx context.Context) error {
				_, err := q.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
				return err
			})
	})
}

func (q *sqsQueue) Close() error { return q.wire.Close() }

// seconds is d in whole seconds, rounded up, for services that count so.
func seconds(d, most time.Duration) int32 {
	return int32((max(0, min(d, most)) + time.Second - 1) / time.Second)
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// inXML refuses a body with characters that XML, and so these services, cannot hold.
func inXML(doing, body string) error {
	for i, r := range body {
		if r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			if r != '\ufffd' || strings.HasPrefix(body[i:], "\ufffd") {
				continue
			}
		}
		return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: its character at byte %d is one that the service cannot hold: leave control characters out", doing, i)}
	}
	if body == "" {
		return &effect.Error{Outcome: effect.Refused, Message: doing + ": it is empty, and one character at least is wanted"}
	}
	return nil
}
