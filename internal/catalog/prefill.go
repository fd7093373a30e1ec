package catalog

// engines go on from a last message of the assistant whatever the model is, as they
// render the prompt themselves: vLLM and SGLang where the request says so
// (continue_final_message), llama.cpp and Ollama by themselves. Whether a model that
// thinks first takes it well is another matter: what comes back is looked at.
var engines = map[string]bool{"vllm": true, "sglang": true, "llamacpp": true, "ollama": true}

// Prefills reports whether an upstream model goes on from an answer that the request
// begins: a listed one if its file says so, another one if its engine does.
func (c *Catalog) Prefills(kind, upstream string) bool {
	if m, ok := c.Model(kind, upstream); ok {
		return m.Has(Prefill)
	}
	return engines[kind]
}
