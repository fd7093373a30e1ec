package messages

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (d *decoder) message() (m llm.Message) {
	c := &d.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "role":
			at := c.Pos()
			m.Role = llm.Role(c.Text())
			switch m.Role {
			case llm.User, llm.Assistant:
			case llm.System: // newer models take system text between the turns
				m.Extra = append(m.Extra, llm.Extra{Format: llm.Messages, Path: "role", Value: json.RawMessage(`"system"`)})
			default:
				c.Fail(at, "want user or assistant")
			}
		case "content":
			m.Parts = wire.JoinState(d.parts())
		default:
			m.Extra = raw.Keep(m.Extra, llm.Messages, "", key, c)
		}
	}
	if m.Role == "" && c.Err() == nil {
		c.Fail(c.Offset()-1, "role is missing: want user or assistant")
	}
	return m
}

// parts reads a string or a list of blocks.
func (d *decoder) parts() (parts []llm.Part) {
	c := &d.c
	switch c.Kind() {
	case '"':
		if s := c.Text(); s != "" {
			parts = []llm.Part{{Kind: llm.Text, Text: s}}
		}
	case '[':
		for c.List(); c.More(); {
			if c.Kind() == '"' {
				parts = append(parts, llm.Part{Kind: llm.Text, Text: c.Text()})
				continue
			}
			parts = append(parts, d.block())
		}
	default:
		if !c.Null() {
			c.Fail(c.Pos(), "want a string or a list of blocks")
		}
	}
	return parts
}

// block reads a block; one of a kind that is not known, or an old kind with
// something new in it that changes its meaning, is kept whole.
func (d *decoder) block() llm.Part {
	c := &d.c
	before := *c
	var p llm.Part
	kind, known := "", true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "text":
			p.Text = c.Text()
		case "thinking":
			p.Text = text(c)
		case "signature":
			wire.UnwrapState(&p, text(c), llm.MakerAnthropic, false)
		case "data":
			wire.UnwrapState(&p, text(c), llm.MakerAnthropic, true)
		case "citations":
			d.citations(key, &p)
		case "source":
			known = d.source(&p) && known
		case "title":
			p.Name = text(c)
		case "id", "tool_use_id":
			p.ID = text(c)
		case "name":
			p.Name = text(c)
		case "input":
			p.Arguments = bytes.Clone(c.Raw())
		case "content":
			if c.Kind() == '{' {
				known = false
				c.Skip()
				continue
			}
			p.Content = d.parts()
		case "is_error":
			p.IsError = c.Bool()
		case "cache_control":
			cacheMark(c, key, &p.Cache, &p.Extra)
		default:
			p.Extra = raw.Keep(p.Extra, llm.Messages, "", key, c)
		}
	}
	if c.Err() != nil {
		return p
	}
	switch kind {
	case "text":
		p.Kind = llm.Text
	case "thinking", "redacted_thinking":
		p.Kind = llm.Thinking
	case "tool_use":
		p.Kind = llm.ToolCall
	case "tool_result":
		p.Kind = llm.ToolResult
	case "image":
		p.Kind = llm.Image
	case "document":
		p.Kind = llm.Document
	default:
		known = false
	}
	if !known {
		*c = before
		p = llm.Part{Kind: llm.Opaque, From: llm.Messages, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// citations reads the sources of a text; on a document it says whether there are to
// be any.
func (d *decoder) citations(key []byte, p *llm.Part) {
	c := &d.c
	at := *c
	if at.Kind() == '[' {
		for at.List(); at.More(); {
			p.Citations = append(p.Citations, citation(&at))
		}
	}
	if len(p.Citations) == 0 {
		p.Extra = raw.Keep(p.Extra, llm.Messages, "", key, c)
		return
	}
	*c = at
}

// source reads where an image or document is; a file of the provider's own, or a
// document made of blocks, is not known.
func (d *decoder) source(p *llm.Part) (known bool) {
	c := &d.c
	if c.Kind() != '{' {
		c.Skip()
		return false
	}
	var kind, data string
	known = true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "media_type":
			p.MediaType = text(c)
		case "data":
			data = text(c)
		case "url":
			p.URL = text(c)
		default:
			known = false
			c.Skip()
		}
	}
	switch kind {
	case "base64":
		b, err := base64.StdEncoding.Strict().DecodeString(data)
		p.Data = b
		return known && err == nil && !strings.ContainsAny(data, "\r\n")
	case "text":
		p.Text = data
		return known
	case "url":
		return known
	}
	return false
}
