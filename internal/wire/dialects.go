package wire

import "github.com/skein-run/skein/internal/llm"

// dialects are the vendors whose way of speaking a format is known from recorded
// traffic or from their own documentation; a vendor that keeps to the format has
// a row all the same, so that a configuration can name it. Rows say only what was
// seen: that Groq takes stream_options, for example, and Perplexity ends without
// [DONE].
//
// What they refuse is what their own pages or their answers say:
// https://console.groq.com/docs/openai, Cerebras'
// https://inference-docs.cerebras.ai/resources/openai, and Mistral's 422
// «extra_forbidden», which names every member that it does not know
// (https://github.com/mistralai/platform-docs-public/issues/7); read 2026-11-24.
var dialects = []Dialect{
	{Name: "openai", OutputCapName: "max_completion_tokens"},
	{Name: "azure", OutputCapName: "max_completion_tokens"},
	{Name: "anthropic"},
	{Name: "bedrock-messages", InAddress: true, Version: "bedrock-2023-05-31", BetasInBody: true, Cloud: CloudBedrock, Framing: Chunks},
	{Name: "vertex-messages", InAddress: true, StreamInBody: true, Version: "vertex-2023-10-16", Cloud: CloudVertex},
	{Name: "vertex-count", Version: "vertex-2023-10-16", Cloud: CloudVertex},
	{Name: "foundry-messages", Cloud: CloudFoundry},
	{Name: "bedrock-embed", InAddress: true},
	{Name: "gemini", InAddress: true},
	{Name: "vertex-gemini", InAddress: true, Cloud: CloudVertex},

	{Name: "alibaba", Prefill: PrefillPartial, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}, Takes: []string{"top_k", "video", "video.url"}},
	{Name: "avian", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "cerebras", OutputCapName: "max_completion_tokens", ReasoningNames: []string{"reasoning"}, Refuses: []string{"presence_penalty", "frequency_penalty", "service_tier", "service_tier=auto", "prompt_cache_key"}},
	{Name: "cohere", OutputCapName: "max_tokens"},
	{Name: "crusoe", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "deepseek", Prefill: PrefillPrefixBeta, Maker: "deepseek", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "fireworks", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}, Takes: []string{"top_k"}},
	{Name: "google-openai", OutputCapName: "max_tokens", GapIsReasoning: true, Takes: []string{"state"}},
	{Name: "groq", Prefill: PrefillPlain, OutputCapName: "max_completion_tokens", ReasoningNames: []string{"reasoning"}, Refuses: []string{"logprobs", "n>1", "messages.name"}},
	{Name: "huggingface", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning", "reasoning_content"}},
	{Name: "llamacpp", Prefill: PrefillPlain, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}, Takes: []string{"top_k"}},
	{Name: "lmstudio", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content", "reasoning"}, Takes: []string{"top_k"}},
	{Name: "mistral", Prefill: PrefillPrefix, OutputCapName: "max_tokens", AudioOutside: true, NoStreamUsage: true, ToolIDLength: 9, SeedName: "random_seed",
		Refuses: []string{"user", "metadata", "store=true", "service_tier", "service_tier=auto", "logprobs", "messages.name"}},
	{Name: "moonshot", Prefill: PrefillPartial, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}, Takes: []string{"video", "video.url"}},
	{Name: "nim", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "ollama", Prefill: PrefillPlain, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "openrouter", Prefill: PrefillPlain, CacheMarks: true, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning"},
		Takes: []string{"top_k", "cache_control", "thinking.signature", "state", "document.url", "video", "video.url"}},
	{Name: "perplexity", OutputCapName: "max_tokens", NoDone: true, NoStreamUsage: true, ReasoningMayExceed: true, Takes: []string{"top_k"}},
	{Name: "sglang", Prefill: PrefillContinue, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}, Takes: []string{"top_k", "video", "video.url"}},
	{Name: "snowflake", OutputCapName: "max_completion_tokens", Takes: []string{"thinking.signature", "state"}},
	{Name: "together", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning", "reasoning_content"}, Takes: []string{"top_k", "video.url"}},
	{Name: "vercel", CacheMarks: true, OutputCapName: "max_tokens", ReasoningMayExceed: true, ReasoningNames: []string{"reasoning"},
		Takes: []string{"cache_control", "thinking.signature", "state"}},
	{Name: "vllm", Prefill: PrefillContinue, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content", "reasoning"}, Takes: []string{"top_k", "video", "video.url"}},
	{Name: "xai", Maker: llm.MakerXAI, OutputCapName: "max_completion_tokens", ReasoningOutside: true, ReasoningNames: []string{"reasoning_content"}},
	{Name: "zai", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}, Takes: []string{"video.url"}},
}

// DialectByName finds a dialect; ok is false where the name is unknown.
func DialectByName(name string) (d *Dialect, ok bool) {
	for i := range dialects {
		if dialects[i].Name == name {
			return &dialects[i], true
		}
	}
	return nil, false
}

// DialectNames lists the known dialects, for messages about an unknown one.
func DialectNames() []string {
	names := make([]string, len(dialects))
	for i := range dialects {
		names[i] = dialects[i].Name
	}
	return names
}
