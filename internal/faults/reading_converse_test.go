package faults

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
)

const amazonStream = "application/vnd.amazon.eventstream"

// amazonMessages splits a stream into messages; the name is the event's or, behind an
// exclamation mark, the exception's.
// https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
func amazonMessages(body []byte, each func(name string, data []byte) error) error {
	for len(body) > 0 {
		if len(body) < 16 {
			return errors.New("it breaks off inside a message")
		}
		total, head := int(binary.BigEndian.Uint32(body)), int(binary.BigEndian.Uint32(body[4:]))
		switch {
		case total < 16+head || total > len(body):
			return errors.New("it breaks off inside a message")
		case crc32.ChecksumIEEE(body[:8]) != binary.BigEndian.Uint32(body[8:]),
			crc32.ChecksumIEEE(body[:total-4]) != binary.BigEndian.Uint32(body[total-4:]):
			return errors.New("a checksum is wrong")
		}
		headers, err := amazonHeaders(body[12 : 12+head])
		if err != nil {
			return err
		}
		name := headers[":event-type"]
		if headers[":message-type"] == "exception" {
			name = "!" + headers[":exception-type"]
		}
		if err := each(name, body[12+head:total-4]); err != nil {
			return err
		}
		body = body[total:]
	}
	return nil
}

func amazonHeaders(b []byte) (map[string]string, error) {
	out := map[string]string{}
	for len(b) > 0 {
		n := int(b[0])
		if len(b) < n+4 || b[n+1] != 7 {
			return nil, errors.New("a header that is no text")
		}
		size := int(binary.BigEndian.Uint16(b[n+2:]))
		if len(b) < n+4+size {
			return nil, errors.New("a header that is cut")
		}
		out[string(b[1:n+1])] = string(b[n+4 : n+4+size])
		b = b[n+4+size:]
	}
	return out, nil
}

// converseReader reads Amazon Bedrock's Converse.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, read November 2026.
type converseReader struct {
	begun  bool
	told   bool // metadata came
	blocks int
	open   string // the kind of the open block; "new": nothing came of it yet
}

type converseUsage struct {
	Input      int64 `json:"inputTokens"`
	Output     int64 `json:"outputTokens"`
	Total      int64 `json:"totalTokens"`
	CacheRead  int64 `json:"cacheReadInputTokens"`
	CacheWrite int64 `json:"cacheWriteInputTokens"`
}

var converseStops = map[string]stop{"end_turn": ended, "tool_use": asksTool, "max_tokens": tooLong, "content_filtered": filtered}

func (c *converseReader) failure(_ int, h http.Header, body []byte) (string, error) {
	var in struct{ Message string }
	if err := strict(body, &in); err != nil {
		return "", err
	}
	if in.Message == "" {
		return "", errors.New("an error without a message")
	}
	kind, _, _ := strings.Cut(h.Get("X-Amzn-Errortype"), ":")
	return kind, nil
}

func (c *converseReader) usage(r *reading, u *converseUsage) error {
	if u == nil {
		return errors.New("no usage")
	}
	r.usage = &usage{u.Input + u.CacheRead + u.CacheWrite, u.Output}
	if r.usage.in+r.usage.out != u.Total {
		return fmt.Errorf("the usage %+v does not add up", *u)
	}
	return nil
}

type converseBlock struct {
	Text      *string
	Reasoning *struct {
		ReasoningText struct{ Text string }
	} `json:"reasoningContent"`
	ToolUse *struct {
		ID    string `json:"toolUseId"`
		Name  string
		Input json.RawMessage
	}
}

