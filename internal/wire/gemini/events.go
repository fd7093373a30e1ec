package gemini

import (
	"slices"
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// events turns the parts of chunks into canonical events. Texts that follow each
// other are one block, until one brings a signature: that ends its piece of text.
type events struct {
	started bool
	id      string
	model   string
	next    int          // index of the next block
	open    llm.PartKind // "" where none is
	signed  bool         // the open block has its signature
	said    []byte       // its text, which sources are places in
	calls   int
	pieces  *pieces // a call whose arguments are still coming
	cited   []llm.Citation
	word    string // why the answer ended
}

func (e *events) start(h *head, v *stream.Verdict) {
	if e.started {
		return
	}
	e.started, e.id, e.model = true, h.id, h.model
	v.Events = append(v.Events, llm.Event{Kind: llm.Start, ID: h.id, Model: h.model, Created: h.created})
}

// content takes the parts of a piece of a turn.
func (e *events) content(c *raw.Cursor, v *stream.Verdict) {
	if c.Kind() != '{' {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "parts" || c.Kind() != '[' {
			c.Skip()
			continue
		}
		for c.List(); c.More(); {
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			d := decoder{c: *c}
			p := d.part()
			c.Skip()
			if d.c.Err() == nil {
				e.part(&p, v)
			}
		}
	}
}

func (e *events) part(p *llm.Part, v *stream.Verdict) {
	switch p.Kind {
	case llm.Text, llm.Thinking:
		e.text(p, v)
	case llm.ToolCall:
		e.call(p, v)
	default:
		e.shut(v)
		v.Events = append(v.Events,
			llm.Event{Kind: llm.BlockStart, Index: e.next, Part: *p},
			llm.Event{Kind: llm.BlockStop, Index: e.next})
		e.next++
	}
}

func (e *events) text(p *llm.Part, v *stream.Verdict) {
	if p.Text == "" && p.Signature == "" && p.Redacted == "" {
		return
	}
	if e.open != p.Kind || e.signed || p.Redacted != "" {
		e.shut(v)
		start := llm.Part{Kind: p.Kind, ID: p.ID}
		if p.Text == "" { // state alone is a block's from its beginning
			start.Signature, start.Redacted, start.Maker = p.Signature, p.Redacted, p.Maker
		}
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: e.next, Part: start})
		e.open, e.said, e.signed = p.Kind, e.said[:0], start.Maker != ""
		e.next++
	}
	if p.Text != "" {
		e.more(p.Text)
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: e.next - 1, Text: p.Text})
	}
	if p.Signature != "" && !e.signed {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: e.next - 1, Signature: p.Signature, Maker: p.Maker})
		e.signed = true
	}
}

// more notes text of the open block.
func (e *events) more(text string) {
	if e.open == llm.Text {
		e.said = append(e.said, text...)
	}
}

// shut ends the block that is open.
func (e *events) shut(v *stream.Verdict) {
	e.settle(v)
	if e.open != "" {
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStop, Index: e.next - 1})
		e.open, e.signed = "", false
	}
}

// call takes a whole call, or a piece of one: the first has the name, the pieces that
// follow have none, and the last does not say that it will continue.
func (e *events) call(p *llm.Part, v *stream.Verdict) {
	more := string(raw.Find(p.Extra, llm.Gemini, "functionCall.willContinue")) == "true"
	args := raw.Find(p.Extra, llm.Gemini, "functionCall.partialArgs")
	if p.Name == "" && e.pieces != nil {
		e.pieces.add(args)
		if !more {
			e.settle(v)
		}
		return
	}
	e.shut(v)
	id := p.ID
	if id == "" {
		id = madeID(e.id + "/" + strconv.Itoa(e.calls))
	}
	e.calls++
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: e.next, Part: llm.Part{
		Kind: llm.ToolCall, ID: id, Name: p.Name, Signature: p.Signature, Maker: p.Maker,
	}})
	e.next++
	e.pieces = &pieces{whole: p.Arguments}
	e.pieces.add(args)
	if !more {
		e.settle(v)
	}
}

// settle ends the call whose arguments were coming. They are told at once, since
// pieces of them come by their places and not in the order of their text.
func (e *events) settle(v *stream.Verdict) {
	if e.pieces == nil {
		return
	}
	if args := e.pieces.text(); len(args) > 0 && string(args) != "{}" {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: e.next - 1, Text: string(args)})
	}
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStop, Index: e.next - 1})
	e.pieces = nil
}

// ground tells the sources of the text that is open. Chunks repeat them.
func (e *events) ground(name string, c *raw.Cursor, v *stream.Verdict) {
	if c.All() == nil || e.open != llm.Text {
		return
	}
	g := grounds(name, c)
	for i := range g.supports {
		for _, cite := range g.citations(&g.supports[i], string(e.said)) {
			if slices.ContainsFunc(e.cited, func(x llm.Citation) bool {
				return x.URL == cite.URL && x.Title == cite.Title && x.Start == cite.Start && x.End == cite.End
			}) {
				continue
			}
			e.cited = append(e.cited, cite)
			v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: e.next - 1, Citation: &cite})
		}
	}
}

// end tells why the answer ended, and that it did.
func (e *events) end(blocked string, none bool, v *stream.Verdict) {
	e.stop(blocked, none, v)
	v.Events = append(v.Events, llm.Event{Kind: llm.End})
}

func (e *events) stop(blocked string, none bool, v *stream.Verdict) {
	e.shut(v)
	stop, detail := stopOf(e.word, e.calls > 0)
	if none && blocked != "" {
		stop, detail = llm.StopRefusal, blocked
	}
	v.Events = append(v.Events, llm.Event{Kind: llm.Stop, Stop: stop, StopDetail: detail})
}
