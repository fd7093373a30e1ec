package gcp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// pubSub is Pub/Sub: topics and subscriptions that are pulled from. It remembers
// nothing of its publishers: what is published twice is two messages.
// https://cloud.google.com/pubsub/docs/reference/rest
type pubSub struct {
	resources standin.Resources
	ids       *ids

	mu     sync.Mutex
	topics map[string]*topic // by their full name
	woken  chan struct{}     // closed when a message has come or is free again
}

type topic struct {
	name     string
	messages []*message               // all that was ever published
	subs     map[string]*subscription // by their full name
}

type message struct {
	Data        string            `json:"data,omitempty"` // in base64
	Attributes  map[string]string `json:"attributes,omitempty"`
	MessageID   string            `json:"messageId,omitempty"`
	PublishTime string            `json:"publishTime,omitempty"`
	OrderingKey string            `json:"orderingKey,omitempty"`
	size        int
}

type subscription struct {
	name    string
	topic   *topic
	waiting []*delivery
	known   map[string]*delivery // by the ids under which they were delivered, for ever
}

type delivery struct {
	message *message
	ack     string // of the last time that it was delivered
	freeAt  time.Time
	done    bool
}

func newPubSub(r standin.Resources, ids *ids) *pubSub {
	return &pubSub{resources: r, ids: ids, topics: map[string]*topic{}, woken: make(chan struct{})}
}

func has(list []string, name string) bool {
	return slices.ContainsFunc(list, func(t string) bool { n, _ := standin.Named(t); return n == name })
}

func (s *pubSub) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) != 5 || path[0] != "v1" || path[1] != "projects" || path[3] != "topics" && path[3] != "subscriptions" {
		return place{}, false
	}
	name, verb, _ := strings.Cut(path[4], ":")
	p := place{project: path[2], name: "projects/" + path[2] + "/" + path[3] + "/" + name, key: name, resource: name,
		scope: "pubsub/" + path[2] + "/" + path[3] + "/" + name}
	get, post := r.Method == http.MethodGet && verb == "", r.Method == http.MethodPost
	switch topics := path[3] == "topics"; {
	case topics && get:
		p.op = "GetTopic"
	case topics && post && verb == "publish":
		p.op = "Publish"
		meter := price.MeterPublishes
		if has(s.resources.Queues, name) && !has(s.resources.Topics, name) {
			meter = price.MeterSends
		}
		p.charge(meter, 1)
		p.charge(price.MeterBytesPublished, volume(publishedIn(r.Body)))
	case !topics && get:
		p.op = "GetSubscription"
	case !topics && post && verb == "pull":
		p.op = "Pull"
		p.charge(price.MeterReceives, 1)
	case !topics && post && verb == "acknowledge":
		p.op = "Acknowledge"
		p.charge(price.MeterAcks, 1)
	case !topics && post && verb == "modifyAckDeadline":
		p.op = "ModifyAckDeadline"
		p.charge(price.MeterAcks, 1)
	}
	return p, true
}

// publishedIn is how many bytes of messages a request publishes, 0 where it cannot be read.
func publishedIn(body []byte) (n int) {
	var in struct{ Messages []message }
	if json.Unmarshal(body, &in) != nil {
		return 0
	}
	for i := range in.Messages {
		n += in.Messages[i].measure()
	}
	return n
}

// measure is the volume of a message: its data and attributes, its id and the time of its
// publication. https://cloud.google.com/pubsub/pricing
func (m *message) measure() int {
	data, err := decodeData(m.Data)
	if err != nil {
		return 0
	}
	n := len(data) + idLength + 20
	for k, v := range m.Attributes {
		n += len(k) + len(v)
	}
	return n
}

// idLength is the length of every message's id.
const idLength = len("10000000000")

// leastVolume is what a request is charged for at least.
// https://cloud.google.com/pubsub/pricing
const leastVolume = 1000

func volume(n int) int64 { return int64(max(n, leastVolume)) }

// decodeData reads bytes as Google's APIs take them, in either alphabet of base64.
func decodeData(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	return base64.RawStdEncoding.DecodeString(text)
}

func (s *pubSub) fail(_ *standin.Request, f refusal) standin.Outcome { return plainError(f) }

// topic is the topic of a name; nil where there is none.
func (s *pubSub) topic(project, name string) *topic {
	full := "projects/" + project + "/topics/" + name
	if t := s.topics[full]; t != nil {
		return t
	}
	if !has(s.resources.Topics, name) && !has(s.resources.Queues, name) {
		return nil
	}
	t := &topic{name: full, subs: map[string]*subscription{}}
	s.topics[full] = t
	return t
}

