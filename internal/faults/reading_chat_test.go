package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// chatReader reads Chat Completions.
// https://platform.openai.com/docs/api-reference/chat-streaming, read November 2026.
type chatReader struct {
	id   sameID
	role bool
	done bool
	open int // calls that were begun
}

type chatMessage struct {
	Role      string  `json:"role"`
	Content   *string `json:"content"`
	Reasoning string  `json:"reasoning_content"`
	ToolCalls []struct {
		Index    *int   `json:"index"`
		ID       string `json:"id"`
		Type     string `json:"type"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

type chatAnswer struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Model   string `json:"model"`
	Choices []struct {
		Index        int          `json:"index"`
		Delta        *chatMessage `json:"delta"`
		Message      *chatMessage `json:"message"`
		FinishReason *string      `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Total      int64 `json:"total_tokens"`
	} `json:"usage"`
	Error *openAIError `json:"error"`
}

type openAIError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Code    any    `json:"code"`
}

func (e *openAIError) kind() (string, error) {
	if e == nil || e.Message == "" || e.Type == "" {
		return "", errors.New("an error without message or type")
	}
	if code, ok := e.Code.(string); ok && code != "" {
		return code, nil
	}
	return e.Type, nil
}

var chatStops = map[string]stop{"stop": ended, "tool_calls": asksTool, "length": tooLong, "content_filter": filtered}

func (c *chatReader) failure(_ int, _ http.Header, body []byte) (string, error) {
	var in struct{ Error *openAIError }
	if err := strict(body, &in); err != nil {
		return "", err
	}
	return in.Error.kind()
}

func (c *chatReader) usage(r *reading, in *chatAnswer) error {
	if u := in.Usage; u != nil {
		if u.Prompt+u.Completion != u.Total {
			return fmt.Errorf("the usage %+v does not add up", *u)
		}
		r.usage = &usage{u.Prompt, u.Completion}
	}
	return nil
}

func (c *chatReader) whole(r *reading, body []byte) error {
	var in chatAnswer
	if err := strict(body, &in); err != nil {
		return err
	}
	if in.Object != "chat.completion" || len(in.Choices) != 1 || in.Choices[0].Message == nil || in.Choices[0].FinishReason == nil || in.ID == "" || in.Model != model {
		return fmt.Errorf("not a completion: %s", body)
	}
	m := in.Choices[0].Message
	r.thought, r.stop = m.Reasoning, chatStops[*in.Choices[0].FinishReason]
	if m.Content != nil {
		r.text = *m.Content
	}
	for _, t := range m.ToolCalls {
		if t.ID == "" || t.Type != "function" {
			return fmt.Errorf("the call %+v", t)
		}
		r.calls = append(r.calls, toolCall{t.Function.Name, t.Function.Arguments})
	}
	return c.usage(r, &in)
}

func (c *chatReader) event(r *reading, name string, data []byte) error {
	if c.done {
		return fmt.Errorf("after [DONE] comes %q", data)
	}
	if string(data) == "[DONE]" {
		c.done = true
		return nil
	}
	var in chatAnswer
	if err := strict(data, &in); err != nil {
		return err
	}
	if in.Error != nil {
		kind, err := in.Error.kind()
		r.err = &told{kind: kind}
		return err
	}
	if name != "" || in.Object != "chat.completion.chunk" && !c.filters(&in) {
		return fmt.Errorf("not a chunk: %s %s", name, data)
	}
	if err := c.usage(r, &in); err != nil {
		return err
	}
	if len(in.Choices) == 0 {
		return nil
	}
	if err := c.id.is(in.ID); err != nil {
		return err
	}
	switch ch := &in.Choices[0]; {
	case len(in.Choices) > 1 || ch.Index != 0 || ch.Delta == nil || in.Model != model:
		return fmt.Errorf("the choices of %s", data)
	case r.stop != unended:
		return fmt.Errorf("after the reason to stop comes %s", data)
	default:
		if err := c.delta(r, ch.Delta); err != nil {
			return err
		}
		if ch.FinishReason != nil {
			if r.stop = chatStops[*ch.FinishReason]; r.stop == unended {
				return fmt.Errorf("it stops for %q", *ch.FinishReason)
			}
		}
	}
	return nil
}

// filters: Azure's first chunk tells what it thinks of the prompt, and has no object.
func (c *chatReader) filters(in *chatAnswer) bool { return !c.role && len(in.Choices) == 0 }

func (c *chatReader) delta(r *reading, d *chatMessage) error {
	if d.Role != "" && d.Role != "assistant" || d.Role == "" && !c.role {
		return fmt.Errorf("the role is %q", d.Role)
	}
	c.role = true
	if d.Content != nil && *d.Content != "" {
		if c.open > 0 {
			return errors.New("text after a call")
		}
		r.text += *d.Content
	}
	r.thought += d.Reasoning
	for _, t := range d.ToolCalls {
		if t.Index == nil {
			return errors.New("a call without an index")
		}
		switch i := *t.Index; {
		case i == c.open && t.ID != "" && t.Type == "function" && t.Function.Name != "":
			if i > 0 && !json.Valid([]byte(r.calls[i-1].args)) {
				return fmt.Errorf("a call begins inside of another one: %q", r.calls[i-1].args)
			}
			r.calls, c.open = append(r.calls, toolCall{t.Function.Name, t.Function.Arguments}), c.open+1
		case i == c.open-1 && t.ID == "":
			r.calls[i].args += t.Function.Arguments
		default:
			return fmt.Errorf("call %d after %d were begun: %+v", i, c.open, t)
		}
	}
	return nil
}

func (c *chatReader) end(r *reading) error {
	if !c.done || r.stop == unended {
		return fmt.Errorf("it ends without its end: [DONE] is %v, it stops for %q", c.done, r.stop)
	}
	return nil
}
