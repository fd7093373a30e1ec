package fakecloud

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

type converseBlock struct {
	Text    *string `json:"text"`
	ToolUse *struct {
		ID    string          `json:"toolUseId"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	} `json:"toolUse"`
	ToolResult *struct {
		ID      string `json:"toolUseId"`
		Status  string `json:"status"`
		Content []struct {
			Text *string         `json:"text"`
			JSON json.RawMessage `json:"json"`
		} `json:"content"`
	} `json:"toolResult"`
	Reasoning *struct {
		Text *struct {
			Text      string `json:"text"`
			Signature string `json:"signature"`
		} `json:"reasoningText"`
		Redacted string `json:"redactedContent"`
	} `json:"reasoningContent"`
	CachePoint *cachePoint     `json:"cachePoint"`
	Image      json.RawMessage `json:"image"`
	Document   json.RawMessage `json:"document"`
	Video      json.RawMessage `json:"video"`
	Audio      json.RawMessage `json:"audio"`
	Guard      json.RawMessage `json:"guardContent"`
	Citations  json.RawMessage `json:"citationsContent"`
	Search     json.RawMessage `json:"searchResult"`
}

var converseToolID = regexp.MustCompile(`^[a-zA-Z0-9_.:-]+$`)

// converseReader reads the messages. As the provider does it insists that results come
// in the message after their calls, and that text is not blank.
type converseReader struct {
	a      *ask
	open   map[string]bool // calls without a result yet
	tools  bool            // are defined
	claude bool

	prefill *bool // see incoming
}

func (r *converseReader) turn(role string, blocks []converseBlock, i int) *apiError {
	turn := analyst.Turn{Role: analyst.Role(role)}
	if turn.Role != analyst.User && turn.Role != analyst.Assistant && !(role == "system" && i > 0 && r.claude) {
		return invalid("", "1 validation error detected: Value '%s' at 'messages.%d.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]", role, i+1)
	}
	if len(blocks) == 0 {
		return invalid("", "The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the content field and try again.", i)
	}
	calls := map[string]bool{}
	for j, b := range blocks {
		if b.CachePoint != nil {
			r.a.marks[len(r.a.Turns)] = b.CachePoint.lasts()
			r.a.marked++
			continue
		}
		p, e := r.part(turn.Role, b, calls, fmt.Sprintf("messages.%d.content.%d", i, j))
		if e != nil {
			return e
		}
		turn.Parts = append(turn.Parts, p)
	}
	if len(r.open) > 0 {
		return invalid("", "Expected toolResult blocks at messages.%d.content for the following Ids: %s", i, strings.Join(sortedKeys(r.open), ", "))
	}
	r.open = calls
	r.a.Turns = append(r.a.Turns, turn)
	return nil
}

func (r *converseReader) part(role analyst.Role, b converseBlock, calls map[string]bool, where string) (p analyst.Part, e *apiError) {
	undefined := func() *apiError {
		return invalid("", "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
	}
	switch {
	case b.Text != nil:
		if *b.Text == "" {
			e = invalid("", "The text field in the ContentBlock object at %s is blank. Add text to the text field, and try again.", where)
		}
		r.a.redacts = r.a.redacts || strings.Contains(*b.Text, redactMe)
		p = analyst.Part{Kind: analyst.Text, Text: *b.Text}
	case b.ToolUse != nil:
		p = analyst.Part{Kind: analyst.Call, ID: b.ToolUse.ID, Name: b.ToolUse.Name, Args: b.ToolUse.Input}
		switch pattern := "[a-zA-Z0-9_.:-]+"; {
		case !r.tools:
			e = undefined()
		case role != analyst.Assistant:
			e = invalid("", "The model returned the following errors: %s: `tool_use` blocks can only be in `assistant` messages", where)
		case !converseToolID.MatchString(p.ID), r.claude && !toolUseID.MatchString(p.ID), len(p.ID) > 64:
			e = invalid("", "1 validation error detected: Value '%s' at '%s.toolUse.toolUseId' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", p.ID, where, pattern)
		case fieldsOf(p.Args) == nil:
			e = invalid("", "The format of the value at %s.toolUse.input is invalid. Provide a json object for the field and try again.", where)
		}
		calls[p.ID] = true
	case b.ToolResult != nil:
		switch {
		case !r.tools:
			return p, undefined()
		case calls[b.ToolResult.ID]: // of a tool that the provider runs itself
			delete(calls, b.ToolResult.ID)
			return analyst.Part{Kind: analyst.Media}, nil
		case role != analyst.User || !r.open[b.ToolResult.ID]:
			return p, invalid("", "The model returned the following errors: %s: unexpected `tool_use_id` found in `tool_result` blocks: %s. "+
				"Each `tool_result` block must have a corresponding `tool_use` block in the previous message.", where, b.ToolResult.ID)
		}
		delete(r.open, b.ToolResult.ID)
		var text []string
		for _, c := range b.ToolResult.Content {
			if c.Text != nil {
				text = append(text, *c.Text)
			} else if len(c.JSON) > 0 {
				text = append(text, string(c.JSON))
			}
		}
		p = analyst.Part{Kind: analyst.Result, ID: b.ToolResult.ID, Text: strings.Join(text, "\n"), IsError: b.ToolResult.Status == "error"}
	case b.Reasoning != nil:
		return r.thought(role, b, where)
	case len(b.Image)+len(b.Document)+len(b.Video)+len(b.Audio)+len(b.Guard)+len(b.Citations)+len(b.Search) > 0:
		p = analyst.Part{Kind: analyst.Media}
	default:
		e = invalid("", "The ContentBlock object at %s must set one of the following keys: text, image, toolUse, toolResult, document, video, cachePoint, reasoningContent.", where)
	}
	return p, e
}

func (r *converseReader) thought(role analyst.Role, b converseBlock, where string) (analyst.Part, *apiError) {
	refuse := func(what string) *apiError {
		return invalid("", "The model returned the following errors: %s: %s", where, what)
	}
	if role != analyst.Assistant {
		return analyst.Part{}, refuse("`thinking` blocks may only be in `assistant` messages")
	}
	if b.Reasoning.Text == nil {
		if _, same := unseal(makerAnthropic, b.Reasoning.Redacted, redacted); !same {
			return analyst.Part{}, refuse("Invalid `data` in `redacted_thinking` block")
		}
		return analyst.Part{Kind: analyst.Thinking, Name: redacted}, nil
	}
	p := analyst.Part{Kind: analyst.Thinking, Text: b.Reasoning.Text.Text}
	if !r.claude { // the other makers' models sign nothing
		return p, nil
	}
	switch own, same := unseal(makerAnthropic, b.Reasoning.Text.Signature, p.Text); {
	case !own:
		return p, refuse("Invalid `signature` in `thinking` block")
	case !same:
		return p, refuse("`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response.")
	}
	return p, nil
}

// end checks what can be seen when all messages have been read.
func (r *converseReader) end(in *converseRequest, model string) *apiError {
	n := len(in.Messages)
	switch last := in.Messages[n-1]; {
	case len(r.open) > 0:
		return invalid("", "Expected toolResult blocks at messages.%d.content for the following Ids: %s", n, strings.Join(sortedKeys(r.open), ", "))
	case r.a.marked > mostMarks:
		return invalid("", "You have exceeded the maximum number of cache points (%d) in the request.", mostMarks)
	case last.Role != "assistant":
		return nil
	case r.claude && prefills(r.prefill, generation(model) < 46):
		r.a.prefills = true
	case r.claude:
		return invalid("", "The model returned the following errors: This model does not support assistant message prefill. The conversation must end with a user message.")
	}
	return nil
}
