package seam

import (
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
)

// Joiner takes the events of the attempt that goes on and gives those that the client
// may see, for the writer that wrote the partial answer: no second Start, blocks
// numbered on, the open text continued, one usage at the end. Not safe for
// concurrent use.
type Joiner struct {
	p    *Partial
	v    Verdict
	seek seeker
	held []byte // the attempt's text, until it is known where it joins
	from int    // where in held the attempt's open text begins
	wait int    // how much of it there must be before another look is worth it

	joined bool
	into   int // the block that text goes into; -1: it needs a new one
	next   int // the index of the next block
	open   []block
	cites  []llm.Citation // that came while text was held
	moved  int            // how many characters further on a text's sources stand
	fence  fence
	stops  stops

	usage llm.Usage
	stop  llm.Event
	err   *llm.Error
	ended bool
}

// block is one of the attempt's that was not ended.
type block struct {
	index  int
	kind   llm.PartKind
	to     int  // at the client; -1: not told of
	merged bool // its text goes into the client's open one
}

// What is kept of an attempt is bounded, whatever it sends.
const (
	mostCites = 64      // sources, while text is held
	mostOpen  = 1024    // blocks that were not ended
	mostHeld  = 4 << 10 // bytes of text, more than was shown
)

// Join begins to join an attempt to what the client was shown. w counts for Continue.
func Join(p *Partial, v Verdict, w Way) *Joiner {
	j := &Joiner{p: p, v: v, into: -1, next: p.next}
	switch v {
	case Continue:
		j.into = p.openText()
		j.seek = newSeeker(p, w)
		j.stops = newStops(p.stops, p.Text())
	case Restart:
		j.seek.rest = p.Text() // white space, if anything
	}
	return j
}

// Joined reports whether the attempt has joined, so that something of it may have
// been let go.
func (j *Joiner) Joined() bool { return j.joined }

// Held is how much of the attempt's text is held back.
func (j *Joiner) Held() int { return len(j.held) }

// Add takes the attempt's next events and appends those that the client may see. An
// error with the code "not_continued" says that the attempt cannot be joined; nothing
// of it was let go then. Any other is the attempt's own failure.
func (j *Joiner) Add(dst, in []llm.Event) ([]llm.Event, *llm.Error) {
	for i := range in {
		if j.err != nil || j.ended {
			break
		}
		dst = j.add(dst, &in[i])
	}
	return dst, j.err
}

func (j *Joiner) add(dst []llm.Event, e *llm.Event) []llm.Event {
	switch e.Kind {
	case llm.Start:
		if !j.p.begun {
			dst = append(dst, *e)
		}
	case llm.Ping:
		dst = append(dst, *e)
	case llm.BlockStart:
		return j.start(dst, e)
	case llm.Delta:
		return j.delta(dst, e)
	case llm.BlockStop:
		return j.blockStop(dst, e)
	case llm.UsageUpdate:
		j.usage = e.Usage
	case llm.Stop:
		j.stop = *e
	case llm.End:
		return j.end(dst)
	case llm.Failure:
		if j.err = e.Err; j.err == nil {
			j.fail("failed without saying why")
		}
	}
	return dst
}

// over reports whether the answer ends by a stop sequence: nothing more is shown.
func (j *Joiner) over() bool { return j.stops.hit != "" }

func (j *Joiner) start(dst []llm.Event, e *llm.Event) []llm.Event {
	kind := e.Part.Kind
	if j.over() {
		return dst
	}
	if len(j.open) >= mostOpen {
		j.fail("has too many parts that are not ended")
		return dst
	}
	if j.v == Continue && kind == llm.Thinking { // it thinks of how to go on
		j.open = append(j.open, block{index: e.Index, kind: kind, to: -1})
		return dst
	}
	if j.v == Continue && kind == llm.Text && !j.joined {
		j.open = append(j.open, block{index: e.Index, kind: kind, to: -1, merged: true})
		j.from = len(j.held)
		for i := range e.Part.Citations {
			j.keep(e.Part.Citations[i])
		}
		return j.text(dst, e.Part.Text)
	}
	if kind == llm.Refusal && !j.joined && j.v == Continue {
		j.fail("refused to go on")
		return dst
	}
	if dst = j.settle(dst, false); j.err != nil || j.over() {
		return dst
	}
	b := block{index: e.Index, kind: kind, to: j.next}
	j.next++
	j.open = append(j.open, b)
	out := *e
	out.Index = b.to
	if kind == llm.Text {
		out.Part.Text = j.strip(out.Part.Text)
	}
	return append(dst, out)
}

