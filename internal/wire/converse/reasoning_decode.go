package converse

import (
	"encoding/base64"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// reasoning reads {"reasoningText":{"text","signature"}} or {"redactedContent":"…"}.
func (d *decoder) reasoning(p *llm.Part) bool {
	c := &d.c
	p.Kind = llm.Thinking
	n := 0
	for c.Object(); ; n++ {
		key, ok := c.Key()
		if !ok {
			return n == 1
		}
		switch {
		case string(key) == "reasoningText" && c.Kind() == '{':
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				switch string(key) {
				case "text":
					p.Text = c.TextIf()
				case "signature":
					if s := c.TextIf(); s != "" {
						wire.UnwrapState(p, s, makerOf(s, d.model), false)
					}
				default:
					p.Extra = raw.Keep(p.Extra, format, "reasoningContent.reasoningText.", key, c)
				}
			}
		case string(key) == "redactedContent" && c.Kind() == '"':
			unredact(p, c.Text(), d.model)
		default:
			n++
			c.Skip()
		}
	}
}

// unredact reads thinking that is shown to nobody. Its bytes are base64 here; those of
// Anthropic's models, and what we wrapped, are text, which has a place elsewhere, too.
func unredact(p *llm.Part, blob, model string) {
	maker := makerOf("", model)
	if b, ok := decode64(blob); ok && stateText(b) && (maker == "" || maker == llm.MakerAnthropic) {
		wire.UnwrapState(p, string(b), llm.MakerAnthropic, true)
		return
	}
	if p.Redacted = blob; maker != llm.MakerAnthropic {
		p.Maker = maker
	}
}

// stateText: the bytes are base64 text, or what we wrapped.
func stateText(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '/', c == '=', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return len(b) > 0
}

// redact undoes unredact.
func redact(p *llm.Part) string {
	s := wire.WrapState(p, llm.MakerAnthropic)
	if _, ok := decode64(s); ok && s == p.Redacted && p.Maker != llm.MakerAnthropic { // whose bytes are base64 as they came
		return s
	}
	return base64.StdEncoding.EncodeToString([]byte(s))
}
