package tooltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/resource"
)

// TopicAt is an empty topic for one driver, and who judges it.
type TopicAt struct {
	Place
	Session *clouds.Session
	Wire    *Tap // what went over HTTP; nil for what is not HTTP
	// Secret is a part of the URL that nobody may be shown.
	Secret string
	// Gone is the URL of a topic at which nobody listens; "" where there is none.
	Gone string
	// Told is what the service holds or has delivered, read back from itself.
	Told func(t *testing.T) []Told
	// Fault makes one request fail; nil where nothing can.
	Fault func(t *testing.T, f fakecloud.Fault)
	// Before are the faults after which it is known that nothing was done, though they
	// are none of HTTP's answers.
	Before []fakecloud.Kind
	// Unit is the size in which it counts publishes; 0 is one for each message.
	Unit int
	// Each is how many publishes one message counts as: one for each recipient of a mail.
	Each int64
	// Reads puts what the log says into this room's words.
	Reads func(log map[price.Meter]int64, id string)
	// NewIDs says that it gives a repeat another id all the same.
	NewIDs bool
	// Says that the service tells a repeat from a new message.
	Says bool
}

// Told is one message as it was told.
type Told struct{ Subject, Text string }

// TopicPlace makes a topic of one class.
type TopicPlace struct {
	Name  string
	Class agent.Class
	For   time.Duration
	Make  func(t *testing.T) *TopicAt
}

// Notify is the suite for drivers of topics.
func Notify(t *testing.T, d resource.Driver[notify.Topic]) {
	places := topicPlaces(d.Scheme)
	if len(places) == 0 {
		t.Fatalf("the driver %s: has no place to be tested in: add one to topicPlaces", d.Scheme)
	}
	for _, place := range places {
		t.Run(place.Name, func(t *testing.T) {
			s := &notifySuite{place}
			t.Run("says its class", s.class)
			t.Run("tells once for a command where it is keyed", s.twice)
			t.Run("says that it may be a repeat", s.again)
			t.Run("tells any text", s.texts)
			t.Run("counts what was sent", s.counts)
			t.Run("is cancelled", s.cancelled)
			t.Run("survives faults", s.faults)
			t.Run("tells what is refused, and no secret", s.refused)
		})
	}
}

type notifySuite struct{ place TopicPlace }

func (s *notifySuite) open(t *testing.T) (notify.Topic, *TopicAt) {
	t.Helper()
	p := s.place.Make(t)
	return p.open(t, p.URL), p
}

func (p *TopicAt) open(t *testing.T, url string) notify.Topic {
	t.Helper()
	topic, u, _, err := resource.Open("notify", url, resource.With{Write: true, Session: p.Session}, notify.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	if p.Secret != "" && strings.Contains(u.String(), p.Secret) {
		t.Errorf("the URL is shown as %s", u)
	}
	if u.Service == "" || strings.Count(u.Service, "/") == 0 {
		t.Errorf("its service is %q", u.Service)
	}
	t.Cleanup(func() {
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
	})
	return topic
}

// publish tells something, and checks what every publish must keep: its bound, an error
// whose outcome is known, and that no secret is in it.
func (p *TopicAt) publish(t *testing.T, topic notify.Topic, m notify.Message, command string, try int) (notify.Sent, *effect.Meter, error) {
	t.Helper()
	ctx, meter := Effect(t, command, try)
	sent, err := topic.Publish(ctx, m, command)
	wantWithin(t, meter, topic.Bound(len(m.Subject)+len(m.Body)))
	var e *effect.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("the error is %T: %v", err, err)
	}
	for ; err != nil && p.Secret != "" && e != nil; e = nil {
		for c := error(e); c != nil; c = errors.Unwrap(c) {
			if strings.Contains(fmt.Sprintf("%v", c), p.Secret) {
				t.Errorf("an error says the secret: %v", c)
			}
		}
	}
	if id := fmt.Sprintf("%s/%d", command, try); p.Wire.honest(id) {
		wantLogged(t, p.Place, id, meter, p.Reads)
	}
	return sent, meter, err
}

// wantLogged checks a meter against what the service says that it served for an effect:
// no less than what is sure, and no more than with what is estimated.
func wantLogged(t *testing.T, p Place, id string, m *effect.Meter, reads func(map[price.Meter]int64, string)) {
	t.Helper()
	if p.Cloud == nil {
		return
	}
	log := map[price.Meter]int64{}
	for _, c := range fakecloud.Export(p.Cloud.Log().Lines()) {
		for meter, n := range c.Readings {
			if c.ID == id {
				log[price.Meter(meter)] += n
			}
		}
	}
	if reads != nil {
		reads(log, id)
	}
	sure, all := counted(m)
	for meter := range all {
		if _, ok := log[meter]; !ok {
			log[meter] = 0
		}
	}
	for meter, n := range log {
		if n < sure[meter] || n > all[meter] {
			t.Errorf("%s: the service served %d, and counted were %d to %d", meter, n, sure[meter], all[meter])
		}
	}
}

// wantWithin checks that no more was counted than the operation says it can consume.
func wantWithin(t *testing.T, m *effect.Meter, bound []price.Reading) {
	t.Helper()
	most := map[price.Meter]int64{}
	for _, b := range bound {
		most[b.Meter] += b.Quantity
	}
	_, all := counted(m)
	for meter, n := range all {
		if n > most[meter] {
			t.Errorf("it consumed %d %s, and its bound is %d", n, meter, most[meter])
		}
	}
}

