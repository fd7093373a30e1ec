package config

import (
	_ "embed"
	"strings"

	"github.com/skein-run/skein/internal/provider"
)

//go:embed example.yaml
var example string

// Example is a commented skein.yaml. Of the providers it switches on those whose
// credentials are in the environment, or else OpenAI's: lines that end in #@KIND
// belong to a kind, those in #@KIND-address to its endpoint.
func Example(env func(string) (string, bool)) []byte {
	has := map[string]bool{}
	for _, k := range provider.Kinds() {
		key, _ := env(k.KeyEnv)
		address, _ := env(k.AddressEnv)
		has[k.Name+"-address"] = address != ""
		has[k.Name] = key != "" || address != ""
	}
	if !has["anthropic"] {
		has["openai"] = true
	}
	var b strings.Builder
	for line := range strings.Lines(example) {
		text, kind, marked := strings.Cut(strings.TrimRight(line, "\n"), "#@")
		if !marked {
			b.WriteString(line)
			continue
		}
		text = strings.TrimRight(text, " ")
		if !has[kind] {
			left := strings.TrimLeft(text, " ")
			text = text[:len(text)-len(left)] + "# " + left
		}
		b.WriteString(text + "\n")
	}
	return []byte(b.String())
}
