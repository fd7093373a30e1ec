package embeddings

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// reader reads a request, once to count what is in it and once to take it.
type reader struct {
	form *form
	c    raw.Cursor
	r    *llm.Request // nil: only counted
	scan *wire.Scan
	bad  *llm.Error
	key  []byte
}

// Scan implements wire.Codec.
func (c Codec) Scan(body []byte, h *wire.Head) (*wire.Scan, error) {
	if !utf8.Valid(body) {
		return nil, wire.BadField("", "the body is not UTF-8")
	}
	s := &wire.Scan{}
	s.Format, s.Choices, s.Bytes = c.f.format, 1, int64(len(body))
	r := reader{form: c.f, c: raw.On(body), scan: s}
	s.Spans.Object.From = r.c.Pos()
	r.request()
	s.Spans.Object.To = r.c.Offset()
	if err := r.end(body); err != nil {
		return nil, err
	}
	stream := false
	h.Name(&s.Model, &stream)
	if s.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	if s.Inputs == 0 {
		return nil, wire.BadField(c.f.inputs, "there is nothing to embed")
	}
	return s, nil
}

// DecodeRequest implements wire.Codec.
func (c Codec) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	if e := wire.Decodable(body); e != nil {
		return nil, e
	}
	r := reader{form: c.f, c: raw.On(body), scan: &wire.Scan{}, r: &llm.Request{From: c.f.format, Embed: &llm.EmbedRequest{}}}
	r.request()
	if err := r.end(body); err != nil {
		return nil, err
	}
	r.r.Model = r.scan.Model
	h.Name(&r.r.Model, &r.r.Stream)
	if r.r.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	return r.r, nil
}

func (r *reader) end(body []byte) error {
	if r.bad != nil {
		return r.bad
	}
	if err := r.c.End(); err != nil {
		return wire.BadRequestText(body, err)
	}
	return nil
}

func (r *reader) request() {
	c := &r.c
	var model, input wire.Once
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok || r.bad != nil {
			return
		}
		r.key = key
		switch k := string(key); {
		case k == r.form.model && k != "":
			if model.See(0) {
				r.bad = wire.BadField(k, "is there twice; leave one of them")
				return
			}
			from := c.Pos()
			r.scan.Model = c.Text()
			r.scan.Spans.Model = wire.Span{From: from, To: c.Offset()}
		case k == r.form.inputs && input.See(0):
			r.bad = wire.BadField(k, "is there twice; leave one of them")
			return
		case r.form.model != "" && wire.FoldsTo(key, r.form.model), wire.FoldsTo(key, r.form.inputs):
			r.bad = wire.BadField(k, "differs in case only from a member that is acted on; leave it out")
			return
		case r.form.member(r, k):
		default:
			r.extra("")
		}
	}
}

// extra keeps a member that has no canonical place.
func (r *reader) extra(prefix string) {
	if r.r == nil || prefix != "" && raw.Find(r.r.Extra, r.form.format, prefix+string(r.key)) != nil {
		r.c.Skip() // of a list's requests all say the same
		return
	}
	r.r.Extra = raw.Keep(r.r.Extra, r.form.format, prefix, r.key, &r.c)
}

// text takes one text.
func (r *reader) text() {
	r.scan.Inputs++
	if r.r == nil {
		r.scan.TextBytes += int64(r.c.TextLen())
		return
	}
	r.r.Embed.Inputs = append(r.r.Embed.Inputs, llm.EmbedInput{Text: r.c.Text()})
}

// tokens takes one input that was cut into tokens already.
func (r *reader) tokens() {
	r.scan.Inputs++
	v := r.c.Raw()
	n := int64(1)
	for _, b := range v {
		if b == ',' {
			n++
		}
	}
	r.scan.TextBytes += n * 4 // a token is about four bytes
	if r.r != nil {
		r.r.Embed.Inputs = append(r.r.Embed.Inputs, llm.EmbedInput{Tokens: append([]byte(nil), v...)})
	}
}

// opaque takes one input that only its own format knows.
func (r *reader) opaque() {
	r.scan.Inputs++
	v := r.c.Raw()
	r.scan.Media++
	r.scan.MediaBytes += int64(len(v))
	if r.r != nil {
		r.r.Embed.Inputs = append(r.r.Embed.Inputs, llm.EmbedInput{From: r.form.format, Raw: append([]byte(nil), v...)})
	}
}

// last is the input that was taken last, for its further members; nil while counting.
func (r *reader) last() *llm.EmbedInput {
	if r.r == nil || len(r.r.Embed.Inputs) == 0 {
		return nil
	}
	return &r.r.Embed.Inputs[len(r.r.Embed.Inputs)-1]
}

// embed is where what is asked for goes; a scratch one while counting.
func (r *reader) embed() *llm.EmbedRequest {
	if r.r == nil {
		return &llm.EmbedRequest{}
	}
	return r.r.Embed
}

// Edit implements wire.Codec.
func (c Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	if t.Upstream == "" || t.Upstream == s.Model {
		return append(dst, body...), nil
	}
	if c.f.rename != nil {
		return c.f.rename(dst, body, t.Upstream), nil
	}
	var e wire.Editor
	if !s.Spans.Model.Empty() {
		e.String(s.Spans.Model, t.Upstream)
	} else if c.f.model != "" && !inAddress(t) { // the client named it in the address
		return append(append(raw.AppendString(append(append(append(dst, body[:s.Spans.Object.From+1]...), '"'), c.f.model+`":`...), t.Upstream), ','), body[s.Spans.Object.From+1:]...), nil
	}
	return e.Apply(dst, body), nil
}

// inAddress: the service has the model in its address only.
func inAddress(t *wire.Target) bool { return t.Dialect != nil && t.Dialect.InAddress }

// EncodeRequest implements wire.Codec.
func (c Codec) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	if r.Embed == nil || len(r.Embed.Inputs) == 0 {
		return nil, nil, wire.BadField(c.f.inputs, "there is nothing to embed")
	}
	losses := c.f.table.Losses(r)
	if e := wire.RefuseLossy(losses, t, c.f.format); e != nil {
		return nil, losses, e
	}
	if t == nil {
		t = &wire.Target{}
	}
	var b raw.Builder
	b.Object()
	if c.f.model != "" && !inAddress(t) {
		name := r.Model
		if t.Upstream != "" {
			name = t.Upstream
		}
		b.PutString(c.f.model, name)
	}
	c.f.write(&b, r, t)
	b.Extras(r.Extra, c.f.format, "")
	b.EndObject()
	return b.B, losses, nil
}
