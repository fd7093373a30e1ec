// Package dispatch drives the `call` machine: it asks `route`, `limit` and
// `budget` under their locks, sends attempts through `provider`, watches their
// limits, and settles them. It knows no client socket and no run: a call's request
// comes from a [Source], its answer goes to a [Sink], and what is committed
// together with the last entry is the caller's to say ([Call.Settle]).
package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/wire"
)

// Call is one model request to serve.
type Call struct {
	ID       string       // call_…, made at the door
	Cause    ledger.Cause // who and what it is for; Cause.Call is ID
	Model    string       // the name that was asked for
	Arrived  time.Time
	Deadline time.Time // the caller's; zero where it has none
	Hints    Hints
	Priority limit.Priority
	Prefix   []uint64 // chained hashes of the request's beginnings, the shortest first; valid until Do returns
	Source   Source
	Sink     Sink
	Seals    Seals // for this caller; nil: ids pass as they are
	// Settle commits the entry of the call's last attempt with whatever the caller
	// wants in the same batch, and returns when all of it is durable. It is called
	// once for each call, also for one that failed before any attempt; its context
	// outlives the caller's. Nil: dispatch commits it alone.
	Settle func(ctx context.Context, s *Settlement) error
}

// Source gives each attempt its request. One that also has the method
// Header() http.Header offers its client's headers; a provider takes those of
// them that its kind allows. One with Request() (*llm.Request, error) can show its
// request decoded, which nobody changes; it is asked for only where the request
// cannot pass as it is.
type Source interface {
	Facts() *wire.Facts
	// Body is the request as t wants it, and what it loses on the way. The slice is
	// the caller's until Body is called again or Do has returned; afterwards nobody
	// reads it any more, also where an upstream answered before it had read all.
	Body(t *wire.Target) (body []byte, losses []wire.Loss, err error)
}

// Sink takes the answer. Its methods are never called at the same time, and come
// in order: Open once, then Frame for each piece, then Close once (a stream); or
// Whole and Close (an unstreamed answer); or Close alone, where nothing could be
// shown. Where Close brings an error after Open, the sink ends its stream with
// that error in its format's own form. A sink that looks at nothing before the
// answer is whole says so by a method Unseen() bool: then an attempt that breaks
// after its first content is replaced like one that breaks before.
type Sink interface {
	// Format is what Frame's bytes are to be in; "" asks for events only.
	Format() llm.Format
	// Answer says what the client is told of the answer.
	Answer() *wire.Answer
	// Open says that the answer begins: status and headers may go out.
	Open(r *Receipt) error
	// Frame hands over bytes in Format, or events; one call for each read of the
	// upstream, so it flushes. They are valid until it returns.
	// An error means that the client has gone.
	Frame(b []byte, events []llm.Event) error
	// Whole hands over an unstreamed answer, as bytes in Format, or canonical.
	Whole(r *Receipt, b []byte, resp *llm.Response) error
	// Close ends the answer; err is nil where it was whole.
	Close(r *Receipt, err *llm.Error)
}

// Receipt is what can be said of a call to its client, at the time.
type Receipt struct {
	Call       string
	Deployment string
	Attempts   int
	OutputCap  int64 // set where Skein lowered it
	Lossy      []wire.Loss
	Cost       string // "0.00123 USD"; empty while it is not known
	Usage      llm.Usage
	Model      string // the fallback model that answered; "" where it was the one asked for
	Seams      int    // breaks after the first content that the answer goes on over
	Hedged     bool   // it is that of an attempt made beside another one
}

// Settlement is the end of a call's last attempt, before it is durable.
type Settlement struct {
	Entry    *ledger.Entry // nil where the call ended with no attempt open: its earlier ones are booked
	Call     *CallRecord
	Response *llm.Response // where the sink asked for events
	Err      *llm.Error    // what the call ended with; nil for a whole answer
	// Batch holds the records of the entry and the call; the caller adds its own.
	Batch store.Batch
	// Durable gives back what is left of the attempt's hold. A caller that goes on by
	// itself from the batch calls it when that is durable, before it does; else the
	// call does so when Settle has returned.
	Durable func()
}

