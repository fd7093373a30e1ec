package azure

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// entity is a queue, a topic or a topic's subscription.
type entity struct {
	name     string
	topic    bool
	dedup    time.Duration // 0: what was sent is not remembered
	made     time.Time
	of       *entity // of a subscription: its topic
	seen     map[string]time.Time
	last     int64
	messages []*message         // of a topic: all that was ever sent
	subs     map[string]*entity // of a topic
}

type message struct {
	broker     brokerProperties
	body       []byte
	kind       string
	properties map[string]string
	sent       time.Time
	freeAt     time.Time // when it may be received, or its lock ends
}

const (
	lockTime       = time.Minute
	mostDeliveries = 10 // then a message is put aside
	defaultDedup   = 10 * time.Minute
)

// isTopic says whether a name is a topic's.
func (s *bus) isTopic(name string) bool { _, ok := remembers(s.resources.Topics, name); return ok }

// remembers says whether a list of topics or queues has a name, and for how long it
// remembers what was sent.
func remembers(list []string, name string) (dedup time.Duration, ok bool) {
	for _, text := range list {
		n, d := standin.Named(text)
		if n != name {
			continue
		}
		if d == 0 && strings.HasSuffix(n, ".fifo") {
			d = defaultDedup
		}
		return d, true
	}
	return 0, false
}

// entity is the entity of a name; nil where there is none. A subscription to a topic
// begins with all that the topic ever had.
func (s *bus) entity(namespace, name string, now time.Time) *entity {
	topic, sub, isSub := strings.Cut(name, "/subscriptions/")
	if isSub {
		t := s.entity(namespace, topic, now)
		if t == nil || !t.topic || sub == "" || strings.Contains(sub, "/") {
			return nil
		}
		if t.subs[sub] == nil {
			e := &entity{name: sub, of: t, made: now}
			for _, m := range t.messages {
				e.add(m)
			}
			t.subs[sub] = e
		}
		return t.subs[sub]
	}
	id := namespace + "/" + name
	if e := s.entities[id]; e != nil {
		return e
	}
	e := &entity{name: name, made: now, seen: map[string]time.Time{}, subs: map[string]*entity{}}
	var ok bool
	if e.dedup, ok = remembers(s.resources.Topics, name); ok {
		e.topic = true
	} else if e.dedup, ok = remembers(s.resources.Queues, name); !ok {
		return nil
	}
	s.entities[id] = e
	return e
}

// knows says whether a message with this id was sent within the window, and remembers it.
func (e *entity) knows(id string, now time.Time) bool {
	if e.dedup == 0 {
		return false
	}
	if at, ok := e.seen[id]; ok && now.Sub(at) < e.dedup {
		return true
	}
	e.seen[id] = now
	return false
}

// add takes a message in, a topic's on behalf of its subscriptions, too.
func (e *entity) add(m *message) {
	own := *m // each subscription has locks of its own
	e.last++
	own.broker.SequenceNumber, own.broker.EnqueuedSequenceNumber = e.last, e.last
	own.broker.EnqueuedTimeUtc = httpTime(m.sent)
	e.messages = append(e.messages, &own)
	for _, sub := range e.subs {
		sub.add(m)
	}
}

func (m *message) lock(now time.Time, token string) {
	m.broker.LockToken, m.freeAt = token, now.Add(lockTime)
	m.broker.LockedUntilUtc = httpTime(m.freeAt)
}

// take is the next message that is free, locked or removed; nil where there is none.
func (e *entity) take(now time.Time, ids *ids, lock bool) *message {
	e.messages = slices.DeleteFunc(e.messages, func(m *message) bool {
		expired := m.broker.TimeToLive > 0 && now.Sub(m.sent) > time.Duration(m.broker.TimeToLive*float64(time.Second))
		return !now.Before(m.freeAt) && (expired || m.broker.DeliveryCount >= mostDeliveries)
	})
	for _, m := range e.messages {
		if now.Before(m.freeAt) {
			continue
		}
		m.broker.DeliveryCount++
		m.broker.State = "Active"
		if lock {
			m.lock(now, guid(ids.next()))
		} else {
			e.remove(m)
		}
		delivered := *m
		return &delivered
	}
	return nil
}

// nextFree is how long it is until a message that is there is free.
func (e *entity) nextFree(now time.Time) time.Duration {
	wait := mostWait
	for _, m := range e.messages {
		wait = min(wait, max(m.freeAt.Sub(now), time.Millisecond))
	}
	return wait
}

