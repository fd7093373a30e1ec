package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/wire"
)

// run drives one call. The caller's goroutine does everything that waits: it
// chooses, sends, reads and commits, and feeds the machine what comes of it. One
// timer watches the limits; when it fires its goroutine steps the machine too, and
// does only what does not wait for the upstream: cancel, announce, heartbeat.
//
// Runs are used again; nothing in one outlives its call but buffers.
type run struct {
	d *Dispatcher
	serving
	buffers

	mu      sync.Mutex // guards what the timer's goroutine touches: watched
	watched watched

	reading atomic.Int64 // since when the upstream is waited for, in Unix nanoseconds; 0: it is not
	timer   *time.Timer
	settled chan error
	durable func(int64, error) // sends to settled
	seal    func(string) string
}

// serving is what belongs to the call that is served.
type serving struct {
	ctx   context.Context // the caller's
	w     *world
	m     *model
	c     Call
	facts *wire.Facts
	op    llm.Operation
	as    *wire.Answer
	want  llm.Format // the sink's; "" for events
	codec wire.Codec // of it

	at     attempt       // the latest
	keeper string        // the deployment that keeps what the request goes on from; "" where any will do
	ids    []string      // its own ids of the request's StateIDs
	strip  bool          // the reasoning of makers that nobody here understands is taken out
	opened bool          // the sink was
	shown  bool          // content was passed on
	whole  *llm.Response // an unstreamed answer, decoded
	lossy  *llm.Error    // the first loss of meaning
	failed *llm.Error    // what the call ended with

	rec     *CallRecord
	receipt *Receipt     // the sink may keep it, as the caller keeps the record
	cost    money.Amount // of all attempts
}

// watched is what the timer's goroutine reads and writes as well.
type watched struct {
	state  call.State
	cancel context.CancelFunc // of the open attempt
	limits call.Limits
	armed  time.Time // when the timer fires; zero where it does not
	drain  time.Time // the upstream has until then to end its connection's answer
	closed bool      // the call is over
	side   []call.Command
	beat   []byte
}

// buffers are used again by the next call.
type buffers struct {
	cmds       []call.Command
	candidates []route.Candidate
	choices    []route.Choice
	order      []uint16
	lossyAt    []llm.Format // formats that cannot carry all that the request means
	kept       []byte       // prelude, in the client's format
	out        []byte
	terminal   []byte // the end, kept until the entry is durable
	body       []byte // an unstreamed answer as it came
	charges    []price.Charge
}

func newRun(d *Dispatcher) *run {
	r := &run{d: d, settled: make(chan error, 1)}
	r.timer = time.AfterFunc(time.Hour, r.tick)
	r.timer.Stop()
	r.seal = r.sealAs
	r.durable = func(_ int64, err error) { r.settled <- err }
	return r
}

// serve runs a call from its admission to its end.
func (r *run) serve(ctx context.Context, w *world, m *model, c Call) (*CallRecord, error) {
	r.begun(ctx, w, m, c)
	if refused := r.continues(); refused != nil {
		r.over()
		return nil, atDoor(&c, refused)
	}
	if r.op == llm.Count && !r.counts() {
		rec, err := r.count()
		r.over()
		return rec, err
	}
	r.feed(call.Event{Kind: call.Admitted, Until: c.Deadline, Streamed: r.facts.Stream, Unseen: r.unseen()})
	for !r.done() {
		r.wait()
	}
	r.at.close(r)
	rec, failed := r.rec, r.failed
	r.over()
	if failed != nil {
		return rec, failed
	}
	return rec, nil
}

// unseen reports whether the sink looks at nothing before the answer is whole.
func (r *run) unseen() bool {
	s, ok := r.c.Sink.(interface{ Unseen() bool })
	return ok && s.Unseen()
}

// feed gives the machine an event, does what it says, and goes on with what comes
// of that, until nothing is left to do or the call waits for a time.
func (r *run) feed(e call.Event) {
	for e.Kind != 0 {
		now := r.d.now()
		r.mu.Lock()
		r.cmds = call.Step(&r.watched.state, e, now, r.cmds[:0])
		r.arm(now)
		r.mu.Unlock()
		e = call.Event{}
		for i := range r.cmds {
			if next := r.perform(&r.cmds[i]); next.Kind != 0 {
				e = next // at most one command of a step is answered, and it is the last
			}
		}
	}
}

func (r *run) perform(c *call.Command) call.Event {
	switch c.Do {
	case call.Choose:
		return r.choose(c)
	case call.TakeSlot:
		return r.takeSlot(c)
	case call.FreeSlot:
		r.freeSlot(c)
	case call.Hold:
		return r.hold(c)
	case call.Return:
		r.giveBack()
	case call.Record:
		return r.record(c)
	case call.Open:
		return r.open(*c)
	case call.Cancel:
		r.cancel()
	case call.Announce:
		r.announce()
	case call.Heartbeat:
		r.heartbeat()
	case call.Show:
		r.show()
	case call.Settle:
		return r.settle(*c)
	case call.Finish:
		r.finish()
	case call.Fail:
		r.fail(c.Told)
	}
	return call.Event{}
}

// wait sleeps until the time that the machine named, or until the client goes.
func (r *run) wait() {
	r.mu.Lock()
	due := r.watched.state.Due()
	r.mu.Unlock()
	t := time.NewTimer(due.Sub(r.d.now()))
	defer t.Stop()
	select {
	case <-t.C:
		r.feed(call.Event{Kind: call.Timer})
	case <-r.ctx.Done():
		r.feed(call.Event{Kind: call.Gone})
	}
}

// begun makes a used run ready for another call.
func (r *run) begun(ctx context.Context, w *world, m *model, c Call) {
	r.ctx, r.w, r.m, r.c = ctx, w, m, c
	r.facts, r.as, r.want = c.Source.Facts(), c.Sink.Answer(), c.Sink.Format()
	r.op = r.facts.Format.Operation()
	if r.want != "" {
		r.codec = r.d.o.Codecs(r.want)
	}
	now := r.d.now()
	if c.Arrived.IsZero() {
		r.c.Arrived = now
	}
	r.c.Cause.Call = c.ID
	told := &struct {
		CallRecord
		Receipt
	}{}
	r.rec, r.receipt = &told.CallRecord, &told.Receipt
	r.receipt.Call = c.ID
	r.newRecord()
	r.mu.Lock()
	r.watched.state = call.State{Config: m.config}
	r.watched.closed = false
	r.mu.Unlock()
}

// over lets go of everything but the buffers.
func (r *run) over() {
	r.mu.Lock()
	r.timer.Stop()
	r.watched = watched{closed: true, side: clean(r.watched.side), beat: r.watched.beat[:0]}
	r.mu.Unlock()
	r.serving = serving{}
	b := &r.buffers
	b.cmds, b.candidates, b.charges = clean(b.cmds), clean(b.candidates), clean(b.charges)
	b.choices, b.order, b.lossyAt = b.choices[:0], b.order[:0], b.lossyAt[:0]
	b.kept, b.out, b.terminal, b.body = small(b.kept), small(b.out), small(b.terminal), small(b.body)
}

func (r *run) done() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watched.state.Done()
}

func (r *run) cancel() {
	if c := r.watched.cancel; c != nil {
		c()
	}
}

// clean empties a slice that holds pointers.
func clean[T any](s []T) []T {
	clear(s[:cap(s)])
	return s[:0]
}

// small keeps a buffer for another call, unless it grew out of the ordinary.
func small(b []byte) []byte {
	if cap(b) > 256<<10 {
		return nil
	}
	return b[:0]
}
