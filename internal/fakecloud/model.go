package fakecloud

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// model answers one provider's model requests.
func (s *Server) model(f format) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, f, incoming{header: r.Header}) }
}

// serve answers one model request, whose address may name model and stream.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, f format, at incoming) {
	_, op := f.provider()
	x, body := s.begin(w, r, f, op, at)
	if x == nil {
		return
	}
	defer x.leave()
	at.prefill = x.manner.Prefill
	a, e := f.decode(&at, body)
	if e == nil {
		e = s.history.recall(a)
	}
	if e != nil {
		s.reject(w, f, e, x.base)
		return
	}
	out := x.think(a)
	if !x.admit(out.usage.Input, out.usage.Output+out.usage.Reasoning) {
		return
	}
	x.remember(out)
	x.answer(out)
}

// remember lets the provider keep what it keeps of a request: its prompt, and what may be
// gone on from.
func (x *exchange) remember(a *answer) {
	u := x.cache.count(x.base.Service+" "+a.ask.model, x.f.automatic(), a.ask)
	u.Output, u.Reasoning = a.usage.Output, a.usage.Reasoning
	a.usage = u
	x.prompted(&u)
	if f, ok := x.f.(responsesFormat); ok {
		x.history.keep(f, a)
	}
}

// begin reads a model request, logs it and makes the faults that come before it is
// looked at; there is no exchange where it is over by then.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, f format, op string, at incoming) (*exchange, []byte) {
	service, _ := f.provider()
	base := Line{Service: service, Op: op, Attempt: r.Header.Get("X-Client-Request-Id"),
		Request: s.ids.next("req_", 24), Proto: r.Proto}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		s.reject(w, f, &apiError{status: http.StatusRequestEntityTooLarge, kind: "request_too_large",
			message: "the request is larger than 32 MB"}, base)
		return nil, nil
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
	x.place, x.manner = s.manners.at(service, base.Model)
	if t := x.tapped(); t != nil {
		x.stream = t.opened()
	}
	if x.failEarly() {
		return nil, nil
	}
	if x.manner.Replica != nil && x.manner.Replica.Down {
		s.reject(w, f, failureOf(Unavailable, f, base.Model), base)
		return nil, nil
	}
	if e := s.authorize(r); e != nil {
		s.reject(w, f, e, base)
		return nil, nil
	}
	return x, body
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
	service, _ := f.provider()
	e = e.at(service)
	h := joined(f.header(requestID), e.header)
	if e.page {
		h["Content-Type"] = "text/html; charset=utf-8"
		send(w, e.status, h, proxyPage(e.status))
		return
	}
	if service == "bedrock" {
		h["X-Amzn-Errortype"] = cmp.Or(e.amazon, amazonErrors[e.status]) + ":http://internal.amazon.com/coral/com.amazon.bedrock/"
	}
	if g, ok := f.(geminiFormat); ok && g.sse {
		h["Content-Type"] = g.streamType() // as Google does, though it is none
	}
	if e.retryAfterSec != "" {
		h["Retry-After"] = e.retryAfterSec
		if service == "azure" {
			h["Retry-After-Ms"] = e.retryAfterSec + "000"
		}
	}
	send(w, e.status, h, f.failure(e, requestID))
}

// at is the error as a service has it: they differ in what status they answer.
func (e *apiError) at(service string) *apiError {
	out := *e
	switch {
	case e.status == http.StatusUnauthorized && service == "bedrock":
		out.status, out.message = http.StatusForbidden, "The security token included in the request is invalid."
	case e.status == http.StatusUnauthorized && service == "gemini":
		out.status, out.kind = http.StatusBadRequest, "bad_key"
	case e.status == http.StatusUnauthorized && service == "anthropic":
		out.message = "invalid x-api-key"
	case e.kind == "overloaded_error" && service == "anthropic":
		out.status, out.message = 529, "Overloaded"
	case e.kind == "overloaded_error":
		out.status = http.StatusServiceUnavailable
	case e.kind == "not_found_error" && service == "bedrock":
		out.status, out.message = http.StatusBadRequest, "The provided model identifier is invalid."
	}
	return &out
}

// think asks the model and gives its answer the provider's form: ids, cap, stop
// sequences, usage.
func (x *exchange) think(a *ask) *answer {
	f := x.f
	out := &answer{ask: a, request: x.base.Request, created: x.opts.Now().Unix(), stop: stopEnd}
	prompt := prefixes("", a)
	out.usage.Input = prompt[len(prompt)-1].tokens
	if a.reasoning > 0 {
		out.usage.Reasoning = a.reasoning
		if a.maxOutput > 0 {
			out.usage.Reasoning = min(a.reasoning, a.maxOutput)
		}
	}
	out.parts = x.speak(a)
	for _, p := range out.parts {
		if p.Kind == analyst.Call {
			out.stop = stopTools
		}
	}
	if out.stop == stopEnd {
		out.cutAtStop(a.stop)
	}
	a.asText(out.parts)
	thoughts := a.thoughts()
	if a.maxOutput > 0 {
		room, short := a.maxOutput-out.usage.Reasoning, false
		if f.thought() != thoughtHidden {
			if thoughts, short = capParts(thoughts, room); short {
				out.parts = nil
			}
			for _, p := range thoughts {
				room -= partTokens(p)
			}
		}
		if !short {
			out.parts, short = capParts(out.parts, room)
		}
		if short {
			out.stop, out.matched = stopLength, ""
		}
	}
	out.parts = append(thoughts, out.parts...)
	out.split(f.thought(), out.parts)
	f.ids(&x.ids, out)
	return out
}

// thoughts are the parts that show what the model thought.
func (a *ask) thoughts() []analyst.Part {
	switch {
	case !a.showsThink && a.silent:
		return []analyst.Part{{Kind: analyst.Thinking}}
	case !a.showsThink:
		return nil
	case a.redacts:
		return []analyst.Part{{Kind: analyst.Thinking, Name: redacted}}
	}
	return []analyst.Part{{Kind: analyst.Thinking, Text: analyst.Thought(a.Request)}}
}

// asText turns the arguments of tools that take a text into that text.
func (a *ask) asText(parts []analyst.Part) {
	for i, p := range parts {
		var args struct{ Input string }
		if p.Kind == analyst.Call && a.custom[p.Name] && json.Unmarshal(p.Args, &args) == nil {
			parts[i].Args = json.RawMessage(args.Input)
		}
	}
}

// split counts parts as output and as reasoning.
func (a *answer) split(how thought, parts []analyst.Part) {
	a.usage.Output = 0
	for _, p := range parts {
		switch n := partTokens(p); {
		case p.Kind != analyst.Thinking || how == thoughtMixed:
			a.usage.Output += n
		case how == thoughtShown:
			a.usage.Reasoning += n
		}
	}
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