func (c *converseReader) whole(r *reading, body []byte) error {
	var in struct {
		Output struct {
			Message struct {
				Role    string
				Content []converseBlock
			}
		}
		StopReason string
		Usage      *converseUsage
	}
	if err := strict(body, &in); err != nil {
		return err
	}
	if in.Output.Message.Role != "assistant" {
		return fmt.Errorf("not a message: %s", body)
	}
	for _, b := range in.Output.Message.Content {
		switch {
		case b.Text != nil:
			r.text += *b.Text
		case b.Reasoning != nil:
			r.thought += b.Reasoning.ReasoningText.Text
		case b.ToolUse != nil && b.ToolUse.ID != "":
			r.calls = append(r.calls, toolCall{b.ToolUse.Name, string(b.ToolUse.Input)})
		default:
			return fmt.Errorf("a block that is none: %s", body)
		}
	}
	r.stop = converseStops[in.StopReason]
	return c.usage(r, in.Usage)
}

func (c *converseReader) event(r *reading, name string, data []byte) error {
	var in struct {
		Message string
		Role    string
		Index   *int `json:"contentBlockIndex"`
		Start   struct {
			ToolUse *struct{ ToolUseID, Name string }
		}
		Delta struct {
			Text      *string
			ToolUse   *struct{ Input string }
			Reasoning *struct{ Text, Signature string } `json:"reasoningContent"`
		}
		StopReason string
		Usage      *converseUsage
	}
	if err := strict(data, &in); err != nil {
		return err
	}
	if exception, is := strings.CutPrefix(name, "!"); is {
		r.err = &told{kind: exception}
		if in.Message == "" {
			return errors.New("an exception without a message")
		}
		return nil
	}
	if name == "heartbeat" { // Amazon's libraries skip what they do not know
		return nil
	}
	if c.told || (name == "messageStart") == c.begun {
		return fmt.Errorf("%s is out of place", name)
	}
	switch name {
	case "messageStart":
		c.begun = true
		if in.Role != "assistant" {
			return fmt.Errorf("the role is %q", in.Role)
		}
		return nil
	case "messageStop":
		if c.open != "" {
			return fmt.Errorf("it ends inside of %q", c.open)
		}
		if r.stop = converseStops[in.StopReason]; r.stop == unended {
			return fmt.Errorf("it stops for %q", in.StopReason)
		}
		return nil
	case "metadata":
		if c.told = true; r.stop == unended {
			return errors.New("metadata before the end")
		}
		return c.usage(r, in.Usage)
	}
	if r.stop != unended || in.Index == nil {
		return fmt.Errorf("%s is out of place", name)
	}
	switch name {
	case "contentBlockStart":
		if c.open != "" || *in.Index != c.blocks || in.Start.ToolUse == nil || in.Start.ToolUse.Name == "" || in.Start.ToolUse.ToolUseID == "" {
			return fmt.Errorf("block %d begins as %s", c.blocks, data)
		}
		c.open = "call"
		r.calls = append(r.calls, toolCall{name: in.Start.ToolUse.Name})
		return nil
	case "contentBlockDelta":
		kind := ""
		switch d := in.Delta; {
		case d.Text != nil:
			kind, r.text = "text", r.text+*d.Text
		case d.Reasoning != nil:
			kind, r.thought = "thinking", r.thought+d.Reasoning.Text
		case d.ToolUse != nil && c.open == "call":
			kind = "call"
			r.calls[len(r.calls)-1].args += d.ToolUse.Input
		}
		if kind == "" || c.open != "" && c.open != kind || *in.Index != c.blocks {
			return fmt.Errorf("in block %d, which is %q: %s", c.blocks, c.open, data)
		}
		c.open = kind
		return nil
	case "contentBlockStop":
		if *in.Index != c.blocks || c.open == "" {
			return fmt.Errorf("block %d ends, and block %d is %q", *in.Index, c.blocks, c.open)
		}
		if c.open == "call" && !json.Valid([]byte(r.calls[len(r.calls)-1].args)) {
			return fmt.Errorf("a call ends inside of its arguments: %q", r.calls[len(r.calls)-1].args)
		}
		c.open, c.blocks = "", c.blocks+1
		return nil
	}
	return fmt.Errorf("an event of type %q", name)
}

func (c *converseReader) end(*reading) error {
	if !c.told {
		return errors.New("it ends without metadata")
	}
	return nil
}
