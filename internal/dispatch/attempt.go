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
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/wire"
)

// attempt is one try at one deployment.
type attempt struct {
	id        string
	candidate uint16
	dep       *deployment
	on        *provider.Surface // the API that serves it
	codec     wire.Codec        // of it
	counted   bool              // by the deployment's standing
	begun     route.Begun
	hedge     bool
	seam      string // how it goes on after a break
	key       int    // which of the provider's credentials
	opened    bool
	sent      bool // the upstream may have got the request
	refused   bool // its answer was an error, whatever its status
	left      bool // we gave it up, and it may go on without us

	card   *price.Card // at the prices of this moment, to its end
	grant  Grant
	input  int64 // tokens, at most
	text   int64 // of them, those that were counted by their letters
	cap    int64 // of output, as sent or as counted with
	lower  bool  // Skein lowered it
	body   []byte
	losses []wire.Loss

	most     []price.Reading // that it takes of machines that are paid for by the time
	answer   *provider.Answer
	failed   error // of its Send, where there is no answer
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
func (r *run) open(hand int, l *lane, c call.Command) call.Event {
	a := &l.at
	a.opened = true
	a.rec.Started = r.d.now()
	ctx := r.beginSpan(l, c.Attempt)
	ctx, cancel := context.WithCancel(ctx)
	a.cancel = cancel
	r.mu.Lock()
	w := &r.watched.lanes[l.n]
	*w = watchedLane{cancel: cancel, limits: c.Limits, pace: pace{least: r.floor(a.dep)}}
	l.reading.Store(a.rec.Started.UnixNano())
	l.live.Store(true)
	r.arm(a.rec.Started)
	gone := r.ctx.Err() != nil
	r.mu.Unlock()
	if gone { // before there was anybody to tell it to
		r.clientGone()
	}

	err := r.exchange(ctx, hand, l)

	l.reading.Store(0)
	r.mu.Lock()
	l.live.Store(false)
	*w = watchedLane{}
	r.mu.Unlock()
	a.rec.Ended = r.d.now()
	if err == nil {
		return call.Event{Kind: call.Ended}
	}
	a.left = a.sent && ctx.Err() != nil
	l.close(r)
	e := a.dep.callers(r.asError(l, err))
	return call.Event{Kind: call.Broke, Err: e, Again: r.another(l, e), Heard: l.at.progress.Content()}
}

// another reports whether the same deployment may do with another credential what
// it refused with this one, or with another of its replicas.
func (r *run) another(l *lane, err *llm.Error) bool {
	dep := l.at.dep
	switch blamed(err) {
	case llm.BlameCredential, llm.BlameQuota:
	default:
		return false
	}
	r.d.mu.Lock()
	defer r.d.mu.Unlock()
	return dep.another(r.c.Cause.Team, l.at.key, r.d.now())
}

// errSink: the client did not take what it was given.
var errSink = errors.New("the client has gone")

// exchange is the attempt itself: request out, answer in.
func (r *run) exchange(ctx context.Context, hand int, l *lane) error {
	a := &l.at
	if err := ctx.Err(); err != nil {
		return err // while its record was written
	}
	a.sent = true
	req := provider.Request{
		Attempt: a.id, Body: a.body, Stream: r.facts.Stream, Surface: a.on, Upstream: a.dep.upstream, Betas: r.facts.Betas,
		Prefix: r.c.Prefix, Chance: r.d.o.Chance(),
	}
	if n := a.dep.info.Credentials; a.key < len(n) {
		req.Credential = n[a.key]
	}
	if h, ok := r.c.Source.(interface{ Header() http.Header }); ok {
		req.Header = h.Header()
	}
	ans, err := a.dep.send.Send(ctx, &req)
	if err != nil {
		a.failed, a.sent = err, r.asError(l, err).Billed != llm.BilledNo
		return err
	}
	a.answer = ans
	a.rec.Status, a.rec.UpstreamID = ans.Status, ans.UpstreamID
	if ans.HasQuota { // a long answer's end is far
		r.d.mu.Lock()
		a.begun.Report(ans.Quota, r.d.now())
		r.d.mu.Unlock()
	}
	if ans.Status < 200 || ans.Status > 299 {
		return r.refusal(l, ans)
	}
	r.feed(hand, call.Event{Kind: call.Answered, Lane: l.n})
	if !r.facts.Stream {
		return r.readWhole(l, ans)
	}
	if strings.HasPrefix(ans.Header.Get("Content-Type"), "application/json") {
		return r.refusal(l, ans) // some send an error with 200 and no stream
	}
	return r.readStream(hand, l, ans)
}

// refusal reads an answer that is an error.
func (r *run) refusal(l *lane, ans *provider.Answer) error {
	dep := l.at.dep
	body, err := io.ReadAll(io.LimitReader(ans.Body, maxError))
	if err != nil && len(body) == 0 {
		return &llm.Error{
			Class: llm.Unreachable, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: http.StatusBadGateway,
			Message: fmt.Sprintf("the deployment %s answered with status %d and broke off", dep.name, ans.Status),
		}
	}
	if e := l.at.codec.DecodeError(ans.Status, ans.Header, body, l.at.on.Dialect); e != nil {
		l.at.refused = true
		return e
	}
	return l.malformed(fmt.Errorf("status %d with %s where a stream was asked for", ans.Status, ans.Header.Get("Content-Type")))
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

func (l *lane) malformed(err error) *llm.Error {
	return &llm.Error{
		Class: llm.Malformed, Blame: llm.BlameDeployment, Billed: llm.BilledMaybe, Status: http.StatusBadGateway,
		Message: fmt.Sprintf("the deployment %s sent what its format does not allow: %v", l.name(), err),
	}
}

// asError is the error of an attempt as the machine takes it.
func (r *run) asError(l *lane, err error) *llm.Error {
	var e *llm.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, errSink), errors.Is(err, context.Canceled):
		return &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient, Billed: llm.BilledMaybe, Status: 499, Message: "the client went away"}
	}
	return &llm.Error{
		Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: http.StatusBadGateway,
		Message: fmt.Sprintf("the connection to the deployment %s broke in the middle of its answer", l.name()),
	}
}

const outcomeOK = "ok"
