package dispatch

import (
	"context"
	"net/http"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Counting tokens costs nothing and holds nothing: such a call has no entry, only its
// record. Where no deployment has an API for it, what the request would be is
// estimated here, and the receipt says so.

// counts reports whether some deployment counts tokens itself.
func (r *run) counts() bool {
	for _, dep := range r.m.deployments {
		if dep.has(llm.Count) {
			return true
		}
	}
	return false
}

// estimated is how the receipt names a count that is our own.
const estimated = "count: estimated"

// count answers with an estimate.
func (r *run) count() (*CallRecord, error) {
	n := r.facts.TextBytes/bytesPerToken + 1
	if src, ok := r.c.Source.(decoder); ok {
		req, err := src.Request()
		if err != nil {
			return r.uncounted(r.asError(&r.lanes[0], err))
		}
		n = estimate(req)
	}
	r.receipt.Lossy = []wire.Loss{{Field: estimated, Class: wire.Advisory, Note: "no deployment of the model has an API that counts tokens"}}
	resp := &llm.Response{Usage: llm.Usage{Reported: true}, Model: r.m.deployments[0].upstream}
	resp.Usage.Tokens[llm.TokInput] = n
	r.receipt.Usage = resp.Usage
	var err error
	if r.want == "" {
		err = r.c.Sink.Whole(r.receipt, nil, resp)
	} else {
		err = r.c.Sink.Whole(r.receipt, r.codec.EncodeResponse(resp, r.as), nil)
	}
	if err != nil {
		return r.uncounted(r.asError(&r.lanes[0], errSink))
	}
	rec := r.counted(nil)
	r.c.Sink.Close(r.receipt, nil)
	return rec, nil
}

func (r *run) uncounted(e *llm.Error) (*CallRecord, error) {
	if e.Class == llm.Internal && e.Status == 0 {
		e.Status = http.StatusInternalServerError
	}
	rec := r.counted(e)
	r.c.Sink.Close(r.receipt, e)
	return rec, e
}

// counted writes the record, which nobody waits for: no money is in it.
func (r *run) counted(e *llm.Error) *CallRecord {
	rec := r.endRecord(e)
	s := Settlement{Call: rec, Err: e, Durable: func() {}}
	batch, err := r.batch(nil)
	if err != nil {
		r.d.o.Log.Error("a call was not recorded", "call", r.c.ID, "error", err)
		return rec
	}
	s.Batch = batch
	if r.c.Settle == nil {
		err = r.d.submit(&r.lanes[0], batch, false)
	} else {
		err = r.c.Settle(context.WithoutCancel(r.ctx), &s)
	}
	if err != nil {
		r.d.o.Log.Warn("the record of a count is lost", "call", r.c.ID, "error", err)
	}
	return rec
}

// What an estimate takes each thing for, in tokens; of what the makers document,
// something in the middle.
const (
	eachMessage = 4
	eachTool    = 12
	eachImage   = 1200
	mediaPer    = 25 // bytes of a document or of sound for a token
)

// estimate is about how many tokens a request would be: words come at four bytes a
// token, figures and punctuation at two, other scripts at three.
func estimate(req *llm.Request) int64 {
	var e estimator
	for i := range req.Messages {
		e.tokens += eachMessage
		e.parts(req.Messages[i].Parts)
	}
	for i := range req.Tools {
		t := &req.Tools[i]
		e.tokens += eachTool
		e.text(t.Name)
		e.text(t.Description)
		e.text(string(t.Schema))
		e.text(string(t.Raw))
	}
	e.text(string(req.Output.Schema))
	if req.Embed != nil {
		for i := range req.Embed.Inputs {
			e.text(req.Embed.Inputs[i].Text)
		}
	}
	return e.tokens + (e.light*3+e.dense*6+e.wide*4+11)/12
}

type estimator struct{ light, dense, wide, tokens int64 }

func (e *estimator) text(s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c|0x20 >= 'a' && c|0x20 <= 'z':
			e.light++
		case c < 0x80:
			e.dense++
		default:
			e.wide++
		}
	}
}

func (e *estimator) parts(parts []llm.Part) {
	for i := range parts {
		p := &parts[i]
		e.text(p.Text)
		e.text(p.Name)
		e.text(string(p.Arguments))
		switch p.Kind {
		case llm.Image:
			e.tokens += eachImage
		case llm.Opaque:
			e.text(string(p.Raw))
		default:
			e.tokens += int64(len(p.Data)) / mediaPer
		}
		e.parts(p.Content)
	}
}
