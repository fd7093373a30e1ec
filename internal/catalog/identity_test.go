package catalog_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/catalog"
)

// TestWhoSellsTheSameModel writes down which names of the catalog mean one model, for
// a reader to judge: what stands on one line answers for each other.
func TestWhoSellsTheSameModel(t *testing.T) {
	c := load(t)
	sold := map[string][]string{}
	for _, m := range c.Models() {
		id := c.Identity(m.Kind, m.ID)
		if id == "" {
			id = "-"
		}
		sold[id] = append(sold[id], m.Kind+" "+m.ID)
	}
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(sold)) {
		if names := sold[id]; len(names) > 1 || id == "-" {
			fmt.Fprintf(&b, "%s\n", id)
			for _, n := range names {
				fmt.Fprintf(&b, "\t%s\n", n)
			}
		}
	}
	const path = "testdata/same.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("who sells the same model changed (-golden +now); if that is meant, run with -update and review it:\n%s", d)
	}
}

func TestNamesOfOneModelHaveOneIdentity(t *testing.T) {
	c := load(t)
	for want, names := range map[string][]string{
		"anthropic/claude-sonnet-4-5-20250929": {
			"anthropic claude-sonnet-4-5", "anthropic claude-sonnet-4-5-20250929", "vertex claude-sonnet-4-5@20250929", "vertex claude-sonnet-4-5",
			"bedrock anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock global.anthropic.claude-sonnet-4-5-20250929-v1:0",
			"bedrock arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
			"azure claude-sonnet-4-5", "openrouter anthropic/claude-sonnet-4.5",
		},
		"anthropic/claude-opus-4-6": {"anthropic claude-opus-4-6", "vertex claude-opus-4-6@default", "bedrock eu.anthropic.claude-opus-4-6-v1", "azure claude-opus-4-6", "openrouter anthropic/claude-opus-4.6", "anthropic claude-opus-4-6-20260205"},
		"openai/gpt-5-1-2025-11-13": {"openai gpt-5.1", "openai gpt-5.1-2025-11-13", "azure gpt-5.1", "azure GPT-5.1-2025-11-13", "openrouter openai/gpt-5.1"},
		"openai/gpt-4o-2024-08-06":  {"openai gpt-4o", "openai gpt-4o-2024-08-06", "azure gpt-4o"},
		"openai/gpt-4o-2024-11-20":  {"openai gpt-4o-2024-11-20", "openrouter openai/gpt-4o-2024-11-20"},
		"openai/gpt-oss-120b": {
			"bedrock openai.gpt-oss-120b-1:0", "vertex openai/gpt-oss-120b-maas", "groq openai/gpt-oss-120b", "together openai/gpt-oss-120b",
			"fireworks accounts/fireworks/models/gpt-oss-120b", "openrouter openai/gpt-oss-120b:free", "cerebras gpt-oss-120b", "ollama gpt-oss:120b", "vllm openai/gpt-oss-120b",
		},
		"meta/llama-3-3-70b": {
			"bedrock us.meta.llama3-3-70b-instruct-v1:0", "vertex meta/llama-3.3-70b-instruct-maas", "groq llama-3.3-70b-versatile", "together meta-llama/Llama-3.3-70B-Instruct-Turbo",
			"fireworks accounts/fireworks/models/llama-v3p3-70b-instruct", "openrouter meta-llama/llama-3.3-70b-instruct", "cerebras llama-3.3-70b", "azure Llama-3.3-70B-Instruct",
			"huggingface meta-llama/Llama-3.3-70B-Instruct", "vllm meta-llama/Llama-3.3-70B-Instruct", "ollama llama3.3:70b", "llamacpp Llama-3.3-70B-Instruct-Q4_K_M.gguf",
		},
		"qwen/qwen-3-235b-a22b-2507":  {"bedrock qwen.qwen3-235b-a22b-2507-v1:0", "vertex qwen/qwen3-235b-a22b-instruct-2507-maas", "together Qwen/Qwen3-235B-A22B-Instruct-2507-tput", "openrouter qwen/qwen3-235b-a22b-2507"},
		"deepseek/deepseek-v3-1":      {"bedrock deepseek.v3-v1:0", "vertex deepseek-ai/deepseek-v3.1-maas", "together deepseek-ai/DeepSeek-V3.1", "fireworks deepseek-v3p1", "azure DeepSeek-V3.1", "openrouter deepseek/deepseek-chat-v3.1"},
		"mistral/mistral-medium-2508": {"mistral mistral-medium-3-1-2508", "openrouter mistralai/mistral-medium-3.1", "mistral mistral-medium-2508"},
		"mistral/mistral-large-2512":  {"mistral mistral-large-latest", "bedrock mistral.mistral-large-3-675b-instruct", "azure Mistral-Large-3"},
		"moonshot/kimi-k2-0905":       {"groq moonshotai/kimi-k2-instruct-0905", "openrouter moonshotai/kimi-k2-0905", "fireworks kimi-k2-instruct-0905"},
		"google/gemini-2-5-pro":       {"gemini models/gemini-2.5-pro", "vertex publishers/google/models/gemini-2.5-pro", "openrouter google/gemini-2.5-pro"},
		"xai/grok-4-0709":             {"xai grok-4", "azure grok-4"},
		"amazon/nova-pro":             {"bedrock eu.amazon.nova-pro-v1:0", "openrouter amazon/nova-pro-v1"},
		"": {
			"azure our-chat", "bedrock arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2c3", "bedrock arn:aws:bedrock:us-east-1:1:provisioned-model/x",
			"vertex projects/p/locations/us-east5/endpoints/1", "gemini tunedModels/x", "openai ft:gpt-4o:acme::1", "together acme/Llama-3.3-70B-Instruct",
			"openrouter ~anthropic/claude-sonnet-latest", "gemini gemini-flash-latest", "vllm /models/llama-3.3-70b", "vllm mine", "",
		},
	} {
		numbers := map[uint32]bool{}
		for _, n := range names {
			kind, name, _ := strings.Cut(n, " ")
			if got := c.Identity(kind, name); got != want {
				t.Errorf("%s is %q; want %q", n, got, want)
			}
			numbers[c.Same(kind, name)] = true
		}
		if len(numbers) != 1 || numbers[0] != (want == "") {
			t.Errorf("%s: numbers %v", want, numbers)
		}
	}
}

