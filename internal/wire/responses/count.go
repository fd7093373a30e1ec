package responses

import (
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Count is the codec of POST /v1/responses/input_tokens, which takes a request of
// this format and answers how many tokens it would be.
type Count struct{ Codec }

var _ wire.Codec = Count{}

// Format implements wire.Codec.
func (Count) Format() llm.Format { return llm.ResponsesCount }

// Scan implements wire.Codec.
func (Count) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	s, err := Codec{}.Scan(body, h)
	if err != nil {
		return nil, err
	}
	s.Format, s.Stream, s.StreamUsage = llm.ResponsesCount, false, false
	return s, nil
}

// Edit implements wire.Codec. A question has no answer to be capped.
func (Count) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	to := *t
	to.OutputCap = 0
	return Codec{}.Edit(dst, body, s, &to)
}

// EncodeRequest implements wire.Codec.
func (Count) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	to := wire.Target{}
	if t != nil {
		to = *t
	}
	return encode(r, &to, Count{}.Losses(r), llm.ResponsesCount)
}

// Losses implements wire.Codec: of those of an answer the ones that change what
// there is to count.
func (Count) Losses(r *llm.Request) (out []wire.Loss) {
	for _, l := range Table.Losses(r) {
		if counted[l.Field] {
			out = append(out, l)
		}
	}
	return out
}

var counted = map[string]bool{
	"audio": true, "video": true, "video.url": true, "opaque part": true, "tools (server)": true,
}

// DecodeResponse implements wire.Codec. The count is what would be read.
func (Count) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	r := &llm.Response{}
	counted, failed := false, false
	c := raw.On(body)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "input_tokens" && c.Kind() == '0':
			r.Usage.Tokens[llm.TokInput], counted = c.Count(), true
		case string(key) == "object":
			c.Skip()
		default:
			failed = failed || string(key) == "error" && c.Kind() != 'n'
			r.Extra = raw.Keep(r.Extra, llm.Responses, "", key, &c)
		}
	}
	if err := c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if failed && !counted {
		return nil, Codec{}.DecodeError(200, nil, body, dia)
	}
	if !counted {
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "input_tokens: there is none"})
	}
	r.Usage.Reported = true
	return r, nil
}

// EncodeResponse implements wire.Codec.
func (Count) EncodeResponse(r *llm.Response, _ *wire.Answer) []byte {
	b := raw.Builder{}
	b.Object()
	b.PutString("object", "response.input_tokens")
	b.PutInt("input_tokens", r.Usage.InputTokens())
	b.Extras(r.Extra, llm.Responses, "")
	b.EndObject()
	return b.B
}

// Rename implements wire.Codec. The answer names nothing.
func (Count) Rename(dst, body []byte, _ *wire.Answer) []byte { return append(dst, body...) }

// Frames implements wire.Codec; a count is not streamed.
func (Count) Frames(io.Reader, *wire.Dialect, wire.FrameOptions) wire.Stream { return wire.ACount }

// Writer implements wire.Codec; a count is not streamed.
func (Count) Writer(*wire.Answer) wire.Writer { return wire.ACount }
