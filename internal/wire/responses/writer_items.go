package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// item begins an item; write writes its members behind the id.
func (w *writer) item(dst []byte, kind, id string, write func(b *raw.Builder)) []byte {
	w.outs = append(w.outs, outItem{id: id, kind: kind})
	b := w.begin(dst, "response.output_item.added")
	b.PutInt("output_index", int64(len(w.outs)-1))
	b.Key("item")
	b.Object()
	write(&b)
	b.EndObject()
	return w.finish(&b)
}

// itemDone ends an item.
func (w *writer) itemDone(dst []byte, out int, is []byte) []byte {
	w.outs[out].done = is
	b := w.begin(dst, "response.output_item.done")
	b.PutInt("output_index", int64(out))
	b.PutRaw("item", is)
	return w.finish(&b)
}

func (w *writer) at(index int) *block {
	for index >= len(w.blocks) {
		w.blocks = append(w.blocks, block{})
	}
	return &w.blocks[index]
}

func (w *writer) blockStart(dst []byte, e *llm.Event) []byte {
	p := &e.Part
	if old := w.at(e.Index); old.open { // a second start of the same block ends the first
		dst = w.blockStop(dst, &llm.Event{Index: e.Index})
	}
	k := w.at(e.Index)
	*k = block{p: *p}
	switch p.Kind {
	case llm.Text, llm.Refusal:
		return w.textStart(dst, k)
	case llm.Thinking:
		dst = w.quiet(dst)
		return w.thinkingStart(dst, k)
	case llm.ToolCall:
		dst = w.quiet(dst)
		return w.callStart(dst, k)
	case llm.Opaque:
		if p.From != llm.Responses || p.Name == inMessage {
			return dst
		}
	case llm.Image:
		if p.Data == nil {
			return dst
		}
	default:
		return dst
	}
	dst = w.quiet(dst)
	k.kind, k.out, k.open = p.Kind, len(w.outs), true
	if p.Kind == llm.Image {
		id := w.env.itemID("ig_")
		return w.item(dst, "image_generation_call", id, func(b *raw.Builder) {
			b.PutString("id", id)
			b.PutString("type", "image_generation_call")
			b.PutString("status", "in_progress")
			b.PutNull("result")
		})
	}
	return w.opaqueStart(dst, p.Raw)
}

// opaqueStart begins an item of this format's own, which is at hand whole.
func (w *writer) opaqueStart(dst, is []byte) []byte {
	w.outs = append(w.outs, outItem{id: member(is, "id"), kind: wire.TypeOf(is)})
	b := w.begin(dst, "response.output_item.added")
	b.PutInt("output_index", int64(len(w.outs)-1))
	b.Key("item")
	from := len(b.B)
	b.Raw(is)
	oneLine(b.B[from:])
	return w.finish(&b)
}

// statusOf is the status of an item that ends now.
func (w *writer) statusOf() string {
	if w.stop.Kind != 0 {
		if status, reason := ended(w.stop.Stop, w.stop.StopDetail, w.refusal); reason == "max_output_tokens" {
			return status
		}
	}
	return "completed"
}

// where writes which item an event is of.
func (w *writer) where(b *raw.Builder, k *block) {
	b.PutString("item_id", w.outs[k.out].id)
	b.PutInt("output_index", int64(k.out))
}

func (w *writer) delta(dst []byte, e *llm.Event) []byte {
	k := w.at(e.Index)
	if !k.open {
		return dst
	}
	switch k.kind {
	case llm.Text, llm.Refusal:
		if e.Text != "" {
			dst = w.text(dst, k, e.Text)
		}
		if e.Citation != nil && k.kind == llm.Text {
			dst = w.note(dst, k, e.Citation)
		}
	case llm.Thinking:
		if e.Text != "" {
			dst = w.summary(dst, k, e.Text)
		}
		if e.Signature != "" {
			k.p.Signature += e.Signature
			if e.Maker != "" {
				k.p.Maker = e.Maker
			}
		}
	case llm.ToolCall:
		if e.Text != "" {
			dst = w.arguments(dst, k, e.Text)
		}
	}
	return dst
}

func (w *writer) blockStop(dst []byte, e *llm.Event) []byte {
	k := w.at(e.Index)
	if !k.open {
		return dst
	}
	k.open = false
	k.p.Extra = append(k.p.Extra[:len(k.p.Extra):len(k.p.Extra)], e.Part.Extra...)
	switch k.kind {
	case llm.Text, llm.Refusal:
		return w.textStop(dst, k)
	case llm.Thinking:
		return w.thinkingStop(dst, k)
	case llm.ToolCall:
		return w.callStop(dst, k)
	case llm.Image:
		b := raw.Builder{}
		b.Object()
		b.PutString("id", w.outs[k.out].id)
		b.PutString("type", "image_generation_call")
		b.PutString("status", "completed")
		putImage(&b, &k.p)
		b.EndObject()
		return w.itemDone(dst, k.out, b.B)
	}
	is := []byte(strings.Clone(string(k.p.Raw)))
	oneLine(is)
	return w.itemDone(dst, k.out, is)
}
