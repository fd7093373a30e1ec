package fakecloud

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// model answers one provider's model requests.
func (s *Server) model(f format) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, f, incoming{header: r.Header}) }
}

// serve answers one model request, whose address may name model and stream.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, f format, at incoming) {
	service, op := f.provider()
	requestID := s.ids.next("req_", 24)
	base := Line{Service: service, Op: op, Attempt: r.Header.Get("X-Client-Request-Id"),
		Command: r.Header.Get("X-Skein-Command"), Effect: r.Header.Get("X-Skein-Effect"), Request: requestID}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		s.reject(w, f, &apiError{status: http.StatusRequestEntityTooLarge, kind: "request_too_large",
			message: "the request is larger than 32 MB"}, base)
		return
	} else if err != nil {
		hangUp() // the client went away before it had said what it wanted
	}
	peek(body, &base)
	if at.model != "" {
		base.Model = at.model
		base.Stream = base.Stream || at.stream
	}
	fault, calm := s.faults.hit(faultRequest{service: service, op: op, model: base.Model,
		path: r.URL.RequestURI(), ids: base.Attempt, body: body}, s.opts.Now())
	if fault != nil {
		base.Fault, base.FaultID = string(fault.Kind), fault.ID
	}
	s.log.write(base.with("begin", 0))
	x := &exchange{Server: s, f: f, w: w, r: r, base: base, fault: fault, calm: calm}
	if x.failEarly() {
		return
	}
	if e := s.authorize(r); e != nil {
		s.reject(w, f, e, base)
		return
	}
	a, e := f.decode(&at, body)
	if e != nil {
		s.reject(w, f, e, base)
		return
	}
	x.answer(s.think(f, a, requestID))
}

// peek notes what the log says of a request, also of one that is not right.
func peek(body []byte, ln *Line) {
	var in struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	_ = json.Unmarshal(body, &in) // what is wrong with it, decode says
	ln.Model, ln.Stream = in.Model, in.Stream
}

func (s *Server) authorize(r *http.Request) *apiError {
	switch key := credential(r); {
	case key == "":
		return &apiError{status: http.StatusUnauthorized, kind: "authentication_error", message: "no API key was given"}
	case s.opts.RequireKey != "" && key != s.opts.RequireKey:
		return &apiError{status: http.StatusUnauthorized, kind: "authentication_error", code: "invalid_api_key",
			message: "the API key given is not right"}
	}
	return nil
}

// reject answers a request that is wrong; it is not billed.
func (s *Server) reject(w http.ResponseWriter, f format, e *apiError, base Line) {
	base.Ended, base.Complain = Rejected, e.message
	s.log.write(base.with("end", e.status))
	s.sendError(w, f, e, base.Request)
}

func (s *Server) sendError(w http.ResponseWriter, f format, e *apiError, requestID string) {
	h := f.header(requestID)
	if service, _ := f.provider(); service == "bedrock" {
		h["X-Amzn-Errortype"] = amazonErrors[e.status] + ":http://internal.amazon.com/coral/com.amazon.bedrock/"
	}
	if e.retryAfterSec != "" {
		h["Retry-After"] = e.retryAfterSec
	}
	send(w, e.status, h, f.failure(e, requestID))
}

// think asks the model and gives its answer the provider's form: ids, cap, stop
// sequences, usage.
func (s *Server) think(f format, a *ask, requestID string) *answer {
	service, _ := f.provider()
	out := &answer{ask: a, request: requestID, created: s.opts.Now().Unix(), stop: stopEnd}
	out.usage = s.cache.count(service+" "+a.model, f.automatic(), a)
	if a.reasoning > 0 {
		out.usage.Reasoning = a.reasoning
		if a.maxOutput > 0 {
			out.usage.Reasoning = min(a.reasoning, a.maxOutput)
		}
	}
	out.parts = analyst.Answer(a.Request)
	for _, p := range out.parts {
		if p.Kind == analyst.Call {
			out.stop = stopTools
		}
	}
	if out.stop == stopEnd {
		out.cutAtStop(a.stop)
	}
	if a.showsThink {
		thought := analyst.Part{Kind: analyst.Thinking, Text: "I look at what I was given and decide what comes next."}
		out.parts = append([]analyst.Part{thought}, out.parts...)
	}
	if a.maxOutput > 0 {
		var short bool
		if out.parts, short = capParts(out.parts, a.maxOutput-out.usage.Reasoning); short {
			out.stop, out.matched = stopLength, ""
		}
	}
	for _, p := range out.parts {
		out.usage.Output += partTokens(p)
	}
	f.ids(&s.ids, out)
	return out
}

// cutAtStop ends the text at the first stop sequence.
func (a *answer) cutAtStop(stops []string) {
	for i, p := range a.parts {
		at, match := -1, ""
		for _, stop := range stops {
			if j := strings.Index(p.Text, stop); stop != "" && j >= 0 && (at < 0 || j < at) {
				at, match = j, stop
			}
		}
		if at >= 0 {
			a.parts[i].Text = p.Text[:at]
			a.parts, a.stop, a.matched = a.parts[:i+1], stopSequence, match
			return
		}
	}
}

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
	body, u := x.f.whole(a), a.usage
	h := x.f.header(a.request)
	switch {
	case x.struck(FailAfter):
		x.over(Cut, &u, 0, http.StatusInternalServerError, a.stop)
		x.sendError(x.w, x.f, &apiError{status: http.StatusInternalServerError, kind: "server_error",
			message: "the server had an error while answering your request"}, a.request)
	case x.struck(ErrorEvent):
		x.refuse(&apiError{status: http.StatusServiceUnavailable, kind: "overloaded_error", message: "overloaded"})
	case x.struck(Garbage):
		x.over(Cut, &u, 0, http.StatusOK, a.stop)
		send(x.w, http.StatusOK, h, body[:len(body)/2])
	case x.struck(CutOff), x.struck(NoEnd), x.struck(Stall):
		x.over(Cut, &u, 0, http.StatusOK, a.stop)
		for k, v := range h {
			x.w.Header().Set(k, v)
		}
		x.w.Header().Set("Content-Type", "application/json")
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
		x.over(Whole, &u, 0, http.StatusOK, a.stop)
		send(x.w, http.StatusOK, h, body)
	}
}
