package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// quiet ends the message that is open, where none of its parts is: another item
// begins.
func (w *writer) quiet(dst []byte) []byte {
	if w.message >= 0 && w.outs[w.message].live == 0 {
		return w.closeMessage(dst)
	}
	w.message = -1 // it ends with its last part
	return dst
}

func (w *writer) closeMessage(dst []byte) []byte {
	if w.message < 0 {
		return dst
	}
	out := w.message
	w.message = -1
	return w.messageDone(dst, out)
}

func (w *writer) messageDone(dst []byte, out int) []byte {
	o := &w.outs[out]
	b := raw.Builder{B: append([]byte(nil), o.head...)}
	b.PutString("status", w.statusOf())
	b.Key("content")
	b.List()
	for _, part := range o.parts {
		if part != nil { // the places before the first part, where another numbered that 1
			b.Raw(part)
		}
	}
	b.EndList()
	b.EndObject()
	o.head, o.parts = nil, nil
	return w.itemDone(dst, out, b.B)
}

func (w *writer) textStart(dst []byte, k *block) []byte {
	p := &k.p
	if w.message < 0 || begins(p) {
		dst = w.quiet(dst)
		id := word(p.Extra, ofItem+"id")
		if id == "" {
			id = w.env.itemID("msg_")
		}
		h := raw.Builder{}
		h.Object()
		h.PutString("id", id)
		h.PutString("type", "message")
		h.PutString("role", "assistant")
		for i := range p.Extra {
			switch name, ok := raw.Under(&p.Extra[i], llm.Responses, ofItem); {
			case !ok, name == "id", name == "type", name == "role", name == "status", name == "content":
			default:
				h.PutRaw(name, p.Extra[i].Value)
			}
		}
		oneLine(h.B)
		dst = w.item(dst, "message", id, func(b *raw.Builder) {
			b.B = append(b.B, h.B[1:]...)
			b.PutString("status", "in_progress")
			b.Key("content")
			b.List()
			b.EndList()
		})
		w.message = len(w.outs) - 1
		w.outs[w.message].head = h.B
	}
	o := &w.outs[w.message]
	k.kind, k.out, k.part, k.open = p.Kind, w.message, len(o.parts), true
	w.refusal = w.refusal || p.Kind == llm.Refusal
	o.parts = append(o.parts, nil)
	o.live++
	dst = w.partEvent(dst, "response.content_part.added", k, &llm.Part{Kind: p.Kind})
	notes := k.p.Citations
	k.p.Citations = nil
	if p.Text != "" {
		dst = w.text(dst, k, p.Text)
	}
	for i := range notes {
		dst = w.note(dst, k, &notes[i])
	}
	return dst
}

// partEvent writes an event that shows a part of a message.
func (w *writer) partEvent(dst []byte, kind string, k *block, p *llm.Part) []byte {
	b := w.begin(dst, kind)
	w.where(&b, k)
	b.PutInt("content_index", int64(k.part))
	b.Key("part")
	from := len(b.B)
	putPart(&b, p)
	oneLine(b.B[from:])
	return w.finish(&b)
}

func putPart(b *raw.Builder, p *llm.Part) {
	b.Object()
	if p.Kind == llm.Refusal {
		b.PutString("type", "refusal")
		b.PutString("refusal", p.Text)
		b.EndObject()
		return
	}
	b.PutString("type", "output_text")
	b.Key("annotations")
	putCitations(b, p.Citations)
	b.Key("logprobs")
	putLogprobs(b, p)
	b.PutString("text", p.Text)
	b.EndObject()
}

// putLogprobs writes the probabilities that came with a text of this format's own.
func putLogprobs(b *raw.Builder, p *llm.Part) {
	if v := raw.Find(p.Extra, llm.Responses, "logprobs"); v != nil {
		b.Raw(v)
		return
	}
	b.List()
	b.EndList()
}

func (w *writer) note(dst []byte, k *block, v *llm.Citation) []byte {
	is := raw.Builder{}
	if !putCitation(&is, v) {
		return dst
	}
	oneLine(is.B)
	b := w.begin(dst, "response.output_text.annotation.added")
	w.where(&b, k)
	b.PutInt("content_index", int64(k.part))
	b.PutInt("annotation_index", int64(len(k.p.Citations)))
	b.PutRaw("annotation", is.B)
	k.p.Citations = append(k.p.Citations, *v)
	return w.finish(&b)
}

// text writes a piece of text.
func (w *writer) text(dst []byte, k *block, text string) []byte {
	k.text = append(k.text, text...)
	if k.kind == llm.Refusal {
		return w.piece(dst, "response.refusal.delta", "content_index", k, text, "")
	}
	return w.piece(dst, "response.output_text.delta", "content_index", k, text, `,"logprobs":[]`)
}

func (w *writer) textStop(dst []byte, k *block) []byte {
	k.p.Text = string(k.text)
	name, kind := "text", "response.output_text.done"
	if k.kind == llm.Refusal {
		name, kind = "refusal", "response.refusal.done"
	}
	b := w.begin(dst, kind)
	w.where(&b, k)
	b.PutInt("content_index", int64(k.part))
	b.PutString(name, k.p.Text)
	if k.kind == llm.Text {
		b.Key("logprobs")
		from := len(b.B)
		putLogprobs(&b, &k.p)
		oneLine(b.B[from:])
	}
	dst = w.finish(&b)
	dst = w.partEvent(dst, "response.content_part.done", k, &k.p)
	o := &w.outs[k.out]
	part := raw.Builder{}
	putPart(&part, &k.p)
	oneLine(part.B)
	o.parts[k.part] = part.B
	k.text = nil
	if o.live--; o.live == 0 && k.out != w.message {
		return w.messageDone(dst, k.out)
	}
	return dst
}
