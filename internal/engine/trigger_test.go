package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/queue"
)

// mailbox is a queue in memory: a message comes again until it is acknowledged.
type mailbox struct {
	mu       sync.Mutex
	messages []queue.Received
	acked    []string
	returned []string
	deaf     int // acknowledgements that are lost
	asked    int64
	failing  int    // requests to receive that fail
	came     func() // is called with each message that is received
	moved    chan struct{}
}

func newMailbox(bodies ...string) *mailbox {
	m := &mailbox{moved: make(chan struct{}, 100)}
	for i, b := range bodies {
		m.messages = append(m.messages, queue.Received{ID: fmt.Sprintf("m%d", i), Body: b})
	}
	return m
}

func (m *mailbox) Receive(ctx context.Context, most int, wait, _ time.Duration) ([]queue.Received, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	effect.MeterFrom(ctx).Count(price.MeterReceives, 1, price.Counted)
	m.asked++
	if m.failing > 0 {
		m.failing--
		return nil, &effect.Error{Outcome: effect.NotDone, Message: "the service failed"}
	}
	if len(m.messages) == 0 {
		m.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(min(wait, 10*time.Millisecond)):
		}
		m.mu.Lock()
		return nil, ctx.Err()
	}
	r := m.messages[0]
	m.messages = m.messages[1:]
	r.Times++
	r.Receipt = fmt.Sprintf("%s/%d", r.ID, r.Times)
	if m.came != nil {
		m.came()
	}
	return []queue.Received{r}, nil
}

func (m *mailbox) Ack(ctx context.Context, r queue.Received) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	effect.MeterFrom(ctx).Count(price.MeterAcks, 1, price.Counted)
	defer func() { m.moved <- struct{}{} }()
	if m.deaf > 0 {
		m.deaf--
		m.messages = append(m.messages, r)
		return &effect.Error{Outcome: effect.Unknown, Message: "the answer was lost"}
	}
	m.acked = append(m.acked, r.ID)
	return nil
}

func (m *mailbox) Return(_ context.Context, r queue.Received, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.returned = append(m.returned, r.ID)
	m.moved <- struct{}{}
	return nil
}

func (m *mailbox) Send(context.Context, queue.Message, string) (queue.Sent, error) {
	panic("a trigger sends nothing")
}
func (m *mailbox) Limits() queue.Limits        { return queue.Limits{} }
func (m *mailbox) Guarantee() effect.Guarantee { return effect.Guarantee{} }
func (m *mailbox) Bound(int) []price.Reading   { return nil }
func (m *mailbox) Check(context.Context) error { return nil }
func (m *mailbox) Close() error                { return nil }

// listen receives until n messages were acknowledged or put back.
func (l *life) listen(m *mailbox, n int) {
	l.t.Helper()
	ctx, stop := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.engine.Listen(ctx, &engine.Trigger{Agent: "clerk", Queue: m, Resource: tool.Resource{Name: "trigger", Kind: "queue", Cloud: "local", URL: "mem:box"}})
	}()
	for range n {
		select {
		case <-m.moved:
		case <-ctx.Done():
			l.t.Fatal("a message was not dealt with in time")
		}
	}
	stop()
	<-over
}

func TestAMessageStartsOneRunHoweverOftenItComes(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	l := w.start()
	defer l.crash()
	m := newMailbox(`{"who":"Ada"}`, `{"who":"Grace"}`)
	m.deaf = 2 // both are acknowledged, and nobody hears it: they come again
	l.listen(m, 4)
	runs, err := engine.List(t.Context(), l.store.Reader(), engine.Query{Org: "default", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || len(m.acked) != 2 {
		t.Errorf("%d runs were started and %v acknowledged, wanted two of each", len(runs), m.acked)
	}
	for _, r := range runs {
		l.until(r.Run, agent.Done)
	}
}

func TestAMessageOfWhichNoRunCanBeStartedStaysInTheQueue(t *testing.T) {
	w := newWorld(t)
	w.model = sends
	l := w.start()
	defer l.crash()
	m := newMailbox(`not JSON`, `{"who":{"name":"Ada"}}`, `{"company":"ACME"}`, `{}`, `{"who":"Ada"} {"who":"Bob"}`, `{"who":"Ada"}}`,
		`{"who":"`+strings.Repeat("A", 64<<10)+`"}`, strings.Repeat(`{"who":`, 20_000), `{"who":7}`)
	l.listen(m, 9)
	if len(m.returned) != 8 || len(m.acked) != 1 || m.acked[0] != "m8" {
		t.Errorf("returned %v, acknowledged %v; wanted the last one only to start a run", m.returned, m.acked)
	}
}

// What has cost something has, whatever came of it: also a request that failed, and the
// one that was waiting for a message when the process was told to end.
func TestWhatReceivingCostsIsBooked(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	l := w.start()
	defer l.crash()
	m := newMailbox(`{"who":"Ada"}`)
	m.failing = 1
	l.listen(m, 1)
	bill, err := ledger.ReadBill(t.Context(), l.store.Reader(), ledger.Query{Org: "default", Agent: "clerk"})
	if err != nil {
		t.Fatal(err)
	}
	booked := map[price.Meter]int64{}
	for i := range bill.Lines {
		if bill.Lines[i].Resource == "trigger" {
			booked[bill.Lines[i].Meter] += bill.Lines[i].Count()
		}
	}
	if booked[price.MeterAcks] != 1 || booked[price.MeterReceives] != m.asked {
		t.Errorf("booked %v, wanted one acknowledgement and all of %d requests to receive", booked, m.asked)
	}
}

func TestAMessageThatComesWithTheEndIsPutBack(t *testing.T) {
	w := newWorld(t)
	w.model = sends
	l := w.start()
	defer l.crash()
	ctx, stop := context.WithCancel(t.Context())
	m := newMailbox(`{"who":"Ada"}`)
	m.came = stop
	l.engine.Listen(ctx, &engine.Trigger{Agent: "clerk", Queue: m, Resource: tool.Resource{Name: "trigger", Kind: "queue", Cloud: "local", URL: "mem:box"}})
	runs, err := engine.List(t.Context(), l.store.Reader(), engine.Query{Org: "default"})
	if err != nil || len(runs) != 0 || len(m.returned) != 1 || len(m.acked) != 0 {
		t.Errorf("%d runs (%v), returned %v, acknowledged %v; wanted it put back for the next process", len(runs), err, m.returned, m.acked)
	}
}

// Whoever hears of a run may rely on it: two starts under one key at the same time, of
// which the first is not durable yet and then fails.
func TestAStartUnderTheSameKeyIsNoRunBeforeItIsDurable(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.model = agent.Keyed, sends
	committing, refuse := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.refuse = func(store.Batch) (err error) {
		once.Do(func() {
			close(committing)
			<-refuse
			err = store.ErrRefused
		})
		return err
	}
	l := w.start()
	defer l.crash()
	r := engine.StartRequest{Agent: "clerk", Input: who, Key: "k"}
	first := make(chan error, 1)
	go func() {
		_, _, err := l.engine.Start(t.Context(), r)
		first <- err
	}()
	<-committing
	second := make(chan string, 1)
	go func() {
		run, _, err := l.engine.Start(t.Context(), r)
		if err != nil {
			run = err.Error()
		}
		second <- run
	}()
	select {
	case run := <-second:
		t.Errorf("%s was given out, and is not durable", run)
		second <- run
	case <-time.After(50 * time.Millisecond):
	}
	close(refuse)
	if err := <-first; !errors.Is(err, store.ErrRefused) {
		t.Errorf("the first start gave %v", err)
	}
	l.until(<-second, agent.Done)
}
