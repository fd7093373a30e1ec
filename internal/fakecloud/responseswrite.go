package fakecloud

import (
	"cmp"
	"encoding/json"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// responsesUsage is usage in Responses' terms.
func responsesUsage(u Usage) members {
	in, out := u.Input+u.CacheRead+u.CacheWrite+u.CacheWrite1h, u.Output+u.Reasoning
	return members{
		"input_tokens", in, "input_tokens_details", members{"cached_tokens", u.CacheRead, "cache_write_tokens", u.CacheWrite + u.CacheWrite1h},
		"output_tokens", out, "output_tokens_details", members{"reasoning_tokens", u.Reasoning},
		"total_tokens", in + out,
	}
}

func (f responsesFormat) whole(a *answer) []byte {
	m := f.response(a, "completed", f.output(a), responsesUsage(a.usage))
	if f.service == "" {
		m = append(m, "billing", members{"payer", "developer"})
	}
	return mustJSON(m)
}

func (f responsesFormat) output(a *answer) []any {
	output := []any{}
	for i, p := range a.parts {
		output = append(output, f.item(a, i, p, "completed"))
	}
	return output
}

// response is the answer's frame, which repeats much of the request.
func (f responsesFormat) response(a *answer, status string, output []any, usage any) members {
	var incomplete, completed any
	if status == "completed" {
		completed = a.created
		switch a.stop {
		case stopLength:
			status, incomplete, completed = "incomplete", members{"reason", "max_output_tokens"}, nil
		case stopFiltered:
			status, incomplete, completed = "incomplete", members{"reason", "content_filter"}, nil
		}
	}
	echo := func(name string, otherwise any) any {
		if v := a.ask.echo[name]; given(v) {
			return v
		}
		return otherwise
	}
	var asked struct {
		Effort  *string `json:"effort"`
		Summary *string `json:"summary"`
		Context *string `json:"context"`
	}
	_ = json.Unmarshal(a.ask.echo["reasoning"], &asked) // decode has read it before
	var text struct {
		Format    json.RawMessage `json:"format"`
		Verbosity string          `json:"verbosity"`
	}
	_ = json.Unmarshal(a.ask.echo["text"], &text)
	var format any = members{"type", "text"}
	if given(text.Format) {
		format = text.Format
	}
	reasoning := members{"effort", asked.Effort, "summary", asked.Summary}
	if f.service == "azure" || asked.Context != nil {
		reasoning = append(reasoning, "context", asked.Context)
	}
	m := members{
		"id", a.id, "object", "response", "created_at", a.created, "status", status, "background", false, "completed_at", completed,
		"error", nil, "frequency_penalty", 0, "incomplete_details", incomplete, "instructions", echo("instructions", nil),
		"max_output_tokens", echo("max_output_tokens", nil), "max_tool_calls", nil, "model", a.ask.model, "output", output,
		"parallel_tool_calls", !a.ask.Sequential, "presence_penalty", 0, "previous_response_id", echo("previous_response_id", nil),
		"prompt_cache_key", echo("prompt_cache_key", nil), "prompt_cache_retention", nil,
		"reasoning", reasoning, "safety_identifier", nil, "service_tier", "default",
		"store", a.ask.stores, "temperature", echo("temperature", 1), "text", members{"format", format, "verbosity", cmp.Or(text.Verbosity, "medium")},
		"tool_choice", echo("tool_choice", "auto"), "tools", f.echoTools(a), "top_logprobs", 0, "top_p", echo("top_p", 1),
		"truncation", "disabled", "usage", usage, "user", nil, "metadata", echo("metadata", members{}),
	}
	if f.service == "azure" {
		var filters any
		if usage != nil { // it is over
			filters = responsesFiltered()
		}
		m = append(m, "content_filters", filters, "moderation", nil)
	}
	return m
}

// echoTools repeats the definitions, functions with what was left out.
func (responsesFormat) echoTools(a *answer) []any {
	out := []any{}
	var list []json.RawMessage
	_ = json.Unmarshal(a.ask.echo["tools"], &list) // decode has read it before
	for _, raw := range list {
		var t struct {
			Type        string          `json:"type"`
			Description *string         `json:"description"`
			Name        string          `json:"name"`
			Parameters  json.RawMessage `json:"parameters"`
			Strict      *bool           `json:"strict"`
		}
		if json.Unmarshal(raw, &t) != nil || t.Type != "function" {
			out = append(out, raw)
			continue
		}
		var parameters any
		if given(t.Parameters) {
			parameters = t.Parameters
		}
		out = append(out, members{"type", t.Type, "description", t.Description, "name", t.Name, "parameters", parameters, "strict", t.Strict == nil || *t.Strict})
	}
	return out
}

// itemID is the id of one part of an answer as an item.
func (responsesFormat) itemID(a *answer, i int, p analyst.Part) string {
	prefix := "msg_"
	switch {
	case p.Kind == analyst.Thinking:
		return p.ID
	case p.Kind == analyst.Call && a.ask.custom[p.Name]:
		prefix = "ctc_"
	case p.Kind == analyst.Call:
		prefix = "fc_"
	}
	return prefix + a.id[len("resp_"):] + string(rune('a'+i%26))
}

// item is one part of the answer as an output item.
func (f responsesFormat) item(a *answer, i int, p analyst.Part, status string) members {
	id := f.itemID(a, i, p)
	switch p.Kind {
	case analyst.Call:
		m := members{"id", id, "type", "function_call", "status", status, "arguments", string(p.Args), "call_id", p.ID, "name", p.Name}
		if a.ask.custom[p.Name] {
			m = members{"id", id, "type", "custom_tool_call", "status", status, "call_id", p.ID, "input", string(p.Args), "name", p.Name}
		}
		if space := a.ask.spaces[p.Name]; space != "" {
			m = append(m, "namespace", space)
		}
		return m
	case analyst.Thinking:
		summary := []any{}
		if p.Text != "" {
			summary = append(summary, members{"type", "summary_text", "text", p.Text})
		}
		m := members{"id", id, "type", "reasoning", "summary", summary}
		if a.ask.keepsThink {
			service, _ := f.provider()
			m = append(m, "encrypted_content", encrypted(service, id))
		}
		return m
	}
	content := []any{}
	if status == "completed" {
		content = append(content, members{"type", "output_text", "annotations", []any{}, "logprobs", []any{}, "text", p.Text})
	}
	return members{"id", id, "type", "message", "status", status, "content", content, "role", "assistant"}
}
