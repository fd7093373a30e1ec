package fakecloud

import (
	"net/http"
	"time"
)

// exchange is one model request while it is answered.
type exchange struct {
	*Server
	f     format
	w     http.ResponseWriter
	r     *http.Request
	base  Line
	fault *Fault
	calm  <-chan struct{}
}

func (x *exchange) struck(k Kind) bool { return x.fault != nil && x.fault.Kind == k }

// failEarly makes the faults that come before the request is looked at; it
// reports whether that was all.
func (x *exchange) failEarly() bool {
	switch {
	case x.struck(Refuse):
		x.over(Refused, nil, 0, 0, "")
		hangUp()
	case x.struck(Stall) && x.fault.AfterChunks < 0:
		x.over(Refused, nil, 0, 0, "")
		x.stall()
		hangUp()
	case x.struck(TooMany):
		return x.refuse(&apiError{status: http.StatusTooManyRequests, kind: "rate_limit_error", code: "rate_limit_exceeded",
			message: "rate limit reached, please slow down"})
	case x.struck(ServerFail):
		return x.refuse(&apiError{status: http.StatusInternalServerError, kind: "server_error",
			message: "the server had an error while processing your request"})
	case x.struck(Slow):
		sleep(x.r, x.delay())
	}
	return false
}

func (x *exchange) refuse(e *apiError) bool {
	e.retryAfterSec = retryAfter(x.fault)["Retry-After"]
	x.base.Ended = Refused
	x.log.write(x.base.with("end", e.status))
	x.sendError(x.w, x.f, e, x.base.Request)
	return true
}

func (x *exchange) delay() time.Duration {
	if x.struck(Slow) {
		return time.Duration(x.fault.DelayMS) * time.Millisecond
	}
	return 0
}

// stall waits until the client goes or the faults are taken back.
func (x *exchange) stall() {
	select {
	case <-x.calm:
	case <-x.r.Context().Done():
	}
}

// over logs the end of the exchange.
func (x *exchange) over(how Ended, u *Usage, chunks, status int, stop stopKind) {
	ln := x.base.with("end", status)
	ln.Ended, ln.Usage, ln.Chunks, ln.Stop = how, u, chunks, string(stop)
	x.log.write(ln)
}

func (x *exchange) answer(a *answer) {
	if a.ask.stream {
		x.stream(a)
		return
	}
	x.reply(x.f.whole(a), x.f.header(a.request), a.usage, a.stop)
}

// reply sends an answer that is no stream, or as much of it as a fault lets through.
func (x *exchange) reply(body []byte, h map[string]string, u Usage, stop stopKind) {
	switch {
	case x.struck(FailAfter):
		x.over(Cut, &u, 0, http.StatusInternalServerError, stop)
		x.sendError(x.w, x.f, failedAfter(), x.base.Request)
	case x.struck(ErrorEvent):
		x.refuse(&apiError{status: http.StatusServiceUnavailable, kind: "overloaded_error", message: "overloaded"})
	case x.struck(Garbage):
		x.over(Cut, &u, 0, http.StatusOK, stop)
		send(x.w, http.StatusOK, h, body[:len(body)/2])
	case x.struck(CutOff), x.struck(NoEnd), x.struck(Stall):
		x.over(Cut, &u, 0, http.StatusOK, stop)
		x.w.Header().Set("Content-Type", "application/json")
		for k, v := range h {
			x.w.Header().Set(k, v)
		}
		x.w.WriteHeader(http.StatusOK)
		_, _ = x.w.Write(body[:len(body)/2])
		_ = http.NewResponseController(x.w).Flush()
		if x.struck(NoEnd) {
			return // a chunked body that ends in good order, too early
		}
		if x.struck(Stall) {
			x.stall()
		}
		hangUp()
	default:
		x.over(Whole, &u, 0, http.StatusOK, stop)
		send(x.w, http.StatusOK, h, body)
	}
}

func failedAfter() *apiError {
	return &apiError{status: http.StatusInternalServerError, kind: "server_error",
		message: "the server had an error while answering your request"}
}