// subscription is the subscription of a name; nil where there is none. One to a topic
// begins with all that the topic ever had.
func (s *pubSub) subscription(project, name string) *subscription {
	of := ""
	if has(s.resources.Queues, name) {
		of = name
	}
	for _, text := range s.resources.Topics {
		n, _ := standin.Named(text)
		if strings.HasPrefix(name, n+"-") && len(n) > len(of) {
			of = n
		}
	}
	if of == "" {
		return nil
	}
	t := s.topic(project, of)
	full := "projects/" + project + "/subscriptions/" + name
	sub := t.subs[full]
	if sub == nil {
		sub = &subscription{name: full, topic: t, known: map[string]*delivery{}}
		for _, m := range t.messages {
			sub.waiting = append(sub.waiting, &delivery{message: m})
		}
		t.subs[full] = sub
	}
	return sub
}

func (s *pubSub) do(r *standin.Request, p place) standin.Outcome {
	if p.op == "Pull" {
		return s.pull(r, p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := notFound("Resource not found (resource=" + p.key + ").")
	if p.op == "GetTopic" || p.op == "Publish" {
		t := s.topic(p.project, p.key)
		switch {
		case t == nil:
			return s.fail(r, gone)
		case p.op == "GetTopic":
			return answer(map[string]any{"name": t.name})
		}
		return s.publish(r, t)
	}
	sub := s.subscription(p.project, p.key)
	switch {
	case sub == nil:
		return s.fail(r, gone)
	case p.op == "GetSubscription":
		return answer(map[string]any{"name": sub.name, "topic": sub.topic.name, "pushConfig": map[string]any{}, "ackDeadlineSeconds": int(ackDeadline.Seconds()),
			"messageRetentionDuration": "604800s", "expirationPolicy": map[string]any{"ttl": "2678400s"}, "state": "ACTIVE"})
	}
	return s.settle(r, p, sub)
}

const (
	mostMessages   = 1000
	mostPublished  = 10 << 20
	mostAttributes = 100
	ackDeadline    = 10 * time.Second
	mostDeadline   = 600
)

// check says what is wrong with a message.
// https://cloud.google.com/pubsub/quotas#resource_limits
func (m *message) check(i int) *refusal {
	data, err := decodeData(m.Data)
	bad := ""
	switch {
	case err != nil:
		bad = fmt.Sprintf("Invalid value at 'messages[%d].data' (TYPE_BYTES), Base64 decoding failed", i)
	case len(data) == 0 && len(m.Attributes) == 0:
		bad = "One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute."
	case m.MessageID != "" || m.PublishTime != "":
		bad = "A publisher must not set messageId or publishTime."
	case len(m.Attributes) > mostAttributes || len(m.OrderingKey) > 1024:
		bad = "A message has at most 100 attributes, and an ordering key of at most 1024 bytes."
	}
	for k, v := range m.Attributes {
		if k == "" || len(k) > 256 || len(v) > 1024 || strings.HasPrefix(k, "goog") {
			bad = "The attribute " + strconv.Quote(k) + " is reserved or too long."
		}
	}
	if bad == "" {
		return nil
	}
	f := invalid(bad)
	return &f
}

func (s *pubSub) publish(r *standin.Request, t *topic) standin.Outcome {
	var in struct{ Messages []*message }
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	if n := len(in.Messages); n == 0 || n > mostMessages || len(r.Body) > mostPublished {
		return s.fail(r, invalid(fmt.Sprintf("The value for message_count is %d, or the request is too large. You must pass 1 to 1000 messages and at most 10 MB.", n)))
	}
	for i, m := range in.Messages {
		if m == nil {
			return s.fail(r, invalid("A message must not be null."))
		}
		if bad := m.check(i); bad != nil {
			return s.fail(r, *bad)
		}
	}
	ids, size := []string{}, 0
	for _, m := range in.Messages {
		data, _ := decodeData(m.Data) // it was checked
		m.Data = base64.StdEncoding.EncodeToString(data)
		m.MessageID = strconv.FormatInt(10_000_000_000+s.ids.next(), 10) // of idLength
		m.PublishTime = r.Now.UTC().Format("2006-01-02T15:04:05.000Z")
		m.size = m.measure()
		t.messages = append(t.messages, m)
		for _, sub := range t.subs {
			sub.waiting = append(sub.waiting, &delivery{message: m})
		}
		ids, size = append(ids, m.MessageID), size+len(data)
	}
	close(s.woken)
	s.woken = make(chan struct{})
	out := answer(map[string]any{"messageIds": ids})
	out.Done, out.Message, out.Bytes, out.Subject = true, strings.Join(ids, " "), int64(size), in.Messages[0].Attributes["subject"]
	return out
}
