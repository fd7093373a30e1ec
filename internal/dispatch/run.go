package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/wire"
)

// run drives one call. The caller's goroutine does everything that waits: it
// chooses, sends, reads and commits, and feeds the machine what comes of it. An
// attempt beside another one has a goroutine of its own, for as long as it lasts.
// One timer watches the limits; when it fires its goroutine steps the machine too,
// and does only what does not wait for the upstream: cancel, announce, heartbeat.
//
// Runs are used again; nothing in one outlives its call but buffers.
type run struct {
	d *Dispatcher
	serving
	buffers
	lanes [2]lane

	mu      sync.Mutex // guards what several goroutines touch: watched
	watched watched
	others  int        // goroutines at work besides the caller's, under mu
	quiet   *sync.Cond // of mu: one of them is done, or an attempt that is not the last was booked

	sink  sync.Mutex // the client takes one thing at a time
	books sync.Mutex // guards what attempts add up to: cost, the record

	wake  chan struct{} // the attempt beside has ended
	timer *time.Timer
}

// serving is what belongs to the call that is served.
type serving struct {
	ctx   context.Context // the caller's
	work  context.Context // of attempts: it outlives the client
	w     *world
	m     *model
	c     Call
	facts *wire.Facts
	op    llm.Operation
	as    *wire.Answer
	want  llm.Format // the sink's; "" for events
	codec wire.Codec // of it
	span  telemetry.CallSpan

	input  int64 // tokens that the request has, as estimated
	output int64 // and that its answer will have
	needs  route.Needs
	called bool         // out of the queue, so that it does not join it again
	after  string       // the attempt whose end made it choose again
	keeper string       // the deployment that keeps what the request goes on from; "" where any will do
	ids    []string     // its own ids of the request's StateIDs
	strip  bool         // the reasoning of makers that nobody here understands is taken out
	opened bool         // the sink was
	lossy  *llm.Error   // the first loss of meaning
	failed *llm.Error   // what the call ended with
	resume *resumption  // of an answer that broke
	cost   money.Amount // of all attempts

	rec     *CallRecord
	receipt *Receipt // the sink may keep it, as the caller keeps the record
}

// watched is what the timer's goroutine reads and writes as well.
type watched struct {
	state  call.State
	lanes  [2]watchedLane
	armed  time.Time // when the timer fires; zero where it does not
	drain  time.Time // the upstream has until then to end its connection's answer
	drains int       // the lane whose
	books  int       // attempts that ended, and are not booked yet
	closed bool      // the call is over
}

type watchedLane struct {
	cancel    context.CancelFunc // of the open attempt
	cancelled bool
	limits    call.Limits
	pace      pace
}

// watched reports whether an attempt is open whose limits count.
func (l *watchedLane) watched() bool { return !l.limits.Total.IsZero() && !l.cancelled }

// buffers are used again by the next call.
type buffers struct {
	candidates []route.Candidate
	choices    []route.Choice
	order      []uint16
	lossyAt    []llm.Format // formats that cannot carry all that the request means
	beat       []byte
	shown      shown // what the client was shown of the answer
}

func newRun(d *Dispatcher) *run {
	r := &run{d: d, wake: make(chan struct{}, 1)}
	r.quiet = sync.NewCond(&r.mu)
	for i := range r.lanes {
		r.lanes[i].init(uint8(i))
	}
	r.timer = time.AfterFunc(time.Hour, r.tick)
	r.timer.Stop()
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
	left := r.watchClient()
	r.feed(0, call.Event{Kind: call.Admitted, Until: c.Deadline, Streamed: r.facts.Stream, Unseen: r.unseen()})
	for !r.done() {
		r.wait()
	}
	left()
	r.alone()
	for i := range r.lanes {
		r.lanes[i].close(r)
	}
	rec, failed := r.rec, r.failed
	r.over()
	if failed != nil {
		return rec, failed
	}
	return rec, nil
}

// watchClient tells the machine when the client goes while something is under way.
// The function that it returns stops that.
func (r *run) watchClient() func() {
	if r.ctx.Done() == nil {
		return func() {}
	}
	r.mu.Lock()
	r.others++
	r.mu.Unlock()
	stop := context.AfterFunc(r.ctx, func() {
		defer r.other()
		r.clientGone()
	})
	return func() {
		if stop() {
			r.other()
		}
	}
}

// other is the end of a goroutine that is not the caller's.
func (r *run) other() {
	r.mu.Lock()
	r.others--
	r.quiet.Broadcast()
	r.mu.Unlock()
}

// alone waits until no other goroutine is at work.
func (r *run) alone() {
	r.mu.Lock()
	for r.others > 0 {
		r.quiet.Wait()
	}
	r.mu.Unlock()
}