func (j *Joiner) find(index int) *block {
	for i := len(j.open) - 1; i >= 0; i-- {
		if j.open[i].index == index {
			return &j.open[i]
		}
	}
	return nil
}

func (j *Joiner) delta(dst []llm.Event, e *llm.Event) []llm.Event {
	b := j.find(e.Index)
	switch {
	case b == nil, j.over():
	case b.merged:
		if e.Citation != nil {
			if j.joined {
				dst = j.cite(dst, *e.Citation)
			} else {
				j.keep(*e.Citation)
			}
		}
		return j.text(dst, e.Text)
	case b.to >= 0:
		out := *e
		out.Index = b.to
		if b.kind == llm.Text && out.Text != "" {
			if out.Text = j.strip(out.Text); out.Text == "" && out.Citation == nil && out.Signature == "" {
				return dst
			}
		}
		return append(dst, out)
	}
	return dst
}

// strip leaves out of a new answer's text the white space that the client has already.
func (j *Joiner) strip(text string) string {
	if j.v != Restart {
		return text
	}
	n := common(text, j.seek.rest)
	if j.seek.rest = j.seek.rest[n:]; n < len(text) {
		j.seek.rest = ""
	}
	return text[n:]
}

func (j *Joiner) blockStop(dst []llm.Event, e *llm.Event) []llm.Event {
	for i := len(j.open) - 1; i >= 0; i-- {
		b := j.open[i]
		if b.index != e.Index {
			continue
		}
		j.open = append(j.open[:i], j.open[i+1:]...)
		switch {
		case b.merged && j.joined:
			return j.shut(dst)
		case b.to >= 0:
			out := *e
			out.Index = b.to
			return append(dst, out)
		}
		break
	}
	return dst
}

// text takes a piece of the text that continues the client's.
func (j *Joiner) text(dst []llm.Event, s string) []llm.Event {
	if s == "" {
		return dst
	}
	if j.joined {
		return j.say(dst, j.fence.pass(s))
	}
	j.held = append(j.held, s...)
	return j.try(dst, false)
}

// try lets the held text go if it is known where it joins.
func (j *Joiner) try(dst []llm.Event, last bool) []llm.Event {
	if !last && len(j.held) < j.wait {
		return dst
	}
	at, how, why := j.seek.look(string(j.held), last)
	switch how {
	case waits:
		if len(j.held) > len(j.seek.whole)+mostHeld {
			j.fail("says much and nothing that goes on with what was shown")
			return dst
		}
		j.wait = len(j.held) + len(j.held)/16 // looking at all of it each time would cost its square
		return dst
	case unlike:
		j.fail(why)
		return dst
	}
	dst = j.begin(dst, j.into)
	if n := len(j.p.Parts) - 1; j.into >= 0 {
		j.moved = utf8.RuneCountInString(j.p.Parts[n].Text) - utf8.RuneCount(j.held[min(j.from, at):at])
	} else {
		j.moved = -utf8.RuneCount(j.held[min(j.from, at):at])
	}
	j.fence.on = j.seek.fenced
	rest := string(j.held[at:])
	j.held = nil
	dst = j.say(dst, j.fence.pass(rest))
	for i := range j.cites {
		dst = j.cite(dst, j.cites[i])
	}
	j.cites = nil
	return dst
}

// begin notes that the attempt has joined, and ends what was open but one block.
func (j *Joiner) begin(dst []llm.Event, but int) []llm.Event {
	j.joined = true
	return j.p.shuts(dst, but)
}

// settle is for what comes behind the text, or without one: the text is all there.
func (j *Joiner) settle(dst []llm.Event, ends bool) []llm.Event {
	if j.v != Continue {
		if !j.joined {
			dst = j.begin(dst, -1)
		}
		return dst
	}
	if !j.joined {
		if j.seek.silent(string(j.held), j.into >= 0, ends) {
			dst = j.begin(dst, j.into)
			if j.seek.w == Prefill {
				dst = j.say(dst, string(j.held[common(string(j.held), j.seek.rest):]))
			}
			j.held = nil
		} else if dst = j.try(dst, true); j.err != nil {
			return dst
		}
	}
	for i := range j.open {
		if j.open[i].merged {
			return dst // it goes on, beside what begins
		}
	}
	return j.shut(dst)
}

