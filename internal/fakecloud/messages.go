package fakecloud

import (
	"cmp"
	"encoding/json"
	"net/http"
	"sort"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// messagesFormat is Anthropic Messages; of the clouds that carry it in their own way,
// service names one.
type messagesFormat struct{ service string }

func (f messagesFormat) provider() (service, op string) {
	return cmp.Or(f.service, "anthropic"), "messages"
}

func (f messagesFormat) streamType() string {
	if f.service == "bedrock" {
		return amazonStream
	}
	return eventStream
}

func (messagesFormat) automatic() bool         { return false }
func (messagesFormat) sizes() (text, args int) { return 24, 16 } // fewer and larger chunks than OpenAI's
func (messagesFormat) thought() thought        { return thoughtShown }

func (f messagesFormat) ids(g *ids, a *answer) {
	mark := map[string]string{"bedrock": "bdrk_01", "vertex": "vrtx_01"}[f.service]
	a.id = g.next("msg_"+cmp.Or(mark, "01"), 22)
	for i := range a.parts {
		if a.parts[i].Kind == analyst.Call {
			a.parts[i].ID = g.next("toolu_"+cmp.Or(mark, "01"), 22)
		}
	}
}

func (f messagesFormat) header(requestID string) map[string]string {
	switch f.service {
	case "bedrock":
		return converseFormat{}.header(requestID)
	case "vertex":
		return map[string]string{"Request-Id": requestID}
	}
	return map[string]string{
		"Request-Id":                             requestID,
		"Anthropic-Organization-Id":              "00000000-0000-0000-0000-000000000000",
		"Anthropic-Ratelimit-Requests-Limit":     "4000",
		"Anthropic-Ratelimit-Requests-Remaining": "3999",
		"Anthropic-Ratelimit-Requests-Reset":     "2026-01-01T00:00:00Z",
		"Anthropic-Ratelimit-Tokens-Limit":       "400000",
		"Anthropic-Ratelimit-Tokens-Remaining":   "399000",
		"Anthropic-Ratelimit-Tokens-Reset":       "2026-01-01T00:00:00Z",
	}
}

type messagesRequest struct {
	Model     string          `json:"model"`
	MaxTokens *int64          `json:"max_tokens"`
	System    json.RawMessage `json:"system"`
	Messages  []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	Tools      []json.RawMessage `json:"tools"`
	ToolChoice *struct {
		Type            string `json:"type"`
		Name            string `json:"name"`
		DisableParallel bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Stream        bool     `json:"stream"`
	Version       string   `json:"anthropic_version"`
	Beta          []string `json:"anthropic_beta"`
	StopSequences []string `json:"stop_sequences"`
	Thinking      *struct {
		Type         string `json:"type"`
		BudgetTokens int64  `json:"budget_tokens"`
		Display      string `json:"display"`
	} `json:"thinking"`
	OutputConfig struct {
		Format *outputFormat `json:"format"`
		Effort string        `json:"effort"`
	} `json:"output_config"`
	OutputFormat *outputFormat `json:"output_format"` // as it was called in the beta
	CacheControl *cacheControl `json:"cache_control"` // of the last block that can be cached
	Temperature  *float64      `json:"temperature"`
	TopP         *float64      `json:"top_p"`
	TopK         *int64        `json:"top_k"`

	prefills *bool // see incoming
}

// outputFormat asks for an answer that follows a schema,
// https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs.
type outputFormat struct {
	Type   string          `json:"type"`
	Schema json.RawMessage `json:"schema"`
}

type cacheControl struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

// lasts is the time that a mark asks for, "" where there is none.
func (c *cacheControl) lasts() string {
	switch {
	case c == nil:
		return ""
	case c.TTL == "":
		return "5m"
	}
	return c.TTL
}

func (f messagesFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in messagesRequest
	if f.service == "" && at.header.Get("Anthropic-Version") == "" {
		return nil, invalid("", "anthropic-version: header is required")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "The request body is not valid JSON: %v", err)
	}
	if e := f.address(at, &in, body); e != nil {
		return nil, e
	}
	switch {
	case in.Model == "":
		return nil, invalid("", "model: Field required")
	case !servesClaude(in.Model):
		return nil, &apiError{status: http.StatusNotFound, kind: "not_found_error", message: "model: " + in.Model}
	case in.MaxTokens == nil:
		return nil, invalid("", "max_tokens: Field required")
	case *in.MaxTokens < 1:
		return nil, invalid("", "max_tokens: must be greater than or equal to 1")
	case len(in.Messages) == 0:
		return nil, invalid("", "messages: at least one message is required")
	}
	in.prefills = at.prefill
	betas := betasOf(at, &in)
	if e := f.strangers(body, &in, betas); e != nil {
		return nil, e
	}
	if e := in.rules(betas); e != nil {
		return nil, e
	}
	a := &ask{model: in.Model, stream: in.Stream, maxOutput: *in.MaxTokens, stop: in.StopSequences, marks: map[int]string{}}
	a.showsThink = in.thinks()
	for _, f := range []*outputFormat{in.OutputConfig.Format, in.OutputFormat} {
		switch {
		case f == nil:
		case f.Type != "json_schema" || len(f.Schema) == 0:
			return nil, invalid("", "output_config.format: a json_schema with its schema is needed")
		default:
			a.JSON, a.Schema = true, f.Schema
		}
	}
	if e := f.tools(a, in.Tools); e != nil {
		return nil, e
	}
	if e := f.choice(a, &in); e != nil {
		return nil, e
	}
	if e := f.conversation(a, &in, asksFor(betas, midSystem) || dated.MatchString(in.Version) && in.Version >= sinceSystem || f.service == "" && at.header.Get("Anthropic-Version") >= sinceSystem); e != nil {
		return nil, e
	}
	return a, in.marked(a)
}

func (messagesFormat) choice(a *ask, in *messagesRequest) *apiError {
	c := in.ToolChoice
	if c == nil {
		return nil
	}
	a.Sequential = c.DisableParallel
	switch c.Type {
	case "auto":
	case "none":
		a.NoTools = true
	case "any":
		a.MustCall = true
	case "tool":
		a.Named = c.Name
		if !a.has(c.Name) && len(in.Tools) > 0 {
			return invalid("", "tool_choice: Tool '%s' not found in provided tools", c.Name)
		}
	default:
		return invalid("", "tool_choice: Input tag '%s' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'", c.Type)
	}
	switch {
	case len(in.Tools) == 0 && (a.MustCall || a.Named != ""):
		return invalid("", "tool_choice may only be specified while providing tools")
	case (a.MustCall || a.Named != "") && in.Thinking != nil && in.Thinking.Type == "enabled":
		return invalid("", "Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
