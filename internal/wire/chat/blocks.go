package chat

import (
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// blocks brings a stream's deltas into the canonical order: one part after the
// other. Chat may send pieces of several tool calls in turn; the later ones wait
// until the earlier are complete.
type blocks struct {
	started bool
	id      string
	index   int          // of the next part
	open    llm.PartKind // of the part that is open; empty where none is
	calls   []call
	current int      // the first of calls that is not yet closed
	late    []byte   // text that came while a tool call was open
	signed  []detail // Google's state of calls that are not begun
	pending string   // Google's state of the part that comes next
	sealed  bool     // the open thinking has its state, so that what comes is other thinking
	reason  string
	refused bool
}

type call struct {
	id, name string
	args     []byte // not yet handed on
	state    string // Google's, likewise
	begun    bool
	balance  raw.Balance
}

// start gives the Start event once there is something to say: some vendors send a
// chunk with no id before it.
func (b *blocks) start(h *head, choices bool, v *stream.Verdict) {
	if b.started || len(h.id) == 0 && !choices {
		return
	}
	b.started, b.id = true, string(h.id)
	v.Events = append(v.Events, llm.Event{Kind: llm.Start, ID: b.id, Model: string(h.model), Created: h.created})
}

func (b *blocks) close(v *stream.Verdict) {
	if b.open != "" {
		b.open = ""
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStop, Index: b.index - 1})
	}
}

func (b *blocks) begin(p llm.Part, v *stream.Verdict) {
	b.close(v)
	b.sealed = false
	if b.pending != "" && p.Signature == "" && (p.Kind == llm.Text || p.Kind == llm.ToolCall) {
		p.Signature, p.Maker, b.pending = b.pending, llm.MakerGoogle, ""
	}
	b.open = p.Kind
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: b.index, Part: p})
	b.index++
}

func (b *blocks) text(kind llm.PartKind, t string, v *stream.Verdict) {
	if b.open == llm.ToolCall {
		if !b.settled() {
			b.late = append(b.late, t...)
			return
		}
		b.flush(v)
	}
	if b.open != kind || b.sealed {
		b.begin(llm.Part{Kind: kind}, v)
	}
	b.refused = b.refused || kind == llm.Refusal
	v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Text: t})
}

// state takes what a detail carries: thinking's state, thinking that is shown to
// nobody, or Google's state of a call or of whatever comes next.
func (b *blocks) state(d *detail, v *stream.Verdict) {
	switch {
	case d.maker == llm.MakerGoogle && d.data != "" && d.id != "":
		b.signed = append(b.signed, *d)
	case d.maker == llm.MakerGoogle && d.data != "":
		b.next(d.data, v)
	case d.data != "" && d.maker == llm.MakerAnthropic:
		b.begin(llm.Part{Kind: llm.Thinking, Redacted: d.data, Maker: d.maker}, v)
		b.close(v)
	default:
		if b.open != llm.Thinking || b.sealed {
			b.begin(llm.Part{Kind: llm.Thinking, ID: d.id}, v)
		}
		b.sealed = d.data != ""
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Signature: d.signature + d.data, Maker: d.maker})
	}
}

// next takes Google's state of the text that is open, or of the part that comes next.
func (b *blocks) next(state string, v *stream.Verdict) {
	if b.open == llm.Text && state != "" {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Signature: state, Maker: llm.MakerGoogle})
		return
	}
	b.pending += state
}

// cite takes sources of the text that is open.
func (b *blocks) cite(list []llm.Citation, v *stream.Verdict) {
	if len(list) == 0 || b.open == llm.ToolCall {
		return
	}
	if b.open != llm.Text {
		b.begin(llm.Part{Kind: llm.Text}, v)
	}
	for i := range list {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Citation: &list[i]})
	}
}

// whole takes a part that comes in one piece.
func (b *blocks) whole(p llm.Part, v *stream.Verdict) {
	if b.open == llm.ToolCall {
		b.flush(v)
	}
	b.begin(p, v)
	b.close(v)
}

