package provider

import (
	"strings"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/llm"
)

// makersRule says whose opaque state an upstream model understands.
type makersRule func(upstream string) []llm.Maker

// AnyMaker stands for all makers, where nobody can tell.
const AnyMaker llm.Maker = "*"

// only: all models understand the same state, or none where there is no maker.
func only(m ...llm.Maker) makersRule { return func(string) []llm.Maker { return m } }

// anyone: a service in front of several makers, or one with state of its own that
// looks like another's. A request with state is sent there, and the service judges
// it: were it kept away, the service's own state could not be sent back either.
func anyone(string) []llm.Maker { return []llm.Maker{AnyMaker} }

// bedrockMakers goes by the name; one that says nothing (an application's own
// inference profile, a provisioned model) may be anybody's.
//
// Claude's signatures are the same wherever it is served:
// https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking.
func bedrockMakers(upstream string) []llm.Maker {
	if strings.HasPrefix(upstream, "arn:") && foundation(upstream) == upstream && !strings.Contains(upstream, ":foundation-model/") {
		return anyone(upstream)
	}
	return known(catalog.Maker("bedrock", upstream))
}

func vertexMakers(upstream string) []llm.Maker {
	if strings.Contains(upstream, "endpoints/") { // tuned ones are Gemini's
		return []llm.Maker{llm.MakerGoogle}
	}
	return known(catalog.Maker("vertex", upstream))
}

// azureMakers: a deployment's name is its owner's to choose, and mostly the
// model's; one that tells nothing is taken for OpenAI's.
func azureMakers(upstream string) []llm.Maker {
	m := catalog.Maker("azure", upstream)
	if m == "" {
		return []llm.Maker{llm.MakerOpenAI}
	}
	return known(m)
}

// known is a maker whose state is carried at all.
func known(maker string) []llm.Maker {
	switch m := llm.Maker(maker); m {
	case llm.MakerAnthropic, llm.MakerOpenAI, llm.MakerGoogle, llm.MakerAmazon:
		return []llm.Maker{m}
	}
	return nil
}
