package gemini

import (
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Count is the codec of countTokens: contents alone, or a whole request as one for an
// answer under generateContentRequest, and a number. Vertex AI takes the members of
// such a request at the top.
type Count struct{ Codec }

var _ wire.Codec = Count{}

// Format implements wire.Codec.
func (Count) Format() llm.Format { return llm.GeminiCount }

// Scan implements wire.Codec.
func (Count) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	s, err := scan(body, h, true)
	if err != nil {
		return nil, err
	}
	s.Format, s.Stream, s.StreamUsage = llm.GeminiCount, false, false
	return s, nil
}

// Edit implements wire.Codec.
func (Count) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	to := *t
	to.OutputCap = 0
	return Codec{}.Edit(dst, body, s, &to)
}

// DecodeRequest implements wire.Codec.
func (Count) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	return decodeRequest(body, h, true)
}

// EncodeRequest implements wire.Codec.
func (Count) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	losses := Count{}.Losses(r)
	if e := wire.RefuseLossy(losses, t, llm.GeminiCount); e != nil {
		return nil, losses, e
	}
	e := newEncoder(r, t)
	whole := raw.Find(r.Extra, llm.Gemini, noteWhole) != nil
	if !own(r) && e.d.Cloud != wire.CloudVertex {
		whole = true
		e.named = true
	}
	b := &e.b
	b.Object()
	if whole {
		b.Key(e.as.name("", "generateContentRequest"))
		b.Object()
	}
	e.request()
	if whole {
		b.EndObject()
	}
	b.EndObject()
	return b.B, losses, nil
}

// Losses implements wire.Codec: of those of an answer the ones that change what
// there is to count.
func (Count) Losses(r *llm.Request) (out []wire.Loss) {
	for _, l := range Table.Losses(r) {
		switch l.Field {
		case "opaque part", "tools (server)":
			out = append(out, l)
		}
	}
	return out
}

// DecodeResponse implements wire.Codec.
func (Count) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	r := &llm.Response{}
	var n counts
	failed := false
	c := raw.On(body)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		at := c
		switch string(key) {
		case "totalTokens":
			n.prompt, n.some = count(&at), true
		case "cachedContentTokenCount":
			n.cached = count(&at)
		case "promptTokensDetails":
			n.promptBy.take(&at)
		case "cacheTokensDetails":
			n.cachedBy.take(&at)
		case "error":
			failed = at.Kind() == '{'
		}
		r.Extra = raw.Keep(r.Extra, llm.Gemini, "", key, &c)
	}
	if err := c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if failed {
		return nil, Codec{}.DecodeError(200, nil, body, dia)
	}
	if !n.some {
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "totalTokens: there is no count"})
	}
	r.Usage = n.usage()
	return r, nil
}

// EncodeResponse implements wire.Codec.
func (Count) EncodeResponse(r *llm.Response, _ *wire.Answer) []byte {
	var b raw.Builder
	b.Object()
	if raw.Find(r.Extra, llm.Gemini, "totalTokens") == nil {
		b.PutInt("totalTokens", r.Usage.InputTokens())
		if n := r.Usage.Tokens[llm.TokCacheRead]; n > 0 {
			b.PutInt("cachedContentTokenCount", n)
		}
		putDetails(&b, "promptTokensDetails", &r.Usage)
	}
	b.Extras(r.Extra, llm.Gemini, "")
	b.EndObject()
	return b.B
}

// Rename implements wire.Codec; a count names no model.
func (Count) Rename(dst, body []byte, _ *wire.Answer) []byte { return append(dst, body...) }

// Frames implements wire.Codec; a count is not streamed.
func (Count) Frames(io.Reader, *wire.Dialect, wire.FrameOptions) wire.Stream { return wire.ACount }

// Writer implements wire.Codec; a count is not streamed.
func (Count) Writer(*wire.Answer) wire.Writer { return wire.ACount }
