package catalog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/price"
)

func fact(t *testing.T, kind, name string) *catalog.Model {
	t.Helper()
	m, ok := load(t).Model(kind, name)
	if !ok {
		t.Fatalf("%s %s is not known", kind, name)
	}
	return m
}

// The same model has the same habits wherever it is sold.
func TestAModelIsSteeredAlikeEverywhere(t *testing.T) {
	for _, at := range [][2]string{
		{"anthropic", "claude-opus-4-8"}, {"bedrock", "us.anthropic.claude-opus-4-8"}, {"vertex", "claude-opus-4-8@default"},
		{"azure", "claude-opus-4-8"}, {"openrouter", "anthropic/claude-opus-4.8"},
	} {
		m := fact(t, at[0], at[1])
		if !slices.Equal(m.Thinking.Efforts, []string{"low", "medium", "high", "xhigh", "max"}) || m.Thinking.Budget != nil || !m.Has(catalog.Adaptive) {
			t.Errorf("%s: thinking of Opus 4.8 is %+v, features %v", at[0], m.Thinking, m.Features)
		}
		if m.Has(catalog.Sampling) || m.Has(catalog.Prefill) {
			t.Errorf("%s: Opus 4.8 takes neither sampling parameters nor prefill: %v", at[0], m.Features)
		}
		if !m.Has(catalog.LateSystem) && at[0] != "openrouter" {
			t.Errorf("%s: Opus 4.8 takes system text between the turns: %v", at[0], m.Features)
		}
	}
	for _, at := range [][2]string{
		{"anthropic", "claude-sonnet-4-5"}, {"bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"}, {"vertex", "claude-sonnet-4-5"},
		{"azure", "claude-sonnet-4-5"}, {"openrouter", "anthropic/claude-sonnet-4.5"},
	} {
		m := fact(t, at[0], at[1])
		if b := m.Thinking.Budget; b == nil || b.Least != 1024 || !m.Has(catalog.Sampling) || !m.Has(catalog.Prefill) || m.Has(catalog.Adaptive) {
			t.Errorf("%s: Sonnet 4.5 has %+v, %v", at[0], m.Thinking, m.Features)
		}
		if !m.Has(catalog.OneSampling) || m.Has(catalog.LateSystem) {
			t.Errorf("%s: Sonnet 4.5 takes temperature or top_p, and no system text between the turns: %v", at[0], m.Features)
		}
		if m.Cache.Writes != catalog.CacheMarked {
			t.Errorf("%s: the cache of Sonnet 4.5 is written %q", at[0], m.Cache.Writes)
		}
	}
}

func TestFactsThatTranslationTurnsOn(t *testing.T) {
	if m := fact(t, "openai", "gpt-5.1"); m.Has(catalog.Sampling) || !m.Has(catalog.SamplingAtRest) || m.Thinking.Efforts[0] != "none" {
		t.Errorf("GPT-5.1: %v %+v", m.Features, m.Thinking)
	}
	if m := fact(t, "openai", "gpt-5-pro"); !m.Has(catalog.ResponsesOnly) || m.Has(catalog.SamplingAtRest) {
		t.Errorf("GPT-5 Pro: %v", m.Features)
	}
	if m := fact(t, "openai", "gpt-4.1"); !m.Has(catalog.Sampling) || m.Has(catalog.Reasoning) {
		t.Errorf("GPT-4.1: %v", m.Features)
	}
	if m := fact(t, "gemini", "gemini-2.5-flash"); m.Thinking.Budget == nil || m.Thinking.Budget.Least != 0 || m.Thinking.Budget.Most != 24576 {
		t.Errorf("Gemini 2.5 Flash: %+v", m.Thinking.Budget)
	}
	if m := fact(t, "vertex", "gemini-3.1-pro-preview"); !slices.Equal(m.Thinking.Efforts, []string{"low", "medium", "high"}) || !m.Has(catalog.Audio) || !m.Has(catalog.Video) {
		t.Errorf("Gemini 3.1 Pro: %+v %v", m.Thinking, m.Features)
	}
	if m := fact(t, "bedrock", "amazon.titan-embed-text-v2:0"); !slices.Equal(m.Dimensions, []int64{1024, 512, 256}) || m.MaxOutput != 0 {
		t.Errorf("Titan Embed V2: %v %d", m.Dimensions, m.MaxOutput)
	}
}

// A request for embeddings has a bound, and its output costs nothing.
func TestEmbeddingsHaveABound(t *testing.T) {
	c, n := load(t), 0
	for _, m := range c.Models() {
		if !m.Has(catalog.Embeddings) {
			continue
		}
		n++
		card, _ := c.Card(m.Kind, m.ID, time.Time{})
		b := card.AppendBound(nil, price.Ask{InputTokens: 1000, OutputTokens: 4096})
		if b.Unbounded != "" || b.PerOutput.Cost(1_000_000).Sign() != 0 || b.Fixed.Sign() <= 0 {
			t.Errorf("bound of %s %s: %q, fixed %s, output %s", m.Kind, m.ID, b.Unbounded, b.Fixed, b.PerOutput.Price)
		}
	}
	if n < 20 {
		t.Errorf("only %d embedding models", n)
	}
}

// No card of a model leaves what a request can reach without a price.
func TestEveryModelHasABound(t *testing.T) {
	c := load(t)
	for _, m := range c.Models() {
		for _, p := range m.Prices {
			card, _ := c.CardIn(m.Kind, m.ID, "eu", p.From.Time())
			if b := card.AppendBound(nil, price.Ask{InputTokens: 300_000, OutputTokens: 1}); b.Unbounded != "" {
				t.Errorf("%s %s: %s", m.Kind, m.ID, b.Unbounded)
			}
		}
	}
}
