package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// pubSubQueue is a topic of Google Cloud Pub/Sub to send to and a subscription to
// receive from, or one of the two.
// https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions, read 2026-11.
type pubSubQueue struct {
	bus      *bus.PubSub
	ordering bool
}

// How many messages one request brings at most, and for how long they can be hidden.
const (
	pubSubBatch  = 10
	pubSubHidden = 10 * time.Minute
	pubSubPause  = 100 * time.Millisecond // between requests that bring nothing
)

func openPubSub(u *resource.URL) (Queue, error) {
	p, err := bus.OpenPubSub(u)
	if err != nil {
		return nil, err
	}
	q := &pubSubQueue{bus: p}
	switch text := u.Options["ordering"]; text {
	case "":
	case "true":
		q.ordering = true
	default:
		return nil, fmt.Errorf("ordering=%s: write true where the subscription keeps the order of a key, or leave it out", text)
	}
	return q, q.names(u.Write)
}

// names says whether the URL names what is needed.
func (q *pubSubQueue) names(send bool) error {
	switch {
	case send && q.bus.Topic == "":
		return errors.New("it is a subscription, and a topic is sent to: name that, as in gcppubsub://projects/acme/topics/jobs")
	case !send && q.bus.Subscription == "":
		return errors.New("a topic is received from by a subscription: add ?subscription=name")
	}
	return nil
}

func grantsPubSub(u *resource.URL) ([]cloud.Grant, error) {
	p, err := bus.ReadPubSub(u)
	if err == nil {
		err = (&pubSubQueue{bus: p}).names(u.Write)
	}
	if err != nil {
		return nil, err
	}
	return p.Grants(u.Write), nil
}

func (q *pubSubQueue) Send(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "send the message"
	switch {
	case q.bus.Topic == "":
		return Sent{}, &effect.Error{Outcome: effect.Refused, Message: doing + ": the resource is a subscription, which is received from only"}
	case m.Body == "":
		return Sent{}, &effect.Error{Outcome: effect.Refused, Message: doing + ": it is empty, and one character at least is wanted"}
	}
	e := bus.Envelope{Body: []byte(m.Body), Command: command, Again: m.Again}
	if q.ordering {
		e.Group = m.Group
	}
	id, err := q.bus.Publish(ctx, doing, price.MeterSends, e)
	return Sent{ID: id}, err
}

func (q *pubSubQueue) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Once, Basis: "Pub/Sub gives each publish an id of its own, so a second one is a second message"}
}

func (q *pubSubQueue) Limits() Limits {
	return Limits{Bytes: bus.MostPubSub - bus.MostAttributes, Groups: q.ordering}
}

func (q *pubSubQueue) Bound(size int) []price.Reading { return q.bus.Bound(price.MeterSends, size) }

// Receive lets the service wait: it answers by itself when a message comes, and within
// a time of its own when none does.
func (q *pubSubQueue) Receive(ctx context.Context, most int, wait, hidden time.Duration) ([]Received, error) {
	most = max(1, min(most, pubSubBatch))
	for end := time.Now().Add(wait); ; {
		waiting, cancel := ctx, context.CancelFunc(func() {})
		if wait > 0 {
			waiting, cancel = context.WithDeadline(ctx, end)
		}
		got, err := q.pull(waiting, most, wait <= 0)
		over := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case over && len(got) == 0:
			return nil, nil // nothing came in time
		case err != nil:
			return nil, err
		case len(got) > 0:
			q.hide(ctx, got, hidden)
			return got, nil
		case !time.Now().Before(end):
			return nil, nil
		}
		// Each request costs, also one that the service has answered at once.
		if err := rest(ctx, min(pubSubPause, time.Until(end))); err != nil {
			return nil, err
		}
	}
}

