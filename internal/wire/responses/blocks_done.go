package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/stream"
)

// done ends an item, with what of it has not come before.
func (b *blocks) done(s *answer, it *item, parts []llm.Part, v *stream.Verdict) {
	if !it.begun && it.parts == 0 || it.kind == "" {
		b.all(parts, v)
		return
	}
	switch it.kind {
	case functionCall, customCall:
		b.callDone(it, parts, v)
	case "reasoning":
		b.thinkingDone(it, parts, v)
	case "message":
		if it.parts == 0 && len(parts) == 1 && parts[0].Text != "" {
			v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Text: parts[0].Text})
		}
	}
	b.close(it, v)
}

func (b *blocks) callDone(it *item, parts []llm.Part, v *stream.Verdict) {
	text := ""
	switch {
	case it.parts == 0 && len(parts) == 1 && parts[0].Kind == llm.ToolCall:
		text = wire.ArgumentsText(parts[0].Arguments)
	case it.kind == customCall && it.raw:
		text = `"}`
	}
	if text != "" {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Text: text})
	}
}

func (b *blocks) thinkingDone(it *item, parts []llm.Part, v *stream.Verdict) {
	if len(parts) != 1 || parts[0].Kind != llm.Thinking {
		return
	}
	p := &parts[0]
	if it.parts == 0 && p.Text != "" {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Text: p.Text})
	}
	if p.Signature != "" {
		v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Signature: p.Signature, Maker: p.Maker})
	}
	it.late = p.Extra
}

// all hands on parts of which nothing was streamed.
func (b *blocks) all(parts []llm.Part, v *stream.Verdict) {
	for i := range parts {
		p := parts[i]
		b.calls = b.calls || p.Kind == llm.ToolCall
		b.refused = b.refused || p.Kind == llm.Refusal
		switch {
		case p.Name == wire.CarrierText && wire.IsCarrier(&p):
			p = llm.Part{Kind: llm.Text, Signature: p.Signature, Maker: p.Maker}
		case wire.IsCarrier(&p):
			b.alone(v)
			b.state = p
			continue
		}
		it := item{}
		b.open(&it, p, v)
		b.close(&it, v)
	}
}

// cut tells of items that are not complete and were not told of, and of texts that
// are complete inside such.
func (b *blocks) cut(s *answer, v *stream.Verdict) {
	for i := range s.open {
		switch it := &s.open[i]; {
		case it.kind == "message":
			if it.told {
				b.close(it, v)
			}
		case it.begun:
		case it.kind == "reasoning":
			b.open(it, llm.Part{Kind: llm.Thinking, ID: it.id}, v)
		default:
			b.open(it, llm.Part{Kind: llm.Opaque, From: llm.Responses, Raw: []byte(`{"type":` + string(quoted(it.kind)) + `}`)}, v)
		}
	}
}

func (b *blocks) end(s *answer, r *llm.Response, how *ending, v *stream.Verdict) {
	for i := range s.open { // a server that does not end its items
		it := &s.open[i]
		if it.kind == customCall && it.raw {
			v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Index: it.block, Text: `"}`})
		}
		b.close(it, v)
	}
	if !s.items {
		b.all(r.Parts, v)
	}
	b.alone(v)
	if r.Usage.Reported {
		v.Events = append(v.Events, llm.Event{Kind: llm.UsageUpdate, Usage: r.Usage})
	}
	e := llm.Event{Kind: llm.Stop}
	e.Stop, e.StopDetail = how.because(b.calls, b.refused)
	v.Events = append(v.Events, e, llm.Event{Kind: llm.End})
}
