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
func (responsesFormat) thought() thought        { return thoughtHidden }
func (responsesFormat) sizes() (text, args int) { return 5, 7 }

func (f responsesFormat) header(requestID string) map[string]string {
	return chatFormat(f).header(requestID)
}

func (f responsesFormat) failure(e *apiError, id string) []byte { return chatFormat(f).failure(e, id) }

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
	Model           string            `json:"model"`
	Input           json.RawMessage   `json:"input"`
	Instructions    string            `json:"instructions"`
	Tools           []json.RawMessage `json:"tools"`
	ToolChoice      json.RawMessage   `json:"tool_choice"`
	Parallel        *bool             `json:"parallel_tool_calls"`
	Stream          bool              `json:"stream"`
	Store           *bool             `json:"store"`
	Background      bool              `json:"background"`
	MaxOutputTokens *int64            `json:"max_output_tokens"`
	Include         []string          `json:"include"`
	Previous        string            `json:"previous_response_id"`
	Conversation    json.RawMessage   `json:"conversation"`
	Prompt          json.RawMessage   `json:"prompt"`
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

var responsesMembers = names("background instructions max_output_tokens max_tool_calls parallel_tool_calls previous_response_id prompt_cache_key " +
	"safety_identifier store temperature top_logprobs top_p user context_management conversation include metadata moderation prompt " +
	"prompt_cache_retention service_tier stream stream_options truncation access_programs input model prompt_cache_options reasoning text " +
	"tool_choice tools client_metadata personality")

func (f responsesFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in responsesRequest
	if name := stranger(body, responsesMembers); name != "" {
		e := invalid(name, "Unknown parameter: '%s'.", name)
		e.code = "unknown_parameter"
		return nil, e
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: %v", err)
	}
	switch {
	case given(in.Prompt):
		return nil, &apiError{status: http.StatusNotFound, kind: "invalid_request_error", param: "prompt", message: "Prompt not found: this stand-in keeps none."}
	case in.Model == "":
		return nil, invalid("model", "Missing required parameter: 'model'.")
	case !servesChat(in.Model, f.service == "azure"):
		return nil, &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", code: "model_not_found", param: "model",
			message: "The requested model '" + in.Model + "' does not exist."}
	case given(in.Conversation):
		return nil, &apiError{status: http.StatusNotFound, kind: "invalid_request_error", param: "conversation", message: "Conversation not found: this stand-in keeps none."}
	case in.Background:
		return nil, invalid("background", "this stand-in answers at once; leave background out")
	case !given(in.Input):
		return nil, invalid("input", "Missing required parameter: 'input'.")
	case in.Previous != "" && !strings.HasPrefix(in.Previous, "resp_"):
		return nil, invalid("previous_response_id", "Invalid 'previous_response_id': '%s'. Expected an ID that begins with 'resp'.", in.Previous)
	}
	a := &ask{model: in.Model, stream: in.Stream, wantsUsage: true, marks: map[int]string{}, custom: map[string]bool{}, spaces: map[string]string{},
		echo: map[string]json.RawMessage{}, previous: in.Previous, stores: in.Store == nil || *in.Store}
	for _, m := range fieldsOf(body) {
		a.echo[m.name] = m.value
	}
	a.Sequential = in.Parallel != nil && !*in.Parallel
	if in.MaxOutputTokens != nil {
		if *in.MaxOutputTokens < 16 {
			e := invalid("max_output_tokens", "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got %d instead.", *in.MaxOutputTokens)
			e.code = "integer_below_min_value"
			return nil, e
		}
		a.maxOutput = *in.MaxOutputTokens
	}
	if e := sampling(in.Model, body, "reasoning.effort"); e != nil {
		return nil, e
	}
	if e := f.reasoning(a, &in); e != nil {
		return nil, e
	}
	if in.Text != nil && in.Text.Format != nil {
		a.JSON = strings.HasPrefix(in.Text.Format.Type, "json")
		a.Schema = in.Text.Format.Schema
	}
	if e := f.tools(a, in.Tools, "tools", ""); e != nil {
		return nil, e
	}
	if in.Instructions != "" {
		a.Turns = append(a.Turns, analyst.Turn{Role: analyst.System, Parts: []analyst.Part{{Kind: analyst.Text, Text: in.Instructions}}})
	}
	if e := f.input(a, in.Input); e != nil {
		return nil, e
	}
	return a, f.choice(a, in.ToolChoice) // after the input, which may bring tools
}

func (responsesFormat) reasoning(a *ask, in *responsesRequest) *apiError {
	a.keepsThink = slices.Contains(in.Include, "reasoning.encrypted_content")
	if a.keepsThink && !thinks(in.Model) {
		return invalid("include", "Encrypted content is not supported with this model.")
	}
	r := in.Reasoning
	switch {
	case r == nil:
		return nil
	case !thinks(in.Model):
		if r.Effort == "" && r.Summary == "" {
			return nil
		}
		e := invalid("reasoning.effort", "Unsupported parameter: 'reasoning.effort' is not supported with this model.")
		e.code = "unsupported_parameter"
		return e
	}
	tokens, ok := efforts[cmp.Or(r.Effort, "medium")]
	if !ok {
		e := invalid("reasoning.effort", "Invalid value: '%s'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', and 'xhigh'.", r.Effort)
		e.code = "invalid_value"
		return e
	}
	a.reasoning = tokens
	a.silent = tokens > 0
	a.showsThink = a.silent && r.Summary != ""
	return nil
}

// efforts are the tokens that a model of OpenAI thinks, by how much it is told to.
var efforts = map[string]int64{"none": 0, "minimal": 16, "low": 32, "medium": 64, "high": 128, "xhigh": 256, "max": 512}

func (responsesFormat) choice(a *ask, raw json.RawMessage) *apiError {
	if !given(raw) {
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
		if a.MustCall && len(a.Tools) == 0 && !a.served {
			return invalid("tool_choice", "Tool choice 'required' must be specified with 'tools' parameter.")
		}
		return nil
	}
	var named struct {
		Type, Name, Mode string
	}
	if err := json.Unmarshal(raw, &named); err != nil || named.Type == "" {
		return invalid("tool_choice", "Invalid value for 'tool_choice'.")
	}
	switch named.Type {
	case "function", "custom":
		if !a.has(named.Name) {
			return invalid("tool_choice", "Tool choice '%s' not found in 'tools' parameter.", named.Name)
		}
		a.Named = named.Name
	case "allowed_tools":
		a.MustCall = named.Mode == "required"
	}
	return nil
}