func (q *pubSubQueue) pull(ctx context.Context, most int, now bool) ([]Received, error) {
	const doing = "receive messages"
	body, err := json.Marshal(map[string]any{"maxMessages": most, "returnImmediately": now})
	if err != nil {
		return nil, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	var got []Received
	_, err = q.bus.Client.Do(ctx, bus.Request{
		Class: agent.Read, Method: http.MethodPost, URL: q.bus.URL(q.bus.Subscription, ":pull"), Body: body, Header: jsonType, Doing: doing,
		Needs: "pubsub.subscriptions.consume", Fail: q.bus.Explain(doing), Most: int64(most)*2*bus.MostPubSub + bus.MostAnswer,
		Counts: []price.Reading{{Meter: price.MeterReceives, Quantity: 1, Source: price.Counted},
			// A request that was given up has most likely brought nothing.
			{Meter: price.MeterBytesDelivered, Quantity: bus.LeastPubSub, Source: price.Reported}},
		Accept: func(a *bus.Answer) error {
			list, size, err := readPulled(a.Body)
			if err != nil {
				return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the service's answer cannot be read", Cause: err}
			}
			got = list
			effect.MeterFrom(ctx).Count(price.MeterBytesDelivered, max(bus.LeastPubSub, size), price.Derived)
			return nil
		},
	})
	return got, err
}

var jsonType = map[string]string{"Content-Type": "application/json"}

// readPulled reads the messages of an answer and what is billed of them together.
func readPulled(body []byte) (got []Received, size int64, err error) {
	var in struct {
		ReceivedMessages []struct {
			AckID           string      `json:"ackId"`
			Message         bus.Message `json:"message"`
			DeliveryAttempt int         `json:"deliveryAttempt"`
		} `json:"receivedMessages"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, 0, fmt.Errorf("read the messages: %w", err)
	}
	for _, m := range in.ReceivedMessages {
		r := Received{ID: m.Message.MessageID, Body: string(m.Message.Data), Receipt: m.AckID, Times: m.DeliveryAttempt}
		if t, err := time.Parse(time.RFC3339Nano, m.Message.PublishTime); err == nil {
			r.Sent = t.UTC()
		}
		size += m.Message.Size()
		got = append(got, r)
	}
	return got, size, nil
}

// hide asks for the time that the receiver wants. Where that fails, the messages are
// hidden for the subscription's own ackDeadline.
func (q *pubSubQueue) hide(ctx context.Context, got []Received, hidden time.Duration) {
	if hidden <= 0 {
		return
	}
	var receipts []string
	for _, r := range got {
		receipts = append(receipts, r.Receipt)
	}
	_ = q.settle(ctx, "hide the messages", ":modifyAckDeadline", map[string]any{"ackIds": receipts, "ackDeadlineSeconds": seconds(hidden, pubSubHidden)})
}

func (q *pubSubQueue) Ack(ctx context.Context, r Received) error {
	return q.settle(ctx, "acknowledge the message", ":acknowledge", map[string]any{"ackIds": []string{r.Receipt}})
}

func (q *pubSubQueue) Return(ctx context.Context, r Received, after time.Duration) error {
	return q.settle(ctx, "return the message", ":modifyAckDeadline", map[string]any{"ackIds": []string{r.Receipt}, "ackDeadlineSeconds": seconds(after, pubSubHidden)})
}

func (q *pubSubQueue) settle(ctx context.Context, doing, method string, in map[string]any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	_, err = q.bus.Client.Do(ctx, bus.Request{
		Class: agent.Keyed, Method: http.MethodPost, URL: q.bus.URL(q.bus.Subscription, method), Body: body, Header: jsonType, Doing: doing,
		Needs: "pubsub.subscriptions.consume", Fail: q.bus.Explain(doing), Counts: []price.Reading{{Meter: price.MeterAcks, Quantity: 1, Source: price.Counted}},
	})
	return err
}

func (q *pubSubQueue) Check(ctx context.Context) error {
	var errs []error
	if q.bus.Topic != "" {
		errs = append(errs, q.bus.Check(ctx, q.bus.Topic, "pubsub.topics.publish"))
	}
	if q.bus.Subscription != "" {
		errs = append(errs, q.bus.Check(ctx, q.bus.Subscription, "pubsub.subscriptions.consume"))
	}
	return errors.Join(errs...)
}

func (q *pubSubQueue) Close() error { return q.bus.Client.Wire.Close() }
