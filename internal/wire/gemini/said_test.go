package gemini_test

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
)

// said is an assembled answer in the words of joined.
func said(r *llm.Response) string {
	var b strings.Builder
	last := ""
	kind := func(k string) {
		if k != last {
			b.WriteString("|" + k + ":")
		}
		last = k
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		state := p.Signature
		switch p.Kind {
		case llm.ToolCall:
			b.WriteString("|call " + p.Name + ":" + mark(state) + leaves(gjson.ParseBytes(p.Arguments)))
			state, last = "", ""
		case llm.Text, llm.Thinking:
			if p.Text != "" {
				kind(map[llm.PartKind]string{llm.Text: "text", llm.Thinking: "thought"}[p.Kind])
			}
			b.WriteString(p.Text)
		case llm.Opaque:
			state, last = gjson.GetBytes(p.Raw, "thoughtSignature").String(), ""
		}
		if b.WriteString(mark(state)); state != "" {
			last = ""
		}
	}
	return b.String()
}
