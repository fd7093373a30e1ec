package wire

// dialects are the vendors whose way of speaking a format is known from recorded
// traffic or from their own documentation; a vendor that keeps to the format has
// a row all the same, so that a configuration can name it. Rows say only what was
// seen: that Groq takes stream_options, for example, and Perplexity ends without
// [DONE].
var dialects = []Dialect{
	{Name: "openai", OutputCapName: "max_completion_tokens"},
	{Name: "azure", OutputCapName: "max_completion_tokens"},
	{Name: "anthropic"},

	{Name: "alibaba", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "avian", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "cerebras", OutputCapName: "max_completion_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "crusoe", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "deepseek", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "fireworks", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "google-openai", OutputCapName: "max_tokens", GapIsReasoning: true},
	{Name: "groq", OutputCapName: "max_completion_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "huggingface", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning", "reasoning_content"}},
	{Name: "llamacpp", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "mistral", OutputCapName: "max_tokens", AudioOutside: true, NoStreamUsage: true, ToolIDLength: 9},
	{Name: "moonshot", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
	{Name: "ollama", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "openrouter", CacheMarks: true, OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning"}},
	{Name: "perplexity", OutputCapName: "max_tokens", NoDone: true, NoStreamUsage: true},
	{Name: "snowflake", OutputCapName: "max_completion_tokens"},
	{Name: "together", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning", "reasoning_content"}},
	{Name: "vercel", CacheMarks: true, OutputCapName: "max_tokens", ReasoningMayExceed: true, ReasoningNames: []string{"reasoning"}},
	{Name: "vllm", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content", "reasoning"}},
	{Name: "xai", OutputCapName: "max_completion_tokens", ReasoningOutside: true, ReasoningNames: []string{"reasoning_content"}},
	{Name: "zai", OutputCapName: "max_tokens", ReasoningNames: []string{"reasoning_content"}},
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
