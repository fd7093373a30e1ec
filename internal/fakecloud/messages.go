package fakecloud

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"sort"
	"strings"

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

func (messagesFormat) ids(g *ids, a *answer) {
	a.id = g.next("msg_01", 22)
	for i := range a.parts {
		if a.parts[i].Kind == analyst.Call {
			a.parts[i].ID = g.next("toolu_01", 22)
		}
	}
}

func (messagesFormat) header(requestID string) map[string]string {
	return map[string]string{
		"Request-Id":                             requestID,
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
	Tools []struct {
		Type         string          `json:"type"`
		Name         string          `json:"name"`
		Description  string          `json:"description"`
		InputSchema  json.RawMessage `json:"input_schema"`
		CacheControl *cacheControl   `json:"cache_control"`
	} `json:"tools"`
	ToolChoice *struct {
		Type            string `json:"type"`
		Name            string `json:"name"`
		DisableParallel bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
	Stream        bool     `json:"stream"`
	Version       string   `json:"anthropic_version"`
	StopSequences []string `json:"stop_sequences"`
	Thinking      *struct {
		Type         string `json:"type"`
		BudgetTokens int64  `json:"budget_tokens"`
	} `json:"thinking"`
	OutputConfig struct {
		Format *outputFormat `json:"format"`
	} `json:"output_config"`
	OutputFormat *outputFormat `json:"output_format"` // as it was called in the beta
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

// block is one content block, of any type.
type block struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	Thinking     string          `json:"thinking"`
	Signature    string          `json:"signature"`
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Input        json.RawMessage `json:"input"`
	ToolUseID    string          `json:"tool_use_id"`
	Content      json.RawMessage `json:"content"`
	IsError      bool            `json:"is_error"`
	CacheControl *cacheControl   `json:"cache_control"`
}

var toolUseID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

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
	case !strings.Contains(in.Model, "claude-"):
		return nil, &apiError{status: http.StatusNotFound, kind: "not_found_error", message: "model: " + in.Model}
	case in.MaxTokens == nil:
		return nil, invalid("", "max_tokens: Field required")
	case *in.MaxTokens < 1:
		return nil, invalid("", "max_tokens: must be greater than or equal to 1")
	case len(in.Messages) == 0:
		return nil, invalid("", "messages: at least one message is required")
	}
	a := &ask{model: in.Model, stream: in.Stream, maxOutput: *in.MaxTokens, stop: in.StopSequences, marks: map[int]string{}}
	if t := in.Thinking; t != nil && t.Type == "adaptive" {
		a.showsThink = true
	} else if t != nil && t.Type == "enabled" {
		if t.BudgetTokens < 1024 || t.BudgetTokens >= a.maxOutput {
			return nil, invalid("", "thinking.budget_tokens: must be at least 1024 and less than max_tokens")
		}
		a.showsThink = true
	}
	for _, f := range []*outputFormat{in.OutputConfig.Format, in.OutputFormat} {
		switch {
		case f == nil:
		case f.Type != "json_schema" || len(f.Schema) == 0:
			return nil, invalid("", "output_config.format: a json_schema with its schema is needed")
		default:
			a.JSON, a.Schema = true, f.Schema
		}
	}
	for i, t := range in.Tools {
		if t.Name == "" || t.Type != "" && t.Type != "custom" {
			return nil, invalid("", "tools.%d: this stand-in knows tools of the client's own, with a name, only", i)
		}
		a.Tools = append(a.Tools, analyst.Tool{Name: t.Name, Description: t.Description, Schema: t.InputSchema})
		if t.CacheControl != nil {
			a.toolMark = t.CacheControl.lasts()
		}
	}
	if c := in.ToolChoice; c != nil {
		a.Sequential = c.DisableParallel
		switch c.Type {
		case "auto":
		case "none":
			a.NoTools = true
		case "any":
			a.MustCall = true
		case "tool":
			a.Named = c.Name
		default:
			return nil, invalid("", "tool_choice.type: must be one of auto, any, tool, none")
		}
		if len(a.Tools) == 0 && (a.MustCall || a.Named != "") {
			return nil, invalid("", "tool_choice may only be specified while providing tools")
		}
	}
	if blocks, e := f.blocks(in.System, "system"); e != nil {
		return nil, e
	} else if len(blocks) > 0 {
		turn := analyst.Turn{Role: analyst.System}
		for _, b := range blocks {
			turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: b.Text})
			if b.CacheControl != nil {
				a.marks[0] = b.CacheControl.lasts()
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	open := map[string]bool{} // calls of the turn before that have no result yet
	for i, m := range in.Messages {
		blocks, e := f.blocks(m.Content, "messages")
		if e != nil {
			return nil, e
		}
		if e := f.turn(a, m.Role, blocks, open, i); e != nil {
			return nil, e
		}
	}
	if len(open) > 0 {
		return nil, invalid("", "messages: `tool_use` ids were found without `tool_result` blocks immediately after: %s", strings.Join(sortedKeys(open), ", "))
	}
	return a, nil
}

// blocks reads content: text, or a list of blocks.
func (messagesFormat) blocks(raw json.RawMessage, where string) ([]block, *apiError) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []block{{Type: "text", Text: text}}, nil
	}
	var list []block
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid("", "%s: content is neither a string nor a list of blocks", where)
	}
	return list, nil
}

