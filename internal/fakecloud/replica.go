package fakecloud

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Replica is what a machine of one's own says of itself.
type Replica struct {
	Engine   string   `json:"engine,omitempty"`    // whose metrics it has: vllm, sglang or llamacpp; empty: vllm
	Model    string   `json:"model,omitempty"`     // that it has loaded; empty: local
	KVTokens int64    `json:"kv_tokens,omitempty"` // how many its memory keeps; 0: 65,536
	LoRAs    []string `json:"loras,omitempty"`     // that are loaded
	MaxLoRAs int      `json:"max_loras,omitempty"`
	Down     bool     `json:"down,omitempty"` // it is there, but says that it is not well
}

// gauges are what a machine counts.
type gauges struct {
	kept      int64 // tokens in its memory now
	prompts   int64 // tokens of prompts so far
	hits      int64 // of which its cache had these
	generated int64 // tokens of answers so far
}

// prompted counts a prompt that was read.
func (x *exchange) prompted(u *Usage) {
	n := u.Input + u.CacheRead + u.CacheWrite + u.CacheWrite1h
	x.place.mu.Lock()
	defer x.place.mu.Unlock()
	x.place.prompts, x.place.hits = x.place.prompts+n, x.place.hits+u.CacheRead
	if x.seated {
		x.kept, x.place.kept = x.kept+n, x.place.kept+n
	}
}

// keeps counts tokens that were said.
func (x *exchange) keeps(n int64) {
	x.place.mu.Lock()
	defer x.place.mu.Unlock()
	x.place.generated += n
	if x.seated {
		x.kept, x.place.kept = x.kept+n, x.place.kept+n
	}
}

// reading is a machine's state at one moment.
type reading struct {
	Replica
	running, waiting int
	slots            int
	gauges
}

func (r *reading) usage() float64 { return min(float64(r.kept)/float64(cmp.Or(r.KVTokens, 65_536)), 1) }

func (r *reading) hitRate() float64 {
	if r.prompts == 0 {
		return 0
	}
	return float64(r.hits) / float64(r.prompts)
}

// readings are those of the machine's models.
func (m *manners) readings() []reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.place("vllm", "")
	var out []reading
	for at, p := range m.places {
		if at[0] != "vllm" || at[1] != "" && !p.told {
			continue
		}
		r := reading{running: p.running, waiting: len(p.waiting), gauges: p.gauges}
		if p.manner.Replica != nil {
			r.Replica = *p.manner.Replica
		}
		if p.manner.Limits != nil {
			r.slots = p.manner.Limits.Concurrent
		}
		r.Model = cmp.Or(r.Model, at[1], "local")
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b reading) int { return strings.Compare(a.Model, b.Model) })
	return out
}

// metric is one line for each model in what an engine tells Prometheus.
type metric struct {
	name, kind string
	value      func(*reading) float64
}

// engines are the metrics by which the engines tell of their load.
// https://docs.vllm.ai/en/stable/usage/metrics/,
// https://docs.sglang.io/references/production_metrics.html,
// https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md; all read in
// November 2026.
var engines = map[string][]metric{
	"vllm": {
		{"vllm:num_requests_running", "gauge", func(r *reading) float64 { return float64(r.running) }},
		{"vllm:num_requests_waiting", "gauge", func(r *reading) float64 { return float64(r.waiting) }},
		{"vllm:kv_cache_usage_perc", "gauge", (*reading).usage}, // 1 is full, whatever the name says
		{"vllm:prefix_cache_queries_total", "counter", func(r *reading) float64 { return float64(r.prompts) }},
		{"vllm:prefix_cache_hits_total", "counter", func(r *reading) float64 { return float64(r.hits) }},
		{"vllm:prompt_tokens_total", "counter", func(r *reading) float64 { return float64(r.prompts) }},
		{"vllm:generation_tokens_total", "counter", func(r *reading) float64 { return float64(r.generated) }},
	},
	"sglang": {
		{"sglang:num_running_reqs", "gauge", func(r *reading) float64 { return float64(r.running) }},
		{"sglang:num_queue_reqs", "gauge", func(r *reading) float64 { return float64(r.waiting) }},
		{"sglang:token_usage", "gauge", (*reading).usage},
		{"sglang:cache_hit_rate", "gauge", (*reading).hitRate},
		{"sglang:prompt_tokens_total", "counter", func(r *reading) float64 { return float64(r.prompts) }},
		{"sglang:generation_tokens_total", "counter", func(r *reading) float64 { return float64(r.generated) }},
	},
	"llamacpp": {
		{"llamacpp:requests_processing", "gauge", func(r *reading) float64 { return float64(r.running) }},
		{"llamacpp:requests_deferred", "gauge", func(r *reading) float64 { return float64(r.waiting) }},
		{"llamacpp:kv_cache_usage_ratio", "gauge", (*reading).usage},
		{"llamacpp:prompt_tokens_total", "counter", func(r *reading) float64 { return float64(r.prompts) }},
		{"llamacpp:tokens_predicted_total", "counter", func(r *reading) float64 { return float64(r.generated) }},
	},
}

func (s *Server) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	all := s.manners.readings()
	engine := cmp.Or(all[0].Engine, "vllm")
	for _, m := range engines[engine] {
		fmt.Fprintf(&b, "# HELP %s of the stand-in.\n# TYPE %s %s\n", m.name, m.name, m.kind)
		for i := range all {
			labels := map[string]string{"vllm": `{engine="0",model_name=` + strconv.Quote(all[i].Model) + "}", "sglang": "{model_name=" + strconv.Quote(all[i].Model) + "}"}[engine]
			fmt.Fprintf(&b, "%s%s %v\n", m.name, labels, m.value(&all[i]))
		}
	}
	for i := range all {
		if r := &all[i]; engine == "vllm" && r.MaxLoRAs > 0 {
			fmt.Fprintf(&b, "# HELP vllm:lora_requests_info of the stand-in.\n# TYPE vllm:lora_requests_info gauge\n"+
				"vllm:lora_requests_info{max_lora=\"%d\",running_lora_adapters=%q,waiting_lora_adapters=\"\"} 1\n", r.MaxLoRAs, strings.Join(r.LoRAs, ","))
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(b.String())) // the reader may be gone, and nothing is left to tell it
}

// serveHealth answers as vLLM does: nothing, with a status.
func (s *Server) serveHealth(w http.ResponseWriter, _ *http.Request) {
	if slices.ContainsFunc(s.manners.readings(), func(r reading) bool { return r.Down }) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *Server) listMachineModels(w http.ResponseWriter, _ *http.Request) {
	data := []any{}
	for _, r := range s.manners.readings() {
		data = append(data, members{"id", r.Model, "object", "model", "created", 1735689600, "owned_by", "vllm", "root", r.Model, "parent", nil, "max_model_len", 32768})
		for _, name := range r.LoRAs {
			data = append(data, members{"id", name, "object", "model", "created", 1735689600, "owned_by", "vllm", "root", name, "parent", r.Model})
		}
	}
	writeJSON(w, http.StatusOK, members{"object", "list", "data", data})
}

// machines are the addresses of a machine of one's own: at the root of the server, which
// is then one replica, and below a path.
func (s *Server) machines(mux *http.ServeMux) {
	for _, at := range []string{"", "/vllm"} {
		mux.HandleFunc("POST "+at+"/v1/chat/completions", s.model(chatFormat{"vllm"}))
		mux.HandleFunc("GET "+at+"/v1/models", s.listMachineModels)
		mux.HandleFunc("GET "+at+"/metrics", s.serveMetrics)
		mux.HandleFunc("GET "+at+"/health", s.serveHealth)
	}
}
