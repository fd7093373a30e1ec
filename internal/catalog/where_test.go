package catalog_test

import (
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/catalog"
)

func TestTagsSayWhereADeploymentIs(t *testing.T) {
	for at, want := range map[string]string{
		"aws eu-west-1":               "cloud:aws region:eu-west-1 geo:eu",
		"aws eu-west-2":               "cloud:aws region:eu-west-2 geo:uk",
		"aws eu-central-2":            "cloud:aws region:eu-central-2 geo:ch",
		"aws eusc-de-east-1":          "cloud:aws region:eusc-de-east-1 geo:eu",
		"aws us-east-1":               "cloud:aws region:us-east-1 geo:us",
		"aws us-gov-west-1":           "cloud:aws region:us-gov-west-1 geo:us geo:us-gov",
		"aws ap-northeast-1":          "cloud:aws region:ap-northeast-1 geo:jp geo:apac",
		"aws ap-northeast-2":          "cloud:aws region:ap-northeast-2 geo:apac",
		"aws ap-south-2":              "cloud:aws region:ap-south-2 geo:in geo:apac",
		"aws ap-southeast-2":          "cloud:aws region:ap-southeast-2 geo:au geo:apac",
		"aws ca-west-1":               "cloud:aws region:ca-west-1 geo:ca",
		"aws sa-east-1":               "cloud:aws region:sa-east-1 geo:sa",
		"aws il-central-1":            "cloud:aws region:il-central-1 geo:me",
		"aws af-south-1":              "cloud:aws region:af-south-1 geo:af",
		"aws cn-north-1":              "cloud:aws region:cn-north-1 geo:cn",
		"aws eu":                      "cloud:aws geo:eu",
		"aws global":                  "cloud:aws geo:global",
		"aws moon-1":                  "cloud:aws region:moon-1",
		"azure westeurope":            "cloud:azure region:westeurope geo:eu",
		"azure West Europe":           "cloud:azure region:westeurope geo:eu",
		"azure eastus2":               "cloud:azure region:eastus2 geo:us",
		"azure uksouth":               "cloud:azure region:uksouth geo:uk",
		"azure norwayeast":            "cloud:azure region:norwayeast geo:no",
		"azure switzerlandnorth":      "cloud:azure region:switzerlandnorth geo:ch",
		"azure germanywestcentral":    "cloud:azure region:germanywestcentral geo:eu",
		"azure japaneast":             "cloud:azure region:japaneast geo:jp geo:apac",
		"azure usgovvirginia":         "cloud:azure region:usgovvirginia geo:us geo:us-gov",
		"azure chinaeast2":            "cloud:azure region:chinaeast2 geo:cn",
		"azure uaenorth":              "cloud:azure region:uaenorth geo:me",
		"gcp europe-west4":            "cloud:gcp region:europe-west4 geo:eu",
		"gcp europe-west2":            "cloud:gcp region:europe-west2 geo:uk",
		"gcp europe-west6":            "cloud:gcp region:europe-west6 geo:ch",
		"gcp europe-west12":           "cloud:gcp region:europe-west12 geo:eu",
		"gcp us-central1":             "cloud:gcp region:us-central1 geo:us",
		"gcp northamerica-northeast1": "cloud:gcp region:northamerica-northeast1 geo:ca",
		"gcp asia-south1":             "cloud:gcp region:asia-south1 geo:in geo:apac",
		"gcp australia-southeast1":    "cloud:gcp region:australia-southeast1 geo:au geo:apac",
		"gcp global":                  "cloud:gcp geo:global",
		"gcp ":                        "cloud:gcp",
		"openai ":                     "cloud:openai",
		"local rack-3":                "cloud:local region:rack-3",
		" ":                           "",
	} {
		cloud, region, _ := strings.Cut(at, " ")
		if got := strings.Join(catalog.Tags(cloud, region), " "); got != want {
			t.Errorf("%s: %s; want %s", at, got, want)
		}
	}
}