// turn reads one message and insists, as the provider does, that the results of
// all calls come in the message after them, and come first in it.
func (f messagesFormat) turn(a *ask, role string, blocks []block, open map[string]bool, i int) *apiError {
	turn := analyst.Turn{Role: analyst.Role(role)}
	if role == "system" && i > 0 { // since 2026 the API takes instructions between the turns
		turn.Parts = []analyst.Part{}
		for _, b := range blocks {
			turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: b.Text})
		}
		a.Turns = append(a.Turns, turn)
		return nil
	}
	if turn.Role != analyst.User && turn.Role != analyst.Assistant {
		return invalid("", "messages.%d.role: must be user or assistant", i)
	}
	calls := map[string]bool{}
	for j, b := range blocks {
		p := analyst.Part{Kind: analyst.Text, Text: b.Text}
		switch b.Type {
		case "text":
			if b.Text == "" {
				return invalid("", "messages.%d.content.%d: text content blocks must be non-empty", i, j)
			}
		case "thinking":
			if b.Signature != messagesSignature {
				return invalid("", "messages.%d.content.%d: Invalid `signature` in `thinking` block", i, j)
			}
			p = analyst.Part{Kind: analyst.Thinking, Text: b.Thinking}
		case "tool_use":
			if !toolUseID.MatchString(b.ID) || turn.Role != analyst.Assistant {
				return invalid("", "messages.%d.content.%d.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", i, j)
			}
			calls[b.ID] = true
			p = analyst.Part{Kind: analyst.Call, ID: b.ID, Name: b.Name, Args: b.Input}
		case "tool_result":
			if !open[b.ToolUseID] {
				return invalid("", "messages.%d.content.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
					"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", i, j, b.ToolUseID)
			}
			delete(open, b.ToolUseID)
			inner, e := f.blocks(b.Content, "tool_result")
			if e != nil {
				return e
			}
			var text []string
			for _, in := range inner {
				text = append(text, in.Text)
			}
			p = analyst.Part{Kind: analyst.Result, ID: b.ToolUseID, Text: strings.Join(text, "\n"), IsError: b.IsError}
		default:
			p = analyst.Part{Kind: analyst.Media}
		}
		turn.Parts = append(turn.Parts, p)
		if b.CacheControl != nil {
			a.marks[len(a.Turns)] = b.CacheControl.lasts()
		}
	}
	if len(open) > 0 {
		return invalid("", "messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s", i, strings.Join(sortedKeys(open), ", "))
	}
	for id := range calls {
		open[id] = true
	}
	a.Turns = append(a.Turns, turn)
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
