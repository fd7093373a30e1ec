package fakecloud

import (
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// stream sends an answer piece by piece. Whatever happens, the log says how far
// it came: the prompt is billed as soon as the stream is open, the output as far
// as it was written to the connection.
func (x *exchange) stream(a *answer) {
	if x.struck(FailAfter) {
		u := a.usage
		x.over(Cut, &u, 0, http.StatusInternalServerError, a.stop)
		x.sendError(x.w, x.f, failedAfter(), a.request)
		return
	}
	for k, v := range x.f.header(a.request) {
		x.w.Header().Set(k, v)
	}
	x.w.Header().Set("Content-Type", x.f.streamType())
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(x.w).Flush() // where the client is gone the next write says so

	framer := x.f.open(a)
	sent := newTally(x.f.thought(), a)
	if !x.write(framer.prelude()) {
		x.over(ClientGone, sent.usage(), 0, http.StatusOK, "")
		return
	}
	text, args := x.f.sizes()
	for _, p := range split(a.parts, text, args) {
		if x.breaks(framer, sent) {
			return
		}
		sleep(x.r, x.opts.Pace+x.delay())
		if x.r.Context().Err() != nil || !x.write(framer.piece(p)) {
			x.over(ClientGone, sent.usage(), sent.chunks, http.StatusOK, "")
			return
		}
		sent.add(p)
	}
	if x.fault != nil {
		x.fault.AfterChunks = 0 // an answer shorter than that breaks off before its end
	}
	if x.breaks(framer, sent) {
		return
	}
	u := a.usage
	x.over(Whole, &u, sent.chunks, http.StatusOK, a.stop)
	x.write(framer.end())
}

// breaks makes the faults of a stream when their time has come, and reports
// whether the stream is over.
func (x *exchange) breaks(framer streamer, sent *tally) bool {
	if x.fault == nil || sent.chunks < x.fault.AfterChunks {
		return false
	}
	end := func() { x.over(Cut, sent.usage(), sent.chunks, http.StatusOK, "") }
	switch x.fault.Kind {
	case CutOff:
		end()
		hangUp()
	case Stall:
		end()
		x.stall()
		hangUp()
	case Garbage:
		end()
		x.write(framer.garbage())
		return true
	case ErrorEvent:
		end()
		x.write(framer.failure(&apiError{status: http.StatusServiceUnavailable, kind: "overloaded_error", message: "overloaded"}))
		return true
	case NoEnd:
		end()
		return true
	}
	return false
}

// write sends bytes at once and reports whether the client could be reached.
func (x *exchange) write(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if _, err := x.w.Write(b); err != nil {
		return false
	}
	return http.NewResponseController(x.w).Flush() == nil
}

// tally counts what was sent of an answer.
type tally struct {
	answer *answer
	how    thought
	size   []int // bytes sent, by part
	chunks int
}

func newTally(how thought, a *answer) *tally {
	return &tally{answer: a, how: how, size: make([]int, len(a.parts))}
}

func (t *tally) add(p piece) {
	t.chunks++
	t.size[p.part] += len(p.text)
	if p.first && p.kind == analyst.Call {
		t.size[p.part] += len(p.name)
	}
}

// usage is what is billed for what was sent so far: the whole prompt, what was
// thought unseen before the first chunk, and the tokens of the parts as far as they
// came.
func (t *tally) usage() *Usage {
	u := t.answer.usage
	u.Output = 0
	if t.how == thoughtShown {
		u.Reasoning = 0
	}
	for i, n := range t.size {
		switch shown := t.answer.parts[i].Kind == analyst.Thinking; {
		case !shown || t.how == thoughtMixed:
			u.Output += textTokens(n)
		case t.how == thoughtShown:
			u.Reasoning += textTokens(n)
		}
	}
	return &u
}
