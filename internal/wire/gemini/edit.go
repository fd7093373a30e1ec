package gemini

import (
	"strconv"

	"github.com/skein-run/skein/internal/wire"
)

// Edit implements wire.Codec. The model stands in the address; one that the body
// names as well is named anew.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	var e wire.Editor
	sp := &s.Spans
	if t.Upstream != "" && !sp.Model.Empty() {
		e.String(sp.Model, inBody(t.Upstream))
	}
	if t.OutputCap > 0 {
		switch limit := strconv.FormatInt(t.OutputCap, 10); {
		case !sp.MaxOutput.Empty():
			e.Int(sp.MaxOutput, t.OutputCap)
		case sp.Config.Empty():
			e.Raw(wire.Span{From: sp.Object.From + 1, To: sp.Object.From + 1}, `"generationConfig":{"`+capName+`":`+limit+`},`)
		case body[sp.Config.From] != '{': // null
			e.Raw(sp.Config, `{"`+capName+`":`+limit+`}`)
		default:
			text := `"` + capName + `":` + limit
			if !empty(body[sp.Config.From:sp.Config.To]) {
				text += ","
			}
			e.Raw(wire.Span{From: sp.Config.From + 1, To: sp.Config.From + 1}, text)
		}
	}
	for i, id := range t.IDs {
		if i < len(sp.StateIDs) {
			e.String(sp.StateIDs[i], id)
		}
	}
	return e.Apply(dst, body), nil
}

// empty reports whether an object has no members.
func empty(object []byte) bool {
	for _, ch := range object[1:] {
		if ch > ' ' {
			return ch == '}'
		}
	}
	return true
}