// TestAProfileIsWhereItSaysAndNotWhereItIsAsked: a rule for the EU must not let a
// profile through that may be served anywhere.
func TestAProfileIsWhereItSaysAndNotWhereItIsAsked(t *testing.T) {
	for _, x := range []struct{ kind, upstream, region, place string }{
		{"bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "global"},
		{"bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "eu"},
		{"bedrock", "amazon.nova-pro-v1:0", "eu-west-1", "eu-west-1"},
		{"vertex", "claude-sonnet-4-5", "europe-west1", "europe-west1"},
		{"vertex", "claude-sonnet-4-5", "", "global"},
		{"azure", "gpt-5.1", "swedencentral", "swedencentral"},
	} {
		if got := catalog.PlaceOf(x.kind, x.upstream, x.region); got != x.place {
			t.Errorf("%+v: %s", x, got)
		}
	}
}

func TestWhoStopsTheBillWhenOneHangsUp(t *testing.T) {
	for kind, want := range map[string]string{
		"openai": "stops", "azure": "stops", "anthropic": "stops", "deepseek": "stops", "together": "stops", "fireworks": "stops", "xai": "stops", "cohere": "stops",
		"bedrock": "goes on", "vertex": "goes on", "gemini": "goes on", "groq": "goes on", "mistral": "goes on", "perplexity": "goes on", "huggingface": "goes on",
		"vllm": "stops", "sglang": "stops", "llamacpp": "stops", "ollama": "stops",
		"openrouter": "not known", "cerebras": "not known", "nim": "not known", "new": "not known",
	} {
		got := "not known"
		switch stops, known := catalog.CancelStops(kind); {
		case stops:
			got = "stops"
		case known:
			got = "goes on"
		}
		if got != want {
			t.Errorf("%s %s; want %s", kind, got, want)
		}
	}
}

func TestWhatAModelCanDo(t *testing.T) {
	c := load(t)
	for _, x := range []struct {
		kind, upstream string
		has, lacks     catalog.Can
	}{
		{"anthropic", "claude-sonnet-4-5", catalog.CanVision | catalog.CanDocuments | catalog.CanTools | catalog.CanSchema | catalog.CanReason, 0},
		{"openai", "gpt-3.5-turbo", catalog.CanTools, catalog.CanVision | catalog.CanReason},
		{"openai", "text-embedding-3-small", 0, catalog.CanTools | catalog.CanVision},
		{"gemini", "gemini-2.5-pro", catalog.CanAudio | catalog.CanVision, 0},
		{"bedrock", "us.meta.llama3-3-70b-instruct-v1:0", catalog.CanTools, catalog.CanVision | catalog.CanReason},
		{"groq", "llama-3.3-70b-versatile", catalog.CanTools | catalog.CanDocuments, catalog.CanVision}, // documents: the file says of none
	} {
		can, known := c.Can(x.kind, x.upstream)
		if !known || can&x.has != x.has || can&x.lacks != 0 {
			t.Errorf("%s %s: %06b, %v; want all of %06b and none of %06b", x.kind, x.upstream, can, known, x.has, x.lacks)
		}
	}
	if can, known := c.Can("vllm", "mine"); known || can != 0 {
		t.Errorf("a model that nobody knows: %b %v", can, known)
	}
}

// TestWhoGoesOnFromAnAnswerThatIsBegun: Claude up to 4.5, Mistral and DeepSeek with
// their prefix, the models of Groq that do not think first
// (https://console.groq.com/docs/prefilling), Nova of the first generation
// (https://docs.aws.amazon.com/nova/latest/userguide/invoke.html), and own engines.
func TestWhoGoesOnFromAnAnswerThatIsBegun(t *testing.T) {
	c := load(t)
	for at, want := range map[string]bool{
		"anthropic claude-sonnet-4-5": true, "anthropic claude-opus-4-6": false, "anthropic claude-sonnet-4-6": false, "anthropic claude-opus-5-5": false,
		"bedrock us.anthropic.claude-sonnet-4-5-20250929-v1:0": true, "bedrock us.anthropic.claude-opus-4-6-v1": false,
		"vertex claude-haiku-4-5": true, "vertex claude-sonnet-5": false, "azure claude-opus-4-5": true, "azure claude-opus-4-7": false,
		"openrouter anthropic/claude-sonnet-4.5": true, "openrouter anthropic/claude-opus-4.8": false,
		"bedrock eu.amazon.nova-pro-v1:0": true, "bedrock amazon.nova-2-lite-v1:0": false,
		"mistral mistral-large-latest": true, "deepseek deepseek-chat": true, "groq llama-3.3-70b-versatile": true, "groq openai/gpt-oss-120b": false,
		"openai gpt-5.1": false, "gemini gemini-2.5-pro": false, "xai grok-4": false, "together openai/gpt-oss-120b": false,
		"vllm mine": true, "sglang mine": true, "llamacpp mine": true, "ollama llama3.3": true, "lmstudio mine": false, "openai mine": false,
	} {
		kind, name, _ := strings.Cut(at, " ")
		if got := c.Prefills(kind, name); got != want {
			t.Errorf("%s: %v", at, got)
		}
	}
}
