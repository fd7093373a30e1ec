package messages

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// blocks turns content blocks into canonical parts. A block of a kind that only
// this format knows is handed on whole, when it is complete.
type blocks struct {
	open []block

	state   llm.Part // a carrier, whose state is of the block that comes next
	carrier int      // its index
}

type block struct {
	index int
	kind  llm.PartKind
	raw   []byte // opaque: the block as it started
	input []byte // opaque: its streamed input
	text  []byte // opaque: its streamed text or content
}

func (b *blocks) at(index int) *block {
	for i := range b.open {
		if b.open[i].index == index {
			return &b.open[i]
		}
	}
	return nil
}

func (b *blocks) start(index int, c *raw.Cursor, v *stream.Verdict) {
	d := decoder{c: *c}
	p := d.block()
	if d.c.Err() != nil {
		return
	}
	k := block{index: index, kind: p.Kind}
	if p.Kind == llm.Opaque {
		k.raw = p.Raw
	} else {
		if p.Kind == llm.ToolCall && string(p.Arguments) == "{}" {
			p.Arguments = nil // they come as deltas
		}
		if p.Kind == llm.Text {
			p.Extra, p.Citations = nil, nil // an empty list of citations, which come as deltas
		}
		if p.Name == wire.Carrier && wire.IsCarrier(&p) {
			b.alone(v)
			b.state, b.carrier = p, index
			return
		}
		if wire.IsCarrier(&p) { // state of a text with nothing in it
			p = llm.Part{Kind: llm.Text, Signature: p.Signature, Maker: p.Maker}
			k.kind = llm.Text
		}
		b.join(&p, v)
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: index, Part: p})
	}
	b.open = append(b.open, k)
}

// join gives a part the state that was carried before it.
func (b *blocks) join(p *llm.Part, v *stream.Verdict) {
	if b.state.Signature == "" {
		return
	}
	if p.Kind != llm.Text && p.Kind != llm.ToolCall || p.Signature != "" {
		b.alone(v)
		return
	}
	p.Signature, p.Maker = b.state.Signature, b.state.Maker
	b.state = llm.Part{}
}

// alone hands on state that was carried before nothing that could have it.
func (b *blocks) alone(v *stream.Verdict) {
	if b.state.Signature == "" {
		return
	}
	p := llm.Part{Kind: llm.Text, Signature: b.state.Signature, Maker: b.state.Maker}
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: b.carrier, Part: p}, llm.Event{Kind: llm.BlockStop, Index: b.carrier})
	b.state = llm.Part{}
}

func (b *blocks) delta(index int, c *raw.Cursor, v *stream.Verdict) {
	k := b.at(index)
	if k == nil {
		return
	}
	e := llm.Event{Kind: llm.Delta, Index: index}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "text", "thinking", "partial_json", "content":
			if c.Kind() != '"' {
				c.Skip()
				continue
			}
			if k.kind == llm.Opaque {
				if string(key) == "partial_json" {
					k.input = c.AppendText(k.input)
				} else {
					k.text = c.AppendText(k.text)
				}
				continue
			}
			e.Text = c.Text()
		case "signature":
			sig := llm.Part{}
			wire.UnwrapState(&sig, text(c), llm.MakerAnthropic, false)
			e.Signature, e.Maker = sig.Signature, sig.Maker
		case "citation":
			cited := citation(c)
			e.Citation = &cited
		default:
			c.Skip()
		}
	}
	if e.Text != "" || e.Signature != "" || e.Citation != nil {
		v.Events = append(v.Events, e)
	}
}

func (b *blocks) stop(index int, v *stream.Verdict) {
	k := b.at(index)
	if k == nil {
		return
	}
	e := llm.Event{Kind: llm.BlockStop, Index: index}
	if k.kind == llm.Opaque {
		p := llm.Part{Kind: llm.Opaque, From: llm.Messages, Raw: k.whole()}
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: index, Part: p})
	}
	v.Events = append(v.Events, e)
	b.open = slices.DeleteFunc(b.open, func(k block) bool { return k.index == index })
}

// whole is an opaque block with what was streamed into it: input of a server tool,
// or the text of a summary.
func (k *block) whole() []byte {
	var b raw.Builder
	c := raw.On(k.raw)
	b.Object()
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		name := string(key)
		v := c.Raw()
		switch {
		case name == "input" && len(k.input) > 0 && raw.Valid(k.input):
			b.PutRaw(name, k.input)
		case (name == "content" || name == "text") && len(k.text) > 0:
			b.PutString(name, string(k.text))
		default:
			b.PutRaw(name, v)
		}
	}
	b.EndObject()
	return b.B
}

func (b *blocks) reason(word, sequence string, v *stream.Verdict) {
	stop, detail := stopOf(word, sequence)
	v.Events = append(v.Events, llm.Event{Kind: llm.Stop, Stop: stop, StopDetail: detail})
}

// cut tells of blocks that are not complete and were not told of.
func (b *blocks) cut(v *stream.Verdict) {
	for i := range b.open {
		if k := &b.open[i]; k.kind == llm.Opaque {
			v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: k.index, Part: llm.Part{Kind: llm.Opaque, From: llm.Messages, Raw: k.whole()}})
		}
	}
}

func (b *blocks) end(v *stream.Verdict) {
	b.alone(v)
	v.Events = append(v.Events, llm.Event{Kind: llm.End})
}
