package pool

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/pool/meter"
	"github.com/skein-run/skein/internal/pool/pick"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
)

// mostTries is how many replicas are asked for one request, each but the last of which
// refused the connection.
const mostTries = 4

// Send posts one attempt to a replica, and returns when the answer's headers are there.
// Where the pool is full the request is sent all the same, to the replica with the
// least load: ask [Pool.Room] before. Its error is an *[llm.Error], or wraps one.
//
// What the attempt had of the GPUs is told by the answer's body, and by an error: see
// [Consumer].
func (p *Pool) Send(ctx context.Context, r *provider.Request) (*provider.Answer, error) {
	var tried []*replica
	var before int64 // that it had of replicas which refused it
	for {
		to, share, why := p.begin(r, tried)
		if to == nil {
			return nil, p.failure(p.nobody(why, tried), before)
		}
		began := p.env.Now()
		ans, err := to.to.Send(ctx, p.requestFor(to, r))
		if err == nil {
			b := &body{ReadCloser: ans.Body, p: p, to: to, share: share, ctx: ctx, stream: r.Stream, had: before}
			b.heard.Store(p.env.Now().UnixNano())
			b.status = ans.Status
			ans.Body = b
			return ans, nil
		}
		o := outcomeOf(ctx, err, r.Stream && p.env.Now().Sub(began) > silence)
		before += p.end(to, share, o)
		if tried = append(tried, to); o != refusedIt || len(tried) == mostTries || ctx.Err() != nil {
			return nil, p.failure(err, before)
		}
		p.env.Log.Info("a replica refused the connection; another is asked", "replica", to.address, "attempt", r.Attempt)
	}
}

// begin chooses a replica and counts the request in.
func (p *Pool) begin(r *provider.Request, tried []*replica) (*replica, meter.Share, pick.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.env.Now()
	p.roll(now)
	c := pick.Choose(p.memory, &p.limits, &pick.Ask{Prefix: r.Prefix, Adapter: p.adapter(r.Upstream), Chance: r.Chance}, p.views(now, tried))
	if c.Index < 0 {
		return nil, 0, c.Reason
	}
	to := p.replicas[c.Index]
	to.inFlight++
	to.began++
	to.meter.Start(p.o.GPUs, now)
	if len(r.Prefix) > 0 {
		p.memory.Note(r.Prefix, to.id)
	}
	return to, to.meter.Begin(now), c.Reason
}

// requestFor is the attempt for one replica, whose surfaces are its own.
func (p *Pool) requestFor(to *replica, r *provider.Request) *provider.Request {
	out := *r
	own := to.to.Info().Surfaces
	for i, s := range p.info.Surfaces {
		if s == r.Surface {
			out.Surface = own[i]
			break
		}
	}
	return &out
}

// outcome is how a request ended at a replica, as far as that says something of it.
type outcome uint8

const (
	saysNothing outcome = iota // the caller left, or the request was wrong
	servedIt
	refusedIt // no connection: nothing was sent
	isFull    // it says so
	failedIt
)

// silence is after how long without a byte a stream that the caller gives up counts
// against the replica.
const silence = 20 * time.Second

func outcomeOf(ctx context.Context, err error, silent bool) outcome {
	var e *llm.Error
	switch {
	case !errors.As(err, &e), e.Blame == llm.BlameSkein && ctx.Err() == nil, e.Blame == llm.BlameRequest, e.Blame == llm.BlameCredential:
		return saysNothing
	case ctx.Err() != nil && silent:
		return failedIt
	case ctx.Err() != nil:
		return saysNothing
	case e.Class == llm.Unreachable && e.Billed == llm.BilledNo:
		return refusedIt
	}
	return failedIt
}

// end counts a request out, and gives the GPU-nanoseconds that it had.
func (p *Pool) end(r *replica, share meter.Share, o outcome) int64 {
	p.mu.Lock()
	now := p.env.Now()
	p.roll(now)
	had := r.meter.End(share, now)
	r.inFlight--
	r.ended++
	left := false
	switch o {
	case servedIt:
		r.alive.Served()
	case refusedIt:
		r.trouble = "it refused a connection"
		left = r.alive.Failed(true, now)
	case isFull:
		r.trouble = "it said that it is not available" // so that its health is asked for: it may be more than full
		r.alive.TurnedAway(now)
	case failedIt:
		r.trouble = "it failed at requests"
		left = r.alive.Failed(false, now)
	}
	if left {
		p.env.Log.Warn("a replica is down", "replica", r.address, "error", r.trouble)
	}
	gone := p.sweep()
	p.mu.Unlock()
	closeAll(gone)
	p.tell(left || len(gone) > 0)
	return had
}

// nobody is the error where no replica can be asked.
func (p *Pool) nobody(why pick.Reason, tried []*replica) *llm.Error {
	e := &llm.Error{
		Class: llm.Unreachable, Blame: llm.BlameProvider, Billed: llm.BilledNo, Status: http.StatusBadGateway,
		Message: "no replica of " + p.name + " can be asked: " + why.String(),
	}
	if len(tried) > 0 {
		e.Message = "every replica of " + p.name + " that could be asked refused the connection"
	}
	return e
}

// Consumer is what the body of an answer, and an error of [Pool.Send], may be beside.
type Consumer interface {
	// Consumed says what the attempt had of the pool's GPUs; nil where the pool has no
	// price. It is asked once the answer's own end was seen: whatever of the body is not
	// read by then is not waited for, and counts no more.
	Consumed() []price.Reading
}

// failed is an attempt without an answer that had something of the GPUs.
type failed struct {
	error
	had int64
}

func (p *Pool) failure(err error, had int64) error {
	if had == 0 || !p.Priced() {
		return err
	}
	return &failed{err, had}
}

func (f *failed) Unwrap() error             { return f.error }
func (f *failed) Consumed() []price.Reading { return consumed(f.had) }

// body is an answer's, which ends the request when it was read or closed.
type body struct {
	io.ReadCloser
	p      *Pool
	to     *replica
	share  meter.Share
	ctx    context.Context
	status int
	stream bool
	heard  atomic.Int64 // when something came last, Unix nanoseconds

	once sync.Once
	had  int64 // of the GPUs; all of it once it is over
}

func (b *body) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	if n > 0 {
		b.heard.Store(b.p.env.Now().UnixNano())
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.finish(b.whole())
	case b.ctx.Err() != nil:
		b.finish(b.givenUp())
	default:
		b.finish(failedIt)
	}
	return n, err
}

func (b *body) Close() error {
	b.finish(b.givenUp())
	return b.ReadCloser.Close()
}

// whole is the outcome of an answer that was read to its end.
func (b *body) whole() outcome {
	switch {
	case b.status < 300:
		return servedIt
	case b.status == http.StatusServiceUnavailable:
		return isFull
	case b.status >= 500 && b.status != http.StatusNotImplemented:
		return failedIt
	}
	return saysNothing // the request is wrong
}

// givenUp is the outcome of an answer that the caller did not read to its end.
func (b *body) givenUp() outcome {
	switch {
	case b.status >= 300:
		return b.whole() // an error is read as far as it is of use
	case b.stream && b.p.env.Now().UnixNano()-b.heard.Load() > int64(silence):
		return failedIt
	}
	return saysNothing
}

func (b *body) finish(o outcome) {
	b.once.Do(func() { b.had += b.p.end(b.to, b.share, o) })
}

// Consumed implements [Consumer].
func (b *body) Consumed() []price.Reading {
	b.finish(b.whole())
	if !b.p.Priced() {
		return nil
	}
	return consumed(b.had)
}
