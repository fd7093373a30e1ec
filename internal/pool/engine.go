package pool

import (
	"fmt"
	"strings"
)

// Engine is what differs between inference servers: how they are spoken to, where
// they say how they are, and what their gauges are called. A gauge may have several
// names, of different versions; the first one that is there counts.
type Engine struct {
	Name string
	Kind string // of provider
	// Health and Metrics are paths below the server's root.
	Health, Metrics string

	Running, Waiting, KV []string // KV: a share of one
	// Adapters is a gauge whose labels list the LoRA adapters; its value is the time at
	// which that was so, and series of earlier times stay.
	Adapters string
}

// engines are the inference servers that there are. The names are those of their
// documents, read 2026-11-25:
//
//   - vLLM: https://docs.vllm.ai/en/stable/usage/metrics/; gpu_cache_usage_perc became
//     kv_cache_usage_perc in 0.9 (vllm/v1/metrics/loggers.py). lora_requests_info:
//     https://github.com/kubernetes-sigs/gateway-api-inference-extension,
//     docs/proposals/003-model-server-protocol.
//   - SGLang: https://docs.sglang.io/references/production_metrics.html; they are there
//     with --enable-metrics.
//   - NIM: https://docs.nvidia.com/nim/large-language-models/latest/observability.html;
//     its 2.x runs vLLM, with that one's names.
//   - llama.cpp: https://github.com/ggml-org/llama.cpp/tree/master/tools/server; they are
//     there with --metrics. Builds since 2025 have no kv_cache_usage_ratio.
var engines = []*Engine{
	{
		Name: "vllm", Kind: "vllm", Health: "/health", Metrics: "/metrics",
		Running: []string{"vllm:num_requests_running"}, Waiting: []string{"vllm:num_requests_waiting"},
		KV:       []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"},
		Adapters: "vllm:lora_requests_info",
	},
	{
		Name: "sglang", Kind: "sglang", Health: "/health", Metrics: "/metrics",
		Running: []string{"sglang:num_running_reqs"}, Waiting: []string{"sglang:num_queue_reqs"}, KV: []string{"sglang:token_usage"},
	},
	{
		Name: "nim", Kind: "nim", Health: "/v1/health/ready", Metrics: "/v1/metrics",
		Running:  []string{"num_requests_running", "vllm:num_requests_running"},
		Waiting:  []string{"num_requests_waiting", "vllm:num_requests_waiting"},
		KV:       []string{"gpu_cache_usage_perc", "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"},
		Adapters: "vllm:lora_requests_info",
	},
	{
		Name: "llama.cpp", Kind: "llamacpp", Health: "/health", Metrics: "/metrics",
		Running: []string{"llamacpp:requests_processing"}, Waiting: []string{"llamacpp:requests_deferred"}, KV: []string{"llamacpp:kv_cache_usage_ratio"},
	},
}

// Engines are the inference servers that there are, the default first. They are not
// changed.
func Engines() []*Engine { return engines }

func engineByName(name string) (*Engine, error) {
	if name == "" {
		return engines[0], nil
	}
	var names []string
	for _, e := range engines {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return nil, fmt.Errorf("engine %q is unknown; there are: %s", name, strings.Join(names, ", "))
}

// wants says whether a line of metrics is of use.
func (e *Engine) wants(name []byte) bool {
	for _, names := range [][]string{e.Running, e.Waiting, e.KV} {
		for _, n := range names {
			if n == string(name) {
				return true
			}
		}
	}
	return e.Adapters != "" && e.Adapters == string(name)
}
