package dispatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
)

// attempt is one try at one deployment.
type attempt struct {
	id     string
	dep    *deployment
	on     *provider.Surface // the API that serves it
	codec  wire.Codec        // of it
	begun  bool              // counted by the deployment's health
	probe  bool
	key    int // which of the provider's credentials
	opened bool
	sent   bool // the upstream may have got the request
	left   bool // we gave it up, and it may go on without us

	card   *price.Card // at the prices of this moment, to its end
	grant  Grant
	input  int64 // tokens, at most
	text   int64 // of them, those that were counted by their letters
	cap    int64 // of output, as sent or as counted with
	lower  bool  // Skein lowered it
	body   []byte
	losses []wire.Loss

	answer   *provider.Answer
	cancel   context.CancelFunc
	progress llm.Progress
	gather   *llm.Assembler // where events are wanted
	end      []llm.Event    // the terminal ones, for those who want events
	rec      AttemptRecord
}

// maxError is how much of an error's body is read.
const maxError = 64 << 10

// drainTime is how long an upstream may take to end its HTTP answer after the
// format's own end; beyond it the connection is not worth keeping.
const drainTime = 250 * time.Millisecond

// open sends the attempt, passes on what comes, and says how it ended.
func (r *run) open(c call.Command) call.Event {
	a := &r.at
	a.opened = true
	a.rec.Started = r.d.now()
	r.receipt.Lossy, r.receipt.OutputCap = a.losses, 0
	if a.lower {
		r.receipt.OutputCap = a.cap
	}
	ctx, cancel := context.WithCancel(r.ctx)
	a.cancel = cancel
	r.mu.Lock()
	r.watched.cancel, r.watched.limits = cancel, c.Limits
	r.reading.Store(a.rec.Started.UnixNano())
	r.arm(a.rec.Started)
	r.mu.Unlock()

	err := r.exchange(ctx)

	r.reading.Store(0)
	r.mu.Lock()
	r.watched.limits = call.Limits{}
	r.mu.Unlock()
	a.rec.Ended = r.d.now()
	if err == nil {
		return call.Event{Kind: call.Ended, Progress: &a.progress}
	}
	a.left = a.sent && ctx.Err() != nil
	a.close(r)
	if r.ctx.Err() != nil || errors.Is(err, errSink) {
		r.feed(call.Event{Kind: call.Gone})
	}
	e := a.dep.callers(r.asError(err))
	return call.Event{Kind: call.Broke, Err: e, Again: r.another(e), Progress: &a.progress}
}

// another reports whether the same deployment may do with another credential what
// it refused with this one.
func (r *run) another(err *llm.Error) bool {
	dep := r.at.dep
	switch blamed(err) {
	case llm.BlameCredential, llm.BlameQuota:
	default:
		return false
	}
	r.d.mu.Lock()
	defer r.d.mu.Unlock()
	return dep.another(r.c.Cause.Team, r.at.key, r.d.now())
}

// errSink: the client did not take what it was given.
var errSink = errors.New("the client has gone")

// exchange is the attempt itself: request out, answer in.
func (r *run) exchange(ctx context.Context) error {
	a := &r.at
	if err := ctx.Err(); err != nil {
		return err // while its record was written
	}
	a.sent = true
	req := provider.Request{Attempt: a.id, Body: a.body, Stream: r.facts.Stream, Surface: a.on, Upstream: a.dep.upstream, Betas: r.facts.Betas}
	if n := a.dep.info.Credentials; a.key < len(n) {
		req.Credential = n[a.key]
	}
	if h, ok := r.c.Source.(interface{ Header() http.Header }); ok {
		req.Header = h.Header()
	}
	ans, err := a.dep.send.Send(ctx, &req)
	if err != nil {
		a.sent = r.asError(err).Billed != llm.BilledNo
		return err
	}
	a.answer = ans
	a.rec.Status, a.rec.UpstreamID = ans.Status, ans.UpstreamID
	if ans.Status < 200 || ans.Status > 299 {
		return r.refusal(ans)
	}
	r.feed(call.Event{Kind: call.Answered})
	if !r.facts.Stream {
		return r.readWhole(ans)
	}
	if strings.HasPrefix(ans.Header.Get("Content-Type"), "application/json") {
		return r.refusal(ans) // some send an error with 200 and no stream
	}
	return r.readStream(ans)
}

// refusal reads an answer that is an error.
func (r *run) refusal(ans *provider.Answer) error {
	dep := r.at.dep
	body, err := io.ReadAll(io.LimitReader(ans.Body, maxError))
	if err != nil && len(body) == 0 {
		return &llm.Error{
			Class: llm.Unreachable, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: http.StatusBadGateway,
			Message: fmt.Sprintf("the deployment %s answered with status %d and broke off", dep.name, ans.Status),
		}
	}
	if e := r.at.codec.DecodeError(ans.Status, ans.Header, body, r.at.on.Dialect); e != nil {
		return e
	}
	return r.malformed(fmt.Errorf("status %d with %s where a stream was asked for", ans.Status, ans.Header.Get("Content-Type")))
}

// callers is an error at a deployment that is asked with the caller's own credential:
// what was refused, or used up, is the caller's, and says nothing of the deployment.
func (dep *deployment) callers(e *llm.Error) *llm.Error {
	if b := blamed(e); !dep.info.Caller || b != llm.BlameCredential && b != llm.BlameQuota {
		return e
	}
	own := *e
	own.Blame = llm.BlameKey
	return &own
}

func (r *run) malformed(err error) *llm.Error {
	return &llm.Error{
		Class: llm.Malformed, Blame: llm.BlameDeployment, Billed: llm.BilledMaybe, Status: http.StatusBadGateway,
		Message: fmt.Sprintf("the deployment %s sent what its format does not allow: %v", r.name(), err),
	}
}

// asError is the error of an attempt as the machine takes it.
func (r *run) asError(err error) *llm.Error {
	var e *llm.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, errSink), errors.Is(err, context.Canceled):
		return &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient, Billed: llm.BilledMaybe, Status: 499, Message: "the client went away"}
	}
	return &llm.Error{
		Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: http.StatusBadGateway,
		Message: fmt.Sprintf("the connection to the deployment %s broke in the middle of its answer", r.name()),
	}
}

// close lets go of the attempt's connection: for another call, if the upstream
// ends its answer properly and soon.
func (a *attempt) close(r *run) {
	if a.cancel == nil {
		return
	}
	if ans := a.answer; ans != nil {
		if a.rec.Outcome == outcomeOK {
			r.mu.Lock()
			now := r.d.now()
			r.watched.drain = now.Add(drainTime)
			r.arm(now)
			r.mu.Unlock()
			_, _ = io.Copy(io.Discard, io.LimitReader(ans.Body, maxError))
		}
		_ = ans.Body.Close()
	}
	a.cancel()
	a.cancel = nil
}

const outcomeOK = "ok"
