package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// messagesReader reads Anthropic's Messages.
// https://docs.claude.com/en/api/messages-streaming, read November 2026.
type messagesReader struct {
	begun, done bool
	blocks      int
	open        string // the kind of the block that is open
}

type messagesBlock struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	Thinking string          `json:"thinking"`
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Input    json.RawMessage `json:"input"`
}

type messagesUsage struct {
	Input      *int64 `json:"input_tokens"`
	CacheRead  int64  `json:"cache_read_input_tokens"`
	CacheWrite int64  `json:"cache_creation_input_tokens"`
	Output     int64  `json:"output_tokens"`
}

type messagesMessage struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Role       string          `json:"role"`
	Model      string          `json:"model"`
	Content    []messagesBlock `json:"content"`
	StopReason *string         `json:"stop_reason"`
	Usage      *messagesUsage  `json:"usage"`
}

var messagesStops = map[string]stop{"end_turn": ended, "tool_use": asksTool, "max_tokens": tooLong, "refusal": filtered}

func (m *messagesReader) failure(_ int, _ http.Header, body []byte) (string, error) {
	var in struct {
		Type  string
		Error struct{ Type, Message string }
	}
	if err := strict(body, &in); err != nil {
		return "", err
	}
	if in.Type != "error" || in.Error.Message == "" {
		return "", fmt.Errorf("not an error: %s", body)
	}
	return in.Error.Type, nil
}

func (m *messagesReader) usage(r *reading, u *messagesUsage) {
	if u == nil {
		return
	}
	if r.usage == nil {
		r.usage = &usage{}
	}
	if u.Input != nil {
		r.usage.in = *u.Input + u.CacheRead + u.CacheWrite
	}
	r.usage.out = u.Output
}

func (m *messagesReader) whole(r *reading, body []byte) error {
	var in messagesMessage
	if err := strict(body, &in); err != nil {
		return err
	}
	if in.Type != "message" || in.Role != "assistant" || in.ID == "" || in.StopReason == nil || in.Model != model {
		return fmt.Errorf("not a message: %s", body)
	}
	for _, b := range in.Content {
		switch b.Type {
		case "text":
			r.text += b.Text
		case "thinking":
			r.thought += b.Thinking
		case "tool_use":
			if b.ID == "" {
				return errors.New("a call without an id")
			}
			r.calls = append(r.calls, toolCall{b.Name, string(b.Input)})
		default:
			return fmt.Errorf("a block of type %q", b.Type)
		}
	}
	r.stop = messagesStops[*in.StopReason]
	m.usage(r, in.Usage)
	return nil
}

func (m *messagesReader) event(r *reading, name string, data []byte) error {
	var in struct {
		Type    string
		Index   *int
		Message *messagesMessage
		Block   *messagesBlock `json:"content_block"`
		Delta   struct {
			Type, Text, Thinking string
			Partial              string  `json:"partial_json"`
			StopReason           *string `json:"stop_reason"`
		}
		Usage *messagesUsage
		Error struct{ Type, Message string }
	}
	if err := strict(data, &in); err != nil {
		return err
	}
	if name != in.Type || m.done {
		return fmt.Errorf("the event %s with %s", name, data)
	}
	switch {
	case in.Type == "ping":
		return nil
	case in.Type == "error":
		r.err = &told{kind: in.Error.Type}
		if in.Error.Message == "" {
			return errors.New("an error without a message")
		}
		return nil
	case in.Type == "message_start":
		if m.begun || in.Message == nil || in.Message.ID == "" || in.Message.Model != model || len(in.Message.Content) > 0 {
			return fmt.Errorf("it begins with %s", data)
		}
		m.begun = true
		m.usage(r, in.Message.Usage)
		return nil
	case !m.begun || r.stop != unended && in.Type != "message_stop":
		return fmt.Errorf("%s is out of place", data)
	case in.Type == "content_block_start":
		return m.start(r, in.Index, in.Block)
	case in.Type == "content_block_delta":
		return m.delta(r, in.Index, in.Delta.Type, in.Delta.Text+in.Delta.Thinking+in.Delta.Partial)
	case in.Type == "content_block_stop":
		return m.stop(r, in.Index)
	case in.Type == "message_delta":
		if m.open != "" || in.Delta.StopReason == nil || in.Usage == nil {
			return fmt.Errorf("inside a block, or without a reason: %s", data)
		}
		if r.stop = messagesStops[*in.Delta.StopReason]; r.stop == unended {
			return fmt.Errorf("it stops for %q", *in.Delta.StopReason)
		}
		m.usage(r, in.Usage)
		return nil
	case in.Type == "message_stop":
		m.done = true
		return nil
	}
	return fmt.Errorf("an event of type %q", in.Type)
}

func (m *messagesReader) start(r *reading, index *int, b *messagesBlock) error {
	if m.open != "" || index == nil || *index != m.blocks || b == nil {
		return fmt.Errorf("block %v begins where block %d would, and %q is open", index, m.blocks, m.open)
	}
	m.open, m.blocks = b.Type, m.blocks+1
	switch b.Type {
	case "text", "thinking":
	case "tool_use":
		if b.ID == "" || b.Name == "" || string(b.Input) != "{}" {
			return fmt.Errorf("the call begins as %+v", *b)
		}
		r.calls = append(r.calls, toolCall{name: b.Name})
	default:
		return fmt.Errorf("a block of type %q", b.Type)
	}
	return nil
}

func (m *messagesReader) delta(r *reading, index *int, kind, said string) error {
	if index == nil || *index != m.blocks-1 {
		return fmt.Errorf("of block %v, and %d is open", index, m.blocks-1)
	}
	switch m.open + " " + kind {
	case "text text_delta":
		r.text += said
	case "thinking thinking_delta":
		r.thought += said
	case "thinking signature_delta":
	case "tool_use input_json_delta":
		r.calls[len(r.calls)-1].args += said
	default:
		return fmt.Errorf("%s in a block of %q", kind, m.open)
	}
	return nil
}

func (m *messagesReader) stop(r *reading, index *int) error {
	if index == nil || *index != m.blocks-1 || m.open == "" {
		return fmt.Errorf("block %v ends, and %q of %d is open", index, m.open, m.blocks-1)
	}
	if m.open == "tool_use" {
		c := &r.calls[len(r.calls)-1]
		if c.args == "" {
			c.args = "{}"
		}
		if !json.Valid([]byte(c.args)) {
			return fmt.Errorf("a call ends inside of its arguments: %q", c.args)
		}
	}
	m.open = ""
	return nil
}

func (m *messagesReader) end(r *reading) error {
	if !m.done || r.stop == unended {
		return errors.New("it ends without message_stop")
	}
	return nil
}
