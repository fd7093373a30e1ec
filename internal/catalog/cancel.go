package catalog

// cancels says of a kind of provider whether hanging up in the middle of a stream ends
// the work and with it the bill. OpenRouter's page says so of the services behind it
// ("for supported providers, this immediately stops model processing and billing",
// https://openrouter.ai/docs/api-reference/streaming, read 2026-11-25); it knows them by
// their bills. Servers on own machines are read from their sources (2026-11-25): vLLM
// (with_cancellation), SGLang (create_abort_task), llama.cpp (is_connection_closed) and
// Ollama (the request's context) give up what nobody waits for.
//
// Of a service that is not here it is not known: Cerebras, NVIDIA's own NIM, LM Studio,
// and OpenRouter itself, where it depends on who answers.
var cancels = map[string]bool{
	"openai": true, "azure": true, "anthropic": true, "cohere": true, "deepseek": true, "xai": true, "fireworks": true, "together": true,
	"bedrock": false, "vertex": false, "gemini": false, "groq": false, "mistral": false, "huggingface": false, "perplexity": false,
	"vllm": true, "sglang": true, "llamacpp": true, "ollama": true, "pool": true,
}

// CancelStops reports whether a provider of a kind stops, and stops charging, when its
// client hangs up in the middle of a stream. known is false where nobody says. An
// answer that is not streamed is mostly made, and charged, to its end.
func CancelStops(kind string) (stops, known bool) {
	stops, known = cancels[kind]
	return stops, known
}
