package embeddings

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeResponse implements wire.Codec.
func (c Codec) DecodeResponse(body []byte, d *wire.Dialect) (*llm.Response, error) {
	cur := raw.On(body)
	r := &llm.Response{Stop: llm.StopEnd}
	failed := false
	for cur.Object(); ; {
		key, ok := cur.Key()
		if !ok {
			break
		}
		k := string(key)
		switch {
		case k == c.f.answer && k != "":
			r.Model = cur.TextIf()
		case c.f.vectors(&cur, k, r):
		default:
			failed = failed || k == "error" || k == "detail" || k == "message"
			r.Extra = raw.Keep(r.Extra, c.f.format, "", key, &cur)
		}
	}
	if err := cur.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if len(r.Vectors) == 0 {
		if failed {
			return nil, c.DecodeError(200, nil, body, d)
		}
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "there are no vectors"})
	}
	return r, nil
}

// EncodeResponse implements wire.Codec.
func (c Codec) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	var b raw.Builder
	b.Object()
	c.f.tell(&b, r, as)
	b.Extras(r.Extra, c.f.format, "")
	b.EndObject()
	return b.B
}

// numbers reads a vector that is a list of numbers, which keep their spelling.
func numbers(c *raw.Cursor, r *llm.Response) {
	if c.Kind() != '[' {
		c.Fail(c.Pos(), "want a list of numbers")
		return
	}
	r.Vectors = append(r.Vectors, llm.Vector{Numbers: append([]byte(nil), c.Raw()...)})
}

// putNumbers appends a vector as a list of numbers. What came packed is spelled with
// as many digits as a float32 needs, so that packing it again gives the same bytes.
func putNumbers(b *raw.Builder, v *llm.Vector) {
	if v.Numbers != nil || v.Packed == "" {
		b.Raw(v.Numbers)
		return
	}
	packed, err := base64.StdEncoding.DecodeString(v.Packed)
	if err != nil || len(packed)%4 != 0 { // some vendors have a packing of their own
		b.String(v.Packed)
		return
	}
	b.List()
	for ; len(packed) > 0; packed = packed[4:] {
		x := math.Float32frombits(binary.LittleEndian.Uint32(packed))
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) { // JSON has no word for it
			b.Null()
			continue
		}
		b.Number("")
		b.B = strconv.AppendFloat(b.B, float64(x), 'g', -1, 32)
	}
	b.EndList()
}

// putPacked appends a vector in OpenAI's packed form.
func putPacked(b *raw.Builder, v *llm.Vector) {
	if v.Packed != "" {
		b.String(v.Packed)
		return
	}
	var packed []byte
	c := raw.On(v.Numbers)
	for c.List(); c.More(); {
		x, err := c.Number().Float64()
		if err != nil {
			break
		}
		packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(float32(x)))
	}
	b.String(base64.StdEncoding.EncodeToString(packed))
}

// read is how many tokens were embedded, as the provider says.
func read(r *llm.Response, n int64) {
	r.Usage.Tokens[llm.TokInput] = n
	r.Usage.Reported = true
}
