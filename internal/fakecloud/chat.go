package fakecloud

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// chatFormat is OpenAI Chat Completions.
type chatFormat struct{ service string } // "": openai

func (f chatFormat) provider() (service, op string) { return cmp.Or(f.service, "openai"), "chat" }
func (chatFormat) streamType() string               { return eventStream }
func (chatFormat) automatic() bool                  { return true }
func (chatFormat) sizes() (text, args int)          { return 5, 7 }

func (chatFormat) ids(g *ids, a *answer) {
	a.id = g.next("chatcmpl-", 29)
	for i := range a.parts {
		if a.parts[i].Kind == analyst.Call {
			a.parts[i].ID = g.next("call_", 24)
		}
	}
}

func (chatFormat) header(requestID string) map[string]string {
	return map[string]string{
		"X-Request-Id": requestID, "Openai-Version": "2020-10-01", "Openai-Processing-Ms": "12",
		"X-Ratelimit-Limit-Requests": "10000", "X-Ratelimit-Remaining-Requests": "9999", "X-Ratelimit-Reset-Requests": "6ms",
		"X-Ratelimit-Limit-Tokens": "2000000", "X-Ratelimit-Remaining-Tokens": "1999000", "X-Ratelimit-Reset-Tokens": "30ms",
	}
}

// chatRequest is what the stand-in reads of a request. What it does not know it
// passes over, as long as it does not change what is promised.
type chatRequest struct {
	Model         string        `json:"model"`
	Messages      []chatMessage `json:"messages"`
	Tools         []chatTool    `json:"tools"`
	Parallel      *bool         `json:"parallel_tool_calls"`
	Stream        bool          `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens           *int64          `json:"max_tokens"`
	MaxCompletionTokens *int64          `json:"max_completion_tokens"`
	Stop                json.RawMessage `json:"stop"`
	N                   *int64          `json:"n"`
	ReasoningEffort     string          `json:"reasoning_effort"`
	ResponseFormat      *struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	ToolChoice json.RawMessage `json:"tool_choice"`
}

type chatMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Refusal    string          `json:"refusal"`
	ToolCalls  []chatCall      `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
}

type chatCall struct {
	Index    *int   `json:"index,omitempty"`
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
}

