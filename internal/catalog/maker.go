package catalog

import (
	"slices"
	"strings"
)

// Maker is who made an upstream model, by rules over its name: "anthropic",
// "openai", "google", "amazon", "meta", "mistral", "deepseek", "qwen", "xai",
// "cohere" and others; empty where no rule knows. It wants no entry in the catalog,
// so that it holds for models on own machines too ("llama3.2:3b").
func Maker(kind, upstream string) string {
	name, _ := Canonical(kind, upstream)
	name = strings.ToLower(name)
	if kind == "bedrock" { // maker.model
		if org, _, ok := strings.Cut(name, "."); ok && orgs[org] != "" {
			return orgs[org]
		}
	}
	name = strings.TrimPrefix(name, "~") // OpenRouter: the newest of a family
	if org, model, ok := strings.Cut(name, "/"); ok {
		if m := orgs[org]; m != "" {
			return m
		}
		name = model[strings.LastIndexByte(model, '/')+1:]
	}
	for _, f := range families {
		if strings.HasPrefix(name, f.begins) {
			return f.maker
		}
	}
	if slices.Contains(makers, kind) { // who sells its own only
		return kind
	}
	return ""
}

// makers are the kinds of provider that serve mainly what they made.
var makers = []string{"openai", "anthropic", "mistral", "cohere", "deepseek", "xai", "perplexity"}

// orgs are the makers of the organisations that stand before a model's name.
var orgs = map[string]string{
	"anthropic": "anthropic", "openai": "openai", "google": "google", "amazon": "amazon", "meta": "meta", "meta-llama": "meta",
	"mistral": "mistral", "mistralai": "mistral", "deepseek": "deepseek", "deepseek-ai": "deepseek", "qwen": "qwen", "alibaba": "qwen",
	"cohere": "cohere", "coherelabs": "cohere", "x-ai": "xai", "xai": "xai", "xai-org": "xai", "moonshot": "moonshot", "moonshotai": "moonshot",
	"zai": "zai", "z-ai": "zai", "zai-org": "zai", "minimax": "minimax", "minimaxai": "minimax", "nvidia": "nvidia", "microsoft": "microsoft",
	"ai21": "ai21", "writer": "writer", "perplexity": "perplexity", "xiaomi": "xiaomi", "xiaomimimo": "xiaomi", "stepfun": "stepfun",
	"stepfun-ai": "stepfun", "ibm-granite": "ibm", "groq": "groq", "liquidai": "liquid", "liquid": "liquid", "deepcogito": "deepcogito",
	"essentialai": "essential", "bytedance": "bytedance", "bytedance-seed": "bytedance", "tencent": "tencent", "baidu": "baidu",
	"arcee-ai": "arcee", "allenai": "allenai", "twelvelabs": "twelvelabs", "openrouter": "openrouter", "baai": "baai",
	"nousresearch": "nous", "inception": "inception", "inclusionai": "inclusionai", "upstage": "upstage",
}

// families are the makers of names that begin so; the more special stand first.
var families = []struct{ begins, maker string }{
	{"deepseek-r1-distill", "deepseek"}, {"claude", "anthropic"}, {"gpt-", "openai"}, {"chatgpt", "openai"}, {"o1", "openai"}, {"o3", "openai"},
	{"o4", "openai"}, {"codex", "openai"}, {"text-embedding-3", "openai"}, {"text-embedding-ada", "openai"}, {"computer-use", "openai"}, {"ft:", "openai"},
	{"gemini", "google"}, {"gemma", "google"}, {"text-embedding-0", "google"}, {"text-multilingual-embedding", "google"},
	{"nova", "amazon"}, {"titan", "amazon"}, {"llama", "meta"}, {"meta-llama", "meta"}, {"codellama", "meta"},
	{"mistral", "mistral"}, {"ministral", "mistral"}, {"magistral", "mistral"}, {"mixtral", "mistral"}, {"codestral", "mistral"},
	{"devstral", "mistral"}, {"pixtral", "mistral"}, {"voxtral", "mistral"}, {"open-mi", "mistral"}, {"labs-", "mistral"},
	{"deepseek", "deepseek"}, {"mai-ds", "microsoft"}, {"qwen", "qwen"}, {"qwq", "qwen"}, {"command", "cohere"}, {"embed-", "cohere"},
	{"cohere", "cohere"}, {"c4ai", "cohere"}, {"grok", "xai"}, {"kimi", "moonshot"}, {"glm", "zai"}, {"zai-glm", "zai"},
	{"minimax", "minimax"}, {"nemotron", "nvidia"}, {"phi", "microsoft"}, {"model-router", "microsoft"}, {"jamba", "ai21"}, {"palmyra", "writer"},
	{"sonar", "perplexity"}, {"pplx", "perplexity"}, {"r1-1776", "perplexity"}, {"granite", "ibm"}, {"compound", "groq"}, {"mimo", "xiaomi"},
	{"nomic", "nomic"}, {"bge-", "baai"}, {"smollm", "huggingface"},
}
