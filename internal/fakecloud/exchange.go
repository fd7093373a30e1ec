package fakecloud

import (
	"maps"
	"net/http"
	"time"
)

// exchange is one model request while it is answered.
type exchange struct {
	*Server
	f      format
	w      http.ResponseWriter
	r      *http.Request
	base   Line
	fault  *Fault
	calm   <-chan struct{}
	place  *place // who else is being answered there, and what is left for whom
	manner Manner // how its service behaves
	seated bool   // it counts among those that are
	kept   int64  // tokens that it keeps in the replica's memory
	stream uint32 // of HTTP/2
	sent   int64  // bytes of its body
	paced  int    // pieces that were waited for
}

func (x *exchange) struck(k ...Kind) bool {
	if x.fault == nil {
		return false
	}
	for _, k := range k {
		if x.fault.Kind == k {
			return true
		}
	}
	return false
}

// failEarly makes the faults that come before the request is looked at; it
// reports whether that was all.
func (x *exchange) failEarly() bool {
	if x.fault == nil {
		return false
	}
	switch x.fault.Kind {
	case Refuse, ResetEarly, GoAwayEarly, RSTStreamEarly:
		x.over(Refused, nil, 0, 0, "")
		x.leaveEarly()
	case Hang:
		x.over(Refused, nil, 0, 0, "")
		x.stall()
		hangUp()
	case Stall:
		if x.fault.AfterChunks < 0 {
			x.over(Refused, nil, 0, 0, "")
			x.stall()
			hangUp()
		}
	case Slow:
		if x.fault.AfterChunks <= 0 {
			sleep(x.r, x.delay())
		}
	case Error200:
		e := x.tells().at(x.base.Service)
		x.plain(http.StatusOK, "application/json", x.f.failure(e, x.base.Request))
		return true
	case HTML200:
		x.plain(http.StatusOK, "text/html; charset=utf-8", proxyPage(http.StatusOK))
		return true
	case Refusal:
		if g, ok := x.f.(geminiFormat); ok {
			kind, body := g.blocked(x.base.Model)
			x.plain(http.StatusOK, kind, body)
			return true
		}
		return x.refuse(failureOf(Refusal, x.f, x.base.Model))
	default:
		if e := failureOf(x.fault.Kind, x.f, x.base.Model); e != nil {
			return x.refuse(e)
		}
	}
	return false
}

// leaveEarly ends the connection, or its stream, before any header.
func (x *exchange) leaveEarly() {
	t := x.tapped()
	switch {
	case x.struck(ResetEarly), x.struck(RSTStreamEarly) && t == nil:
		x.reset()
	case x.struck(GoAwayEarly) && t != nil:
		t.goAway(max(x.stream, 2)-2, true)
	}
	hangUp()
}

// tapped is the connection where it is one of HTTP/2 that can be tapped.
func (x *exchange) tapped() *tap {
	if x.r.ProtoMajor != 2 {
		return nil
	}
	return tapOf(x.r)
}

// reset ends the connection with RST, after what was sent.
func (x *exchange) reset() {
	if t := tapOf(x.r); t != nil {
		t.sent(x.r.Context(), x.stream, x.sent)
		t.reset()
	} else if c, _, err := http.NewResponseController(x.w).Hijack(); err == nil { // which HTTP/2 cannot
		resetConn(c)
	}
	hangUp()
}

// goAway says by GOAWAY that nothing more is taken; then the connection may end, too,
// after what was sent.
func (x *exchange) goAway(closes bool) {
	t := x.tapped()
	switch {
	case t != nil:
		t.sent(x.r.Context(), x.stream, x.sent)
		t.goAway(x.stream, closes)
	case closes:
		hangUp()
	}
}

// refuse answers an error in the vendor's form; nothing is billed.
func (x *exchange) refuse(e *apiError) bool {
	e.retryAfterSec = retryAfter(x.fault)["Retry-After"]
	x.base.Ended = Refused
	x.log.write(x.base.with("end", e.at(x.base.Service).status))
	x.fail(e)
	return true
}

// fail sends an error with the headers that this exchange's answers have.
func (x *exchange) fail(e *apiError) {
	e.header = joined(x.place.header(x), e.header)
	if x.struck(TooMany) {
		e.header = joined(e.header, x.spent())
	}
	x.sendError(x.w, x.f, e, x.base.Request)
}

// plain answers a body that is in nobody's form, or not in that which was asked for.
func (x *exchange) plain(status int, contentType string, body []byte) {
	x.sent = int64(len(body))
	x.over(Refused, nil, 0, status, "")
	send(x.w, status, joined(x.header(x.base.Request), map[string]string{"Content-Type": contentType}), body)
}

// header is what every answer of this exchange carries.
func (x *exchange) header(requestID string) map[string]string {
	return joined(x.f.header(requestID), x.place.header(x))
}