func (f chatFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in chatRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: %v", err)
	}
	if at.model != "" {
		in.Model = at.model
	}
	switch {
	case in.Model == "":
		return nil, invalid("model", "you must provide a model parameter")
	case !servesChat(in.Model):
		return nil, &apiError{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
			message: "The model `" + in.Model + "` does not exist or you do not have access to it."}
	case len(in.Messages) == 0:
		return nil, invalid("messages", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	case in.N != nil && *in.N != 1:
		return nil, invalid("n", "this stand-in gives one answer; leave n out")
	case in.StreamOptions != nil && !in.Stream:
		return nil, invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case in.MaxTokens != nil && thinks(in.Model):
		e := invalid("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
		e.code = "unsupported_parameter"
		return nil, e
	}
	a := &ask{model: in.Model, stream: in.Stream, marks: map[int]string{}}
	a.wantsUsage = in.StreamOptions != nil && in.StreamOptions.IncludeUsage
	a.Sequential = in.Parallel != nil && !*in.Parallel
	for _, limit := range []*int64{in.MaxTokens, in.MaxCompletionTokens} {
		if limit != nil {
			if *limit < 1 {
				return nil, invalid("max_tokens", "Invalid value: %d is below the minimum of 1.", *limit)
			}
			a.maxOutput = *limit
		}
	}
	if err := json.Unmarshal(in.Stop, &a.stop); err != nil && len(in.Stop) > 0 {
		var one string
		if json.Unmarshal(in.Stop, &one) == nil && one != "" {
			a.stop = []string{one}
		}
	}
	if thinks(in.Model) {
		a.reasoning = map[string]int64{"low": 32, "medium": 64, "high": 128}[in.ReasoningEffort]
	}
	if in.ResponseFormat != nil {
		a.JSON = strings.HasPrefix(in.ResponseFormat.Type, "json")
		a.Schema = in.ResponseFormat.JSONSchema.Schema
	}
	for i, t := range in.Tools {
		if t.Type != "function" || t.Function.Name == "" {
			return nil, invalid("tools", "Invalid 'tools[%d]': a function with a name is needed.", i)
		}
		a.Tools = append(a.Tools, analyst.Tool{Name: t.Function.Name, Description: t.Function.Description, Schema: t.Function.Parameters})
	}
	if e := f.choice(a, in.ToolChoice); e != nil {
		return nil, e
	}
	return a, f.turns(a, in.Messages)
}

func (chatFormat) choice(a *ask, raw json.RawMessage) *apiError {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if len(a.Tools) == 0 {
		return invalid("tool_choice", "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
	}
	var mode string
	if json.Unmarshal(raw, &mode) == nil {
		switch mode {
		case "auto":
		case "none":
			a.NoTools = true
		case "required":
			a.MustCall = true
		default:
			return invalid("tool_choice", "Invalid value: '%s'. Supported values are: 'none', 'auto', and 'required'.", mode)
		}
		return nil
	}
	var named chatTool
	if err := json.Unmarshal(raw, &named); err != nil || named.Function.Name == "" {
		return invalid("tool_choice", "Invalid value for 'tool_choice'.")
	}
	a.Named = named.Function.Name
	return nil
}

// turns reads the conversation and insists, as the provider does, that each call
// is answered at once and that each answer had a call.
func (chatFormat) turns(a *ask, messages []chatMessage) *apiError {
	open := map[string]bool{}
	unanswered := func(i int) *apiError {
		return invalid("messages", "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "+
			"The following tool_call_ids did not have response messages before messages[%d]: %s", i, strings.Join(sortedKeys(open), ", "))
	}
	for i, m := range messages {
		parts, e := chatContent(m.Content, i)
		if e != nil {
			return e
		}
		if m.Role != "tool" && len(open) > 0 {
			return unanswered(i)
		}
		turn := analyst.Turn{Role: analyst.User, Parts: parts}
		switch m.Role {
		case "system", "developer":
			turn.Role = analyst.System
		case "user":
		case "assistant":
			turn.Role = analyst.Assistant
			for _, c := range m.ToolCalls {
				if c.ID == "" || c.Function.Name == "" {
					return invalid("messages", "Invalid 'messages[%d].tool_calls': each needs an id and a function's name.", i)
				}
				open[c.ID] = true
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Call, ID: c.ID, Name: c.Function.Name, Args: json.RawMessage(c.Function.Arguments)})
			}
			if len(turn.Parts) == 0 && m.Refusal == "" {
				return invalid("messages", "Invalid value for 'content': expected a string, got null. (messages[%d])", i)
			}
		case "tool":
			if !open[m.ToolCallID] {
				return invalid("messages", "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'. (messages[%d])", i)
			}
			delete(open, m.ToolCallID)
			turn.Parts = []analyst.Part{{Kind: analyst.Result, ID: m.ToolCallID, Text: joinText(parts)}}
		default:
			return invalid("messages", "Invalid value: '%s'. Supported values are: 'system', 'developer', 'assistant', 'user', 'tool'. (messages[%d])", m.Role, i)
		}
		a.Turns = append(a.Turns, turn)
	}
	if len(open) > 0 {
		return unanswered(len(messages))
	}
	return nil
}

// chatContent reads a message's content: text, or a list of parts.
func chatContent(raw json.RawMessage, i int) ([]analyst.Part, *apiError) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []analyst.Part{{Kind: analyst.Text, Text: text}}, nil
	}
	var list []struct{ Type, Text string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid("messages", "Invalid type for 'messages[%d].content': expected a string or an array of objects.", i)
	}
	var parts []analyst.Part
	for _, p := range list {
		if p.Type == "text" {
			parts = append(parts, analyst.Part{Kind: analyst.Text, Text: p.Text})
		} else {
			parts = append(parts, analyst.Part{Kind: analyst.Media})
		}
	}
	return parts, nil
}
