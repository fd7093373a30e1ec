package catalog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/catalog"
)

func TestANameIsFoundInEverySpelling(t *testing.T) {
	c := load(t)
	const sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0"
	for _, x := range []struct{ kind, asked, id string }{
		{"bedrock", sonnet, sonnet},
		{"bedrock", "us." + sonnet, sonnet},
		{"bedrock", "us-gov." + sonnet, sonnet},
		{"bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1%3A0", sonnet},
		{"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1", sonnet},
		{"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0:200k", sonnet},
		{"bedrock", "arn:aws:bedrock:us-east-1::foundation-model/" + sonnet, sonnet},
		{"bedrock", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu." + sonnet, sonnet},
		{"bedrock", "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.anthropic.claude-sonnet-4-5-20250929-v1%3A0", sonnet},
		{"bedrock", "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov." + sonnet, sonnet},
		{"bedrock", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6", ""},
		{"bedrock", "arn:aws:bedrock:us-east-1:123456789012:imported-model/" + sonnet, ""},
		{"bedrock", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/" + sonnet, ""},
		{"bedrock", "eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"},
		{"bedrock", "openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1:0"},
		{"bedrock", "mars." + sonnet, ""},
		{"vertex", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5@20250929"},
		{"vertex", "claude-sonnet-4-5%4020250929", "claude-sonnet-4-5@20250929"},
		{"vertex", "claude-sonnet-4-5", "claude-sonnet-4-5@20250929"},
		{"vertex", "claude-opus-4-6@default", "claude-opus-4-6"},
		{"vertex", "google/gemini-2.5-pro", "gemini-2.5-pro"},
		{"vertex", "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"},
		{"vertex", "projects/p/locations/us-east5/publishers/anthropic/models/claude-opus-4-6", "claude-opus-4-6"},
		{"vertex", "publishers/meta/models/llama-3.3-70b-instruct-maas", "meta/llama-3.3-70b-instruct-maas"},
		{"vertex", "projects/p/locations/us-east5/endpoints/1234567890", ""},
		{"gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"},
		{"gemini", "tunedModels/gemini-2.5-flash", ""},
		{"azure", "gpt-4o", "gpt-4o"},
		{"azure", "GPT-4o-2024-08-06", "gpt-4o"},
		{"azure", "gpt-35-turbo", "gpt-3.5-turbo"},
		{"azure", "our-chat", ""},
		{"fireworks", "accounts/fireworks/models/gpt-oss-120b", "accounts/fireworks/models/gpt-oss-120b"},
		{"fireworks", "gpt-oss-120b", "accounts/fireworks/models/gpt-oss-120b"},
		{"mistral", "mistral-large-latest", "mistral-large-2512"},
		{"openrouter", "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5"},
		{"openrouter", "anthropic/claude-sonnet-4.5:online", ""}, // is another price
		{"openai", "gpt-4o%", ""},
	} {
		m, ok := c.Model(x.kind, x.asked)
		if ok != (x.id != "") || ok && m.ID != x.id {
			t.Errorf("%s %s is %+v, %v; want %q", x.kind, x.asked, m, ok, x.id)
		}
	}
}

// What a place costs more is what the lists and the makers' pages say of it.
func TestThePlaceHasItsPrice(t *testing.T) {
	c := load(t)
	for _, x := range []struct{ kind, model, region, output string }{
		{"bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "15"},
		{"bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", "16.5"},
		{"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", "16.5"},
		{"bedrock", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "18"},
		{"bedrock", "global.anthropic.claude-opus-5", "eu-west-1", "25"}, // the profile says more than the region
		{"bedrock", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-5", "", "27.5"},
		{"bedrock", "us.anthropic.claude-opus-4-1-20250805-v1:0", "", "75"},
		{"bedrock", "amazon.nova-pro-v1:0", "us-east-1", "3.2"},
		{"bedrock", "amazon.nova-pro-v1:0", "eu-west-1", "4.2"},
		{"bedrock", "apac.amazon.nova-pro-v1:0", "ap-southeast-2", "3.36"},
		{"vertex", "claude-sonnet-4-5", "", "15"},
		{"vertex", "claude-sonnet-4-5", "global", "15"},
		{"vertex", "claude-sonnet-4-5", "us-east5", "16.5"},
		{"vertex", "projects/p/locations/global/publishers/anthropic/models/claude-opus-4-8", "us-east5", "25"},
		{"vertex", "gemini-2.5-pro", "us-east5", "10"},
		{"azure", "gpt-5.1", "swedencentral", "10"},
		{"azure", "gpt-5.1", "eu", "11"},
		{"openai", "gpt-5.5", "eu", "33"},
		{"openai", "gpt-5.1", "eu", "10"},
	} {
		card, ok := c.CardIn(x.kind, x.model, x.region, time.Time{})
		if got := rate(card, "output", 0); !ok || got != x.output+" / 1000000" {
			t.Errorf("output of %s %s in %q is %s, %v; want %s", x.kind, x.model, x.region, got, ok, x.output)
		}
	}
}

func TestNamesLeadBackToTheirModel(t *testing.T) {
	c := load(t)
	seen := map[string]bool{}
	for _, m := range c.Models() {
		seen[m.Kind] = true
	}
	for _, kind := range []string{
		"openai", "azure", "anthropic", "bedrock", "vertex", "gemini", "mistral", "cohere", "groq", "deepseek", "xai",
		"together", "fireworks", "openrouter", "perplexity", "cerebras", "huggingface",
	} {
		if !seen[kind] {
			t.Errorf("no model of %s is known", kind)
		}
		for _, n := range c.Names(kind) {
			if _, ok := c.Card(kind, n, time.Time{}); !ok {
				t.Errorf("%s %s is listed and has no price", kind, n)
			}
			if catalog.Maker(kind, n) == "" {
				t.Errorf("nobody is known to have made %s %s", kind, n)
			}
		}
	}
	names := strings.Join(c.Names("bedrock"), " ")
	if !strings.Contains(names, " eu.anthropic.claude-opus-5 ") {
		t.Errorf("inference profiles are not among the names of Bedrock: %s", names)
	}
}

func TestTheMakerIsKnownByTheName(t *testing.T) {
	for _, x := range []struct{ kind, name, maker string }{
		{"anthropic", "claude-opus-9", "anthropic"},
		{"openai", "gpt-9", "openai"},
		{"openai", "o7-mini", "openai"},
		{"azure", "Phi-4", "microsoft"},
		{"azure", "our-chat", ""},
		{"bedrock", "arn:aws:bedrock:us-east-1::foundation-model/us.amazon.nova-pro-v1:0", "amazon"},
		{"bedrock", "qwen.qwen3-32b-v1:0", "qwen"},
		{"bedrock", "openai.gpt-oss-20b-1:0", "openai"},
		{"vertex", "claude-opus-4-6@default", "anthropic"},
		{"vertex", "deepseek-ai/deepseek-v3.2-maas", "deepseek"},
		{"vertex", "gemini-2.5-pro", "google"},
		{"groq", "llama-3.3-70b-versatile", "meta"},
		{"groq", "openai/gpt-oss-120b", "openai"},
		{"openrouter", "~anthropic/claude-opus-latest", "anthropic"},
		{"fireworks", "accounts/fireworks/models/kimi-k2p6", "moonshot"},
		{"together", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "meta"},
		{"ollama", "llama3.2:3b", "meta"},
		{"ollama", "hf.co/Qwen/Qwen3-8B-GGUF", "qwen"},
		{"lmstudio", "qwen2.5-coder-7b-instruct", "qwen"},
		{"nim", "meta/llama-3.1-8b-instruct", "meta"},
		{"vllm", "my-finetune", ""},
	} {
		if got := catalog.Maker(x.kind, x.name); got != x.maker {
			t.Errorf("maker of %s %s is %q, want %q", x.kind, x.name, got, x.maker)
		}
	}
}

func ExampleCanonical() {
	for _, name := range []string{
		"us.anthropic.claude-opus-4-1-20250805-v1:0",
		"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
	} {
		fmt.Println(catalog.Canonical("bedrock", name))
	}
	// Output:
	// anthropic.claude-opus-4-1-20250805-v1 us
	// amazon.nova-pro-v1 eu
}

// The rules never panic, and only take away.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"us.anthropic.claude-v1%3A0:200k", "arn:aws:bedrock:r:1:inference-profile/eu.x:0", "projects/p/locations/l/publishers/g/models/m@default", "%%%", "~a/b/c"} {
		for _, kind := range []string{"bedrock", "vertex", "gemini", "fireworks", "openai"} {
			f.Add(kind, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, s string) {
		name, place := catalog.Canonical(kind, s)
		catalog.Maker(kind, s)
		if kind != "azure" && (len(name) > len(s) || len(place) > len(s)) {
			t.Fatalf("%q grew to %q in %q", s, name, place)
		}
	})
}

func BenchmarkCardIn(b *testing.B) {
	c, now := load(b), day("2026-11-24")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.CardIn("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1", now); !ok {
			b.Fatal("no card")
		}
	}
}