// Dispatcher serves calls. It is safe for concurrent use.
type Dispatcher struct {
	o     Options
	world atomic.Pointer[world]
	runs  sync.Pool // of *run
	fault atomic.Pointer[error]
	kept  atomic.Int64 // bytes of answers that are kept, to be gone on from after a break

	mu          sync.Mutex // guards what calls share, that is the rest
	standings   map[string]*standing
	quotas      map[string]*limit.Group
	credentials map[string]*limit.Cooldown
	traffics    map[string]*traffic // by the model's name
	queues      map[*traffic]bool   // those with somebody in them
	retries     limit.Share
	hedges      limit.Share
	warmth      route.Warmth
	active      int
	draining    bool
	drained     chan struct{} // closed when draining and nothing is active
}

// New builds a dispatcher, or says everything that is wrong with the setup.
func New(o Options) (*Dispatcher, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Chance == nil {
		o.Chance = rand.Uint64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{
		o: o, standings: map[string]*standing{}, drained: make(chan struct{}),
		quotas: map[string]*limit.Group{}, credentials: map[string]*limit.Cooldown{},
		traffics: map[string]*traffic{}, queues: map[*traffic]bool{},
		retries: limit.Share{Percent: 10, Burst: 20}, hedges: limit.Share{Percent: 5, Burst: 5},
	}
	d.runs.New = func() any { return newRun(d) }
	if err := d.Reload(o.Setup); err != nil {
		return nil, err
	}
	return d, nil
}

// Reload takes a new setup, whole or not at all. Deployments keep their state by
// name; calls under way end as they began.
func (d *Dispatcher) Reload(s Setup) error {
	w, err := d.build(s)
	if err != nil {
		return err
	}
	d.world.Store(w)
	return nil
}

// Do serves one call and returns its record when its answer has been handed over
// and its last entry is durable. The error is what the call ended with, an
// *[llm.Error], already shown to the sink. The record is nil for a call that was
// refused at the door: of an unknown model, or while draining.
func (d *Dispatcher) Do(ctx context.Context, c Call) (*CallRecord, error) {
	w := d.world.Load()
	m := d.find(w, c.Model)
	if m == nil {
		return nil, atDoor(&c, &llm.Error{
			Class: llm.NotFound, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusNotFound,
			Code: "model_not_found", Param: "model",
			Message: fmt.Sprintf("the model %q is not known here; GET /v1/models lists those that are", c.Model),
		})
	}
	if !d.enter() {
		return nil, atDoor(&c, &llm.Error{
			Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable,
			RetryAfter: time.Second, Message: "shutting down; the next start takes calls again",
		})
	}
	defer d.leave()
	r := d.runs.Get().(*run)
	rec, err := r.serve(ctx, w, m, c)
	d.runs.Put(r)
	if err != nil {
		return rec, err
	}
	return rec, nil
}

func atDoor(c *Call, err *llm.Error) error {
	c.Sink.Close(&Receipt{Call: c.ID}, err)
	return err
}

func (d *Dispatcher) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining {
		return false
	}
	d.active++
	d.retries.Count()
	d.hedges.Count()
	return true
}

func (d *Dispatcher) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.active--
	if d.draining && d.active == 0 {
		close(d.drained)
	}
}

// Drain refuses new calls and returns when the last one has ended, or with ctx.
func (d *Dispatcher) Drain(ctx context.Context) error {
	d.mu.Lock()
	if !d.draining {
		d.draining = true
		for t := range d.queues { // those who wait for room are told at once
			for ticket := range t.waiting {
				t.queue.Leave(ticket)
				t.turnAway(ticket, errDraining)
			}
		}
		if d.active == 0 {
			close(d.drained)
		}
	}
	d.mu.Unlock()
	select {
	case <-d.drained:
		return nil
	default: // also where ctx has ended before
	}
	select {
	case <-d.drained:
		return nil
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		return fmt.Errorf("wait for %d calls to end: %w", d.active, ctx.Err())
	}
}

// Close drains without patience: it waits for what has been cancelled.
func (d *Dispatcher) Close() error { return d.Drain(context.Background()) }

func (d *Dispatcher) now() time.Time { return d.o.Now() }
