package dispatch

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/wire"
)

// What a provider keeps (a stored response) is known by an id of the provider's own.
// Clients see it sealed, with the deployment that keeps it: a call that names one
// goes to that deployment only. What travels in the request itself (signed or
// encrypted reasoning) goes to a deployment of its maker, or, where the model says
// so, is taken out of the request.

// Seals closes and opens the ids of what providers keep, for one caller.
type Seals interface {
	// Seal is an id as the caller may see it, always the same for the same.
	Seal(deployment, id string) string
	// Open is what was sealed for this caller; ok is false for whatever else.
	Open(sealed string) (deployment, id string, ok bool)
}

// Keeps reports whether answers or requests of a format name what a provider keeps.
func Keeps(f llm.Format) bool { return f == llm.Responses || f == llm.ResponsesCount }

// continues finds who keeps what the request goes on from. It is called once, before
// anything else is done about the call.
func (r *run) continues() *llm.Error {
	ids := r.facts.StateIDs
	if len(ids) == 0 || r.c.Seals == nil {
		return nil
	}
	refused := &llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusBadRequest, Param: "previous_response_id"}
	if !slices.ContainsFunc(r.m.deployments, func(dep *deployment) bool { return dep.speaks(r.facts.Format) != nil }) {
		refused.Message = fmt.Sprintf("the request goes on from %q, and no deployment of the model %s keeps anything: its providers have no %s API; send the whole conversation instead", short(ids[0]), r.m.name, r.facts.Format)
		return refused
	}
	for _, sealed := range ids {
		keeper, id, ok := r.c.Seals.Open(sealed)
		switch {
		case !ok:
			refused.Class, refused.Status, refused.Code = llm.NotFound, http.StatusNotFound, "not_found"
			refused.Message = fmt.Sprintf("%q is not known here, or not to this key's project; send the whole conversation instead", short(sealed))
			return refused
		case r.keeper != "" && r.keeper != keeper:
			refused.Message = "the request goes on from what two different providers keep; send the whole conversation instead"
			return refused
		}
		r.keeper, r.ids = keeper, append(r.ids, id)
	}
	return nil
}

func short(s string) string { return s[:min(len(s), 64)] }

// sealAs is how the ids of the attempt's deployment are told to the client.
func (r *run) sealAs(dep *deployment, id string) string {
	if id == "" {
		return ""
	}
	return r.c.Seals.Seal(dep.name, id)
}

// strips reports whether reasoning may be taken out of the request where no deployment
// of its maker can serve it: where the model says so, and for a run of an agent, which
// is to go on when a cloud is down and has nobody who would miss it.
func (r *run) strips() bool { return r.m.strip || r.unseen() }

// bound reports whether nothing but the maker of its reasoning keeps the request
// from some deployment that could otherwise take it. One that failed repeatedly is not
// waited for: it may be down for hours.
func (r *run) bound() bool {
	found := false
	for i := range r.choices {
		ch := &r.choices[i]
		if ch.Reason == route.Resting {
			continue
		}
		if ch.Taken || !ch.Until.IsZero() || ch.Reason == route.AtCapacity {
			return false
		}
		found = found || ch.Reason == route.OtherState
	}
	return found
}

// request is the attempt's request: the source's, without the reasoning that its
// deployment does not understand where that is to be taken out.
func (r *run) request(a *attempt, t *wire.Target) ([]byte, []wire.Loss, error) {
	dep := a.dep
	if r.resume != nil {
		return r.continuing(dep, t)
	}
	src, ok := r.c.Source.(decoder)
	known := func(m llm.Maker) bool { return understands(dep, []llm.Maker{m}) }
	if !r.strip || !ok || understands(dep, r.facts.Bindings) {
		body, losses, err := r.c.Source.Body(t)
		if !ok || !r.strips() || len(r.facts.Bindings) == 0 || !isLossy(err) {
			return body, losses, err
		}
		// Nobody knows what stands there, but the format that it speaks has no place for
		// the state.
		known = func(llm.Maker) bool { return false }
	}
	req, err := src.Request()
	if err != nil {
		return nil, nil, err
	}
	body, losses, err := r.d.o.Codecs(t.Format).EncodeRequest(stripped(req, known), t)
	return body, append(losses, wire.Loss{Field: "reasoning state", Class: wire.Semantic, Note: "taken out: it is of another maker's model"}), err
}

func isLossy(err error) bool {
	var e *llm.Error
	return errors.As(err, &e) && e.Class == llm.Lossy
}

// decoder is a source that can show its request decoded.
type decoder interface {
	Request() (*llm.Request, error)
}

func understands(dep *deployment, makers []llm.Maker) bool {
	for _, m := range makers {
		if !slices.Contains(dep.makers, m) && !slices.Contains(dep.makers, route.AnyMaker) {
			return false
		}
	}
	return true
}

// stripped is a request without what only other makers' models understand: thinking
// that is signed or hidden goes, and other parts lose their signature.
func stripped(req *llm.Request, known func(llm.Maker) bool) *llm.Request {
	out := *req
	out.Messages = make([]llm.Message, 0, len(req.Messages))
	for _, m := range req.Messages {
		parts := make([]llm.Part, 0, len(m.Parts))
		for _, p := range m.Parts {
			if (p.Signature != "" || p.Redacted != "") && !known(p.Maker) {
				if p.Kind == llm.Thinking {
					continue
				}
				p.Signature, p.Maker = "", ""
			}
			parts = append(parts, p)
		}
		if m.Parts = parts; len(parts) > 0 || m.Role != llm.Assistant {
			out.Messages = append(out.Messages, m)
		}
	}
	return &out
}
