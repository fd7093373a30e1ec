package fakecloud

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// responsesFormat is OpenAI Responses.
type responsesFormat struct{ service string } // "": openai

func (f responsesFormat) provider() (service, op string) {
	return cmp.Or(f.service, "openai"), "responses"
}
func (responsesFormat) streamType() string      { return eventStream }
func (responsesFormat) automatic() bool         { return true }
func (responsesFormat) sizes() (text, args int) { return 5, 7 }

func (responsesFormat) header(requestID string) map[string]string {
	return chatFormat{}.header(requestID)
}

func (responsesFormat) failure(e *apiError, id string) []byte { return chatFormat{}.failure(e, id) }

func (responsesFormat) ids(g *ids, a *answer) {
	a.id = g.next("resp_", 40)
	for i := range a.parts {
		switch a.parts[i].Kind {
		case analyst.Call:
			a.parts[i].ID = g.next("call_", 24)
		case analyst.Thinking:
			a.parts[i].ID = g.next("rs_", 40)
		}
	}
}

type responsesRequest struct {
	Model        string          `json:"model"`
	Input        json.RawMessage `json:"input"`
	Instructions string          `json:"instructions"`
	Tools        []struct {
		Type        string          `json:"type"`
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"tools"`
	ToolChoice      json.RawMessage `json:"tool_choice"`
	Parallel        *bool           `json:"parallel_tool_calls"`
	Stream          bool            `json:"stream"`
	MaxOutputTokens *int64          `json:"max_output_tokens"`
	Include         []string        `json:"include"`
	Previous        string          `json:"previous_response_id"`
	Reasoning       *struct {
		Effort  string `json:"effort"`
		Summary string `json:"summary"`
	} `json:"reasoning"`
	Text *struct {
		Format *struct {
			Type   string          `json:"type"`
			Schema json.RawMessage `json:"schema"`
		} `json:"format"`
	} `json:"text"`
}

type responsesItem struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Input     string          `json:"input"`
	Output    json.RawMessage `json:"output"`
	Encrypted string          `json:"encrypted_content"`
}

// encryptedReasoning stands for the opaque state of a reasoning item.
const encryptedReasoning = "gAAAAABmYWtlY2xvdWQ"

func (f responsesFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in responsesRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: %v", err)
	}
	switch {
	case in.Model == "":
		return nil, invalid("model", "Missing required parameter: 'model'.")
	case !servesChat(in.Model):
		return nil, &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", code: "model_not_found",
			message: "The requested model '" + in.Model + "' does not exist."}
	case len(in.Input) == 0:
		return nil, invalid("input", "Missing required parameter: 'input'.")
	case in.Previous != "" && !strings.HasPrefix(in.Previous, "resp_"):
		return nil, invalid("previous_response_id", "Invalid 'previous_response_id': '%s'. Expected an ID that begins with 'resp'.", in.Previous)
	}
	a := &ask{model: in.Model, stream: in.Stream, wantsUsage: true, marks: map[int]string{}}
	a.Sequential = in.Parallel != nil && !*in.Parallel
	if in.MaxOutputTokens != nil {
		if *in.MaxOutputTokens < 16 {
			return nil, invalid("max_output_tokens", "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got %d instead.", *in.MaxOutputTokens)
		}
		a.maxOutput = *in.MaxOutputTokens
	}
	if r := in.Reasoning; r != nil && thinks(in.Model) {
		a.reasoning = map[string]int64{"low": 32, "medium": 64, "high": 128, "xhigh": 256}[r.Effort]
		a.showsThink = r.Summary != ""
	} else if r != nil && r.Effort != "" {
		return nil, invalid("reasoning.effort", "Unsupported parameter: 'reasoning.effort' is not supported with this model.")
	}
	a.keepsThink = slices.Contains(in.Include, "reasoning.encrypted_content")
	if in.Text != nil && in.Text.Format != nil {
		a.JSON = strings.HasPrefix(in.Text.Format.Type, "json")
		a.Schema = in.Text.Format.Schema
	}
	for i, t := range in.Tools {
		switch t.Type {
		case "function", "custom":
			if t.Name == "" {
				return nil, invalid("tools", "Missing required parameter: 'tools[%d].name'.", i)
			}
			a.Tools = append(a.Tools, analyst.Tool{Name: t.Name, Description: t.Description, Schema: t.Parameters})
		case "":
			return nil, invalid("tools", "Missing required parameter: 'tools[%d].type'.", i)
		}
	}
	if e := f.choice(a, in.ToolChoice); e != nil {
		return nil, e
	}
	if in.Instructions != "" {
		a.Turns = append(a.Turns, analyst.Turn{Role: analyst.System, Parts: []analyst.Part{{Kind: analyst.Text, Text: in.Instructions}}})
	}
	return a, f.input(a, in.Input)
}

func (responsesFormat) choice(a *ask, raw json.RawMessage) *apiError {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
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
	var named struct{ Type, Name string }
	if err := json.Unmarshal(raw, &named); err != nil || named.Type == "" {
		return invalid("tool_choice", "Invalid value for 'tool_choice'.")
	}
	if named.Type == "function" {
		a.Named = named.Name
	}
	return nil
}

// input reads the items. As the provider does it insists that a call is answered
// and that an output had a call, that reasoning comes with what it led to, and that
// its opaque state is the provider's own.
func (f responsesFormat) input(a *ask, raw json.RawMessage) *apiError {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		a.Turns = append(a.Turns, analyst.Turn{Role: analyst.User, Parts: []analyst.Part{{Kind: analyst.Text, Text: text}}})
		return nil
	}
	var items []responsesItem
	if err := json.Unmarshal(raw, &items); err != nil {
		return invalid("input", "Invalid type for 'input': expected a string or an array of items: %v", err)
	}
	open := map[string]bool{}
	for i, it := range items {
		turn := analyst.Turn{Role: analyst.User}
		switch it.Type {
		case "", "message":
			parts, e := responsesContent(it.Content, i)
			if e != nil {
				return e
			}
			turn.Parts = parts
			switch it.Role {
			case "system", "developer":
				turn.Role = analyst.System
			case "assistant":
				turn.Role = analyst.Assistant
			case "user":
			default:
				return invalid("input", "Invalid value: '%s'. Supported values are: 'assistant', 'system', 'developer', and 'user'. (input[%d].role)", it.Role, i)
			}
		case "function_call", "custom_tool_call":
			if it.CallID == "" || it.Name == "" {
				return invalid("input", "Missing required parameter: 'input[%d].call_id'.", i)
			}
			open[it.CallID] = true
			args := it.Arguments
			if it.Type == "custom_tool_call" {
				args = it.Input
			}
			turn.Role = analyst.Assistant
			turn.Parts = []analyst.Part{{Kind: analyst.Call, ID: it.CallID, Name: it.Name, Args: json.RawMessage(args)}}
		case "function_call_output", "custom_tool_call_output":
			if !open[it.CallID] {
				return invalid("input", "No tool call found for function call output with call_id %s.", it.CallID)
			}
			delete(open, it.CallID)
			var out string
			if json.Unmarshal(it.Output, &out) != nil {
				parts, e := responsesContent(it.Output, i)
				if e != nil {
					return e
				}
				out = joinText(parts)
			}
			turn.Parts = []analyst.Part{{Kind: analyst.Result, ID: it.CallID, Text: out}}
		case "reasoning":
			if it.ID != "" && !strings.HasPrefix(it.ID, "rs_") {
				return invalid("input", "Invalid 'input[%d].id': '%s'. Expected an ID that begins with 'rs'.", i, it.ID)
			}
			if it.Encrypted != "" && it.Encrypted != encryptedReasoning {
				e := invalid("input", "The encrypted content for item %s could not be verified.", it.ID)
				e.code = "invalid_encrypted_content"
				return e
			}
			if i+1 == len(items) || items[i+1].Role == "user" {
				return invalid("input", "Item '%s' of type 'reasoning' was provided without its required following item.", it.ID)
			}
			continue
		default:
			continue
		}
		a.Turns = append(a.Turns, turn)
	}
	if len(open) > 0 {
		return invalid("input", "No tool output found for function call %s.", strings.Join(sortedKeys(open), ", "))
	}
	return nil
}

func responsesContent(raw json.RawMessage, i int) ([]analyst.Part, *apiError) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []analyst.Part{{Kind: analyst.Text, Text: text}}, nil
	}
	var list []struct{ Type, Text, Refusal string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid("input", "Invalid type for 'input[%d].content': expected a string or an array of objects.", i)
	}
	var parts []analyst.Part
	for _, p := range list {
		switch p.Type {
		case "input_text", "output_text", "refusal", "text":
			parts = append(parts, analyst.Part{Kind: analyst.Text, Text: cmp.Or(p.Text, p.Refusal)})
		case "input_image", "input_file", "input_audio":
			parts = append(parts, analyst.Part{Kind: analyst.Media})
		default:
			return nil, invalid("input", "Invalid value: '%s'. (input[%d].content)", p.Type, i)
		}
	}
	return parts, nil
}
