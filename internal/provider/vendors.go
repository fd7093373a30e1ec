package provider

import "github.com/skein-run/skein/internal/llm"

// vendors are the services and servers that speak a known format: rows of data and
// nothing else. What they do in a way of their own is their dialect, in
// `wire/dialects.go`. A row lists an API only where the vendor documents it as
// ready; one that translating serves better (because the vendor's is in beta, or
// refuses or ignores members that real clients send) is left out, or Optional, so
// that a row of the configuration can have it with `formats`.
//
// Addresses and variables are those that the Vercel AI SDK and Pydantic AI (2026-08)
// and models.dev (2026-07) have; paths are held against recorded requests where
// there are any (Mistral, Groq, DeepSeek, xAI, Together, OpenRouter, Perplexity,
// Cerebras, Hugging Face, Ollama). Each row names the vendor's own page, and says
// what was read elsewhere or seen in traffic.
var vendors = []*Kind{
	// https://docs.mistral.ai/api; the id's header was seen in recorded traffic.
	vendor("mistral", "Mistral API", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", chat("mistral"), embeddings).
		ids("Mistral-Correlation-Id"),

	// https://docs.cohere.com/docs/compatibility-api (read 2026-11), which has no list of
	// models; that is https://docs.cohere.com/reference/list-models.
	vendor("cohere", "Cohere API", "https://api.cohere.ai", "COHERE_API_KEY", at("/compatibility/v1", chat("cohere")), at("/compatibility/v1", embeddings)).
		keys("CO_API_KEY").models("/v1/models?page_size=1000", listCohere).ids("X-Debug-Trace-Id"),

	// https://console.groq.com/docs/openai. Its Responses API is in beta.
	vendor("groq", "Groq API", "https://api.groq.com/openai/v1", "GROQ_API_KEY", chat("groq")).ids("X-Request-Id"),

	// https://api-docs.deepseek.com; Responses, which keeps nothing, was seen in recorded
	// traffic (2026-08).
	vendor("deepseek", "DeepSeek API", "https://api.deepseek.com", "DEEPSEEK_API_KEY", chat("deepseek"), optional(responses)).
		ids("X-Ds-Trace-Id"),

	// https://docs.x.ai/docs/api-reference. Chat Completions shows no reasoning of the
	// newer models, Responses carries it with its state.
	vendor("xai", "xAI API", "https://api.x.ai/v1", "XAI_API_KEY", responses, chat("xai")).
		by(anyone).ids("X-Request-Id"),

	// https://docs.together.ai/docs/openai-api-compatibility; its list of models is an
	// array by itself.
	vendor("together", "Together AI", "https://api.together.xyz/v1", "TOGETHER_API_KEY", chat("together"), embeddings).
		keys("TOGETHER_AI_API_KEY").ids("X-Request-Id"),

	// https://docs.fireworks.ai/tools-sdks/openai-compatibility and …/api-reference/post-responses
	vendor("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", chat("fireworks"), embeddings, optional(responses)).
		ids("X-Request-Id"),

	// https://openrouter.ai/docs/api-reference/overview; …/responses/error-handling: in
	// beta, and refuses store and previous_response_id; …/api-keys/get-current-key: /key
	// is read to prove a key, as the list of models is public (read 2026-11).
	vendor("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", chat("openrouter"), responses, embeddings).
		by(anyone).ids("X-Generation-Id").check("/key"),

	// https://docs.perplexity.ai/api-reference: chat at the root, embeddings below /v1, as
	// recorded; the list of models is there by its schema alone.
	vendor("perplexity", "Perplexity API", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", chat("perplexity"), at("/v1", embeddings)).
		models("/v1/models", listOpenAI).ids("X-Request-Id"),

	// https://inference-docs.cerebras.ai/resources/openai
	vendor("cerebras", "Cerebras Inference", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", chat("cerebras")).ids("X-Request-Id"),

	// https://huggingface.co/docs/inference-providers; the list of models is public, so
	// that a check proves the address alone.
	vendor("huggingface", "Hugging Face Inference Providers", "https://router.huggingface.co/v1", "HF_TOKEN", chat("huggingface")).
		keys("HUGGINGFACE_API_KEY").ids("X-Request-Id"),

	// https://docs.api.nvidia.com/nim; a NIM on one's own machines is the same with an
	// endpoint, http://localhost:8000/v1, and needs no key.
	vendor("nim", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY", chat("nim"), embeddings).
		keys("NVIDIA_NIM_API_KEY").ids("Nvcf-Reqid"),

	// https://docs.ollama.com/api/openai-compatibility
	local("ollama", "Ollama", "http://localhost:11434/v1", chat("ollama"), embeddings, optional(responses), optional(messages)),

	// https://github.com/ggml-org/llama.cpp/tree/master/tools/server; Messages since
	// …/pull/17570.
	local("llamacpp", "llama.cpp", "http://localhost:8080/v1", chat("llamacpp"), embeddings, optional(responses), optional(messages), optional(count)),

	// https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html: X-Request-Id
	// becomes part of the answer's id.
	local("vllm", "vLLM", "http://localhost:8000/v1", chat("vllm"), embeddings, optional(responses), optional(messages)).
		attempt("X-Request-Id"),

	// https://docs.sglang.io/basic_usage/openai_api.html
	local("sglang", "SGLang", "http://localhost:30000/v1", chat("sglang"), embeddings, optional(responses)),

	// https://lmstudio.ai/docs/developer/openai-compat (read 2026-11)
	local("lmstudio", "LM Studio", "http://localhost:1234/v1", chat("lmstudio"), embeddings, optional(responses), optional(messages)),
}

// vendor is a service whose key is a bearer token.
func vendor(name, service, endpoint, keyEnv string, s ...Surface) *Kind {
	k := speaks(name, service, endpoint, s)
	k.Cloud, k.KeyEnv, k.NeedsKey = name, keyEnv, true
	k.Domains = []string{hostOf(endpoint)}
	return k
}

// local is a server on the operator's own machines.
func local(name, service, endpoint string, s ...Surface) *Kind {
	k := speaks(name, service, endpoint, s)
	k.Cloud, k.Local = "local", true
	return k
}

func speaks(name, service, endpoint string, s []Surface) *Kind {
	return &Kind{
		Name: name, Service: service, Endpoint: endpoint, Surfaces: s, Models: "/models", Lists: listOpenAI,
		KeyHeader: "Authorization", KeyPrefix: "Bearer ",
		special: special{makers: only()},
	}
}

func (k *Kind) keys(other ...string) *Kind         { k.OtherKeyEnv = other; return k }
func (k *Kind) ids(header ...string) *Kind         { k.UpstreamID = header; return k }
func (k *Kind) check(path string) *Kind            { k.CheckPath = path; return k }
func (k *Kind) attempt(header string) *Kind        { k.RequestIDHeader = header; return k }
func (k *Kind) by(m makersRule) *Kind              { k.makers = m; return k }
func (k *Kind) models(p string, l listShape) *Kind { k.Models, k.Lists = p, l; return k }

// The APIs as most have them.
var (
	responses  = Surface{Format: llm.Responses, Path: "/responses"}
	embeddings = Surface{Format: llm.Embeddings, Path: "/embeddings"}
	messages   = Surface{Format: llm.Messages, Path: "/messages", Headers: messagesHeaders}
	count      = Surface{Format: llm.MessagesCount, Path: "/messages/count_tokens", Headers: messagesHeaders}
)

func chat(dialect string) Surface {
	return Surface{Format: llm.Chat, dialect: dialect, Path: "/chat/completions"}
}

// at is an API below another path.
func at(path string, s Surface) Surface {
	s.Path = path + s.Path
	return s
}

// optional is an API that a row has only where its `formats` name it.
func optional(s Surface) Surface {
	s.Optional = true
	return s
}
