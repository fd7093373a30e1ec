package fakecloud

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// freeText is the schema under which the model is told of a tool that takes a text.
var freeText = json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}`)

// tools reads definitions of a list or a namespace. What the provider runs itself
// this stand-in accepts and never uses.
func (f responsesFormat) tools(a *ask, list []json.RawMessage, where, space string) *apiError {
	for i, raw := range list {
		var t struct {
			Type        string            `json:"type"`
			Name        string            `json:"name"`
			Description string            `json:"description"`
			Parameters  json.RawMessage   `json:"parameters"`
			Strict      *bool             `json:"strict"`
			Tools       []json.RawMessage `json:"tools"`
		}
		at := fmt.Sprintf("%s[%d]", where, i)
		if err := json.Unmarshal(raw, &t); err != nil {
			return invalid(at, "Invalid type for '%s': %v", at, err)
		}
		switch t.Type {
		case "function", "custom":
			if e := f.named(t.Name, at); e != nil {
				return e
			}
			if t.Type == "custom" {
				t.Parameters, a.custom[t.Name] = freeText, true
			} else if e := strictSchema(t.Strict != nil && *t.Strict, t.Name, t.Parameters, at+".parameters"); e != nil {
				return e
			}
			if space != "" {
				a.spaces[t.Name] = space
			}
			a.Tools = append(a.Tools, analyst.Tool{Name: t.Name, Description: t.Description, Schema: t.Parameters})
		case "namespace":
			if e := f.named(t.Name, at); e != nil {
				return e
			}
			if e := f.tools(a, t.Tools, at+".tools", t.Name); e != nil {
				return e
			}
		case "":
			return invalid(at+".type", "Missing required parameter: '%s.type'.", at)
		default:
			a.served = true
		}
	}
	return nil
}

func (responsesFormat) named(name, at string) *apiError {
	switch {
	case name == "":
		e := invalid(at+".name", "Missing required parameter: '%s.name'.", at)
		e.code = "missing_required_parameter"
		return e
	case !functionName.MatchString(name):
		e := invalid(at+".name", "Invalid '%s.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", at)
		e.code = "invalid_value"
		return e
	}
	return nil
}

// strictSchema checks what OpenAI asks of the schema of a function whose arguments
// are to follow it exactly: all members required and no others allowed.
func strictSchema(strict bool, name string, schema json.RawMessage, param string) *apiError {
	if !strict || !given(schema) {
		return nil
	}
	complain := func(why string, args ...any) *apiError {
		e := invalid(param, "Invalid schema for function '%s': In context=(), %s", name, fmt.Sprintf(why, args...))
		e.code = "invalid_function_parameters"
		return e
	}
	var s struct {
		Type       json.RawMessage            `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Others     json.RawMessage            `json:"additionalProperties"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return complain("schema cannot be read: %v", err)
	}
	if firstType(s.Type) == "object" && string(s.Others) != "false" {
		return complain("'additionalProperties' is required to be supplied and to be false.")
	}
	missing := map[string]bool{}
	for p := range s.Properties {
		if !slices.Contains(s.Required, p) {
			missing[p] = true
		}
	}
	if len(missing) > 0 {
		return complain("'required' is required to be supplied and to be an array including every key in properties. Missing '%s'.", sortedKeys(missing)[0])
	}
	return nil
}

func firstType(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	return ""
}

// sampling refuses parameters that OpenAI's reasoning models do not take, while they
// reason.
func sampling(model string, body []byte, effort string) *apiError {
	if !thinks(model) {
		return nil
	}
	var reasons bool
	members := map[string]json.RawMessage{}
	for _, m := range fieldsOf(body) {
		members[m.name] = m.value
	}
	var r struct{ Effort string }
	_ = json.Unmarshal(members["reasoning"], &r) // another type is refused where it is read
	if effort == "reasoning_effort" {
		_ = json.Unmarshal(members[effort], &r.Effort)
	}
	// From 5.1 on a model does not reason unless it is told to.
	reasons = r.Effort != "none" && (r.Effort != "" || !sober.MatchString(model))
	for _, name := range []string{"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"} {
		v := string(members[name])
		neutral := map[string][]string{"temperature": {"1", "1.0"}, "top_p": {"1", "1.0"}, "presence_penalty": {"0", "0.0"}, "frequency_penalty": {"0", "0.0"}, "logprobs": {"false"}, "logit_bias": {"{}"}}[name]
		if !reasons || v == "" || v == "null" || slices.Contains(neutral, v) {
			continue
		}
		e := invalid(name, "Unsupported parameter: '%s' is not supported with this model.", name)
		e.code = "unsupported_parameter"
		if effort == "reasoning_effort" && name == "temperature" {
			e.message = "Unsupported value: 'temperature' does not support " + v + " with this model. Only the default (1) value is supported."
			e.code = "unsupported_value"
		}
		return e
	}
	return nil
}
