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
	current int    // the first of calls that is not yet closed
	late    []byte // text that came while a tool call was open
	reason  string
	refused bool
}

type call struct {
	id, name string
	args     []byte // not yet handed on
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
	if b.open != kind {
		b.begin(llm.Part{Kind: kind}, v)
	}
	b.refused = b.refused || kind == llm.Refusal
	v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Text: t})
}

func (b *blocks) signature(sig string, v *stream.Verdict) {
	if b.open != llm.Thinking {
		b.begin(llm.Part{Kind: llm.Thinking}, v)
	}
	v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: b.index - 1, Signature: sig, Maker: llm.MakerAnthropic})
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
func (b *blocks) call(n int, id, name, args []byte, v *stream.Verdict) {
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
		b.begin(llm.Part{Kind: llm.ToolCall, ID: k.id, Name: k.name}, v)
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
	b.close(v)
}

func (b *blocks) end(v *stream.Verdict) {
	b.finish(b.reason, v)
	stop, detail := stopOf(b.reason)
	stop, detail = told(stop, detail, len(b.calls) > 0, b.refused)
	v.Events = append(v.Events, llm.Event{Kind: llm.Stop, Stop: stop, StopDetail: detail}, llm.Event{Kind: llm.End})
}
