package responses

import (
	"github.com/skein-run/skein/internal/wire"
)

// Edit implements wire.Codec.
func (Codec) Edit(dst, body []byte, s *wire.Scan, t *wire.Target) ([]byte, error) {
	var e wire.Editor
	sp := &s.Spans
	if t.Upstream != "" && t.Upstream != s.Model && !sp.Model.Empty() {
		e.String(sp.Model, t.Upstream)
	}
	switch {
	case t.OutputCap <= 0:
	case sp.MaxOutput.Empty():
		e.Member(sp.Object.To-1, capName, t.OutputCap)
	default:
		e.Int(sp.MaxOutput, t.OutputCap)
	}
	for i, id := range t.IDs {
		if i < len(sp.StateIDs) && id != s.StateIDs[i] {
			e.String(sp.StateIDs[i], id)
		}
	}
	return e.Apply(dst, body), nil
}
