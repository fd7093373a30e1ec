package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// refuse answers with an error in the format of codec. Nothing may have been
// written.
func (g *Gateway) refuse(w http.ResponseWriter, codec wire.Codec, e *llm.Error) {
	if gone(e) {
		return // nobody is there
	}
	restIn(w, g.c.Options.BodyTimeout)
	e = shown(e)
	status, body := codec.EncodeError(e)
	h := w.Header()
	if m := mannersOf(codec.Format()); m.errorType != nil {
		status = m.errorType(h, status, e)
	}
	h["Content-Type"] = jsonType
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if retry := shouldRetry(e); retry != "" {
		h.Set("X-Should-Retry", retry)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(max(e.RetryAfter.Milliseconds(), 1), 10))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// decline answers a client that wants a WebSocket: with this status it asks again by
// POST at once.
func (g *Gateway) decline(w http.ResponseWriter, codec wire.Codec) {
	_, body := codec.EncodeError(&llm.Error{
		Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusUpgradeRequired,
		Message: "there are no WebSockets here; send the request by POST",
	})
	w.Header()["Content-Type"] = jsonType
	w.Header().Set("X-Should-Retry", "false")
	w.WriteHeader(http.StatusUpgradeRequired)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// ErrStopped is the cause with which the calls end that the server's stop leaves no
// more time for.
var ErrStopped = errors.New("the server stops")

// stopped is what a client is told of a call that ended so.
var stopped = &llm.Error{
	Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledMaybe, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
	Message: "Skein is shutting down, and the time for answers under way is over; ask again",
}

// gone reports whether e says that the client has hung up.
func gone(e *llm.Error) bool { return e.Class == llm.Canceled && e.Blame == llm.BlameClient }

// longestWait is the longest Retry-After that all official SDKs do the same about. For
// a longer one some sleep, however long it is (anthropic 2.13 for Python, openai 6.49 for
// Node), some give up (openai for Python, from 2 minutes on), and earlier versions ask
// again after a moment and in vain (all read 2026-11). Whoever called is told instead.
const longestWait = time.Minute

// shouldRetry tells the SDKs what their own rules would get wrong: that a budget
// does not come back by asking again, and that our own overload may, unless that takes
// longer than they wait.
func shouldRetry(e *llm.Error) string {
	switch e.Class {
	case llm.OverBudget, llm.QuotaExhausted, llm.Lossy, llm.BadRequest, llm.NotFound,
		llm.Unauthorized, llm.Forbidden, llm.ContextOverflow, llm.Filtered:
		return "false"
	case llm.Busy, llm.RateLimited:
		if e.RetryAfter > longestWait {
			return "false"
		}
		return "true"
	}
	if e.Blame == llm.BlameCredential || e.Blame == llm.BlameDeployment && e.Class == llm.ServerError {
		return "false" // the credential, or a model that its provider does not have: nothing mends it but the operator
	}
	return ""
}

// shown is e as a client should see it. That Skein's own credential was refused
// upstream is no fault of the client's: shown as it came, its SDK would say that
// the client's key is wrong.
func shown(e *llm.Error) *llm.Error {
	if e.Blame != llm.BlameCredential || e.Class == llm.ServerError { // the latter is said already
		return e
	}
	c := *e
	c.Class, c.Status, c.Param = llm.ServerError, http.StatusBadGateway, ""
	c.Message = "the provider refused Skein's own credential; its operator must mend it: " + e.Message
	return &c
}
