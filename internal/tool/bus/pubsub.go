package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// PubSub is a topic of Google Cloud Pub/Sub, a subscription, or both, over its REST API.
// It gives each message an id of its own and remembers nothing of its publishers.
// https://cloud.google.com/pubsub/docs/reference/rest, read 2026-11.
type PubSub struct {
	Client              *Client
	Topic, Subscription string // "projects/p/topics/t"; "" where the URL names none
	root                string
}

// MostPubSub is how large a message may be.
const MostPubSub = 10_000_000

// What Pub/Sub bills: the data and the attributes of a message, its id and the time of
// its publication, and 1,000 bytes at least for each request.
// https://cloud.google.com/pubsub/pricing, read 2026-11-25.
const (
	LeastPubSub  = 1000
	pubSubTime   = 20
	mostPubSubID = 64 // in bytes, of an id that was not seen
)

var pubSubName = regexp.MustCompile(`^([^/]+)/(topics|subscriptions)/([^/]+)$`)

// OpenPubSub is [ReadPubSub] with a client. Nothing is sent.
func OpenPubSub(u *resource.URL) (*PubSub, error) {
	p, err := ReadPubSub(u)
	if err != nil {
		return nil, err
	}
	wire, err := GoogleWire(u.Session)
	if err != nil {
		return nil, err
	}
	p.Client = &Client{Wire: wire}
	return p, nil
}

// ReadPubSub reads gcppubsub://projects/p/topics/t?subscription=s and
// gcppubsub://projects/p/subscriptions/s.
func ReadPubSub(u *resource.URL) (*PubSub, error) {
	m := pubSubName.FindStringSubmatch(strings.Trim(u.Path, "/"))
	if u.Host != "projects" || m == nil {
		return nil, fmt.Errorf("name the project and the topic, as in gcppubsub://projects/acme/topics/alerts")
	}
	p := &PubSub{}
	p.root = u.Session.Endpoint(u.Option("endpoint", u.Session.Options().GCP.Endpoint), "https://pubsub.googleapis.com") + "/v1/"
	name := "projects/" + m[1] + "/" + m[2] + "/" + m[3]
	if m[2] == "topics" {
		p.Topic = name
		if s := u.Options["subscription"]; strings.HasPrefix(s, "projects/") {
			p.Subscription = s
		} else if s != "" {
			p.Subscription = "projects/" + m[1] + "/subscriptions/" + s
		}
	} else {
		p.Subscription = name
	}
	u.Service = Service("gcp/pubsub", u.Option("region", u.Session.Options().GCP.Region))
	return p, nil
}

// URL is the address of a method of a topic or subscription.
func (p *PubSub) URL(name, method string) string {
	var path []string
	for _, part := range strings.Split(name, "/") {
		path = append(path, url.PathEscape(part))
	}
	return p.root + strings.Join(path, "/") + method
}