func (s *notifySuite) class(t *testing.T) {
	topic, _ := s.open(t)
	if got := topic.Guarantee(); got.Class != s.place.Class || got.For != s.place.For || got.Basis == "" {
		t.Errorf("its class is %s for %s (%s); wanted %s for %s", got.Class, got.For, got.Basis, s.place.Class, s.place.For)
	}
	if err := topic.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func (s *notifySuite) twice(t *testing.T) {
	topic, p := s.open(t)
	command, keyed := Command(), s.place.Class == agent.Keyed
	m := notify.Message{Subject: "ACME", Body: "margin < 10 % & falling"}
	first, _, err := p.publish(t, topic, m, command, 1)
	if err != nil || first.Repeat || first.ID == "" {
		t.Fatalf("first: %+v, %v", first, err)
	}
	again, _, err := p.publish(t, topic, m, command, 2)
	if err != nil || again.Repeat != (keyed && p.Says) || keyed && !p.NewIDs && again.ID != first.ID {
		t.Fatalf("again: %+v after %+v, %v", again, first, err)
	}
	second, _, err := p.publish(t, topic, notify.Message{Subject: "ACME", Body: "another"}, Command(), 1)
	if err != nil || second.Repeat || second.ID == first.ID {
		t.Fatalf("another command: %+v, %v", second, err)
	}
	want := map[string]int{m.Body: 2, "another": 1}
	if keyed {
		want[m.Body] = 1
	}
	for text, n := range want {
		if got := p.told(t, text); got != n {
			t.Errorf("%q was told %d times, wanted %d", text, got, n)
		}
	}
}

// told is how often a text was told. Told takes what is there, so the topic keeps it.
func (p *TopicAt) told(t *testing.T, text string) (n int) {
	t.Helper()
	for _, m := range p.Told(t) {
		if strings.Contains(m.Text, text) {
			n++
		}
	}
	return n
}

// again: what may be a repeat says so to people, before anything else.
func (s *notifySuite) again(t *testing.T) {
	if s.place.Class == agent.Keyed {
		t.Skip("a keyed topic is never asked to tell what may be a repeat")
	}
	topic, p := s.open(t)
	if _, _, err := p.publish(t, topic, notify.Message{Subject: "ACME", Body: "up", Again: true}, Command(), 2); err != nil {
		t.Fatal(err)
	}
	all := p.Told(t)
	if len(all) != 1 || !strings.HasPrefix(all[0].Text, "[This may be a repeat") || !strings.HasSuffix(strings.TrimSpace(all[0].Text), "up") {
		t.Fatalf("told was %+v", all)
	}
}

// texts: languages, markup, lines, and a subject that no header could hold as it is.
func (s *notifySuite) texts(t *testing.T) {
	topic, p := s.open(t)
	for _, m := range []notify.Message{
		{Subject: "Überblick: 日本 📈", Body: "Ertrag +4 % in «Zürich» 📈 日本語"},
		{Subject: "one\r\nBcc: all@example.com", Body: "first\n.\n..two\nthird = 3D <b>&amp;</b> \"quoted\""},
		{Subject: strings.Repeat("s", 100), Body: " leading and trailing \t"},
	} {
		if _, _, err := p.publish(t, topic, m, Command(), 1); err != nil {
			t.Fatalf("%q: %v", m.Subject, err)
		}
		if n := p.told(t, m.Body); n != 1 {
			t.Errorf("%q was told %d times: %q", m.Body, n, p.Told(t))
		}
	}
	for _, told := range p.Told(t) {
		if strings.ContainsAny(told.Subject, "\r\n") {
			t.Errorf("a subject has lines: %q", told.Subject)
		}
	}
}

func (s *notifySuite) counts(t *testing.T) {
	topic, p := s.open(t)
	for _, size := range []int{1, 10 << 10, 55 << 10} {
		p.counted(t, topic, size, 1)
	}
	if p.Unit > 0 && p.Wire != nil {
		p.counted(t, topic, p.Unit+5000, 2)
		p.counted(t, topic, 2*p.Unit+5000, 3)
	}
}

func (p *TopicAt) counted(t *testing.T, topic notify.Topic, size int, units int64) {
	t.Helper()
	command := Command()
	_, m, err := p.publish(t, topic, notify.Message{Subject: "s", Body: strings.Repeat("x", size)}, command, 1)
	if err != nil {
		var e *effect.Error
		if errors.As(err, &e) && e.Outcome == effect.Refused && size > 40_000 {
			return // it says that it is too long, as Slack's texts can be
		}
		t.Fatal(err)
	}
	sure, all := counted(m)
	if want := units * max(1, p.Each); sure[price.MeterPublishes] != want || all[price.MeterPublishes] != want {
		t.Errorf("%d bytes: counted %d publishes (%d with estimates), wanted %d", size, sure[price.MeterPublishes], all[price.MeterPublishes], want)
	}
	if p.Wire != nil {
		p.Wire.wantBytes(t, command+"/1", m)
		if n := len(p.Wire.exchanges(command + "/1")); n != 1 {
			t.Errorf("%d requests", n)
		}
	}
}

func (s *notifySuite) cancelled(t *testing.T) {
	topic, p := s.open(t)
	ctx, m := Cancelled(t)
	_, err := topic.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, Command())
	WantError(t, err, effect.NotDone, "cancelled")
	WantCounted(t, m, nil)
	if p.Wire == nil {
		return
	}
	p.Wire.order(fakecloud.Fault{Kind: fakecloud.Stall, Count: 1})
	ctx, m = Effect(t, Command(), 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		<-p.Wire.mu.arrive
		cancel()
	}()
	_, err = topic.Publish(ctx, notify.Message{Subject: "s", Body: "b"}, Command())
	WantError(t, err, effect.Unknown, "cancelled")
	if sure, all := counted(m); sure[price.MeterPublishes] != 0 || all[price.MeterPublishes] != 1 {
		t.Errorf("counted %v", m.Readings())
	}
}