// delay is what the fault adds to the answer's time, and to each of its chunks.
func (x *exchange) delay() time.Duration {
	if x.struck(Slow) {
		return x.fault.delay(0)
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
	ln.Ended, ln.Usage, ln.Chunks, ln.Stop, ln.Sent = how, u, chunks, string(stop), x.sent
	x.log.write(ln)
}

// gone logs that the client went away: what is billed depends on whether the service
// notices.
func (x *exchange) gone(a *answer, sent *tally) {
	u, stop := sent.usage(), stopKind("")
	if x.manner.HangUp == BillAll && !sent.endless {
		u, stop = new(a.usage), a.stop
	}
	x.over(ClientGone, u, sent.chunks, http.StatusOK, stop)
}

func (x *exchange) answer(a *answer) {
	if x.struck(Filtered) {
		x.filter(a)
	}
	if a.ask.stream && !x.struck(Unstreamed) {
		x.streamed(a)
		return
	}
	x.reply(x.f.whole(a), x.f.header(a.request), a.usage, a.stop)
}

// filter ends an answer at the fault's place, as one that a filter minds.
func (x *exchange) filter(a *answer) {
	text, args := x.f.sizes()
	pieces := split(a.parts, text, args)
	n, _ := x.fault.strikes(pieces)
	if !a.ask.stream {
		n = len(pieces) / 2
	}
	a.end(pieces[:n])
	a.stop, a.matched = stopFiltered, ""
	a.split(x.f.thought(), a.parts)
}

// reply sends an answer that is no stream, or as much of it as a fault lets through.
func (x *exchange) reply(body []byte, h map[string]string, u Usage, stop stopKind) {
	h = joined(h, x.place.header(x))
	x.slowly(&u)
	if x.r.Context().Err() != nil && (x.manner.Speed != nil || x.struck(Pause)) {
		if x.manner.HangUp != BillAll {
			u.Output, u.Reasoning = 0, 0
		}
		x.over(ClientGone, &u, 0, 0, "")
		return
	}
	switch {
	case x.struck(FailAfter):
		x.over(Cut, &u, 0, http.StatusInternalServerError, stop)
		x.fail(failedAfter())
	case x.struck(ErrorEvent, ErrorFirst):
		x.refuse(x.tells())
	case x.struck(Garbage, GarbageOn):
		x.sent = int64(len(body) / 2)
		x.over(Cut, &u, 0, http.StatusOK, stop)
		send(x.w, http.StatusOK, h, body[:len(body)/2])
	case x.struck(CutOff, NoEnd, Stall, Pings, Reset, GoAway, RSTStream, Endless, Trickle):
		x.breakBody(body, h, u, stop)
	default:
		if x.struck(WrongType) {
			h["Content-Type"] = x.fault.contentType()
		}
		if x.struck(Junk) {
			body = append(body[:len(body):len(body)], "trailing junk"...)
		}
		if x.struck(GoAwayOn) {
			x.goAway(false)
		}
		x.sent = int64(len(body))
		x.over(Whole, &u, 0, http.StatusOK, stop)
		send(x.w, http.StatusOK, h, body)
	}
}

// breakBody sends half of a body and then what the fault says.
func (x *exchange) breakBody(body []byte, h map[string]string, u Usage, stop stopKind) {
	x.w.Header().Set("Content-Type", "application/json")
	for k, v := range h {
		x.w.Header().Set(k, v)
	}
	x.w.WriteHeader(http.StatusOK)
	body = body[:len(body)/2]
	if !x.struck(Endless, Trickle) {
		x.sent = int64(len(body))
		x.over(Cut, &u, 0, http.StatusOK, stop)
		x.sent = 0
	}
	x.write(body)
	switch x.fault.Kind {
	case NoEnd:
		return // a chunked body that ends in good order, too early
	case Stall, Pings:
		x.stall()
	case Endless, Trickle:
		for x.waits(x.fault.delay(defaultDelay[x.fault.Kind])) && x.write([]byte("and ")) {
		}
		x.over(x.poured(), &u, 0, http.StatusOK, stop)
	default:
		x.breakOff()
	}
	hangUp()
}

// poured is how an endless answer ended: the faults were taken back, or the client left.
func (x *exchange) poured() Ended {
	if x.r.Context().Err() != nil {
		return ClientGone
	}
	return Cut
}

// breakOff ends the connection in the way of the fault.
func (x *exchange) breakOff() {
	t := x.tapped()
	switch {
	case x.struck(Reset), x.struck(RSTStream) && t == nil:
		x.reset()
	case x.struck(GoAway):
		x.goAway(true)
	case t != nil: // what was written is to come before the stream's end
		t.sent(x.r.Context(), x.stream, x.sent)
	}
	hangUp()
}

// waits lets d pass and reports whether there is anybody to go on for.
func (x *exchange) waits(d time.Duration) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-x.calm:
		case <-x.r.Context().Done():
		}
	}
	select {
	case <-x.calm:
		return false
	case <-x.r.Context().Done():
		return false
	default:
		return true
	}
}

func failedAfter() *apiError {
	return &apiError{status: http.StatusInternalServerError, kind: "server_error",
		message: "the server had an error while answering your request"}
}

// contentType is that of wrong_type.
func (f *Fault) contentType() string {
	if f.ContentType != "" {
		return f.ContentType
	}
	return "text/html; charset=utf-8"
}

// defaultDelay are the milliseconds of the kinds that have some unless they are told.
var defaultDelay = map[Kind]int64{Pings: 100, Trickle: 100}

// delay is how long the fault waits.
func (f *Fault) delay(otherwiseMS int64) time.Duration {
	ms := f.DelayMS
	if ms == 0 {
		ms = otherwiseMS
	}
	return time.Duration(ms) * time.Millisecond
}

// joined is a with b's members over it.
func joined(a, b map[string]string) map[string]string {
	a = maps.Clone(a)
	if a == nil {
		a = map[string]string{}
	}
	maps.Copy(a, b)
	return a
}
