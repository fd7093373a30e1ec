package catalog

import (
	"slices"
	"strings"
)

// serving are words that say how a model is served or that it talks, which all that are
// sold do.
var serving = map[string]bool{
	"instruct": true, "it": true, "maas": true, "hf": true, "gguf": true, "awq": true, "gptq": true,
	"fp8": true, "fp4": true, "nvfp4": true, "mxfp4": true, "bf16": true, "fp16": true, "int8": true, "int4": true,
}

// sellers are the words of single sellers for that.
// https://docs.together.ai/docs/serverless-models (Turbo is FP8, Lite INT4, tput for
// throughput) and https://console.groq.com/docs/models (read 2026-11-25).
var sellers = map[string]map[string]bool{
	"together":  {"turbo": true, "lite": true, "tput": true},
	"groq":      {"versatile": true, "instant": true},
	"fireworks": {"basic": true},
}

// split are families that are written with their number in one word or in two.
var split = []string{"llama", "qwen", "gemma", "phi"}

// spelled parts a family from its number (llama3, qwen3), and where a seller writes p
// for a point (k2p6) what is on both sides of it.
func spelled(words []string, kind string) (out []string) {
	for _, w := range words {
		for _, f := range split {
			if rest, ok := strings.CutPrefix(w, f); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				out, w = append(out, f), rest
			}
		}
		if kind == "fireworks" {
			if i := strings.LastIndexByte(w, 'p'); i > 0 && w[i-1] >= '0' && w[i-1] <= '9' && digits(w[i+1:]) {
				out, w = append(out, w[:i]), w[i+1:]
			}
		}
		out = append(out, w)
	}
	return out
}

// ofMaker takes away what a maker's name says twice, and how a cloud counts its own
// revisions of a model.
func ofMaker(words []string, kind, maker string) []string {
	drop := func(gone ...string) {
		words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(gone, w) })
	}
	first := func(w string) bool { return len(words) > 1 && words[0] == w }
	if kind == "bedrock" && maker != "amazon" && len(words) > 1 && words[len(words)-1] == "v1" {
		words = words[:len(words)-1]
	}
	switch maker {
	case "anthropic":
		drop("v1", "v2") // beside a date
	case "amazon":
		if first("nova") {
			drop("v1")
		}
	case "openai":
		if kind == "bedrock" && first("gpt") && words[len(words)-1] == "1" { // gpt-oss-120b-1:0
			words = words[:len(words)-1]
		}
		if n := len(words); n > 3 && words[n-1] == "latest" && words[n-2] == "chat" { // gpt-5.3-chat-latest: there is no other
			words = words[:n-1]
		}
	case "meta":
		if first("meta") {
			words = words[1:]
		}
		if first("llama") && strings.HasPrefix(words[1], "v") {
			words[1] = words[1][1:]
		}
		switch {
		case slices.Contains(words, "maverick"):
			drop("17b", "128e")
		case slices.Contains(words, "scout"):
			drop("17b", "16e")
		}
	case "deepseek":
		if words[0] != "deepseek" {
			words = append([]string{"deepseek"}, words...)
		}
		if len(words) > 2 && words[1] == "chat" {
			words = slices.Delete(words, 1, 2)
		}
	case "cohere", "zai":
		if first(maker) {
			words = words[1:]
		}
	}
	return words
}

// renamed are models that sellers call otherwise than their makers do, in the words of
// above; with a kind before it, that seller alone does. Dates are those of the makers' announcements, as the files of the
// catalog have them.
var renamed = map[string]string{
	// https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html (read
	// 2026-11): v3 is V3.1, and Command R+ the one of April 2024.
	"bedrock:deepseek/deepseek-v3":  "deepseek-v3-1",
	"bedrock:cohere/command-r-plus": "command-r-plus-04-2024",
	"bedrock:cohere/command-r":      "command-r-03-2024",
	// https://openrouter.ai/deepseek/deepseek-chat is V3 still; at its maker the name moved.
	"openrouter:deepseek/deepseek-chat": "deepseek-v3",
	// The first Command A, by which no other is called.
	"cohere/command-a": "command-a-03-2025",
	// https://docs.mistral.ai/getting-started/models (read 2026-11): the names with a
	// number are the same releases as those with a date.
	"mistral/mistral-large-3-675b":   "mistral-large-2512",
	"mistral/mistral-medium-3":       "mistral-medium-2505",
	"mistral/mistral-medium-3-1":     "mistral-medium-2508",
	"mistral/mistral-small-3-1-24b":  "mistral-small-2503",
	"mistral/mistral-small-3-2-24b":  "mistral-small-2506",
	"mistral/mistral-small-24b-2501": "mistral-small-2501",
	"mistral/ministral-3-14b":        "ministral-14b-2512",
	"mistral/ministral-3-8b":         "ministral-8b-2512",
	"mistral/ministral-3-3b":         "ministral-3b-2512",
	"mistral/devstral-2-123b":        "devstral-2512",
	// Claude of before 4.5, whose maker's names are no longer in the catalog.
	"anthropic/claude-opus-4":     "claude-opus-4-20250514",
	"anthropic/claude-sonnet-4":   "claude-sonnet-4-20250514",
	"anthropic/claude-3-7-sonnet": "claude-3-7-sonnet-20250219",
	"anthropic/claude-3-5-haiku":  "claude-3-5-haiku-20241022",
	"anthropic/claude-3-haiku":    "claude-3-haiku-20240307",
	// https://openrouter.ai/qwen/qwen3-coder and …/qwen3-235b-a22b-2507: which size it is.
	"qwen/qwen-3-coder":  "qwen-3-coder-480b-a35b",
	"cohere/embed-v-4-0": "embed-v4-0",
	"cohere/embed-v4":    "embed-v4-0",
	// Cohere on Bedrock and Azure without the last number.
	"cohere/embed-english-v3":      "embed-english-v3-0",
	"cohere/embed-multilingual-v3": "embed-multilingual-v3-0",
	"cohere/embed-v3-english":      "embed-english-v3-0",
	"cohere/embed-v3-multilingual": "embed-multilingual-v3-0",
	"openai/gpt-35-turbo":          "gpt-3-5-turbo",
}
