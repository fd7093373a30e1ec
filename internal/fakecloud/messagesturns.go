package fakecloud

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// block is one content block, of any type.
type block struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	Thinking     string          `json:"thinking"`
	Signature    string          `json:"signature"`
	Data         string          `json:"data"`
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Input        json.RawMessage `json:"input"`
	ToolUseID    string          `json:"tool_use_id"`
	Content      json.RawMessage `json:"content"`
	IsError      bool            `json:"is_error"`
	CacheControl *cacheControl   `json:"cache_control"`
	raw          json.RawMessage
}

// redactMe is the word that makes a model of Anthropic think in a block that only the
// provider can read; it is documented for tests.
const redactMe = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"

// midSystem is the beta, and the version, with which instructions may stand between
// the turns.
const midSystem, sinceSystem = "mid-conversation-system-", "2026-10-21"

// conversation reads system text and messages, and where the API allows them the
// instructions between these.
func (f messagesFormat) conversation(a *ask, in *messagesRequest, systems bool) *apiError {
	if blocks, e := f.blocks(in.System, "system"); e != nil {
		return e
	} else if len(blocks) > 0 {
		turn := analyst.Turn{Role: analyst.System}
		for j, b := range blocks {
			if b.Type != "text" {
				return invalid("", "system.%d.type: Input should be 'text'", j)
			}
			if b.Text == "" && given(b.raw) {
				return invalid("", "system: text content blocks must be non-empty")
			}
			turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: b.Text})
			if b.CacheControl != nil {
				a.marked++
				a.marks[0] = b.CacheControl.lasts()
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	r := turnReader{f: f, a: a, open: map[string]bool{}, calls: map[string]bool{}}
	for i, m := range in.Messages {
		if m.Role == "system" && !systems {
			return invalid("", "messages.%d: Input should be 'user' or 'assistant': role 'system' is not supported here; use the top-level `system` parameter", i)
		}
		blocks, e := f.blocks(m.Content, "messages")
		if e != nil {
			return e
		}
		last := i == len(in.Messages)-1
		if len(blocks) == 0 && !(last && m.Role == "assistant") {
			return invalid("", "messages.%d: all messages must have non-empty content except for the optional final assistant message", i)
		}
		// Messages of the same role, one after the other, are one.
		again := i > 0 && in.Messages[i-1].Role == m.Role
		if e := r.turn(m.Role, blocks, i, again); e != nil {
			return e
		}
	}
	maps.Copy(r.open, r.calls)
	if len(r.open) > 0 {
		return r.unanswered(len(in.Messages) - 1)
	}
	return in.prefill(a)
}

// prefill refuses an answer that the request has begun, where the model does not go
// on with one.
func (in *messagesRequest) prefill(a *ask) *apiError {
	if in.Messages[len(in.Messages)-1].Role != "assistant" {
		return nil
	}
	last := a.Turns[len(a.Turns)-1]
	a.prefills = true
	switch n := len(last.Parts); {
	case !prefills(in.prefills, generation(in.Model) < 46):
		return invalid("", "This model does not support assistant message prefill. The conversation must end with a user message.")
	case in.thinks():
		return invalid("", "messages.%d.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.", len(in.Messages)-1)
	case n > 0 && last.Parts[n-1].Text != strings.TrimRight(last.Parts[n-1].Text, " \n\t"):
		return invalid("", "messages: final assistant content cannot end with trailing whitespace")
	}
	return nil
}

// prefills reports whether a model goes on with an answer that the request has begun.
func prefills(told *bool, otherwise bool) bool {
	if told != nil {
		return *told
	}
	return otherwise
}

// blocks reads content: text, or a list of blocks.
func (messagesFormat) blocks(raw json.RawMessage, where string) ([]block, *apiError) {
	if !given(raw) {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if text == "" {
			return nil, nil
		}
		return []block{{Type: "text", Text: text}}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid("", "%s: content is neither a string nor a list of blocks", where)
	}
	out := make([]block, len(list))
	for i, r := range list {
		if err := json.Unmarshal(r, &out[i]); err != nil {
			return nil, invalid("", "%s: a content block cannot be read: %v", where, err)
		}
		out[i].raw = r
	}
	return out, nil
}

// turnReader reads messages and insists, as the provider does, that the results of
// all calls come in the message after them, and that thinking comes back as it was.
type turnReader struct {
	f     messagesFormat
	a     *ask
	open  map[string]bool // calls of the turn before that have no result yet
	calls map[string]bool // of this turn
}

func (r *turnReader) turn(role string, blocks []block, i int, again bool) *apiError {
	turn := analyst.Turn{Role: analyst.Role(role)}
	if !slices.Contains([]analyst.Role{analyst.User, analyst.Assistant, analyst.System}, turn.Role) {
		return invalid("", "messages.%d.role: Input should be 'user' or 'assistant'", i)
	}
	if !again && turn.Role != analyst.System {
		if len(r.open) > 0 {
			return r.unanswered(i - 1)
		}
		r.open, r.calls = r.calls, map[string]bool{}
	}
	for j, b := range blocks {
		if known := blockMembers[b.Type]; known != nil && b.raw != nil {
			if name := stranger(b.raw, known); name != "" {
				return invalid("", "messages.%d.content.%d.%s.%s: Extra inputs are not permitted", i, j, b.Type, name)
			}
		}
		p, e := r.part(turn.Role, b, i, j)
		if e != nil {
			return e
		}
		turn.Parts = append(turn.Parts, p)
		if b.CacheControl != nil {
			r.a.marked++
			r.a.marks[len(r.a.Turns)] = b.CacheControl.lasts()
		}
	}
	r.a.Turns = append(r.a.Turns, turn)
	return nil
}

func (r *turnReader) unanswered(i int) *apiError {
	return invalid("", "messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s. "+
		"Each `tool_use` block must have a corresponding `tool_result` block in the next message.", i, strings.Join(sortedKeys(r.open), ", "))
}

func (r *turnReader) part(role analyst.Role, b block, i, j int) (p analyst.Part, e *apiError) {
	p = analyst.Part{Kind: analyst.Text, Text: b.Text}
	switch b.Type {
	case "text":
		switch {
		case b.Text == "":
			e = invalid("", "messages: text content blocks must be non-empty (messages.%d.content.%d)", i, j)
		case strings.TrimSpace(b.Text) == "" && role == analyst.User:
			e = invalid("", "messages: text content blocks must contain non-whitespace text (messages.%d.content.%d)", i, j)
		}
		r.a.redacts = r.a.redacts || strings.Contains(b.Text, redactMe)
	case "thinking":
		p = analyst.Part{Kind: analyst.Thinking, Text: b.Thinking}
		own, same := unseal(makerAnthropic, b.Signature, b.Thinking)
		switch {
		case role != analyst.Assistant:
			e = invalid("", "messages.%d.content.%d: `thinking` blocks may only be in `assistant` messages", i, j)
		case !own:
			e = invalid("", "messages.%d.content.%d: Invalid `signature` in `thinking` block", i, j)
		case !same:
			e = invalid("", "messages.%d.content.%d: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.", i, j)
		}
	case "redacted_thinking":
		p = analyst.Part{Kind: analyst.Thinking, Name: redacted}
		if _, same := unseal(makerAnthropic, b.Data, redacted); !same {
			e = invalid("", "messages.%d.content.%d: Invalid `data` in `redacted_thinking` block", i, j)
		}
	case "tool_use":
		p = analyst.Part{Kind: analyst.Call, ID: b.ID, Name: b.Name, Args: b.Input}
		switch {
		case role != analyst.Assistant:
			e = invalid("", "messages.%d: `tool_use` blocks can only be in `assistant` messages", i)
		case !toolUseID.MatchString(b.ID):
			e = invalid("", "messages.%d.content.%d.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'", i, j)
		case b.Name == "" || len(b.Name) > 200:
			e = invalid("", "messages.%d.content.%d.tool_use.name: String should have at least 1 and at most 200 characters", i, j)
		case fieldsOf(b.Input) == nil:
			e = invalid("", "messages.%d.content.%d.tool_use.input: Input should be a valid dictionary", i, j)
		case r.calls[b.ID]:
			e = invalid("", "messages.%d.content.%d: `tool_use` ids must be unique", i, j)
		}
		r.calls[b.ID] = true
	case "tool_result":
		if role != analyst.User || !r.open[b.ToolUseID] {
			return p, invalid("", "messages.%d.content.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
				"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", i, j, b.ToolUseID)
		}
		delete(r.open, b.ToolUseID)
		p, e = r.result(b)
	default:
		p = analyst.Part{Kind: analyst.Media}
	}
	return p, e
}

func (r *turnReader) result(b block) (analyst.Part, *apiError) {
	inner, e := r.f.blocks(b.Content, "tool_result")
	var text []string
	for _, in := range inner {
		if in.CacheControl != nil {
			r.a.marked++
		}
		text = append(text, in.Text)
	}
	return analyst.Part{Kind: analyst.Result, ID: b.ToolUseID, Text: strings.Join(text, "\n"), IsError: b.IsError}, e
}
