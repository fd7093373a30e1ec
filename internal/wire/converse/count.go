package converse

import (
	"encoding/base64"
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Count is the codec of CountTokens. What is to be counted is a request of Converse,
// or the body of InvokeModel, which is the model's own: Messages, as far as models
// that count go.
//
//	{"input":{"converse":{"messages":[…],"system":[…],"toolConfig":{…}}}}
//	{"input":{"invokeModel":{"body":"eyJtZXNzYWdlcyI6…"}}}
type Count struct{ Codec }

var _ wire.Codec = Count{}

// Format implements wire.Codec.
func (Count) Format() llm.Format { return llm.ConverseCount }

// counted finds what is to be counted: the body of a request of Converse, or of one
// of Messages.
func counted(body []byte) (inner []byte, invoke bool, err error) {
	c := raw.On(body)
	found := 0
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) != "input" {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			kind, ok := c.Key()
			if !ok {
				break
			}
			switch string(kind) {
			case "converse":
				at := c.Pos()
				if c.Kind() != '{' {
					c.Fail(at, "want an object")
				}
				inner = c.Raw()
				found++
			case "invokeModel":
				var b []byte
				for c.Object(); ; {
					key, ok := c.Key()
					if !ok {
						break
					}
					if at := c.Pos(); string(key) == "body" {
						var err error
						if b, err = base64.StdEncoding.DecodeString(c.Text()); err != nil {
							c.Fail(at, "want base64")
						}
					} else {
						c.Skip()
					}
				}
				inner, invoke = b, true
				found++
			default:
				c.Skip()
			}
		}
	}
	if err := c.End(); err != nil {
		return nil, false, wire.BadRequestText(body, err)
	}
	if found != 1 {
		return nil, false, wire.BadField("input", "want converse or invokeModel")
	}
	return inner, invoke, nil
}

// invoked is the head of the body of InvokeModel.
func invoked(h *wire.Head) *wire.Head {
	in := wire.Head{Streams: true}
	if h != nil {
		in.Model, in.Betas = h.Model, h.Betas
	}
	if d, ok := wire.DialectByName("bedrock-messages"); ok {
		in.Dialect = d
	}
	return &in
}

// Scan implements wire.Codec.
func (Count) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	inner, invoke, err := counted(body)
	if err != nil {
		return nil, err
	}
	var s *wire.Scan
	if invoke {
		s, err = messages.Codec{}.Scan(inner, invoked(h))
	} else {
		s, err = Codec{}.Scan(inner, h)
	}
	if err != nil {
		return nil, err
	}
	s.Format, s.Bytes, s.Stream = llm.ConverseCount, int64(len(body)), false
	s.MaxOutput, s.Spans = 0, wire.Spans{Object: wire.Span{From: 0, To: len(body)}} // nothing is ever changed
	return s, nil
}

// Edit implements wire.Codec: the model is in the address, and there is no cap.
func (Count) Edit(dst, body []byte, _ *wire.Scan, _ *wire.Target) ([]byte, error) {
	return append(dst, body...), nil
}

// DecodeRequest implements wire.Codec.
func (Count) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	if e := wire.Decodable(body); e != nil {
		return nil, e
	}
	inner, invoke, err := counted(body)
	if err != nil {
		return nil, err
	}
	if invoke {
		return messages.Codec{}.DecodeRequest(inner, invoked(h))
	}
	d := newDecoder(inner, h, llm.ConverseCount)
	d.request()
	d.r.Stream, d.r.StreamUsage = false, false
	return d.done(inner)
}

// EncodeRequest implements wire.Codec.
func (Count) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	e := newEncoder(r, t)
	e.losses = Count{}.Losses(r)
	if err := wire.RefuseLossy(e.losses, t, llm.ConverseCount); err != nil {
		return nil, e.losses, err
	}
	b := &e.b
	b.Object()
	b.Key("input")
	b.Object()
	b.Key("converse")
	b.Object()
	if err := e.fields(); err != nil {
		return nil, e.losses, err
	}
	b.Extras(r.Extra, format, "")
	e.tools()
	e.system()
	e.messages()
	for range 3 {
		b.EndObject()
	}
	return e.b.B, e.losses, nil
}

// Losses implements wire.Codec: of those of an answer the ones that change what
// there is to count.
func (Count) Losses(r *llm.Request) (out []wire.Loss) {
	if own(r) {
		return nil
	}
	for _, l := range Table.Losses(r) {
		if uncountable[l.Field] {
			out = append(out, l)
		}
	}
	return out
}

var uncountable = map[string]bool{
	"image.url": true, "document.url": true, "video.url": true, "opaque part": true, "tools (server)": true,
}

// DecodeResponse implements wire.Codec.
func (Count) DecodeResponse(body []byte, d *wire.Dialect) (*llm.Response, error) {
	r := &llm.Response{}
	c := raw.On(body)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if string(key) == "inputTokens" {
			r.Usage.Reported = c.Kind() == '0'
			r.Usage.Tokens[llm.TokInput] = c.Count()
		} else {
			r.Extra = raw.Keep(r.Extra, format, "", key, &c)
		}
	}
	if err := c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if !r.Usage.Reported {
		if raw.Find(r.Extra, format, "message") != nil {
			return nil, Codec{}.DecodeError(200, nil, body, d)
		}
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "inputTokens: there is none"})
	}
	return r, nil
}

// EncodeResponse implements wire.Codec.
func (Count) EncodeResponse(r *llm.Response, _ *wire.Answer) []byte {
	var b raw.Builder
	b.Object()
	b.PutInt("inputTokens", r.Usage.InputTokens())
	b.Extras(r.Extra, format, "")
	b.EndObject()
	return b.B
}

// Frames implements wire.Codec; there are no streams.
func (Count) Frames(io.Reader, *wire.Dialect, wire.FrameOptions) wire.Stream { return wire.ACount }

// Writer implements wire.Codec; there are no streams.
func (Count) Writer(*wire.Answer) wire.Writer { return wire.ACount }