// say is a piece of text for the client.
func (j *Joiner) say(dst []llm.Event, s string) []llm.Event {
	if j.over() {
		return dst
	}
	if s = j.stops.pass(s); s == "" {
		return dst
	}
	return append(j.room(dst), llm.Event{Kind: llm.Delta, Index: j.into, Text: s})
}

// room begins a text where none is open.
func (j *Joiner) room(dst []llm.Event) []llm.Event {
	if j.into >= 0 {
		return dst
	}
	j.into = j.next
	j.next++
	return append(dst, llm.Event{Kind: llm.BlockStart, Index: j.into, Part: llm.Part{Kind: llm.Text}})
}

// shut ends the text that was continued.
func (j *Joiner) shut(dst []llm.Event) []llm.Event {
	dst = j.say(dst, j.fence.end())
	if j.into >= 0 {
		dst = append(dst, llm.Event{Kind: llm.BlockStop, Index: j.into})
	}
	j.into = -1
	return dst
}

func (j *Joiner) keep(c llm.Citation) {
	if len(j.cites) < mostCites {
		j.cites = append(j.cites, c)
	}
}

// cite tells a source of the continued text. What it is a source of stands elsewhere
// there; a source of what was left out is none.
func (j *Joiner) cite(dst []llm.Event, c llm.Citation) []llm.Event {
	if j.over() {
		return dst
	}
	if c.End > 0 && j.moved != 0 {
		if c.Start, c.End = c.Start+j.moved, c.End+j.moved; c.Start < 0 {
			return dst
		}
		c.From, c.Raw = "", nil // in which its places stand as well
	}
	return append(j.room(dst), llm.Event{Kind: llm.Delta, Index: j.into, Citation: &c})
}

func (j *Joiner) end(dst []llm.Event) []llm.Event {
	if dst = j.settle(dst, true); j.err != nil {
		return dst
	}
	j.ended = true
	if j.v == Continue {
		dst = j.shut(dst)
	}
	for _, b := range j.open {
		if b.to >= 0 {
			dst = append(dst, llm.Event{Kind: llm.BlockStop, Index: b.to})
		}
	}
	j.open = nil
	if u := Usage(j.p.Usage, j.usage); u != (llm.Usage{}) {
		dst = append(dst, llm.Event{Kind: llm.UsageUpdate, Usage: u})
	}
	if j.over() {
		j.stop = llm.Event{Kind: llm.Stop, Stop: llm.StopSequence, StopDetail: j.stops.hit}
	}
	if j.stop.Kind == llm.Stop {
		dst = append(dst, j.stop)
	}
	return append(dst, llm.Event{Kind: llm.End})
}

func (j *Joiner) fail(why string) {
	j.held, j.cites = nil, nil
	j.err = &llm.Error{
		Class: llm.Malformed, Blame: llm.BlameSkein, Billed: llm.BilledYes, Status: 502, Code: "not_continued", // nobody is to blame who did not promise it
		Message: "an attempt to continue the answer " + why,
	}
}

// mostTail is how much white space may stand around a fence.
const mostTail = 256

// fence keeps back what may be the end of a code fence that the attempt put around
// all that it says. The zero value passes everything.
type fence struct {
	on   bool
	tail string
	seen int // fences that were passed on
}

func (f *fence) pass(s string) string {
	if !f.on {
		return s
	}
	s = f.tail + s
	at := len(strings.TrimRight(s, " \r\n"))
	for n := 0; n < 3 && at > 0 && s[at-1] == '`'; n++ {
		at--
	}
	at = len(strings.TrimRight(s[:at], "\r\n"))
	if f.tail = s[at:]; len(f.tail) > mostTail {
		at, f.tail = len(s), ""
	}
	f.seen += strings.Count(s[:at], "```")
	return s[:at]
}

// end gives what was kept back, unless it is the fence.
func (f *fence) end() string {
	s := f.tail
	f.tail = ""
	if strings.TrimSpace(s) == "```" && f.seen%2 == 0 {
		return ""
	}
	return s
}
