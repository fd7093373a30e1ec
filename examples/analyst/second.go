package analyst

import "strings"

// second marks the lines of a configuration that are of its second cloud.
const second = "#@other"

// Second is a configuration with the deployment of its second cloud, or without: lines
// that end in #@other. Where it is left out, they are comments.
func Second(conf string, keep bool) string {
	var b strings.Builder
	for line := range strings.Lines(conf) {
		text, marked := strings.CutSuffix(strings.TrimRight(line, "\n"), second)
		if !marked {
			b.WriteString(line)
			continue
		}
		text = strings.TrimRight(text, " ")
		if left := strings.TrimLeft(text, " "); !keep {
			text = text[:len(text)-len(left)] + "# " + left
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}