// settled reports whether all calls are complete.
func (b *blocks) settled() bool {
	for i := b.current; i < len(b.calls); i++ {
		if !b.calls[i].balance.Complete() {
			return false
		}
	}
	return true
}

// call takes a piece of the nth tool call.
func (b *blocks) call(n int, id, name, args []byte, state string, v *stream.Verdict) {
	for n >= len(b.calls) {
		b.calls = append(b.calls, call{})
	}
	k := &b.calls[n]
	if k.id == "" {
		k.id = string(id)
	}
	if k.name == "" {
		k.name = string(name)
	}
	k.args = append(k.args, args...)
	k.state += state
	k.balance.Feed(args)
	for b.current < len(b.calls) {
		cur := &b.calls[b.current]
		if cur.name != "" || cur.begun {
			b.hand(b.current, v)
		}
		if b.current == len(b.calls)-1 || !cur.balance.Complete() {
			return
		}
		b.current++
	}
}

// hand passes on what has come of a call.
func (b *blocks) hand(n int, v *stream.Verdict) {
	k := &b.calls[n]
	if !k.begun {
		k.begun = true
		if k.id == "" { // Google's endpoint gives none
			k.id = madeUpID(b.id, n)
		}
		p := llm.Part{Kind: llm.ToolCall, ID: k.id, Name: k.name}
		for i := range b.signed {
			if d := &b.signed[i]; d.id == k.id && k.state == "" {
				k.state, d.data = d.data, ""
			}
		}
		if k.state != "" {
			p.Signature, p.Maker, k.state = k.state, llm.MakerGoogle, ""
		}
		b.begin(p, v)
	}
	if k.state != "" {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Signature: k.state, Maker: llm.MakerGoogle})
		k.state = ""
	}
	if len(k.args) > 0 {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Text: string(k.args)})
		k.args = k.args[:0]
	}
}

// madeUpID is the id of the nth call of an answer whose upstream gave none.
func madeUpID(answer string, n int) string {
	return wire.LegalID(answer+"/"+strconv.Itoa(n), "call_", func(string) bool { return false })
}

// flush passes on all calls and closes them.
func (b *blocks) flush(v *stream.Verdict) {
	for ; b.current < len(b.calls); b.current++ {
		b.hand(b.current, v)
	}
	if b.open == llm.ToolCall {
		b.close(v)
	}
}

// finish ends the parts; Stop itself waits for the end, as some vendors go on.
func (b *blocks) finish(reason string, v *stream.Verdict) {
	b.reason = reason
	b.flush(v)
	if len(b.late) > 0 {
		t := string(b.late)
		b.late = nil
		b.text(llm.Text, t, v)
	}
	for i := range b.signed { // of no call that there is
		b.pending += b.signed[i].data
	}
	if b.signed = nil; b.pending != "" { // an empty text carries it, as Google has it
		b.begin(llm.Part{Kind: llm.Text}, v)
	}
	b.close(v)
}

func (b *blocks) end(v *stream.Verdict) {
	b.stop(v)
	v.Events = append(v.Events, llm.Event{Kind: llm.End})
}

// cut ends the reading of an answer that broke off. Calls that are complete are told,
// and so is that one is not.
func (b *blocks) cut(stopped bool, v *stream.Verdict) {
	switch {
	case stopped:
		b.stop(v)
	case b.settled():
		b.flush(v)
		if t := string(b.late); t != "" {
			b.late = nil
			b.text(llm.Text, t, v)
		}
	default:
		for n := b.current; n < len(b.calls); n++ {
			b.hand(n, v)
		}
	}
}

func (b *blocks) stop(v *stream.Verdict) {
	b.finish(b.reason, v)
	stop, detail := stopOf(b.reason)
	stop, detail = told(stop, detail, len(b.calls) > 0, b.refused)
	v.Events = append(v.Events, llm.Event{Kind: llm.Stop, Stop: stop, StopDetail: detail})
}
