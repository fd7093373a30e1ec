package chat_test

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
)

// sameRequest brings both sides of a request to what they mean, so that what is
// left is a difference. These are the exceptions from equality, each with its
// reason:
//
//   - a null is the member's absence;
//   - one plain text may be a string or a list of one;
//   - the output cap, thinking and call ids are spelled as the vendor wants;
//   - usage is always asked for in a stream;
//   - the format wants "function" as the type of tools, calls and choices;
//   - an empty list of tool calls or of annotations says nothing.
func sameRequest(v any) any {
	r := v.(map[string]any)
	dropNulls(r)
	if n, ok := r["max_tokens"]; ok {
		delete(r, "max_tokens")
		r["max_completion_tokens"] = n
	}
	if r["stream"] == false {
		delete(r, "stream")
	}
	delete(r, "stream_options")
	if s, ok := r["stop"].(string); ok {
		r["stop"] = []any{s}
	}
	if f, ok := r["response_format"].(map[string]any); ok && f["type"] == "text" && len(f) == 1 {
		delete(r, "response_format")
	}
	if r["logprobs"] == false {
		delete(r, "logprobs")
	}
	if r["tool_choice"] == "any" {
		r["tool_choice"] = "required"
	}
	if c, ok := r["tool_choice"].(map[string]any); ok {
		c["type"] = "function"
	}
	if l, ok := r["tools"].([]any); ok && len(l) == 0 {
		delete(r, "tools")
	}
	if r["tools"] == nil {
		delete(r, "tool_choice") // a choice among no tools
		delete(r, "parallel_tool_calls")
	}
	for _, t := range list(r["tools"]) {
		if f, ok := t.(map[string]any); ok && f["function"] != nil {
			f["type"] = "function"
			if fn := f["function"].(map[string]any); fn["description"] == "" {
				delete(fn, "description")
			}
		}
	}
	for _, m := range list(r["messages"]) {
		sameMessage(m.(map[string]any))
	}
	return r
}

func sameMessage(m map[string]any) {
	if n, ok := m["reasoning_content"]; ok {
		delete(m, "reasoning_content")
		m["reasoning"] = n
	}
	if m["reasoning"] == "" {
		delete(m, "reasoning")
	}
	if l, ok := m["content"].([]any); ok && len(l) == 1 {
		if p, ok := l[0].(map[string]any); ok && p["type"] == "text" && len(p) == 2 {
			m["content"] = p["text"]
		}
	}
	for _, p := range list(m["content"]) {
		if p, ok := p.(map[string]any); ok {
			if u, ok := p["image_url"].(string); ok {
				p["image_url"] = map[string]any{"url": u}
			}
		}
	}
	if l, ok := m["content"].([]any); m["content"] == "" || ok && len(l) == 0 {
		delete(m, "content")
	}
	if l, ok := m["tool_calls"].([]any); ok && len(l) == 0 {
		delete(m, "tool_calls")
	}
	for _, c := range list(m["tool_calls"]) {
		c := c.(map[string]any)
		c["type"] = "function"
		if f, ok := c["function"].(map[string]any); ok && f["arguments"] == "" {
			f["arguments"] = "{}"
		}
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				dropNulls(x)
			}
		}
	case []any:
		for _, x := range v {
			dropNulls(x)
		}
	}
}

// sameAnswer is as sameRequest, for answers. The names of reasoning are one, the
// object is not read, and finish_reason of a null or empty word is null.
func sameAnswer(v any) any {
	r := v.(map[string]any)
	r["object"] = nil
	dropNulls(r)
	for i, c := range list(r["choices"]) {
		c := c.(map[string]any)
		if i > 0 {
			continue
		}
		delete(c, "index")
		if c["finish_reason"] == "" {
			delete(c, "finish_reason")
		}
		if m, ok := c["message"].(map[string]any); ok {
			sameMessage(m)
			m["role"] = "assistant"
			if m["refusal"] == "" {
				delete(m, "refusal")
			}
		}
	}
	return r
}

// plainly joins a stream's deltas in the dumbest way, as a check on the codec.
func plainly(text string) (content, thinking, calls string) {
	type call struct{ id, name, args string }
	var all []*call
	for line := range strings.Lines(text) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data:")
		if !ok || strings.Contains(data, "[DONE]") {
			continue
		}
		delta := gjson.Get(data, "choices.0.delta")
		if gjson.Get(data, "choices.0.index").Int() != 0 {
			continue
		}
		if c := delta.Get("content"); c.IsArray() {
			c.ForEach(func(_, p gjson.Result) bool {
				content += p.Get("text").String()
				p.Get("thinking").ForEach(func(_, q gjson.Result) bool {
					thinking += q.Get("text").String()
					return true
				})
				return true
			})
		} else {
			content += c.String()
		}
		if r := delta.Get("reasoning_content"); r.Type == gjson.String {
			thinking += r.String()
		} else if r := delta.Get("reasoning"); r.Type == gjson.String {
			thinking += r.String()
		} else {
			delta.Get("reasoning_details").ForEach(func(_, p gjson.Result) bool {
				thinking += p.Get("text").String() + p.Get("summary").String()
				return true
			})
		}
		if delta.Get("tool_calls").Type == gjson.Null {
			continue
		}
		delta.Get("tool_calls").ForEach(func(_, c gjson.Result) bool {
			id := c.Get("id").String()
			if len(all) == 0 || id != "" && all[len(all)-1].id != id {
				all = append(all, &call{id: id})
			}
			k := all[len(all)-1]
			k.name += c.Get("function.name").String()
			k.args += c.Get("function.arguments").String()
			return true
		})
	}
	for _, c := range all {
		if c.args == "" {
			c.args = "{}"
		}
		calls += c.id + " " + c.name + c.args + ";"
	}
	return content, thinking, calls
}

func partsOf(parts []llm.Part) (content, thinking, calls string) {
	for _, p := range parts {
		switch p.Kind {
		case llm.Text:
			content += p.Text
		case llm.Thinking:
			thinking += p.Text
		case llm.ToolCall:
			calls += p.ID + " " + p.Name + string(p.Arguments) + ";"
		}
	}
	return content, thinking, calls
}
