package catalog_test

import (
	"testing"

	"github.com/skein-run/skein/internal/catalog"
)

func TestModelsThatSearchByThemselvesAreKnown(t *testing.T) {
	for _, x := range []struct {
		kind, name string
		want       bool
	}{
		{"openai", "o4-mini-deep-research-2025-06-26", true},
		{"openai", "gpt-4o-search-preview", true},
		{"openai", "gpt-5-search-api", true},
		{"perplexity", "sonar-pro", true},
		{"openrouter", "perplexity/sonar-deep-research", true},
		{"groq", "groq/compound-mini", true},
		{"openai", "gpt-5.1", false},
		{"gemini", "gemini-2.5-pro", false},
		{"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", false},
	} {
		if got := catalog.Searches(x.kind, x.name); got != x.want {
			t.Errorf("%s of %s searches: %v", x.name, x.kind, got)
		}
	}
}
