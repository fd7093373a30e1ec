package converse

import (
	"bytes"
	"encoding/base64"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// blocks turns the blocks of a stream into canonical parts. What is handed on whole,
// once it is complete, is collected: a server tool's call and result, an image, and
// thinking that is shown to nobody.
type blocks struct {
	open []openBlock
}

type openBlock struct {
	index  int
	kind   llm.PartKind
	whole  bool   // collected, nothing was told of it yet
	start  []byte // of a server tool's block: what it started with
	input  []byte // of a server tool's call
	pieces [][]byte
	data   []byte // of an image, or of redacted thinking
	part   llm.Part
	signed []byte // the beginning of a signature, until it is known whose it is
}

func (b *blocks) at(index int) *openBlock {
	for i := range b.open {
		if b.open[i].index == index {
			return &b.open[i]
		}
	}
	return nil
}

// kind is what an open block is; "" where there is none that was told of.
func (b *blocks) kind(index int) llm.PartKind {
	if k := b.at(index); k != nil && !k.whole {
		return k.kind
	}
	return ""
}

// begin opens a block and tells of it.
func (b *blocks) begin(index int, p llm.Part, v *stream.Verdict) *openBlock {
	b.open = append(b.open, openBlock{index: index, kind: p.Kind})
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: index, Part: p})
	return &b.open[len(b.open)-1]
}

// collect opens a block that is told of when it is complete.
func (b *blocks) collect(k openBlock) *openBlock {
	k.whole = true
	b.open = append(b.open, k)
	return &b.open[len(b.open)-1]
}

func (b *blocks) start(index int, c *raw.Cursor, v *stream.Verdict) {
	b.stop(index, v) // a second start of the same block ends the first
	at := *c
	kind := onlyMember(at)
	at.Object()
	at.Key()
	if at.Kind() != '{' {
		return
	}
	switch kind {
	case "toolUse":
		d := decoder{c: at, r: &llm.Request{}}
		var p llm.Part
		if d.toolUse(&p) {
			p.Arguments = nil // they come as deltas
			b.begin(index, p, v)
			return
		}
	case "image":
		d := decoder{c: at, r: &llm.Request{}}
		p := llm.Part{Kind: llm.Image}
		d.medium(&p, llm.Image)
		b.collect(openBlock{index: index, kind: llm.Image, part: p})
		return
	}
	b.collect(openBlock{index: index, kind: llm.Opaque, start: bytes.Clone(c.Raw())})
}

func (b *blocks) delta(index int, c *raw.Cursor, v *stream.Verdict) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		k := b.at(index)
		switch {
		case string(key) == "text" && c.Kind() == '"':
			b.say(index, llm.Text, c.Text(), v)
		case string(key) == "toolUse" && c.Kind() == '{':
			input := member(c, "input")
			switch {
			case k != nil && k.kind == llm.Opaque:
				k.input = append(k.input, input...)
			case k != nil && k.kind == llm.ToolCall && input != "":
				v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: index, Text: input})
			}
		case string(key) == "reasoningContent" && c.Kind() == '{':
			b.reason(index, c, v)
		case string(key) == "citation" && c.Kind() == '{':
			cited := citation(c)
			if k == nil {
				b.begin(index, llm.Part{Kind: llm.Text}, v)
			}
			if b.kind(index) == llm.Text {
				v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: index, Citation: &cited})
			}
		case string(key) == "toolResult" && c.Kind() == '[' && k != nil && k.kind == llm.Opaque:
			for c.List(); c.More(); {
				k.pieces = append(k.pieces, bytes.Clone(c.Raw()))
			}
		case string(key) == "image" && c.Kind() == '{' && k != nil && k.kind == llm.Image:
			d := decoder{c: *c, r: &llm.Request{}}
			var p llm.Part
			d.medium(&p, llm.Image)
			k.part.Data = append(k.part.Data, p.Data...)
			c.Skip()
		default:
			c.Skip()
		}
	}
}

