package tooltest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/queue"
	"github.com/skein-run/skein/internal/tool/resource"
)

// QueueAt is an empty queue for one driver, and who judges it.
type QueueAt struct {
	Place                // its URL is sent to
	Receives      string // the URL to receive from; "" is the same
	Session       *clouds.Session
	Wire          *Tap
	Gone          string
	Secret        string
	Fault         func(t *testing.T, f fakecloud.Fault)
	Held          func(t *testing.T) []string // bodies that came to a reader of the judge's own, all so far
	Later         func(d time.Duration)       // moves the service's clock; nil: it has the machine's
	Says          bool                        // it tells a repeat from a new message
	Counts        bool                        // it says how often a message has come
	NewIDs        bool                        // it gives a repeat another id all the same
	Unit          int
	Before        []fakecloud.Kind
	KeepsGroups   bool
	NoReturnDelay bool                                       // a receiver cannot say when a message that it returns is shown again
	Reads         func(log map[price.Meter]int64, id string) // what the log says, in this room's words
	Hard          bool                                       // an old receipt does nothing to a message that somebody else has
}

// QueuePlace makes a queue of one class.
type QueuePlace struct {
	Name  string
	Class agent.Class
	For   time.Duration
	Make  func(t *testing.T) *QueueAt
}

// Queue is the suite for drivers of queues.
func Queue(t *testing.T, d resource.Driver[queue.Queue]) {
	places := queuePlaces(d.Scheme)
	if len(places) == 0 {
		t.Fatalf("the driver %s: has no place to be tested in: add one to queuePlaces", d.Scheme)
	}
	for _, place := range places {
		t.Run(place.Name, func(t *testing.T) {
			s := &queueSuite{place}
			t.Run("says its class", s.class)
			t.Run("sends once for a command where it is keyed", s.twice)
			t.Run("brings what was sent, until it is acknowledged", s.brings)
			t.Run("brings a message again when its lock has ended", s.locks)
			t.Run("brings a message again that is returned", s.returns)
			t.Run("keeps the order of a group", s.order)
			t.Run("gives each message to one receiver", s.shares)
			t.Run("says that it may be a repeat", s.again)
			t.Run("counts", s.counts)
			t.Run("is cancelled", s.cancelled)
			t.Run("survives faults of sending", s.faults)
			t.Run("survives faults of receiving", s.receiveFaults)
			t.Run("tells what is refused, and no secret", s.refused)
		})
	}
}

type queueSuite struct{ place QueuePlace }

// open opens a queue twice: to send and to receive.
func (s *queueSuite) open(t *testing.T) (to, from queue.Queue, p *QueueAt) {
	t.Helper()
	p = s.place.Make(t)
	receives := p.Receives
	if receives == "" {
		receives = p.URL
	}
	return p.open(t, p.URL, true), p.open(t, receives, false), p
}

