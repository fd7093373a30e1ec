package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// again serves a request that may be a repetition, or be repeated: its call runs by
// itself, and each client that asks for it reads its answer from the start.
func (g *Gateway) again(w http.ResponseWriter, r *http.Request, q *served, a asks) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	c, in, made, err := g.repeats.enter(a, q.call, cancel)
	switch {
	case errors.Is(err, errTooMany) && a.key == (sum{}): // nobody asked for more than its answer
		cancel(nil)
		_ = g.run(r.Context(), w, q) // the client was told
		return
	case err != nil:
		cancel(nil)
		g.refuseAgain(w, q, c, err)
		return
	}
	if made {
		q.body, q.header = q.body.move(), r.Header.Clone() // the handler may be gone long before the call
		go g.runApart(ctx, q, c)
	} else {
		cancel(nil)
		q.body.release()
	}
	g.play(w, r, c, in, made)
}

// runApart runs a call whose clients come and go.
func (g *Gateway) runApart(ctx context.Context, q *served, c *repeatable) {
	failed, cut := true, true
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			g.c.Log.Error("a call ended in a bug", slog.String("call", q.call), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
		c.answer.end(cut)
		c.cancel(nil)
		q.body.release()
		c.end(q.record, failed)
	}()
	q.trailers = true // for those of its clients that take them
	failed = g.run(ctx, c.answer, q) != nil
	cut = false
}

// Stop ends the calls that go on for clients who may come back: they will not come
// to this process any more.
func (g *Gateway) Stop() { g.repeats.stop(ErrStopped) }

// Wait returns when all calls have ended that run apart from their clients, or with ctx.
func (g *Gateway) Wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		g.repeats.calls.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for calls with an Idempotency-Key: %w", ctx.Err())
	}
}

// play writes a call's answer to one client, from the start, as it comes.
func (g *Gateway) play(w http.ResponseWriter, r *http.Request, c *repeatable, in *reader, first bool) {
	whole := false
	defer func() {
		c.answer.leave(in)
		c.leave(whole, stopCause(r))
	}()
	pace := pace{rc: http.NewResponseController(w), limit: g.c.Options.WriteTimeout}
	gone := r.Context().Done()
	var late <-chan time.Time
	begun, took := false, 0
	for {
		n := c.answer.read(in, took)
		took = len(n.bytes)
		if n.status != 0 && !begun {
			begun = true
			copyHeaders(w.Header(), n.head)
			if !first {
				w.Header().Set(c.mark(), "true")
			}
			pace.arm()
			w.WriteHeader(n.status)
		}
		if took > 0 {
			pace.arm()
			if _, err := w.Write(n.bytes); err != nil {
				panic(http.ErrAbortHandler) // the client has gone, or takes nothing
			}
		}
		switch {
		case n.cut:
			panic(http.ErrAbortHandler)
		case n.ended:
			if takesTrailers(r.Header) {
				copyHeaders(w.Header(), c.answer.trailers())
			}
			whole = true
			return
		case took > 0:
			if pace.rc.Flush() != nil {
				panic(http.ErrAbortHandler)
			}
			continue
		}
		select {
		case <-in.wake:
		case <-gone:
			cause := stopCause(r)
			if cause == nil {
				panic(http.ErrAbortHandler)
			}
			c.cancel(cause) // it ends with a word for its clients
			gone, late = nil, time.After(lastGrace)
		case <-late:
			panic(http.ErrAbortHandler)
		}
	}
}

// stopCause is ErrStopped where the server has sent r's client away.
func stopCause(r *http.Request) error {
	if cause := context.Cause(r.Context()); errors.Is(cause, ErrStopped) {
		return cause
	}
	return nil
}

// mark is the header that tells whoever comes later whose answer it gets.
func (c *repeatable) mark() string {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.over {
		return "X-Skein-Replayed"
	}
	return "X-Skein-Joined"
}

func copyHeaders(to, from http.Header) {
	for name, v := range from {
		to[name] = v
	}
}

// refuseAgain says why a request gets no answer of the call that it means.
func (g *Gateway) refuseAgain(w http.ResponseWriter, q *served, c *repeatable, why error) {
	e := &llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusConflict, Param: "idempotency-key"}
	switch {
	case errors.Is(why, errTooMany):
		e = &llm.Error{
			Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
			Message: "too many calls with an Idempotency-Key run just now; try again, or send none",
		}
	case errors.Is(why, errOther):
		e.Status = http.StatusUnprocessableEntity
		e.Message = "this Idempotency-Key was used for another request, " + c.call + "; send each request under a key of its own"
	case errors.Is(why, errTooLong):
		w.Header().Set("X-Skein-Call", c.call)
		e.Message = "the call " + c.call + " runs under this Idempotency-Key, and its answer is too long to be joined; GET /api/v1/calls/" + c.call + " says how it ended, once it has"
	default:
		e.Message = g.used(w, q, c)
	}
	g.refuse(w, q.errors, e)
}

// used is the receipt of a call whose key was used, in words and in headers.
func (g *Gateway) used(w http.ResponseWriter, q *served, c *repeatable) string {
	c.of.mu.Lock()
	rec := c.receipt
	c.of.mu.Unlock()
	h := w.Header()
	h.Set("X-Skein-Call", c.call)
	facts := []string{"outcome " + rec.outcome}
	if rec.deployment != "" {
		h.Set("X-Skein-Deployment", rec.deployment)
		facts = append(facts, "at "+rec.deployment)
	}
	if rec.cost != "" && !q.principal.HideCost {
		h.Set("X-Skein-Cost", rec.cost)
		facts = append(facts, "cost "+rec.cost)
	}
	return "this Idempotency-Key was used for " + c.call + " (" + strings.Join(facts, ", ") + "), and its answer was not kept; GET /api/v1/calls/" + c.call +
		" tells the rest. Send another key to ask again, or let the operator set gateway.replay"
}
