package fakecloud

import (
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// sse frames one event; without a name it has a data line only.
func sse(event string, data []byte) []byte {
	var b strings.Builder
	if event != "" {
		b.WriteString("event: " + event + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return []byte(b.String())
}

func joinText(parts []analyst.Part) string { return joinKind(parts, analyst.Text) }

func joinKind(parts []analyst.Part, kind analyst.Kind) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Kind == kind {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}
