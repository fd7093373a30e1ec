package fakecloud

import (
	"iter"
	"net/http"
	"slices"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// breaking are the kinds that happen at a place of a streamed answer.
var breaking = []Kind{CutOff, Stall, Garbage, ErrorEvent, NoEnd, Reset, Pings, Pause, GarbageOn, GoAway, GoAwayOn, RSTStream}

// streamed sends an answer piece by piece. Whatever happens, the log says how far
// it came: the prompt is billed as soon as the stream is open, the output as far
// as it was written to the connection.
func (x *exchange) streamed(a *answer) {
	if x.struck(FailAfter) {
		u := a.usage
		x.over(Cut, &u, 0, http.StatusInternalServerError, a.stop)
		x.fail(failedAfter())
		return
	}
	endless := x.struck(Endless, Trickle)
	if endless {
		a = a.withoutEnd()
	}
	text, args := x.f.sizes()
	if x.struck(Trickle) {
		text = bytesPerToken
	}
	known := a.parts
	if endless {
		known = known[:len(known)-1] // what has no end is not cut beforehand
	}
	pieces := split(known, text, args)
	strike, half := -1, false
	if x.fault != nil && slices.Contains(breaking, x.fault.Kind) {
		strike, half = x.fault.strikes(pieces)
	}
	x.open(a)
	framer := x.f.open(a)
	if x.struck(ErrorFirst) {
		x.over(Refused, nil, 0, http.StatusOK, "")
		x.write(framer.failure(x.tells().at(x.base.Service)))
		return
	}
	sent := newTally(x.f.thought(), a)
	sent.endless = endless
	if !x.write(framer.prelude()) {
		x.gone(a, sent)
		return
	}
	x.begins()
	next := 0
	for p := range onAndOn(pieces, endless, text) {
		if next == strike && x.breaks(framer, sent, half, func() []byte { return framer.piece(p) }) {
			return
		}
		next++
		x.paces(p)
		if endless && !x.waits(x.fault.delay(defaultDelay[x.fault.Kind])) {
			x.over(x.poured(), sent.usage(), sent.chunks, http.StatusOK, "")
			hangUp()
		}
		if x.r.Context().Err() != nil || !x.write(framer.piece(p)) {
			x.gone(a, sent)
			return
		}
		sent.add(p)
		x.keeps(textTokens(len(p.text)))
	}
	end := framer.end()
	if next == strike && x.breaks(framer, sent, half, func() []byte { return end }) {
		return
	}
	if x.struck(Junk) {
		end = append(append(end, framer.malformed()...), "trailing junk"...)
	}
	x.sent += int64(len(end))
	u := a.usage
	x.over(Whole, &u, sent.chunks, http.StatusOK, a.stop)
	x.write(end)
}

// open begins a stream.
func (x *exchange) open(a *answer) {
	for k, v := range x.header(a.request) {
		x.w.Header().Set(k, v)
	}
	x.w.Header().Set("Content-Type", x.f.streamType())
	if x.struck(WrongType) {
		x.w.Header().Set("Content-Type", x.fault.contentType())
	}
	x.w.Header().Set("Cache-Control", "no-cache")
	x.w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(x.w).Flush() // where the client is gone the next write says so
}

// breaks makes the fault of a stream, whose time has come, and reports whether the
// stream is over. With half of it, the next frame is begun before.
func (x *exchange) breaks(framer streamer, sent *tally, half bool, next func() []byte) bool {
	switch x.fault.Kind {
	case Pause:
		x.waits(x.fault.delay(0))
		return false
	case GarbageOn:
		x.write(framer.malformed())
		return false
	case GoAwayOn:
		x.goAway(false)
		return false
	}
	var last []byte
	switch x.fault.Kind {
	case Garbage:
		last = framer.garbage()
	case ErrorEvent:
		last = framer.failure(x.tells().at(x.base.Service))
	default:
		if half {
			last = next()
			last = last[:len(last)/2]
		}
	}
	x.sent += int64(len(last))
	x.over(Cut, sent.usage(), sent.chunks, http.StatusOK, "")
	x.sent -= int64(len(last))
	x.write(last)
	switch x.fault.Kind {
	case Garbage, ErrorEvent, NoEnd:
		return true
	case Stall:
		x.stall()
	case Pings:
		for x.waits(x.fault.delay(defaultDelay[Pings])) && x.write(framer.ping()) {
		}
	default:
		x.breakOff()
	}
	hangUp()
	return true
}

// write sends bytes at once and reports whether the client could be reached.
func (x *exchange) write(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	n, err := x.w.Write(b)
	x.sent += int64(n)
	if err != nil {
		return false
	}
	return http.NewResponseController(x.w).Flush() == nil
}

// onAndOn are an answer's pieces; of an endless one, text goes on after them for ever.
func onAndOn(pieces []piece, endless bool, size int) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		for _, p := range pieces {
			if !yield(p) {
				return
			}
		}
		if !endless {
			return
		}
		part, first := 0, true
		if n := len(pieces); n > 0 {
			part = pieces[n-1].part + 1
		}
		for words := range analyst.Words("what has no end") {
			for text := words; text != ""; {
				n := cutAt(text, size, true)
				if !yield(piece{part: part, kind: analyst.Text, text: text[:n], first: first}) {
					return
				}
				text, first = text[n:], false
			}
		}
	}
}

// withoutEnd is an answer whose text never ends: what it thought, and a last part that
// nobody has written yet.
func (a *answer) withoutEnd() *answer {
	out := *a
	out.parts = nil
	for _, p := range a.parts {
		if p.Kind == analyst.Thinking {
			out.parts = append(out.parts, p)
		}
	}
	out.parts = append(out.parts, analyst.Part{Kind: analyst.Text})
	return &out
}

// end makes an answer one that ends after the given pieces of it. A call that is not
// complete by then goes.
func (a *answer) end(pieces []piece) {
	var parts []analyst.Part
	for i := range pieces {
		p := &pieces[i]
		switch {
		case p.kind == analyst.Call && p.last:
			parts = append(parts, a.parts[p.part])
		case p.kind == analyst.Call:
		case p.first:
			part := a.parts[p.part]
			part.Text = p.text
			parts = append(parts, part)
		default:
			parts[len(parts)-1].Text += p.text
		}
	}
	a.parts = parts
}

// tally counts what was sent of an answer.
type tally struct {
	answer  *answer
	how     thought
	size    []int // bytes sent, by part
	chunks  int
	endless bool
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
