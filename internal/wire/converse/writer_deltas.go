package converse

import (
	"encoding/base64"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// text is a delta of text. Most begin like the last one.
func (w *writer) text(dst []byte, k *written, s string) []byte {
	if at := w.place(k); len(w.head) == 0 || w.headAt != at {
		b := raw.Builder{B: w.head[:0]}
		b.Object()
		b.PutInt("contentBlockIndex", at)
		b.Key("delta")
		b.Object()
		b.Key("text")
		w.head, w.headAt = b.B, at
	}
	dst = append(w.f.Begin(dst, blockDelta), w.head...)
	return w.f.Finish(append(raw.AppendString(dst, s), "}}"...))
}

// put is a delta of one string inside a kind.
func (w *writer) put(dst []byte, k *written, kind, name, s string) []byte {
	b := w.begin(dst, blockDelta)
	b.PutInt("contentBlockIndex", w.place(k))
	b.Key("delta")
	b.Object()
	b.Key(kind)
	b.Object()
	b.PutString(name, s)
	b.EndObject()
	b.EndObject()
	return w.finish(&b)
}

func (w *writer) input(dst []byte, k *written, s string) []byte {
	k.args = true
	return w.put(dst, k, "toolUse", "input", s)
}

func (w *writer) cite(dst []byte, k *written, c *llm.Citation) []byte {
	b := w.begin(dst, blockDelta)
	b.PutInt("contentBlockIndex", w.place(k))
	b.Key("delta")
	b.Object()
	b.Key("citation")
	putCitation(&b, c)
	b.EndObject()
	return w.finish(&b)
}

func (w *writer) image(dst []byte, k *written, p *llm.Part) []byte {
	f := formatOf(llm.Image, p.MediaType)
	if f == "" || len(p.Data) == 0 {
		return dst
	}
	b := w.begin(dst, blockStart)
	b.PutInt("contentBlockIndex", w.place(k))
	b.Key("start")
	b.Object()
	b.Key("image")
	b.Object()
	b.PutString("format", f)
	b.EndObject()
	b.EndObject()
	dst = w.finish(&b)
	b = w.begin(dst, blockDelta)
	b.PutInt("contentBlockIndex", k.place)
	b.Key("delta")
	b.Object()
	b.Key("image")
	b.Object()
	b.Key("source")
	b.Object()
	b.Key("bytes")
	b.B = append(base64.StdEncoding.AppendEncode(append(b.B, '"'), p.Data), '"')
	for range 3 {
		b.EndObject()
	}
	return w.finish(&b)
}

// opaque writes a server tool's call or result, which came from this format.
func (w *writer) opaque(dst []byte, k *written, p *llm.Part) []byte {
	c := raw.On(p.Raw)
	kind := onlyMember(c)
	if p.From != format || kind != "toolUse" && kind != "toolResult" {
		return dst
	}
	c.Object()
	c.Key()
	if c.Kind() != '{' {
		return dst
	}
	var streamed []byte // what comes as deltas
	b := w.begin(dst, blockStart)
	b.PutInt("contentBlockIndex", w.place(k))
	b.Key("start")
	b.Object()
	b.Key(kind)
	b.Object()
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) == "input" || string(key) == "content" {
			streamed = c.Raw()
		} else {
			b.PutRaw(string(key), c.Raw())
		}
	}
	b.EndObject()
	b.EndObject()
	dst = w.finish(&b)
	if kind == "toolUse" {
		return w.input(dst, k, string(streamed))
	}
	b = w.begin(dst, blockDelta)
	b.PutInt("contentBlockIndex", k.place)
	b.Key("delta")
	b.Object()
	b.PutRaw(kind, streamed)
	b.EndObject()
	return w.finish(&b)
}
