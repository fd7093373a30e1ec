package responses

import (
	"github.com/skein-run/skein/internal/wire/raw"
)

// event is what an event's members are, whichever its type.
type event struct {
	data            []byte
	output, content int64
	n               int      // length of the delta, as text
	delta, whole    raw.Span // a piece, or all of it
	number, padding raw.Span
	item, part      raw.Span
	response, note  raw.Span
}

func (e *event) has(at raw.Span) bool { return at.To > at.From }

func (e *event) at(at raw.Span) raw.Cursor { return raw.On(e.data[at.From:at.To]) }

func (e *event) text(at raw.Span) string {
	c := e.at(at)
	return c.TextIf()
}

// read takes the event's object.
func (e *event) read(c *raw.Cursor) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "delta":
			from := c.Pos()
			if c.Kind() == '"' {
				e.n = c.TextLen()
				e.delta = raw.Span{From: from, To: c.Offset()}
				continue
			}
		case "sequence_number":
			e.number = c.Skip()
			continue
		case "obfuscation":
			if c.Kind() == '"' {
				e.padding = c.Skip()
				continue
			}
		case "output_index":
			e.output = c.Count()
			continue
		case "content_index", "summary_index":
			e.content = c.Count()
			continue
		case "text", "refusal", "arguments", "input", "code", "diff":
			if c.Kind() == '"' {
				e.whole = c.Skip()
				continue
			}
		case "item":
			e.item = c.Skip()
			continue
		case "part":
			e.part = c.Skip()
			continue
		case "response":
			e.response = c.Skip()
			continue
		case "annotation":
			e.note = c.Skip()
			continue
		}
		c.Skip()
	}
}
