package messages

import (
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Count is the codec of count_tokens: a request like one for an answer, without
// what concerns the answer only, and a number. At Vertex it is the model
// «count-tokens», and the request names the model that counts.
type Count struct{ Codec }

var _ wire.Codec = Count{}

// Format implements wire.Codec.
func (Count) Format() llm.Format { return llm.MessagesCount }

// Scan implements wire.Codec.
func (Count) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	s, err := Codec{}.Scan(body, h)
	if err != nil {
		return nil, err
	}
	s.Format, s.Stream, s.StreamUsage = llm.MessagesCount, false, false
	return s, nil
}

// Edit implements wire.Codec.
func (Count) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	to := *t
	to.OutputCap, to.Dialect = 0, counting(t.Dialect)
	if !to.Model.Fits(s.Asks&wire.AsksLateSystem, "") {
		return rewrite(Count{}, dst, body, s, &to)
	}
	to.Model = wire.Model{} // what steers the answer is counted as it stands
	return Codec{}.Edit(dst, body, s, &to)
}

// counting is a carrier of count_tokens: all have the model in the body.
func counting(d *wire.Dialect) *wire.Dialect {
	if d == nil || !d.InAddress {
		return d
	}
	c := *d
	c.InAddress = false
	return &c
}

// EncodeRequest implements wire.Codec.
func (Count) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	losses := Count{}.Losses(r)
	if e := wire.RefuseLossy(losses, t, llm.MessagesCount); e != nil {
		return nil, losses, e
	}
	to := wire.Target{}
	if t != nil {
		to = *t
	}
	to.Dialect = counting(to.Dialect)
	e := newEncoder(r, &to)
	e.b.Object()
	e.envelope()
	if err := e.thinking(1 << 40); err != nil { // no cap stands against it
		return nil, losses, err
	}
	e.output()
	e.tools()
	e.system()
	e.messages()
	e.b.EndObject()
	return e.b.B, losses, nil
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

// DecodeResponse implements wire.Codec.
func (Count) DecodeResponse(body []byte, d *wire.Dialect) (*llm.Response, error) {
	r := &llm.Response{}
	c := raw.On(body)
	kind := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "input_tokens":
			r.Usage.Tokens[llm.TokInput], r.Usage.Reported = count(&c), true
		case "type":
			kind = text(&c)
		default:
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, &c)
		}
	}
	if err := c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if kind == "error" {
		return nil, Codec{}.DecodeError(200, nil, body, d)
	}
	if !r.Usage.Reported {
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "input_tokens: there is no count"})
	}
	return r, nil
}

// EncodeResponse implements wire.Codec.
func (Count) EncodeResponse(r *llm.Response, _ *wire.Answer) []byte {
	var b raw.Builder
	b.Object()
	b.PutInt("input_tokens", r.Usage.InputTokens())
	b.Extras(r.Extra, llm.Messages, "")
	b.EndObject()
	return b.B
}

// Rename implements wire.Codec; a count names no model.
func (Count) Rename(dst, body []byte, _ *wire.Answer) []byte { return append(dst, body...) }

// Frames implements wire.Codec; a count is not streamed.
func (Count) Frames(io.Reader, *wire.Dialect, wire.FrameOptions) wire.Stream { return wire.ACount }

// Writer implements wire.Codec; a count is not streamed.
func (Count) Writer(*wire.Answer) wire.Writer { return wire.ACount }