// say tells of a piece of text or thinking, and before the first of the block itself.
// What does not belong into a block is not told.
func (b *blocks) say(index int, kind llm.PartKind, text string, v *stream.Verdict) {
	if b.at(index) == nil {
		b.begin(index, llm.Part{Kind: kind}, v)
	}
	if text != "" && b.kind(index) == kind {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: index, Text: text})
	}
}

func (b *blocks) reason(index int, c *raw.Cursor, v *stream.Verdict) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "text" && c.Kind() == '"':
			b.say(index, llm.Thinking, c.Text(), v)
		case string(key) == "signature" && c.Kind() == '"':
			b.say(index, llm.Thinking, "", v)
			if k := b.at(index); k.kind == llm.Thinking && !k.whole {
				k.signed = c.AppendText(k.signed)
			} else {
				c.Skip()
			}
		case string(key) == "redactedContent" && c.Kind() == '"':
			k := b.at(index)
			if k == nil {
				k = b.collect(openBlock{index: index, kind: llm.Thinking})
			}
			if piece, _ := base64.StdEncoding.DecodeString(c.Text()); k.kind == llm.Thinking && k.whole {
				k.data = append(k.data, piece...)
			}
		default:
			c.Skip()
		}
	}
}

func (b *blocks) stop(index int, v *stream.Verdict) {
	for i := range b.open {
		if b.open[i].index == index {
			b.open[i].end(v)
			b.open = append(b.open[:i], b.open[i+1:]...)
			return
		}
	}
}

// close ends what is still open.
func (b *blocks) close(v *stream.Verdict) {
	for i := range b.open {
		b.open[i].end(v)
	}
	b.open = b.open[:0]
}

func (k *openBlock) end(v *stream.Verdict) {
	if k.whole {
		p := k.part
		switch k.kind {
		case llm.Opaque:
			p = llm.Part{Kind: llm.Opaque, From: format, Raw: k.joined()}
		case llm.Thinking:
			p = llm.Part{Kind: llm.Thinking}
			unredact(&p, base64.StdEncoding.EncodeToString(k.data), "")
		}
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: k.index, Part: p})
	} else if len(k.signed) > 0 {
		var p llm.Part
		wire.UnwrapState(&p, string(k.signed), makerOf(string(k.signed), ""), false)
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: k.index, Signature: p.Signature, Maker: p.Maker})
	}
	v.Events = append(v.Events, llm.Event{Kind: llm.BlockStop, Index: k.index})
}

// cut tells of blocks that are not complete and were not told of.
func (b *blocks) cut(v *stream.Verdict) {
	for i := range b.open {
		k := &b.open[i]
		if !k.whole {
			continue
		}
		p := k.part
		p.Kind = k.kind
		if k.kind == llm.Opaque {
			p = llm.Part{Kind: llm.Opaque, From: format, Raw: k.joined()}
		}
		v.Events = append(v.Events, llm.Event{Kind: llm.BlockStart, Index: k.index, Part: p})
	}
}

// joined is a server tool's block with what was streamed into it, as it stands in an
// unstreamed answer.
func (k *openBlock) joined() []byte {
	var b raw.Builder
	c := raw.On(k.start)
	b.Object()
	for c.Object(); ; {
		kind, ok := c.Key()
		if !ok {
			break
		}
		b.Key(string(kind))
		if c.Kind() != '{' {
			b.Raw(c.Raw())
			continue
		}
		b.Object()
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			b.PutRaw(string(key), c.Raw())
		}
		switch {
		case string(kind) == "toolUse" && raw.Valid(k.input):
			b.PutRaw("input", k.input)
		case string(kind) == "toolUse":
			b.PutRaw("input", []byte("{}"))
		case string(kind) == "toolResult":
			b.Key("content")
			b.List()
			for _, p := range k.pieces {
				b.Raw(p)
			}
			b.EndList()
		}
		b.EndObject()
	}
	b.EndObject()
	return b.B
}