func (p *QueueAt) open(t *testing.T, url string, write bool) queue.Queue {
	t.Helper()
	q, u, _, err := resource.Open("queue", url, resource.With{Write: write, Session: p.Session}, queue.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	if p.Secret != "" && strings.Contains(u.String(), p.Secret) {
		t.Errorf("the URL is shown as %s", u)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// send sends, and checks what every send must keep.
func (p *QueueAt) send(t *testing.T, q queue.Queue, m queue.Message, command string, try int) (queue.Sent, *effect.Meter, error) {
	t.Helper()
	ctx, meter := Effect(t, command, try)
	sent, err := q.Send(ctx, m, command)
	wantWithin(t, meter, q.Bound(len(m.Body)))
	p.known(t, err)
	p.served(t, fmt.Sprintf("%s/%d", command, try), meter)
	return sent, meter, err
}

// served compares what was counted with what the service says that it served.
func (p *QueueAt) served(t *testing.T, id string, m *effect.Meter) {
	t.Helper()
	if p.Wire.honest(id) {
		wantLogged(t, p.Place, id, m, p.Reads)
	}
}

// known checks that an error's outcome is known and no secret in it.
func (p *QueueAt) known(t *testing.T, err error) {
	t.Helper()
	var e *effect.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("the error is %T: %v", err, err)
	}
	for c := err; c != nil && p.Secret != ""; c = errors.Unwrap(c) {
		if strings.Contains(fmt.Sprintf("%v", c), p.Secret) {
			t.Errorf("an error says the secret: %v", c)
		}
	}
}

// must sends something that has to arrive.
func (p *QueueAt) must(t *testing.T, q queue.Queue, body, group string) {
	t.Helper()
	if _, _, err := p.send(t, q, queue.Message{Body: body, Group: group}, Command(), 1); err != nil {
		t.Fatal(err)
	}
}

const (
	hidden = time.Second // that a test can wait for
	long   = 2 * time.Minute
	soon   = 10 * time.Second // a wait that ends as soon as something comes
)

// next receives one message, which has to be there within wait.
func (p *QueueAt) next(t *testing.T, q queue.Queue, wait, hidden time.Duration) queue.Received {
	t.Helper()
	got, err := q.Receive(t.Context(), 1, wait, hidden)
	if err != nil || len(got) != 1 {
		t.Fatalf("received %+v, %v", got, err)
	}
	if r := got[0]; r.ID == "" || r.Receipt == "" {
		t.Errorf("it has no id or receipt: %+v", r)
	}
	return got[0]
}

// none checks that nothing is there to be received now.
func (p *QueueAt) none(t *testing.T, q queue.Queue) {
	t.Helper()
	if got, err := q.Receive(t.Context(), 1, 0, long); err != nil || len(got) != 0 {
		t.Fatalf("received %+v, %v; nothing should be there", got, err)
	}
}

func (s *queueSuite) class(t *testing.T) {
	to, from, p := s.open(t)
	if got := to.Guarantee(); got.Class != s.place.Class || got.For != s.place.For || got.Basis == "" {
		t.Errorf("its class is %s for %s (%s); wanted %s for %s", got.Class, got.For, got.Basis, s.place.Class, s.place.For)
	}
	if l := to.Limits(); l.Bytes < 1000 || l.Groups != p.KeepsGroups {
		t.Errorf("its limits are %+v", l)
	}
	for _, q := range []queue.Queue{to, from} {
		if err := q.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func (s *queueSuite) twice(t *testing.T) {
	to, _, p := s.open(t)
	command, keyed := Command(), s.place.Class == agent.Keyed
	m := queue.Message{Body: `{"order":1}`}
	first, _, err := p.send(t, to, m, command, 1)
	if err != nil || first.Repeat || first.ID == "" {
		t.Fatalf("first: %+v, %v", first, err)
	}
	again, _, err := p.send(t, to, m, command, 2)
	if err != nil || again.Repeat != (keyed && p.Says) || keyed && !p.NewIDs && again.ID != first.ID {
		t.Fatalf("again: %+v after %+v, %v", again, first, err)
	}
	p.must(t, to, `{"order":2}`, "")
	want := []string{`{"order":1}`, `{"order":2}`}
	if !keyed {
		want = append([]string{want[0]}, want...)
	}
	got := p.Held(t)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the queue holds %q, wanted %q", got, want)
	}
}

func (s *queueSuite) brings(t *testing.T) {
	to, from, p := s.open(t)
	p.none(t, from)
	for _, body := range []string{`{"company":"ACME","rate":"<4 % & falling"}`, "text\nwith «lines» 日本 📈 \"quoted\" \t", strings.Repeat("y", 40<<10)} {
		p.must(t, to, body, "")
		r := p.next(t, from, soon, long)
		if r.Body != body {
			t.Errorf("%.60q came as %.60q", body, r.Body)
		}
		if p.Counts && r.Times != 1 {
			t.Errorf("it says that it has come %d times", r.Times)
		}
		if !r.Sent.IsZero() && p.Later == nil && (time.Since(r.Sent) > time.Hour || time.Until(r.Sent) > time.Hour) {
			t.Errorf("it says that it was sent at %s", r.Sent)
		}
		p.none(t, from) // it is hidden
		if err := from.Ack(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		err := from.Ack(t.Context(), r) // as after an answer that was lost
		if p.known(t, err); err != nil {
			WantError(t, err, effect.Refused, "acknowledge")
		}
	}
	p.later(10 * time.Minute)
	p.none(t, from)
}

// later lets time pass, where the service has a clock of its own.
func (p *QueueAt) later(d time.Duration) bool {
	if p.Later != nil {
		p.Later(d)
	}
	return p.Later != nil
}

// locks: a receiver that dies loses nothing, and whoever has a message then is not
// robbed of it.
func (s *queueSuite) locks(t *testing.T) {
	to, from, p := s.open(t)
	p.must(t, to, `{"a":1}`, "")
	first := p.next(t, from, soon, hidden)
	p.later(3 * time.Minute)
	second := p.next(t, from, soon, long)
	if second.ID != first.ID || second.Body != first.Body || p.Counts && second.Times != 2 {
		t.Fatalf("it came as %+v, and before as %+v", second, first)
	}
	if p.Hard {
		WantError(t, from.Ack(t.Context(), first), effect.Refused, "")
	}
	if err := from.Ack(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	p.later(10 * time.Minute)
	p.none(t, from)
}

func (s *queueSuite) returns(t *testing.T) {
	to, from, p := s.open(t)
	p.must(t, to, `{"a":1}`, "")
	first := p.next(t, from, soon, long)
	if err := from.Return(t.Context(), first, 0); err != nil {
		t.Fatal(err)
	}
	second := p.next(t, from, soon, long)
	if second.ID != first.ID {
		t.Fatalf("it came as %+v, and before as %+v", second, first)
	}
	if err := from.Return(t.Context(), second, 2*time.Second); err != nil {
		t.Fatal(err)
	}
	p.none(t, from)
	if !p.later(3*time.Minute) && p.NoReturnDelay {
		return
	}
	third := p.next(t, from, soon, long)
	if third.ID != first.ID {
		t.Fatalf("it came as %+v, and before as %+v", third, first)
	}
	if err := from.Ack(t.Context(), third); err != nil {
		t.Fatal(err)
	}
}

func (s *queueSuite) order(t *testing.T) {
	to, from, p := s.open(t)
	if !p.KeepsGroups {
		t.Skip("it has no groups")
	}
	for i := range 5 {
		p.must(t, to, fmt.Sprint("a", i), "a")
	}
	for i := range 5 {
		r := p.next(t, from, soon, long)
		if r.Body != fmt.Sprint("a", i) {
			t.Errorf("message %d is %s", i, r.Body)
		}
		if err := from.Ack(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}
