package catalog

import "slices"

// Model is one upstream model of a provider kind.
type Model struct {
	Kind    string  `yaml:"-"`    // of provider: openai, bedrock; its file states it
	ID      string  `yaml:"id"`   // the dated one, where the provider has one; at Bedrock without an inference profile
	Name    string  `yaml:"name"` // as it stands in SKUs, once in a kind
	Title   string  `yaml:"title"`
	Aliases []Alias `yaml:"aliases"`

	Released Date `yaml:"released"` // empty where it is not known
	Retires  Date `yaml:"retires"`  // the day it is switched off; zero where none is announced

	Context   int64 `yaml:"context"`    // tokens, input and output together
	MaxInput  int64 `yaml:"max_input"`  // tokens; 0 is whatever the context leaves
	MaxOutput int64 `yaml:"max_output"` // tokens, thinking included; 0 for embeddings

	OutputCap  string    `yaml:"output_cap"` // the member of a Chat Completions request that caps output; empty: the dialect's
	Tokenizer  string    `yaml:"tokenizer"`  // the family whose counts hold for it
	Features   []Feature `yaml:"features"`
	Thinking   Thinking  `yaml:"thinking"`
	Dimensions []int64   `yaml:"dimensions"` // of an embedding, the default first; the others can be asked for
	Cache      Cache     `yaml:"cache"`

	// Profiles are the inference profiles of Bedrock under which it is sold:
	// us, eu, global.
	Profiles []string `yaml:"profiles"`
	Places   []Place  `yaml:"places"`
	Prices   []Prices `yaml:"prices"`
}

// Alias is another name that the provider takes for the model.
type Alias struct {
	Name string `yaml:"name"`
	From Date   `yaml:"from"` // since when it means this model, where it meant another
}

// Feature is something that a model takes or does. What is not stated is not
// known to be there; a model that is not in the catalog has none, which says
// nothing about it.
type Feature string

// The features.
const (
	Vision    Feature = "vision"    // images in
	Documents Feature = "documents" // PDF in
	Audio     Feature = "audio"     // sound in
	AudioOut  Feature = "audio_out" // sound out
	Video     Feature = "video"     // moving pictures in
	Tools     Feature = "tools"
	Schema    Feature = "schema" // output by a JSON Schema
	Reasoning Feature = "reasoning"
	Adaptive  Feature = "adaptive" // thinks as much as it sees fit; from Claude 4.7 on a budget of thinking tokens is refused
	Sampling  Feature = "sampling" // takes temperature, top_p and the like
	// SamplingAtRest: takes them only where it is told not to think (GPT-5.1 and on,
	// effort none); otherwise they are refused.
	SamplingAtRest Feature = "sampling_at_rest"
	OneSampling    Feature = "one_sampling"   // takes temperature or top_p, not both (Claude from Opus 4.1 on)
	LateSystem     Feature = "late_system"    // takes system text between the turns (Claude from Opus 4.8 on)
	Prefill        Feature = "prefill"        // goes on from an assistant message at the end
	ResponsesOnly  Feature = "responses_only" // not to be had by Chat Completions
	// ChatToolsAtRest: by Chat Completions it calls functions only where it is told not
	// to think; by Responses always (GPT-6 Sol).
	ChatToolsAtRest Feature = "chat_tools_at_rest"
	// NoForcedTools: a choice of tools that makes it call one is refused (Claude from
	// Fable 5.1 on).
	NoForcedTools Feature = "no_forced_tools"
	Embeddings    Feature = "embeddings" // gives vectors, and no output that is billed
	Shortens      Feature = "shortens"   // gives a vector of any smaller dimension that is asked for
)

var features = []Feature{
	Vision, Documents, Audio, AudioOut, Video, Tools, Schema, Reasoning, Adaptive, Sampling, SamplingAtRest, OneSampling, LateSystem, Prefill,
	ResponsesOnly, ChatToolsAtRest, NoForcedTools, Embeddings, Shortens,
}

// Thinking says how the reasoning of a model is steered. A model that reasons and
// states nothing here takes no say in it.
type Thinking struct {
	// Efforts are the levels that it takes, least first, as the provider names
	// them: none, minimal, low, medium, high, xhigh, max. Gemini calls them
	// thinking levels.
	Efforts []string `yaml:"efforts"`
	Budget  *Budget  `yaml:"budget"` // it takes a number of tokens to think
	Switch  bool     `yaml:"switch"` // thinking can be told to be on or off, apart from any level
}

// Budget bounds the number of thinking tokens that can be asked for.
type Budget struct {
	Least int64 `yaml:"least"` // 0: it can be told not to think by it
	Most  int64 `yaml:"most"`  // 0: what its output limit leaves
}

// Cache says how the provider's prompt cache is written.
type Cache struct {
	Writes CacheWrites `yaml:"writes"` // empty: there is none, or nothing is known of it
	Least  int64       `yaml:"least"`  // tokens of the shortest prefix that is kept
}

// CacheWrites says when tokens are billed as written to the cache.
type CacheWrites string

// The ways to write a cache.
const (
	CacheFree      CacheWrites = "free"      // by itself, at no price of its own
	CacheMarked    CacheWrites = "marked"    // only where the request has marks
	CacheAutomatic CacheWrites = "automatic" // by itself, billed
)

// Place is where the model costs something else than its plain price: behind a
// regional endpoint or inference profile, or in a data zone. Where several hold,
// the first does.
type Place struct {
	Name string `yaml:"name"` // as it stands in SKUs: "regional"
	// In are the places: a profile, a region, or what regions begin with ("eu" is
	// eu-west-1 too). Except turns it round: everywhere but there.
	In     []string `yaml:"in"`
	Except []string `yaml:"except"`

	Percent int64             `yaml:"percent"` // on top of every price for tokens
	Tokens  map[string]string `yaml:"tokens"`  // or prices of its own
	Sources []string          `yaml:"sources"`
	Note    string            `yaml:"note"`
}

// Has reports whether the model has a feature.
func (m *Model) Has(f Feature) bool { return slices.Contains(m.Features, f) }

// InputLimit is the most input tokens that leave room for so much output.
func (m *Model) InputLimit(output int64) int64 {
	n := m.Context - output
	if m.MaxInput > 0 {
		n = min(n, m.MaxInput)
	}
	return max(n, 0)
}

// OutputLimit is the most output tokens that can follow so much input.
func (m *Model) OutputLimit(input int64) int64 {
	return max(min(m.MaxOutput, m.Context-input), 0)
}

// holds reports whether a place is one of this price's.
func (p *Place) holds(place string) bool {
	if len(p.Except) > 0 {
		return !within(place, p.Except)
	}
	return within(place, p.In)
}

// within reports whether a place is one of those named, or lies in one.
func within(place string, names []string) bool {
	for _, n := range names {
		if place == n || len(place) > len(n) && place[:len(n)] == n && place[len(n)] == '-' {
			return true
		}
	}
	return false
}

// Service is one cloud service in one region.
type Service struct {
	Key     string   `yaml:"key"` // cloud/service/region; local ones have no region
	Cloud   string   `yaml:"cloud"`
	Service string   `yaml:"service"` // as a bill names it: "Amazon S3"
	Region  string   `yaml:"region"`
	Title   string   `yaml:"title"` // the offer that is meant: "S3 Standard"
	Prices  []Prices `yaml:"prices"`
}
