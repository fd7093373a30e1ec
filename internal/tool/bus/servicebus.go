package bus

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// ServiceBus is a queue, a topic or a topic's subscription of Azure Service Bus, over
// its REST API. It remembers the ids of messages where the entity has duplicate
// detection, for as long as the URL states and the entity confirms.
// https://learn.microsoft.com/rest/api/servicebus/, read 2026-11.
type ServiceBus struct {
	Client *Client
	Entity string // "alerts", "alerts/subscriptions/skein"
	Dedup  time.Duration
	root   string
	shown  string
}

// ServiceBusOptions are those of its URLs.
var ServiceBusOptions = []string{"dedup", "region", "endpoint"}

// MostServiceBus is how large a message may be on the Standard tier, with its
// properties. https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas
const MostServiceBus = 256 << 10

// OpenServiceBus reads azuresb://namespace/entity?dedup=10m. Nothing is sent.
func OpenServiceBus(u *resource.URL) (*ServiceBus, error) {
	namespace, _, _ := strings.Cut(u.Host, ".")
	entity := strings.Trim(u.Path, "/")
	if namespace == "" || entity == "" {
		return nil, fmt.Errorf("name the namespace and the topic or queue, as in azuresb://acme/alerts")
	}
	host := u.Host
	if host == namespace {
		host += ".servicebus.windows.net"
	}
	s := &ServiceBus{Entity: entity, root: "https://" + host, shown: u.String()}
	if e := u.Option("endpoint", u.Session.Options().Azure.Endpoint); e != "" {
		s.root = strings.TrimRight(e, "/") + "/servicebus/" + url.PathEscape(namespace)
	}
	var err error
	if s.Dedup, err = window(u, 20*time.Second, 7*24*time.Hour); err != nil {
		return nil, err
	}
	u.Service = Service("azure/servicebus", u.Option("region", u.Session.Options().Azure.Region))
	s.Client = &Client{Wire: NewWire(nil), Auth: AzureAuth(u.Session, "https://servicebus.azure.net/.default")}
	return s, nil
}

// Service is the key of a price card, as far as the region is known.
func Service(service, region string) string {
	if region == "" {
		return service
	}
	return service + "/" + region
}

// window reads for how long ids are remembered, as the URL states it.
func window(u *resource.URL, least, most time.Duration) (time.Duration, error) {
	text, given := u.Options["dedup"]
	if !given {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("dedup=%s: write how long ids are remembered, from %s to %s, such as dedup=10m", text, least, most)
	}
	return d, nil
}

// Envelope is a message as Service Bus and Pub/Sub take it.
type Envelope struct {
	Body    []byte
	Type    string // of the body: "text/plain; charset=utf-8"
	Subject string
	Group   string
	Command string
	Again   bool
}

