package catalog

import "slices"

// Model is one upstream model of a provider kind.
type Model struct {
	Kind    string  `yaml:"kind"` // of provider: openai, anthropic
	ID      string  `yaml:"id"`   // the dated one, where the provider has one
	Name    string  `yaml:"name"` // as it stands in SKUs, and the same on every cloud
	Title   string  `yaml:"title"`
	Aliases []Alias `yaml:"aliases"`

	Released Date `yaml:"released"`
	Retires  Date `yaml:"retires"` // the day it is switched off; zero where none is announced

	Context   int64 `yaml:"context"`    // tokens, input and output together
	MaxInput  int64 `yaml:"max_input"`  // tokens; 0 is whatever the context leaves
	MaxOutput int64 `yaml:"max_output"` // tokens, thinking included

	OutputCap string    `yaml:"output_cap"` // the request member that caps output
	Tokenizer string    `yaml:"tokenizer"`  // the family whose counts hold for it
	Features  []Feature `yaml:"features"`
	Cache     Cache     `yaml:"cache"`
	Prices    []Prices  `yaml:"prices"`
}

// Alias is another name that the provider takes for the model.
type Alias struct {
	Name string `yaml:"name"`
	From Date   `yaml:"from"` // since when it means this model, where it meant another
}

// Feature is something that a model takes or does.
type Feature string

// The features.
const (
	Vision    Feature = "vision"    // images in
	Documents Feature = "documents" // PDF in
	Tools     Feature = "tools"
	Schema    Feature = "schema" // output by a JSON Schema
	Reasoning Feature = "reasoning"
	Adaptive  Feature = "adaptive" // thinks as much as it sees fit; from Claude 4.7 on a budget of thinking tokens is refused
	Sampling  Feature = "sampling" // takes temperature, top_p and the like
	Prefill   Feature = "prefill"  // goes on from an assistant message at the end
)

var features = []Feature{Vision, Documents, Tools, Schema, Reasoning, Adaptive, Sampling, Prefill}

// Cache says how the provider's prompt cache is written.
type Cache struct {
	Writes CacheWrites `yaml:"writes"`
	Least  int64       `yaml:"least"` // tokens of the shortest prefix that is kept
}

// CacheWrites says when tokens are billed as written to the cache.
type CacheWrites string

// The ways to write a cache.
const (
	CacheFree      CacheWrites = "free"      // by itself, at no price of its own
	CacheMarked    CacheWrites = "marked"    // only where the request has marks
	CacheAutomatic CacheWrites = "automatic" // by itself, billed
)

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

// Service is one cloud service in one region.
type Service struct {
	Key     string   `yaml:"key"` // cloud/service/region; local ones have no region
	Cloud   string   `yaml:"cloud"`
	Service string   `yaml:"service"` // as a bill names it: "Amazon S3"
	Region  string   `yaml:"region"`
	Title   string   `yaml:"title"` // the offer that is meant: "S3 Standard"
	Prices  []Prices `yaml:"prices"`
}
