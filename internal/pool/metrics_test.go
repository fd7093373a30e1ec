package pool_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/pool"
)

// pages are metrics as the engines show them, cut to what matters and something of the
// rest around it.
var pages = []struct {
	what, engine, page string
	want               pool.Sample
}{
	{"vLLM", "vllm", `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 7.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.4212
vllm:gpu_cache_usage_perc{engine="0",model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.99
vllm:e2e_request_latency_seconds_bucket{engine="0",le="0.3",model_name="meta-llama/Llama-3.1-8B-Instruct"} 0.0
`, pool.Sample{Running: 7, Waiting: 2, KV: 42}},
	{"vLLM before 0.9", "vllm", `vllm:num_requests_running{model_name="m"} 1.0
vllm:num_requests_waiting{model_name="m"} 0.0
vllm:gpu_cache_usage_perc{model_name="m"} 0.1
`, pool.Sample{Running: 1, KV: 10}},
	{"vLLM with two data parallel engines", "vllm", `vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 0.0
vllm:num_requests_waiting{engine="1",model_name="m"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.2
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.6
`, pool.Sample{Running: 7, Waiting: 1, KV: 60}},
	{"vLLM with adapters, of which older series stay", "vllm", `vllm:num_requests_running 1
vllm:lora_requests_info{max_lora="2",running_lora_adapters="",waiting_lora_adapters=""} 1.7000000e+09
vllm:lora_requests_info{max_lora="2",running_lora_adapters="legal, sales",waiting_lora_adapters="other"} 1.7000002e+09
vllm:lora_requests_info{max_lora="2",running_lora_adapters="legal",waiting_lora_adapters=""} 1.7000001e+09
`, pool.Sample{Running: 1, Adapters: []string{"legal", "sales"}, MaxAdapters: 2}},
	{"SGLang, where ranks work together", "sglang", `sglang:num_running_reqs{model_name="m",tp_rank="0"} 5.0
sglang:num_running_reqs{model_name="m",tp_rank="1"} 5.0
sglang:num_queue_reqs{model_name="m",tp_rank="0"} 1.0
sglang:token_usage{model_name="m",tp_rank="0"} 0.28
`, pool.Sample{Running: 5, Waiting: 1, KV: 28}},
	{"NIM", "nim", `num_requests_running{model_name="m"} 4.0
num_requests_waiting{model_name="m"} 3.0
num_request_max{model_name="m"} 256.0
gpu_cache_usage_perc{model_name="m"} 0.5
`, pool.Sample{Running: 4, Waiting: 3, KV: 50}},
	{"NIM 2, which is vLLM", "nim", `vllm:num_requests_running{model_name="m"} 4.0
vllm:num_requests_waiting{model_name="m"} 3.0
vllm:kv_cache_usage_perc{model_name="m"} 0.5
`, pool.Sample{Running: 4, Waiting: 3, KV: 50}},
	{"llama.cpp, without a gauge of its cache", "llama.cpp", `# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 3
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 12`, pool.Sample{Running: 3, Waiting: 12}},
	{"what cannot be", "vllm", "vllm:num_requests_running NaN\nvllm:num_requests_waiting 1e300\nvllm:kv_cache_usage_perc 17\n", pool.Sample{Waiting: 1 << 20, KV: 100}},
}

func TestMetricsOfEveryEngine(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range pages {
		got, ok, err := pool.ReadMetrics(p.engine, strings.NewReader(p.page))
		if err != nil || !ok || !reflect.DeepEqual(got, p.want) {
			t.Errorf("%s: got %+v, %v, %v\nwant %+v", p.what, got, ok, err, p.want)
		}
		seen[p.engine] = true
	}
	for _, engine := range pool.Engines() {
		e := engine.Name
		if !seen[e] {
			t.Errorf("no page of %s is tried", e)
		}
	}
}

func TestAPageWithoutTheGaugesIsNone(t *testing.T) {
	_, ok, err := pool.ReadMetrics("vllm", strings.NewReader("# HELP python_info Python\npython_info{version=\"3.12\"} 1.0\nvllm:kv_cache_usage_perc 0.5\n"))
	if ok || err != nil {
		t.Errorf("ok %v, %v", ok, err)
	}
}

func TestAPageThatIsNoneOfMetricsIsAnError(t *testing.T) {
	for _, page := range []string{
		"vllm:num_requests_running{model_name=\"m} 1\n",
		"vllm:num_requests_running one\n",
		"vllm:num_requests_running " + strings.Repeat("9", 1<<17) + "\n",
	} {
		if _, ok, err := pool.ReadMetrics("vllm", strings.NewReader(page)); err == nil || ok {
			t.Errorf("%.40q is accepted", page)
		}
	}
}

func FuzzMetrics(f *testing.F) {
	for _, p := range pages {
		f.Add(p.engine, p.page)
	}
	f.Fuzz(func(t *testing.T, engine, page string) {
		s, ok, err := pool.ReadMetrics(engine, strings.NewReader(page))
		if err != nil && ok {
			t.Error("an error that is ok")
		}
		if s.Running < 0 || s.Waiting < 0 || s.KV < 0 || s.KV > 100 || s.MaxAdapters < 0 {
			t.Errorf("out of bounds: %+v", s)
		}
	})
}

// A page of vLLM's has some thousand lines, and is read each second of each replica.
func BenchmarkMetrics(b *testing.B) {
	page := pages[0].page + strings.Repeat("vllm:time_to_first_token_seconds_bucket{engine=\"0\",le=\"0.025\",model_name=\"meta-llama/Llama-3.1-8B-Instruct\"} 12345.0\n", 2000)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := pool.ReadMetrics("vllm", strings.NewReader(page)); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
