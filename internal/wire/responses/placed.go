package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// place keeps an item that says nothing to other formats, with its place: the part
// of the message before which it stands.
func (d *decoder) place(kind string, is []byte) {
	message, part := len(d.items), 0
	if message > 0 {
		if last := &d.items[message-1]; last.Role == llm.Assistant || outputs(last) {
			message, part = message-1, len(last.Parts)
		}
	}
	b := raw.Builder{}
	b.Object()
	b.PutInt("message", int64(message))
	b.PutInt("part", int64(part))
	b.PutRaw("is", is)
	b.EndObject()
	d.r.Extra = append(d.r.Extra, llm.Extra{Format: llm.Responses, Path: inInput + kind, Value: b.B})
}

// placed is an item that place kept.
type placed struct {
	message, part int
	is            []byte
}

func placedIn(extra []llm.Extra) (all []placed) {
	for i := range extra {
		x := &extra[i]
		if x.Format != llm.Responses || !strings.HasPrefix(x.Path, inInput) {
			continue
		}
		var p placed
		c := raw.On(x.Value)
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "message":
				p.message = int(c.Count())
			case "part":
				p.part = int(c.Count())
			default:
				p.is = c.Raw()
			}
		}
		all = append(all, p)
	}
	return all
}
