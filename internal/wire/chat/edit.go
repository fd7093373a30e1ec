package chat

import (
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// Edit implements wire.Codec.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	var e wire.Editor
	sp, d := &s.Spans, dialect(t)
	switch {
	case sp.Model.Empty(): // the client's address named it (Azure)
		if t.Upstream != "" || s.Model != "" {
			var m raw.Builder
			m.PutString("model", upstream(s, t))
			e.Insert(sp.Object, string(append(m.B, ',')))
		}
	case t.Upstream != "" && t.Upstream != s.Model:
		e.String(sp.Model, t.Upstream)
	}
	end := sp.Object.To - 1
	if t.OutputCap > 0 {
		editCap(&e, sp, t, end)
	}
	editUsage(&e, body, s, d, end)
	editEffort(&e, s, t)
	for _, m := range [...]struct {
		field string
		at    wire.Member
	}{
		{"user", sp.User}, {"metadata", sp.Metadata}, {"prompt_cache_key", sp.CacheKey},
		{"service_tier", sp.ServiceTier}, {"store=true", sp.Store},
	} {
		if !m.at.Value.Empty() && d.Bars(m.field) && (m.field != "store=true" || body[m.at.Value.From] != 't') {
			e.Cut(m.at, sp.Object)
		}
	}
	if d.SeedName != "" && !sp.SeedKey.Empty() {
		e.String(sp.SeedKey, d.SeedName)
	}
	return e.Apply(dst, body), nil
}

func upstream(s *wire.Scan, t *wire.Target) string {
	if t.Upstream != "" {
		return t.Upstream
	}
	return s.Model
}

// editUsage asks for usage at the end of a stream, of which the bill is made.
func editUsage(e *wire.Editor, body []byte, s *wire.Scan, d *wire.Dialect, end int) {
	sp := &s.Spans
	switch {
	case d.NoStreamUsage:
		if !sp.StreamOptions.Empty() {
			e.Cut(sp.StreamOptionsAt, sp.Object)
		}
	case !s.Stream || s.StreamUsage:
	case !sp.IncludeUsage.Empty():
		e.Raw(sp.IncludeUsage, "true")
	case sp.StreamOptions.Empty():
		e.Raw(wire.Span{From: end, To: end}, `,"stream_options":{"include_usage":true}`)
	default:
		e.Raw(sp.StreamOptions, withUsage(body[sp.StreamOptions.From:sp.StreamOptions.To]))
	}
}

// editEffort brings an effort to one that the model takes, or takes it out where it
// takes none.
func editEffort(e *wire.Editor, s *wire.Scan, t *wire.Target) {
	at := s.Spans.Effort
	if at.Value.Empty() || t.Model.Fits(0, s.Effort) {
		return
	}
	if level := t.Model.Level(s.Effort); level != "" {
		e.String(at.Value, level)
	} else {
		e.Cut(at, s.Spans.Object)
	}
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