// Message is a message in the service's own form.
type Message struct {
	Data        []byte            `json:"data,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	OrderingKey string            `json:"orderingKey,omitempty"`
	MessageID   string            `json:"messageId,omitempty"`
	PublishTime string            `json:"publishTime,omitempty"`
}

// Size is what is billed of a message, above the least of its request.
func (m *Message) Size() int64 {
	n := int64(len(m.Data) + pubSubTime + len(m.MessageID))
	for k, v := range m.Attributes {
		n += int64(len(k) + len(v))
	}
	return n
}

// Publish sends one message and returns its id; "" where the answer did not tell it.
func (p *PubSub) Publish(ctx context.Context, doing string, meter price.Meter, e Envelope) (string, error) {
	m := Message{Data: e.Body, OrderingKey: e.Group, Attributes: map[string]string{CommandAttribute: e.Command}}
	if e.Subject != "" {
		m.Attributes["subject"] = e.Subject
	}
	if e.Again {
		m.Attributes[AgainAttribute] = "true"
	}
	body, err := json.Marshal(map[string]any{"messages": []Message{m}})
	if err != nil {
		return "", &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	var got struct {
		MessageIDs []string `json:"messageIds"`
	}
	_, err = p.Client.Do(ctx, Request{
		Class: agent.Once, Method: http.MethodPost, URL: p.URL(p.Topic, ":publish"), Body: body,
		Header: map[string]string{"Content-Type": "application/json"}, Doing: doing, Needs: "pubsub.topics.publish",
		Fail: p.explain(doing, p.Topic),
		Counts: []price.Reading{{Meter: meter, Quantity: 1, Source: price.Counted},
			{Meter: price.MeterBytesPublished, Quantity: max(LeastPubSub, m.Size()+mostPubSubID), Source: price.Reported}},
		Taken: []price.Reading{{Meter: price.MeterBytesPublished, Quantity: max(LeastPubSub, m.Size()), Source: price.Derived}},
		Accept: func(a *Answer) error {
			without := max(LeastPubSub, m.Size())
			// The status says that it was published; an answer that cannot be read has
			// lost its id only.
			if a.Decode(doing, &got) == nil && len(got.MessageIDs) == 1 {
				m.MessageID = got.MessageIDs[0]
			}
			effect.MeterFrom(ctx).Count(price.MeterBytesPublished, max(LeastPubSub, m.Size())-without, price.Derived)
			return nil
		},
	})
	return m.MessageID, err
}

func (p *PubSub) explain(doing, name string) func(*Answer, *effect.Error) {
	return func(a *Answer, e *effect.Error) {
		switch a.Status {
		case http.StatusNotFound:
			e.Message = doing + ": there is no " + name
		case http.StatusForbidden:
			e.Message += " on " + name
		}
	}
}

// Explain puts into words what this service's statuses mean.
func (p *PubSub) Explain(doing string) func(*Answer, *effect.Error) {
	return p.explain(doing, p.Subscription)
}

// Bound is the most that the publishing of so many bytes can consume.
func (p *PubSub) Bound(meter price.Meter, size int) []price.Reading {
	n := int64(size) + MostAttributes
	return append(Bound(effect.Tries, meter, 1, (n+2)/3*4+6*MostAttributes, MostAnswer),
		price.Reading{Meter: price.MeterBytesPublished, Quantity: effect.Tries * max(LeastPubSub, n+pubSubTime+mostPubSubID), Source: price.Counted})
}

// Check looks at what the URL names. Whoever may only publish or consume may not look,
// and is asked whether it may do that.
func (p *PubSub) Check(ctx context.Context, name, permission string) error {
	const doing = "look at the topic or subscription"
	hidden := false
	_, err := p.Client.Do(ctx, Request{Class: agent.Read, Method: http.MethodGet, URL: p.URL(name, ""), Doing: doing, Needs: "pubsub.topics.get",
		Fail: func(a *Answer, e *effect.Error) {
			p.explain(doing, name)(a, e)
			hidden = a.Status == http.StatusForbidden
		}})
	if !hidden {
		return err
	}
	body, err := json.Marshal(map[string]any{"permissions": []string{permission}})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	a, err := p.Client.Do(ctx, Request{Class: agent.Read, Method: http.MethodPost, URL: p.URL(name, ":testIamPermissions"), Body: body,
		Header: map[string]string{"Content-Type": "application/json"}, Doing: doing, Needs: permission, Fail: p.explain(doing, name)})
	if err != nil {
		return err
	}
	var has struct{ Permissions []string }
	if err := a.Decode(doing, &has); err != nil {
		return err
	}
	if len(has.Permissions) == 0 {
		return &effect.Error{Outcome: effect.Refused, Message: Forbidden(doing, permission) + " on " + name}
	}
	return nil
}

// Grants are the leave to publish to the topic, or to receive from the subscription.
func (p *PubSub) Grants(send bool) []cloud.Grant {
	if send {
		return []cloud.Grant{{Cloud: cloud.GCP, Actions: []string{"pubsub.topics.publish"}, Role: "roles/pubsub.publisher", Resource: "//pubsub.googleapis.com/" + p.Topic}}
	}
	return []cloud.Grant{{Cloud: cloud.GCP, Actions: []string{"pubsub.subscriptions.consume"}, Role: "roles/pubsub.subscriber", Resource: "//pubsub.googleapis.com/" + p.Subscription}}
}