// TestNoTwoModelsAnswerForEachOther: versions, sizes and kinds of thinking are kept apart.
func TestNoTwoModelsAnswerForEachOther(t *testing.T) {
	c := load(t)
	for _, pair := range [][2]string{
		{"anthropic claude-sonnet-4-5", "anthropic claude-sonnet-4-6"},
		{"anthropic claude-opus-4-5", "bedrock anthropic.claude-opus-4-6-v1"},
		{"bedrock anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock anthropic.claude-3-5-sonnet-20241022-v2:0"},
		{"openai gpt-5.1", "openai gpt-5.2"},
		{"openai gpt-5", "openai gpt-5-mini"},
		{"openai gpt-4o-2024-08-06", "openai gpt-4o-2024-11-20"},
		{"openai gpt-4", "openai gpt-4-turbo"},
		{"gemini gemini-3.1-flash-lite", "gemini gemini-3.1-flash-lite-preview"},
		{"groq llama-3.1-8b-instant", "groq llama-3.3-70b-versatile"},
		{"openrouter qwen/qwen3-next-80b-a3b-instruct", "openrouter qwen/qwen3-next-80b-a3b-thinking"},
		{"huggingface Qwen/Qwen3-235B-A22B", "huggingface Qwen/Qwen3-235B-A22B-Thinking-2507"},
		{"huggingface deepseek-ai/DeepSeek-R1", "huggingface deepseek-ai/DeepSeek-R1-0528"},
		{"openrouter deepseek/deepseek-r1", "openrouter deepseek/deepseek-r1-distill-llama-70b"},
		{"bedrock amazon.nova-lite-v1:0", "bedrock amazon.nova-2-lite-v1:0"},
		{"bedrock amazon.titan-embed-text-v1", "bedrock amazon.titan-embed-text-v2:0"},
		{"xai grok-4-1-fast-reasoning", "xai grok-4-1-fast-non-reasoning"},
		{"together deepseek-ai/DeepSeek-V3", "together deepseek-ai/DeepSeek-V3.1"},
		{"openrouter deepseek/deepseek-chat", "deepseek deepseek-chat"},
		{"bedrock cohere.command-r-plus-v1:0", "cohere command-r-plus"},
		{"mistral mistral-medium-2505", "mistral mistral-medium-2508"},
		{"fireworks glm-5p1", "fireworks glm-5p2"},
		{"vllm meta-llama/Llama-3.3-70B-Instruct", "vllm NousResearch/Llama-3.3-70B-Instruct"},
	} {
		var id [2]string
		for i, n := range pair {
			kind, name, _ := strings.Cut(n, " ")
			if id[i] = c.Identity(kind, name); id[i] == "" {
				t.Errorf("%s has none", n)
			}
		}
		if id[0] == id[1] {
			t.Errorf("%s and %s are both %s", pair[0], pair[1], id[0])
		}
	}
}

// TestNumbersOfIdentitiesAreApart: the hash joins no two models of the catalog.
func TestNumbersOfIdentitiesAreApart(t *testing.T) {
	c := load(t)
	seen := map[uint32]string{}
	for _, m := range c.Models() {
		id, n := c.Identity(m.Kind, m.ID), c.Same(m.Kind, m.ID)
		if id == "" {
			continue
		}
		if other, ok := seen[n]; ok && other != id {
			t.Errorf("%s and %s have the number %d", id, other, n)
		}
		seen[n] = id
	}
}

func BenchmarkIdentity(b *testing.B) {
	c, err := catalog.Load()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Same("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
	}
}
