package catalog

import (
	"path"
	"strings"
)

// searching are the models that search the web, or run code, whenever they see fit,
// and bill for it beside their tokens: nothing in a request bounds how often. The
// makers' pages name them so (read 2026-11): OpenAI's "deep research" and "search"
// models, Perplexity's Sonar family, Groq's Compound systems.
var searching = []string{
	"*deep-research*", "gpt-*-search-*", "gpt-*-search", "sonar*", "compound*",
}

// Searches reports whether an upstream model does at a cost of its own what no
// request asks for, by rules over its name.
func Searches(kind, upstream string) bool {
	name, _ := Canonical(kind, upstream)
	name = strings.ToLower(name)
	name = name[strings.LastIndexByte(name, '/')+1:]
	for _, p := range searching {
		if ok, _ := path.Match(p, name); ok { // the patterns are ours, and well formed
			return true
		}
	}
	return false
}
