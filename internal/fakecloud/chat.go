package fakecloud

import (
	"cmp"
	"encoding/json"
	"fmt"
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

// thought: what a machine of one's own thinks is output like other text, and seen.
func (f chatFormat) thought() thought {
	if f.service == "vllm" {
		return thoughtMixed
	}
	return thoughtHidden
}

func (chatFormat) ids(g *ids, a *answer) {
	a.id = g.next("chatcmpl-", 29)
	for i := range a.parts {
		if a.parts[i].Kind == analyst.Call {
			a.parts[i].ID = g.next("call_", 24)
		}
	}
}

func (f chatFormat) header(requestID string) map[string]string {
	switch f.service {
	case "vllm":
		return map[string]string{"X-Request-Id": requestID}
	case "azure":
		return map[string]string{"Apim-Request-Id": requestID, "X-Request-Id": requestID, "X-Ms-Region": "East US", "Azureml-Model-Session": "fakecloud",
			"X-Ratelimit-Limit-Requests": "1000", "X-Ratelimit-Remaining-Requests": "999", "X-Ratelimit-Limit-Tokens": "200000", "X-Ratelimit-Remaining-Tokens": "199000"}
	}
	return map[string]string{
		"X-Request-Id": requestID, "Openai-Version": "2020-10-01", "Openai-Processing-Ms": "12",
		"X-Ratelimit-Limit-Requests": "10000", "X-Ratelimit-Remaining-Requests": "9999", "X-Ratelimit-Reset-Requests": "6ms",
		"X-Ratelimit-Limit-Tokens": "2000000", "X-Ratelimit-Remaining-Tokens": "1999000", "X-Ratelimit-Reset-Tokens": "30ms",
	}
}

var chatMembers = names("messages model frequency_penalty logprobs max_completion_tokens max_tokens n presence_penalty prompt_cache_key " +
	"safety_identifier seed store temperature top_logprobs top_p parallel_tool_calls user audio logit_bias metadata modalities moderation " +
	"prompt_cache_retention reasoning_effort service_tier stop stream stream_options verbosity function_call functions prediction " +
	"prompt_cache_options response_format tool_choice tools web_search_options")

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

	// What only vLLM knows, https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html.
	ContinueFinal  bool  `json:"continue_final_message"`
	AddPrompt      *bool `json:"add_generation_prompt"`
	TemplateKwargs struct {
		Thinks bool `json:"enable_thinking"`
	} `json:"chat_template_kwargs"`
}

type chatMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Refusal    string          `json:"refusal"`
	ToolCalls  []chatCall      `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
	Function   json.RawMessage `json:"function_call"` // as it was before there were tools
}

type chatCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
	Custom struct {
		Name  string `json:"name"`
		Input string `json:"input"`
	} `json:"custom"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      *bool           `json:"strict"`
	} `json:"function"`
	Custom struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"custom"`
}

func (f chatFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in chatRequest
	if name := stranger(body, chatMembers); name != "" && f.service == "" {
		return nil, invalid("", "Unrecognized request argument supplied: %s", name)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: %v", err)
	}
	if at.model != "" {
		in.Model = at.model
	}
	switch {
	case in.Model == "":
		return nil, invalid("model", "you must provide a model parameter")
	case !servesChat(in.Model, f.service != ""):
		return nil, &apiError{status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
			message: "The model `" + in.Model + "` does not exist or you do not have access to it."}
	case len(in.Messages) == 0:
		return nil, invalid("messages", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
	case in.N != nil && *in.N != 1:
		return nil, invalid("n", "this stand-in gives one answer; leave n out")
	case in.StreamOptions != nil && !in.Stream:
		return nil, invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case f.service == "vllm" && in.ContinueFinal && (in.AddPrompt == nil || *in.AddPrompt):
		return nil, &apiError{status: http.StatusBadRequest, kind: "BadRequestError", message: "Cannot set both `continue_final_message` and `add_generation_prompt` to True."}
	case in.MaxTokens != nil && thinks(in.Model):
		e := invalid("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
		e.code = "unsupported_parameter"
		return nil, e
	}
	a := &ask{model: in.Model, stream: in.Stream, marks: map[int]string{}, custom: map[string]bool{}}
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
	if len(a.stop) > 4 {
		return nil, invalid("stop", "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length %d instead.", len(a.stop))
	}
	if len(a.stop) > 0 && thinks(in.Model) && !sober.MatchString(in.Model) {
		e := invalid("stop", "Unsupported parameter: 'stop' is not supported with this model.")
		e.code = "unsupported_parameter"
		return nil, e
	}
	if e := sampling(in.Model, body, "reasoning_effort"); e != nil {
		return nil, e
	}
	if tokens, ok := efforts[in.ReasoningEffort]; f.service == "vllm" {
		a.showsThink = in.TemplateKwargs.Thinks
		a.prefills = in.ContinueFinal && in.Messages[len(in.Messages)-1].Role == "assistant" && prefills(at.prefill, true)
	} else if in.ReasoningEffort != "" && (!ok || !thinks(in.Model)) {
		e := invalid("reasoning_effort", "Unsupported value: 'reasoning_effort' does not support '%s' with this model.", in.ReasoningEffort)
		if e.code = "unsupported_value"; ok {
			e.message, e.code = "Unrecognized request argument supplied: reasoning_effort", ""
		}
		return nil, e
	} else if in.ReasoningEffort != "" {
		a.reasoning = tokens
	}
	if in.ResponseFormat != nil {
		a.JSON = strings.HasPrefix(in.ResponseFormat.Type, "json")
		a.Schema = in.ResponseFormat.JSONSchema.Schema
	}
	if e := f.tools(a, in.Tools); e != nil {
		return nil, e
	}
	if e := f.choice(a, in.ToolChoice); e != nil {
		return nil, e
	}
	return a, f.turns(a, in.Messages)
}

func (chatFormat) tools(a *ask, tools []chatTool) *apiError {
	for i, t := range tools {
		name, param := t.Function.Name, fmt.Sprintf("tools[%d].%s.name", i, t.Type)
		switch t.Type {
		case "function":
			if e := strictSchema(t.Function.Strict != nil && *t.Function.Strict, name, t.Function.Parameters, fmt.Sprintf("tools[%d].function.parameters", i)); e != nil {
				return e
			}
			a.Tools = append(a.Tools, analyst.Tool{Name: name, Description: t.Function.Description, Schema: t.Function.Parameters})
		case "custom":
			name = t.Custom.Name
			a.custom[name] = true
			a.Tools = append(a.Tools, analyst.Tool{Name: name, Description: t.Custom.Description, Schema: freeText})
		default:
			return invalid(fmt.Sprintf("tools[%d].type", i), "Invalid value: '%s'. Supported values are: 'function' and 'custom'.", t.Type)
		}
		switch {
		case name == "":
			return invalid(param, "Missing required parameter: '%s'.", param)
		case !functionName.MatchString(name):
			return invalid(param, "Invalid '%s': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", param)
		}
	}
	return nil
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
	if err := json.Unmarshal(raw, &named); err != nil {
		return invalid("tool_choice", "Invalid value for 'tool_choice'.")
	}
	a.Named = cmp.Or(named.Function.Name, named.Custom.Name)
	switch {
	case named.Type == "allowed_tools":
	case a.Named == "":
		return invalid("tool_choice", "Invalid value for 'tool_choice'.")
	case !a.has(a.Named):
		return invalid("tool_choice", "Invalid value for 'tool_choice': the function '%s' is not among the tools.", a.Named)
	}
	return nil
}