// clientGone is for whoever notices. Where the call only waits, its own goroutine
// notices, and ends it.
func (r *run) clientGone() {
	now := r.d.now()
	e := call.Event{Kind: call.Gone}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watched.closed || r.watched.state.Waiting() {
		return
	}
	for i := range r.lanes {
		l := &r.lanes[i]
		if dep := l.at.dep; dep != nil && l.live.Load() {
			e.Bills = e.Bills || dep.billsAll
			e.Near = e.Near || l.ending.Load()
		}
	}
	var buf [4]call.Command
	for _, c := range call.Step(&r.watched.state, e, now, buf[:0]) {
		switch c.Do {
		case call.Cancel:
			r.cancel(c.Lane)
		case call.Drain:
			r.lanes[c.Lane].draining.Store(true)
		}
	}
	r.arm(now)
}

// unseen reports whether the sink looks at nothing before the answer is whole.
func (r *run) unseen() bool {
	s, ok := r.c.Sink.(interface{ Unseen() bool })
	return ok && s.Unseen()
}

// feed gives the machine an event, does what it says, and goes on with what comes
// of that, until nothing is left to do or the call waits. hand is the goroutine's:
// 0 the caller's, 1 that of an attempt beside another one.
func (r *run) feed(hand int, e call.Event) {
	for e.Kind != 0 {
		now := r.d.now()
		h := &r.lanes[hand]
		r.mu.Lock()
		h.cmds = call.Step(&r.watched.state, e, now, h.cmds[:0])
		cmds := h.cmds
		for i := range cmds {
			if c := &cmds[i]; c.Do == call.Settle && !c.Last {
				r.watched.books++
			}
		}
		r.arm(now)
		r.mu.Unlock()
		e = call.Event{}
		for i := range cmds {
			lane := cmds[i].Lane
			if next := r.perform(hand, &cmds[i]); next.Kind != 0 {
				e = next // at most one command of a step is answered, and it is the last
				e.Lane = lane
			}
		}
	}
}

func (r *run) perform(hand int, c *call.Command) call.Event {
	l := &r.lanes[c.Lane]
	switch c.Do {
	case call.Choose:
		return r.choose(c)
	case call.Queue:
		return r.queue(c)
	case call.TakeSlot:
		return r.takeSlot(l, c)
	case call.FreeSlot:
		r.freeSlot(l)
	case call.Hold:
		return r.hold(l, c)
	case call.Return:
		r.giveBack(l)
	case call.Record:
		return r.record(l, c)
	case call.Open:
		return r.open(hand, l, *c)
	case call.Cancel:
		r.mu.Lock()
		r.cancel(c.Lane)
		r.mu.Unlock()
	case call.Announce:
		r.announce()
	case call.Heartbeat:
		r.heartbeat()
	case call.Show:
		r.show(l)
	case call.Join:
		return r.join(l, c)
	case call.Settle:
		return r.settle(l, *c)
	case call.Finish:
		r.finish(l)
	case call.Fail:
		r.fail(c.Told)
	}
	return call.Event{}
}

// beside drives an attempt that is made beside another one.
func (r *run) beside(c call.Command) {
	defer r.other()
	e := r.perform(1, &c)
	e.Lane = c.Lane
	r.feed(1, e)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// wait sleeps until the time that the machine named or the client goes, or, while an
// attempt beside is all that is under way, until that has ended.
func (r *run) wait() {
	r.mu.Lock()
	due, waiting := r.watched.state.Due(), r.watched.state.Waiting()
	r.mu.Unlock()
	if !waiting {
		<-r.wake
		return
	}
	t := time.NewTimer(due.Sub(r.d.now()))
	defer t.Stop()
	select {
	case <-t.C:
		r.feed(0, call.Event{Kind: call.Timer})
	case <-r.ctx.Done():
		r.feed(0, call.Event{Kind: call.Gone})
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
	r.weighRequest()
	if r.d.o.Trace != nil {
		r.ctx, r.span = r.d.o.Trace.CallStarted(ctx, telemetry.CallStart{
			ID: c.ID, Model: m.name, Operation: r.op, Format: r.want, Stream: r.facts.Stream, Arrived: r.c.Arrived, Run: c.Cause.Run,
		})
	}
	r.work = context.WithoutCancel(r.ctx)
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
	r.watched = watched{closed: true}
	r.mu.Unlock()
	r.alone() // a timer that fired meanwhile
	r.serving = serving{}
	b := &r.buffers
	b.candidates = clean(b.candidates)
	b.choices, b.order, b.lossyAt = b.choices[:0], b.order[:0], b.lossyAt[:0]
	b.shown.release(r.d)
	for i := range r.lanes {
		r.lanes[i].over()
	}
	select {
	case <-r.wake:
	default:
	}
}

func (r *run) done() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watched.state.Done()
}

// cancel ends a lane's open attempt, under r.mu.
func (r *run) cancel(lane uint8) {
	if l := &r.watched.lanes[lane]; l.cancel != nil {
		l.cancelled = true
		l.cancel()
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
