package converse

import (
	"bytes"
	"encoding/json"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// blocks reads a list of blocks. A mark belongs to the block before it.
func (d *decoder) blocks() (parts []llm.Part) {
	c := &d.c
	for c.List(); c.More(); {
		at := *c
		p := d.block()
		if p.Kind == "" && c.Err() == nil { // a mark
			n := len(parts)
			if n > 0 && parts[n-1].Cache == nil {
				parts[n-1].Cache = p.Cache
				continue
			}
			p = llm.Part{Kind: llm.Opaque, From: format, Raw: bytes.Clone(at.Raw())}
		}
		parts = append(parts, p)
	}
	return parts
}

// block reads a block; one of a kind that is not known, or an old kind with something
// new in it that changes its meaning, is kept whole. A mark is a part without a kind.
func (d *decoder) block() (p llm.Part) {
	c := &d.c
	before := *c
	known, kinds := true, 0
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		read := d.kind(string(key))
		if read == nil {
			p.Extra = raw.Keep(p.Extra, format, "", key, c)
			continue
		}
		kinds++
		known = read(&p) && known
	}
	if c.Err() != nil {
		return p
	}
	if !known || kinds != 1 {
		*c = before
		return llm.Part{Kind: llm.Opaque, From: format, Raw: bytes.Clone(c.Raw())}
	}
	return p
}

// kind is what reads a block of a kind; nil: the name is no kind that is known.
// What it gives says whether all of the block was understood.
func (d *decoder) kind(name string) func(p *llm.Part) bool {
	switch name {
	case "text":
		return d.text
	case "toolUse":
		return d.toolUse
	case "toolResult":
		return d.toolResult
	case "reasoningContent":
		return d.reasoning
	case "image":
		return func(p *llm.Part) bool { return d.medium(p, llm.Image) }
	case "document":
		return func(p *llm.Part) bool { return d.medium(p, llm.Document) }
	case "video":
		return func(p *llm.Part) bool { return d.medium(p, llm.Video) }
	case "audio":
		return func(p *llm.Part) bool { return d.medium(p, llm.Audio) }
	case "citationsContent":
		return d.cited
	case "cachePoint":
		return func(p *llm.Part) (ok bool) { p.Cache, ok = cachePoint(&d.c); return ok }
	case "json":
		return d.json
	}
	return nil
}

func (d *decoder) text(p *llm.Part) bool {
	p.Kind, p.Text = llm.Text, d.c.Text()
	return true
}

// json is what a tool gave as JSON: to others, the text of it.
func (d *decoder) json(p *llm.Part) bool {
	p.Kind, p.Text = llm.Text, string(d.c.Raw())
	p.Extra = append(p.Extra, llm.Extra{Format: format, Path: "json", Value: json.RawMessage("true")})
	return true
}

func (d *decoder) toolUse(p *llm.Part) bool {
	c := &d.c
	p.Kind = llm.ToolCall
	server := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return !server
		}
		switch string(key) {
		case "toolUseId":
			p.ID = c.TextIf()
		case "name":
			p.Name = c.TextIf()
		case "input":
			p.Arguments = bytes.Clone(c.Raw())
		case "type": // answers say tool_use of ordinary calls
			if at := *c; at.TextIf() == "server_tool_use" {
				server = true // a tool that the service runs
			}
			p.Extra = raw.Keep(p.Extra, format, "toolUse.", key, c)
		default:
			p.Extra = raw.Keep(p.Extra, format, "toolUse.", key, c)
		}
	}
}

func (d *decoder) toolResult(p *llm.Part) bool {
	c := &d.c
	p.Kind = llm.ToolResult
	server := false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return !server
		}
		switch string(key) {
		case "toolUseId":
			p.ID = c.TextIf()
		case "content":
			if !c.Null() {
				p.Content = d.blocks()
			}
		case "status":
			at := *c
			if p.IsError = at.TextIf() == "error"; p.IsError {
				c.Skip()
				continue
			}
			p.Extra = raw.Keep(p.Extra, format, "toolResult.", key, c)
		case "type": // of a service's own tool it is the name of what it gives
			if at := *c; at.TextIf() != "tool_result" {
				server = true
			}
			p.Extra = raw.Keep(p.Extra, format, "toolResult.", key, c)
		default:
			p.Extra = raw.Keep(p.Extra, format, "toolResult.", key, c)
		}
	}
}

// cachePoint takes {"type":"default"} with or without a time to live.
func cachePoint(c *raw.Cursor) (*llm.CacheMark, bool) {
	m, kind, known := &llm.CacheMark{}, "", true
	if c.Kind() != '{' {
		c.Skip()
		return nil, false
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.TextIf()
		case "ttl":
			m.TTL = c.TextIf()
		default:
			known = false
			c.Skip()
		}
	}
	return m, known && kind == "default"
}