// locked is the message that a lock is on, by its id or number; nil where the lock has
// ended or there is none.
func (e *entity) locked(id, token string, now time.Time) *message {
	for _, m := range e.messages {
		if token != "" && m.broker.LockToken == token && now.Before(m.freeAt) &&
			(id == m.broker.MessageId || id == strconv.FormatInt(m.broker.SequenceNumber, 10)) {
			return m
		}
	}
	return nil
}

func (e *entity) remove(m *message) {
	e.messages = slices.DeleteFunc(e.messages, func(o *message) bool { return o == m })
}

// isoTime is a time span as XML has it: PT10M.
func isoTime(d time.Duration) string {
	out := "PT"
	if h := d / time.Hour; h > 0 {
		out += fmt.Sprintf("%dH", h)
	}
	if m := d % time.Hour / time.Minute; m > 0 {
		out += fmt.Sprintf("%dM", m)
	}
	if s := d % time.Minute / time.Second; s > 0 || out == "PT" {
		out += fmt.Sprintf("%dS", s)
	}
	return out
}

const busSchema = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"

// entityDescription is the part that tells something of QueueDescription,
// TopicDescription and SubscriptionDescription, in the order of their schema.
type entityDescription struct {
	XMLName                             xml.Name
	LockDuration                        string `xml:",omitempty"`
	MaxSizeInMegabytes                  int    `xml:",omitempty"`
	RequiresDuplicateDetection          *bool
	RequiresSession                     *bool
	DefaultMessageTimeToLive            string
	DuplicateDetectionHistoryTimeWindow string `xml:",omitempty"`
	MaxDeliveryCount                    int    `xml:",omitempty"`
	EnableBatchedOperations             bool
	SizeInBytes                         int `xml:",omitempty"`
	MessageCount                        int `xml:",omitempty"`
	Status                              string
}

type atomEntry struct {
	XMLName   xml.Name `xml:"http://www.w3.org/2005/Atom entry"`
	ID        string   `xml:"id"`
	Title     string   `xml:"title"`
	Published string   `xml:"published"`
	Updated   string   `xml:"updated"`
	Content   struct {
		Type        string `xml:"type,attr"`
		Description entityDescription
	} `xml:"content"`
}

// describe answers what an entity is. Of a name that nothing has, the service answers a
// list with nothing in it.
// https://learn.microsoft.com/rest/api/servicebus/entities-discovery
func (s *bus) describe(r *standin.Request, p place, e *entity) standin.Outcome {
	kind := map[string]string{"Content-Type": "application/atom+xml;type=entry;charset=utf-8"}
	if r.URL.Query().Get("api-version") == "" {
		return s.fail(r, refusal{status: http.StatusBadRequest, message: "The api-version has to be stated, such as 2021-05."})
	}
	url := r.Address + "/servicebus/" + p.account + "/" + p.name + "?" + r.URL.RawQuery
	if e == nil {
		kind["Content-Type"] = "application/atom+xml;type=feed;charset=utf-8"
		return standin.Outcome{Status: http.StatusOK, Header: kind, Body: toXML(struct {
			XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
			Title   string   `xml:"title"`
			ID      string   `xml:"id"`
			Updated string   `xml:"updated"`
		}{Title: "Publicly Listed Services", ID: url, Updated: r.Now.UTC().Format(time.RFC3339)})}
	}
	window, once, sessions := e.dedup, e.dedup > 0, false
	if !once {
		window = defaultDedup // stands there all the same
	}
	d := entityDescription{XMLName: xml.Name{Space: busSchema, Local: "QueueDescription"}, DefaultMessageTimeToLive: "P10675199DT2H48M5.4775807S",
		RequiresDuplicateDetection: &once, MaxSizeInMegabytes: 1024, EnableBatchedOperations: true, Status: "Active",
		DuplicateDetectionHistoryTimeWindow: isoTime(window)}
	if !e.topic {
		d.LockDuration, d.RequiresSession, d.MaxDeliveryCount, d.MessageCount = isoTime(lockTime), &sessions, mostDeliveries, len(e.messages)
	}
	switch {
	case e.topic:
		d.XMLName.Local = "TopicDescription"
	case e.of != nil:
		d.XMLName.Local, d.RequiresDuplicateDetection, d.DuplicateDetectionHistoryTimeWindow, d.MaxSizeInMegabytes = "SubscriptionDescription", nil, "", 0
	}
	entry := atomEntry{ID: url, Title: e.name, Published: e.made.UTC().Format(time.RFC3339), Updated: e.made.UTC().Format(time.RFC3339)}
	entry.Content.Type, entry.Content.Description = "application/xml", d
	return standin.Outcome{Status: http.StatusOK, Header: kind, Body: toXML(entry)}
}
