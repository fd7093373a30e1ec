package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// serviceBusQueue is a queue of Azure Service Bus, or a topic's subscription, which is
// received from only. What is received is locked for as long as the entity says
// (LockDuration), whatever the receiver would like.
// https://learn.microsoft.com/rest/api/servicebus/peek-lock-message-non-destructive-read, read 2026-11.
type serviceBusQueue struct {
	bus      *bus.ServiceBus
	sessions bool
}

// What a request to receive waits at most, and brings at most: a message of the Premium
// tier may be larger, and is then refused rather than cut.
const (
	sbWait = time.Minute
	sbMost = 1 << 20
)

func openServiceBus(u *resource.URL) (Queue, error) {
	s, err := bus.OpenServiceBus(u)
	if err != nil {
		return nil, err
	}
	q := &serviceBusQueue{bus: s}
	switch text := u.Options["sessions"]; text {
	case "":
	case "true":
		q.sessions = true
	default:
		return nil, fmt.Errorf("sessions=%s: write true where the entity requires sessions, or leave it out", text)
	}
	return q, nil
}

func grantsServiceBus(u *resource.URL) ([]cloud.Grant, error) {
	s, err := bus.OpenServiceBus(u)
	if err != nil {
		return nil, err
	}
	return s.Grants(u.Write), nil
}

func (q *serviceBusQueue) subscription() bool { return strings.Contains(q.bus.Entity, "/") }

func (q *serviceBusQueue) Send(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "send the message"
	if q.subscription() {
		return Sent{}, &effect.Error{Outcome: effect.Refused, Message: doing + ": a subscription is received from only: send to its topic"}
	}
	e := bus.Envelope{Body: []byte(m.Body), Type: kind(m.Body), Command: command, Again: m.Again}
	if q.sessions {
		e.Group = either(m.Group, "skein")
	}
	id, err := q.bus.Send(ctx, doing, price.MeterSends, e)
	return Sent{ID: id}, err
}

// kind is the media type of a body.
func kind(body string) string {
	if json.Valid([]byte(body)) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

func (q *serviceBusQueue) Guarantee() effect.Guarantee { return q.bus.Guarantee() }

func (q *serviceBusQueue) Limits() Limits {
	l := Limits{Bytes: bus.MostServiceBus - bus.MostAttributes, Groups: q.sessions}
	if q.sessions {
		l.Group = "skein"
	}
	return l
}

func (q *serviceBusQueue) Bound(size int) []price.Reading {
	return q.bus.Bound(price.MeterSends, size)
}

// Receive takes one message with each request. Only the first waits.
func (q *serviceBusQueue) Receive(ctx context.Context, most int, wait, _ time.Duration) ([]Received, error) {
	var got []Received
	end := time.Now().Add(wait)
	for len(got) < max(1, most) {
		left := max(0, min(time.Until(end), sbWait))
		if len(got) > 0 {
			left = 0
		}
		r, err := q.lock(ctx, left)
		switch {
		case err != nil && len(got) > 0:
			return got, nil // these are locked for us, and whatever is wrong shows next time
		case err != nil:
			return nil, err
		case r != nil:
			got = append(got, *r)
		case len(got) > 0 || !time.Now().Add(time.Second).Before(end):
			return got, nil
		}
	}
	return got, nil
}

// lock receives one message; nil is none.
func (q *serviceBusQueue) lock(ctx context.Context, wait time.Duration) (*Received, error) {
	const doing = "receive messages"
	var r *Received
	_, err := q.bus.Client.Do(ctx, bus.Request{
		Class: agent.Read, Method: http.MethodPost, URL: q.bus.URL("/messages/head?timeout=" + strconv.Itoa(int(seconds(wait, sbWait)))),
		Expect: []int{http.StatusCreated, http.StatusOK, http.StatusNoContent}, Most: sbMost + 1, Doing: doing, Needs: "Azure Service Bus Data Receiver", Fail: q.bus.Explain(doing),
		Counts: []price.Reading{{Meter: price.MeterReceives, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterReceives, Quantity: sbMost/bus.Unit - 1, Source: price.Reported}},
		Accept: func(a *bus.Answer) (err error) {
			effect.MeterFrom(ctx).Count(price.MeterReceives, effect.Units(int64(len(a.Body)), bus.Unit)-1, price.Derived)
			if a.Status == http.StatusNoContent {
				return nil
			}
			r, err = readLocked(doing, a)
			return err
		},
	})
	return r, err
}

// readLocked reads a message that came. Its number is the service's own; the id in its
// properties is its sender's, who may have given it to another one.
func readLocked(doing string, a *bus.Answer) (*Received, error) {
	if len(a.Body) > sbMost {
		return nil, &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: there is one of more than %d bytes, which is too large to be taken", doing, sbMost)}
	}
	var p struct {
		SequenceNumber  json.Number
		LockToken       string
		DeliveryCount   int
		EnqueuedTimeUtc string
	}
	err := json.Unmarshal([]byte(a.Header.Get("BrokerProperties")), &p)
	if err == nil && (p.LockToken == "" || p.SequenceNumber == "") {
		err = errors.New("its lock is missing")
	}
	if err != nil {
		return nil, &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the service's answer cannot be read", Cause: err}
	}
	r := &Received{ID: p.SequenceNumber.String(), Body: string(a.Body), Times: p.DeliveryCount,
		Receipt: "/messages/" + url.PathEscape(p.SequenceNumber.String()) + "/" + url.PathEscape(p.LockToken)}
	if t, err := http.ParseTime(p.EnqueuedTimeUtc); err == nil {
		r.Sent = t.UTC()
	}
	return r, nil
}

func (q *serviceBusQueue) Ack(ctx context.Context, r Received) error {
	return q.settle(ctx, "acknowledge the message", http.MethodDelete, r)
}

// Return unlocks the message. A while cannot be stated here: where one is wanted, the
// message comes again when its lock ends.
func (q *serviceBusQueue) Return(ctx context.Context, r Received, after time.Duration) error {
	if after > 0 {
		return nil
	}
	return q.settle(ctx, "return the message", http.MethodPut, r)
}

func (q *serviceBusQueue) settle(ctx context.Context, doing, method string, r Received) error {
	lost := false // the answer to an earlier try, which may have ended the lock
	return effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		gone := false
		err := q.bus.Client.Once(ctx, bus.Request{
			Class: agent.Keyed, Method: method, URL: q.bus.URL(r.Receipt), Doing: doing, Needs: "Azure Service Bus Data Receiver",
			Counts: []price.Reading{{Meter: price.MeterAcks, Quantity: 1, Source: price.Counted}},
			Fail: func(a *bus.Answer, e *effect.Error) {
				if a.Status == http.StatusNotFound || a.Status == http.StatusGone {
					gone, e.Message = true, doing+": its lock has ended, and it may have come to somebody else"
				}
			},
		})
		if gone && lost {
			return nil
		}
		lost = lost || unknown(err)
		return err
	})
}

// unknown says that a request may have taken effect.
func unknown(err error) bool {
	var e *effect.Error
	return errors.As(err, &e) && e.Outcome == effect.Unknown
}

func (q *serviceBusQueue) Check(ctx context.Context) error { return q.bus.Check(ctx) }

func (q *serviceBusQueue) Close() error { return q.bus.Client.Wire.Close() }
