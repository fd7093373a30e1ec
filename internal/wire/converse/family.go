package converse

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// family is whose models take which words. It is read off the upstream's name, which
// is maker.model, with a profile's region before it, or an ARN that holds such a name:
//
//	us.anthropic.claude-sonnet-4-5-20250929-v1:0
//	arn:aws:bedrock:us-east-1:0:inference-profile/eu.amazon.nova-2-lite-v1:0
//
// A profile of the account's own, or an imported model, tells nothing.
type family struct {
	name  string
	maker llm.Maker // whose opaque state its models understand; "": nobody's, "*": nobody knows
	topK  string    // its name of top_k in additionalModelRequestFields; "" where it has none
	// caches: it takes cachePoint; ttl: with a time to live; toolCache: among tools.
	caches, ttl, toolCache bool
	status                 bool // it takes the status of a tool's result
}

var families = []*family{
	{name: anthropic, maker: llm.MakerAnthropic, topK: "top_k", caches: true, ttl: true, toolCache: true, status: true},
	{name: amazon, maker: llm.MakerAmazon, topK: configName + ".topK", caches: true, status: true},
	{name: openai},
	{name: "mistral", topK: "top_k"},
	{name: "cohere", topK: "k"},
	{name: qwen, topK: "top_k"},
}

const (
	anthropic = "anthropic"
	amazon    = "amazon"
	openai    = "openai"
	qwen      = "qwen"
)

var (
	// others are makers of which nothing more is known here.
	others = []string{"meta", "deepseek", "ai21", "writer", "moonshot", "moonshotai", "minimax", "google", "nvidia", "zai", "xai", "stability", "luma", "twelvelabs"}
	plain  = family{name: "other"}
	// unnamed may be anybody's.
	unnamed = family{maker: "*", caches: true, ttl: true, toolCache: true, status: true}
)

func familyOf(model string) *family {
	for _, f := range families {
		if named(model, f.name) {
			return f
		}
	}
	if slices.ContainsFunc(others, func(maker string) bool { return named(model, maker) }) {
		return &plain
	}
	return &unnamed
}

// named reports whether a model's name has the maker before a dot, at its beginning
// or after what stands before it.
func named(model, maker string) bool {
	i := strings.Index(model, maker+".")
	return i == 0 || i > 0 && (model[i-1] == '.' || model[i-1] == '/')
}

// understands reports whether the family's models understand a maker's state, as far
// as this format has a place for it. Where it is not known whose it is, they get it.
func (f *family) understands(maker llm.Maker) bool {
	switch maker {
	case "":
		return true
	case llm.MakerAnthropic, llm.MakerAmazon:
		return f.maker == "*" || f.maker == maker
	}
	return false
}

// makerOf is whose a signature is: the model says so, or it has the form of
// Anthropic's, a protocol buffer that begins with a field of bytes. Otherwise nobody
// knows.
func makerOf(signature, model string) llm.Maker {
	if f := familyOf(model); f.maker != "*" {
		return f.maker
	}
	if anthropicState(signature) || strings.HasPrefix(signature, "skein1.") {
		return llm.MakerAnthropic // also of a wrapping that cannot be undone, so that it is wrapped once
	}
	return ""
}

func anthropicState(s string) bool {
	if len(s) < 16 || s[0] != 'E' {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(s[:4])
	return err == nil && b[0] == 0x12
}
