package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// snsTopic is a topic of Amazon SNS. A FIFO topic accepts a message with an id that it
// saw within the last five minutes and does not deliver it; a standard one remembers
// nothing. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, read 2026-11.
type snsTopic struct {
	arn   string
	fifo  bool
	group string
	wire  *bus.Wire
	sns   *sns.Client
}

// snsWindow is for how long a FIFO topic remembers, at least.
const snsWindow = 5 * time.Minute

func readSNS(u *resource.URL) (arn.ARN, error) {
	text := strings.TrimPrefix(u.Path, "/")
	if u.Host != "" {
		text = u.Host
	}
	a, err := arn.Parse(text)
	if err != nil || a.Service != "sns" || a.Region == "" || strings.Contains(a.Resource, ":") || a.Resource == "" {
		return a, fmt.Errorf("name the topic by its ARN, as in awssns:///arn:aws:sns:us-east-1:123456789012:alerts")
	}
	return a, nil
}

func openSNS(u *resource.URL) (Topic, error) {
	a, err := readSNS(u)
	if err != nil {
		return nil, err
	}
	if r := u.Options["region"]; r != "" && r != a.Region {
		return nil, fmt.Errorf("region=%s: the topic is in %s, as its ARN says: leave region out", r, a.Region)
	}
	config, err := bus.AWS(u, a.Region)
	if err != nil {
		return nil, err
	}
	t := &snsTopic{arn: a.String(), fifo: strings.HasSuffix(a.Resource, ".fifo"), group: u.Options["group"], wire: bus.NewWire(nil)}
	u.Service = "aws/sns/" + a.Region
	switch {
	case t.fifo:
		u.Service = "aws/sns-fifo/" + a.Region
		t.group = u.Option("group", "skein")
	case t.group != "":
		return nil, fmt.Errorf("group=%s: a standard topic has no groups: leave it out", t.group)
	}
	config.HTTPClient = t.wire.Client(t.Guarantee().Class)
	t.sns = sns.NewFromConfig(config, func(o *sns.Options) { o.BaseEndpoint = bus.Endpoint(config, o.BaseEndpoint) })
	return t, nil
}

func grantsSNS(u *resource.URL) ([]cloud.Grant, error) {
	a, err := readSNS(u)
	if err != nil {
		return nil, err
	}
	return []cloud.Grant{{Cloud: cloud.AWS, Actions: []string{"sns:Publish", "sns:GetTopicAttributes"}, Resource: a.String()}}, nil
}

func (t *snsTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "publish the notification"
	title, text := m.Title(), m.Text()
	subject := snsSubject(title)
	if subject != title {
		text = title + "\n\n" + text // what the subject cannot hold
	}
	in := &sns.PublishInput{TopicArn: &t.arn, Message: &text, MessageAttributes: map[string]types.MessageAttributeValue{
		bus.CommandAttribute: {DataType: aws.String("String"), StringValue: &command}}}
	if subject != "" {
		in.Subject = &subject
	}
	if t.fifo {
		in.MessageDeduplicationId, in.MessageGroupId = aws.String(bus.Key(command)), &t.group
	}
	size := int64(len(text) + len(subject) + len(bus.CommandAttribute) + len("String") + len(command))
	charge := bus.Charge{Readings: []price.Reading{{Meter: price.MeterPublishes, Quantity: effect.Units(size, bus.Unit), Source: price.Derived}}}
	if t.fifo { // of what was taken, and of what may have been
		charge.Readings = append(charge.Readings, price.Reading{Meter: price.MeterBytesPublished, Quantity: size, Source: price.Reported})
	}
	var out *sns.PublishOutput
	err := effect.Retry(ctx, t.Guarantee().Class, func(ctx context.Context) error {
		err := bus.Ask(ctx, charge, doing, "sns:Publish on "+t.arn, func(ctx context.Context) (err error) {
			out, err = t.sns.Publish(ctx, in)
			return err
		})
		if t.fifo && bus.Taken(err) {
			effect.MeterFrom(ctx).Count(price.MeterBytesPublished, size, price.Derived)
		}
		return err
	})
	switch {
	case bus.Unreadable(err) && !t.fifo:
		return Sent{}, nil // its status says that it was published: only its id is lost
	case err != nil:
		return Sent{}, err
	}
	return Sent{ID: aws.ToString(out.MessageId)}, nil
}

// snsSubject is what a subject may be: less than 100 characters of ASCII, none of them
// a control character, beginning with one that is seen.
func snsSubject(title string) string {
	b := []byte(title[:min(len(title), 99)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return strings.TrimLeft(string(b), " ")
}

func (t *snsTopic) Guarantee() effect.Guarantee {
	if t.fifo {
		return effect.Guarantee{Class: agent.Keyed, For: snsWindow,
			Basis: "SNS FIFO topic: MessageDeduplicationId by the command's id, remembered for 5 minutes"}
	}
	return effect.Guarantee{Class: agent.Once, Basis: "SNS standard topic: it remembers no ids, so a second publish is a second message"}
}

func (t *snsTopic) Bound(size int) []price.Reading {
	n := int64(size + mostAdded + bus.MostAttributes)
	// The request is a form, in which each byte may take three.
	bound := bus.Bound(effect.Tries, price.MeterPublishes, effect.Units(n, bus.Unit), 3*n+4<<10, bus.MostAnswer)
	if t.fifo {
		bound = append(bound, price.Reading{Meter: price.MeterBytesPublished, Quantity: effect.Tries * n, Source: price.Counted})
	}
	return bound
}

func (t *snsTopic) Check(ctx context.Context) error {
	const doing = "look at the topic"
	return effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return bus.Ask(ctx, bus.Charge{}, doing, "sns:GetTopicAttributes on "+t.arn, func(ctx context.Context) error {
			_, err := t.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &t.arn})
			return err
		})
	})
}

func (t *snsTopic) Close() error { return t.wire.Close() }
