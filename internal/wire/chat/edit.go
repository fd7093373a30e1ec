package chat

import (
	"github.com/skein-run/skein/internal/wire"
)

// Edit implements wire.Codec.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	var e wire.Editor
	sp := &s.Spans
	if t.Upstream != "" && t.Upstream != s.Model {
		e.String(sp.Model, t.Upstream)
	}
	end := sp.Object.To - 1
	if t.OutputCap > 0 {
		editCap(&e, sp, t, end)
	}
	if s.Stream && !dialect(t).NoStreamUsage && !s.StreamUsage {
		switch {
		case !sp.IncludeUsage.Empty():
			e.Raw(sp.IncludeUsage, "true")
		case sp.StreamOptions.Empty():
			e.Raw(wire.Span{From: end, To: end}, `,"stream_options":{"include_usage":true}`)
		default:
			e.Raw(sp.StreamOptions, withUsage(body[sp.StreamOptions.From:sp.StreamOptions.To]))
		}
	}
	return e.Apply(dst, body), nil
}

func editCap(e *wire.Editor, sp *wire.Spans, t *wire.Target, end int) {
	want := dialect(t).OutputCapName
	if sp.MaxOutput.Empty() {
		if want == "" {
			want = capName
		}
		e.Member(end, want, t.OutputCap)
		return
	}
	if twice := !sp.MaxOutputTwice.Empty(); twice {
		// A vendor that takes both names may follow either.
		e.Int(sp.MaxOutputTwice, t.OutputCap)
	} else if want != "" && want != sp.MaxOutputName {
		e.String(sp.MaxOutputKey, want)
	}
	e.Int(sp.MaxOutput, t.OutputCap)
}

// withUsage is a stream_options value with include_usage added: null, {} or an
// object that has other members.
func withUsage(v []byte) string {
	if len(v) == 0 || v[0] != '{' {
		return `{"include_usage":true}`
	}
	rest := string(v[1:])
	for i := range rest {
		switch rest[i] {
		case ' ', '\n', '\r', '\t':
			continue
		case '}':
			return `{"include_usage":true` + rest
		}
		break
	}
	return `{"include_usage":true,` + rest
}

func dialect(t *wire.Target) *wire.Dialect {
	if t == nil || t.Dialect == nil {
		return &specification
	}
	return t.Dialect
}

// specification is the format as its maker documents it.
var specification wire.Dialect

// capName is the specification's name of the output cap; max_tokens is deprecated
// and refused by reasoning models.
const capName = "max_completion_tokens"