// Send sends a message and returns its id, which is the command's key.
func (s *ServiceBus) Send(ctx context.Context, doing string, meter price.Meter, e Envelope) (string, error) {
	id := Key(e.Command)
	properties, err := json.Marshal(struct {
		MessageID string `json:"MessageId"`
		Label     string `json:"Label,omitempty"`
		SessionID string `json:"SessionId,omitempty"`
	}{id, Line(e.Subject), e.Group})
	if err != nil {
		return "", &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	header := map[string]string{
		"BrokerProperties": ascii(properties),
		"Content-Type":     e.Type,
		CommandAttribute:   `"` + e.Command + `"`,
		// The gateway would send again by itself, and store a message twice where
		// nothing tells the second.
		"x-ms-retrypolicy": "NoRetry",
	}
	if e.Again {
		header[AgainAttribute] = "true"
	}
	_, err = s.Client.Do(ctx, Request{
		Class: s.Guarantee().Class, Method: http.MethodPost, URL: s.URL("/messages"), Header: header, Body: e.Body,
		Expect: []int{http.StatusCreated, http.StatusOK}, Doing: doing, Needs: "Azure Service Bus Data Sender", Fail: s.Explain(doing),
		Counts: []price.Reading{{Meter: meter, Quantity: effect.Units(int64(len(e.Body)), Unit), Source: price.Derived}},
	})
	return id, err
}

// ascii is JSON in which every other character is escaped, as a header has it.
func ascii(b []byte) string {
	var out strings.Builder
	for _, r := range string(b) {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return out.String()
}

// URL is an address below the entity's.
func (s *ServiceBus) URL(below string) string {
	var path strings.Builder
	for _, part := range strings.Split(s.Entity, "/") {
		path.WriteString("/" + url.PathEscape(part))
	}
	return s.root + path.String() + below
}

// Explain puts into words what this service's statuses mean.
func (s *ServiceBus) Explain(doing string) func(*Answer, *effect.Error) {
	return func(a *Answer, e *effect.Error) {
		switch a.Status {
		case http.StatusForbidden:
			e.Message += "; or the message is too large, or the entity is full"
		case http.StatusGone, http.StatusNotFound:
			e.Message = doing + ": there is no topic, queue or subscription at " + s.shown
		}
	}
}

// Guarantee is what may be done about a send whose outcome is unknown.
func (s *ServiceBus) Guarantee() effect.Guarantee {
	if s.Dedup > 0 {
		return effect.Guarantee{Class: agent.Keyed, For: s.Dedup,
			Basis: "Service Bus duplicate detection: MessageId by the command's id, remembered for " + Short(s.Dedup) + " (dedup=, compared with the entity by check)"}
	}
	return effect.Guarantee{Class: agent.Once, Basis: "Service Bus without dedup=: nothing says that it remembers ids"}
}

// Short is a duration as people write it, without the zeros that it ends in.
func Short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// description is what an entity says of itself, in an Atom entry. One that is not there
// is an empty feed.
type description struct {
	Content struct {
		Queue        *properties `xml:"QueueDescription"`
		Topic        *properties `xml:"TopicDescription"`
		Subscription *properties `xml:"SubscriptionDescription"`
	} `xml:"content"`
}

type properties struct {
	Detects         bool   `xml:"RequiresDuplicateDetection"`
	Window          string `xml:"DuplicateDetectionHistoryTimeWindow"`
	RequiresSession bool   `xml:"RequiresSession"`
}

func readDescription(body []byte) (*properties, error) {
	var d description
	if err := xml.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("read the entity's description: %w", err)
	}
	for _, p := range []*properties{d.Content.Queue, d.Content.Topic, d.Content.Subscription} {
		if p != nil {
			return p, nil
		}
	}
	return nil, nil
}

// Check reads the entity's description. Whoever may only send or receive may not read
// it: then it is known that the namespace is there, and a window that is stated is not
// proved.
func (s *ServiceBus) Check(ctx context.Context) error {
	const doing = "read the entity's description"
	hidden := false
	a, err := s.Client.Do(ctx, Request{Class: agent.Read, Method: http.MethodGet, URL: s.URL("?api-version=2021-05"), Doing: doing,
		Header: map[string]string{"Accept": "application/atom+xml"}, Fail: func(a *Answer, e *effect.Error) {
			s.Explain(doing)(a, e)
			hidden = a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
		}})
	switch {
	case hidden && s.Dedup == 0:
		return nil
	case hidden:
		return fmt.Errorf("dedup=%s cannot be compared with %s: its description could not be read for want of the right Manage (Azure Service Bus Data Owner): let somebody check who has it", Short(s.Dedup), s.shown)
	case err != nil:
		return err
	}
	p, err := readDescription(a.Body)
	switch {
	case err != nil:
		return err
	case p == nil:
		return fmt.Errorf("%s: there is no topic, queue or subscription of that name", s.shown)
	case s.Dedup == 0:
		return nil
	case !p.Detects:
		return fmt.Errorf("dedup=%s: %s has no duplicate detection: make it anew with RequiresDuplicateDetection, or leave dedup out", Short(s.Dedup), s.shown)
	}
	has, err := duration(p.Window)
	if err != nil {
		return fmt.Errorf("the entity's window of duplicate detection: %w", err)
	}
	if has < s.Dedup {
		return fmt.Errorf("dedup=%s: %s remembers ids for %s only: write dedup=%s, or widen DuplicateDetectionHistoryTimeWindow", Short(s.Dedup), s.shown, Short(has), Short(has))
	}
	return nil
}

// Bound is the most that the sending of a message of so many bytes can consume.
func (s *ServiceBus) Bound(meter price.Meter, size int) []price.Reading {
	return Bound(effect.Tries, meter, effect.Units(int64(size), Unit), int64(size), MostAnswer)
}

// Grants are the leave to send to the entity, or to receive from it.
func (s *ServiceBus) Grants(send bool) []cloud.Grant {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(s.root[strings.LastIndex(s.root, "/"):], "/"), ".")
	kind := "{queues or topics}"
	if strings.Contains(s.Entity, "/subscriptions/") {
		kind = "topics"
	}
	g := cloud.Grant{Cloud: cloud.Azure, Actions: []string{"Microsoft.ServiceBus/namespaces/messages/receive/action"}, Role: "Azure Service Bus Data Receiver",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ServiceBus/namespaces/" + namespace + "/" + kind + "/" + s.Entity}
	if send {
		g.Actions, g.Role = []string{"Microsoft.ServiceBus/namespaces/messages/send/action"}, "Azure Service Bus Data Sender"
	}
	return []cloud.Grant{g}
}
