package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/config"
)

const withPool = `
version: 1
providers:
  own:
    kind: pool
    replicas: ["http://gpu-1:8000", "http://gpu-2:8000"]
    engine: sglang
    gpus: 8
    price: 2.50 USD
    max_waiting: 3
    metrics_interval: 500ms
    key: env:POOL_KEY
    max_in_flight: 64
models:
  m: {deployments: [{provider: own, upstream: llama}]}
`

func TestAPoolIsARowOfProviders(t *testing.T) {
	c := parse(t, withPool, "POOL_KEY", "s3cret")
	o := c.Pools["own"]
	if len(o.Replicas) != 2 || o.Engine != "sglang" || o.GPUs != 8 || o.Price != "2.50 USD" || o.MaxWaiting != 3 ||
		o.MetricsInterval != 500*time.Millisecond || o.Key != "s3cret" || o.MaxInFlight != 64 {
		t.Errorf("the pool is %#v", []any{o.Replicas, o.Engine, o.GPUs, o.Price, o.MaxWaiting, o.MetricsInterval, o.Key, o.MaxInFlight})
	}
	if c.Providers["own"].Kind != "pool" {
		t.Error("it is none of the providers")
	}
}

func TestMistakesInAPoolAreSaidWithTheirLine(t *testing.T) {
	for row, want := range map[string]string{
		"{kind: pool}": "skein.yaml:4: providers.own.replicas: is missing; list their addresses",
		"{kind: pool, replicas: [\"http://a:1\"], dns: \"http://b:2\"}":    "skein.yaml:4: providers.own: replicas, dns and kubernetes exclude each other",
		"{kind: pool, replicas: [\"gpu-1:8000\"]}":                         "providers.own.replicas: \"gpu-1:8000\": want an address such as http://gpu-1:8000",
		"{kind: pool, replicas: [\"http://a:1\"], engine: tgi}":            "providers.own.engine: \"tgi\" is unknown; there are: vllm, sglang, nim, llama.cpp",
		"{kind: pool, replicas: [\"http://a:1\"], price: \"2.50\"}":        "providers.own.price: \"2.50\": want the price of a GPU for an hour, such as 2.50 USD",
		"{kind: pool, replicas: [\"http://a:1\"], max_wating: 3}":          "providers.own.max_wating: there is no such field; did you mean max_waiting?",
		"{kind: pool, replicas: [\"http://a:1\"], endpoint: \"http://b\"}": "providers.own.endpoint: there is no such field",
		"{kind: openai, key: x, replicas: [\"http://a:1\"]}":               "providers.own.replicas: there is no such field",
		"{kind: pool, kubernetes: {service: vllm, prot: http}}":            "providers.own.kubernetes.prot: there is no such field; did you mean port?",
		"{kind: pool, replicas: [\"http://a:1\"], formats: [converse]}":    "providers.own: formats: vllm has no \"converse\"",
		"{kind: pooll}": "and pool",
		"{kind: pool, replicas: [\"http://a:1\"], price: 1 USD}\nprices: {own/x: {input: \"1\", output: \"2\"}}": "prices.own/x: the pool own has a price by the hour; leave one of them out",
	} {
		_, err := config.Parse("skein.yaml", []byte("\nversion: 1\nproviders:\n  own: "+row+"\nmodels: {m: {deployments: [{provider: own, upstream: x}]}}\n"), environ())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", row, err, want)
		}
	}
}
