package tooltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/queue"
)

// shares: several receivers at once take all that is there, each message once.
func (s *queueSuite) shares(t *testing.T) {
	to, from, p := s.open(t)
	if p.KeepsGroups {
		t.Skip("a group is given to one receiver at a time")
	}
	const messages = 12
	want := []string{}
	for i := range messages {
		body := fmt.Sprintf("message %02d", i)
		want = append(want, body)
		p.must(t, to, body, "")
	}
	var mu sync.Mutex
	var bodies []string
	ids := map[string]bool{}
	var work sync.WaitGroup
	for range 3 {
		work.Go(func() {
			for {
				got, err := from.Receive(t.Context(), 2, 0, long)
				if err != nil {
					t.Errorf("receive: %v", err)
				}
				if len(got) == 0 {
					return
				}
				for _, r := range got {
					if err := from.Ack(t.Context(), r); err != nil {
						t.Errorf("acknowledge: %v", err)
					}
					mu.Lock()
					bodies, ids[r.ID] = append(bodies, r.Body), true
					mu.Unlock()
				}
			}
		})
	}
	work.Wait()
	if slices.Sort(bodies); !slices.Equal(bodies, want) || len(ids) != messages {
		t.Errorf("received %q with %d ids", bodies, len(ids))
	}
}

// again: what may be a repeat says so beside its body, which is a program's to read.
func (s *queueSuite) again(t *testing.T) {
	to, _, p := s.open(t)
	if s.place.Class == agent.Keyed || p.Wire == nil || strings.HasPrefix(p.URL, "azurequeue") {
		t.Skip("it has no room for it, or never says so")
	}
	if _, _, err := p.send(t, to, queue.Message{Body: `{"a":1}`, Again: true}, Command(), 2); err != nil {
		t.Fatal(err)
	}
	x := p.Wire.exchanges("")
	if len(x) != 1 || !strings.Contains(string(x[0].Body)+x[0].Header.Get("skein-may-repeat"), "true") {
		t.Errorf("it was sent as %v", x)
	}
	if got := p.Held(t); !slices.Equal(got, []string{`{"a":1}`}) {
		t.Errorf("the queue holds %q", got)
	}
}

func (s *queueSuite) counts(t *testing.T) {
	to, from, p := s.open(t)
	sizes := map[int]int64{1: 1, 30 << 10: 1}
	if p.Unit > 0 {
		sizes[p.Unit+5000], sizes[2*p.Unit+5000] = 2, 3
	}
	for size, units := range sizes {
		command := Command()
		_, m, err := p.send(t, to, queue.Message{Body: strings.Repeat("x", size)}, command, 1)
		if err != nil {
			t.Fatal(err)
		}
		p.wantOnly(t, m, price.MeterSends, units)
		if p.Wire != nil {
			p.Wire.wantBytes(t, command+"/1", m)
		}
		receive := Command()
		ctx, m := Effect(t, receive, 1)
		got, err := from.Receive(ctx, 1, soon, long)
		if err != nil || len(got) != 1 {
			t.Fatalf("received %+v, %v", got, err)
		}
		p.served(t, receive+"/1", m)
		if sure, _ := counted(m); sure[price.MeterReceives] < units || p.Unit == 0 && sure[price.MeterReceives] != 1 {
			t.Errorf("%d bytes: counted %v", size, m.Readings())
		}
		if p.Wire != nil {
			p.Wire.wantBytes(t, receive+"/1", m)
		}
		ack := Command()
		ctx, m = Effect(t, ack, 1)
		if err := from.Ack(ctx, got[0]); err != nil {
			t.Fatal(err)
		}
		p.wantOnly(t, m, price.MeterAcks, 1)
		p.served(t, ack+"/1", m)
	}
	none := Command()
	ctx, m := Effect(t, none, 1)
	if got, err := from.Receive(ctx, 1, 0, long); err != nil || len(got) > 0 {
		t.Fatalf("received %+v, %v", got, err)
	}
	p.wantOnly(t, m, price.MeterReceives, 1)
	p.served(t, none+"/1", m)
}

func (p *QueueAt) wantOnly(t *testing.T, m *effect.Meter, meter price.Meter, n int64) {
	t.Helper()
	if sure, all := counted(m); sure[meter] != n || all[meter] != n {
		t.Errorf("counted %d %s (%d with estimates), wanted %d", sure[meter], meter, all[meter], n)
	}
}

func (s *queueSuite) cancelled(t *testing.T) {
	to, from, p := s.open(t)
	ctx, m := Cancelled(t)
	_, err := to.Send(ctx, queue.Message{Body: "b"}, Command())
	WantError(t, err, effect.NotDone, "cancelled")
	WantCounted(t, m, nil)
	_, err = from.Receive(ctx, 1, time.Minute, long)
	WantError(t, err, effect.NotDone, "cancelled")
	// A long wait ends with its context, and by itself when nothing comes.
	start := time.Now()
	waiting, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	got, err := from.Receive(waiting, 1, soon, hidden)
	if len(got) > 0 || err == nil {
		t.Errorf("received %+v, %v", got, err)
	}
	p.known(t, err)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it went on for %v", took)
	}
	start = time.Now()
	if got, err := from.Receive(t.Context(), 1, time.Second, hidden); err != nil || len(got) > 0 {
		t.Errorf("received %+v, %v", got, err)
	}
	if took := time.Since(start); took > 6*time.Second || took < 500*time.Millisecond {
		t.Errorf("a wait of a second took %v", took)
	}
	// What a service still hands to a wait that was given up comes again.
	p.must(t, to, "after", "")
	p.later(3 * time.Minute)
	if r := p.next(t, from, 3*soon, long); r.Body != "after" {
		t.Errorf("received %+v", r)
	}
}
