package messages

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeRequest implements wire.Codec.
func (Codec) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	if e := wire.Decodable(body); e != nil {
		return nil, e
	}
	d := decoder{c: raw.On(body), r: &llm.Request{From: llm.Messages}}
	d.request()
	if err := d.c.End(); err != nil {
		return nil, wire.BadRequestText(body, err)
	}
	h.Name(&d.r.Model, &d.r.Stream)
	if d.r.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	if len(d.system) > 0 {
		d.r.Messages = append([]llm.Message{{Role: llm.System, Parts: d.system}}, d.r.Messages...)
	}
	return d.r, nil
}

type decoder struct {
	c      raw.Cursor
	r      *llm.Request
	system []llm.Part
}

func (d *decoder) request() {
	c, r := &d.c, d.r
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "model":
			r.Model = c.Text()
		case "max_tokens":
			r.MaxOutput = c.Int()
		case "system":
			if c.Kind() == 'n' {
				c.Null()
				continue
			}
			d.system = d.parts()
		case "messages":
			for c.List(); c.More(); {
				r.Messages = append(r.Messages, d.message())
			}
		case "tools":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				r.Tools = append(r.Tools, d.tool())
			}
		case "tool_choice":
			d.toolChoice(key)
		case "temperature":
			r.Temperature = c.Number()
		case "top_p":
			r.TopP = c.Number()
		case "top_k":
			r.TopK = c.Number()
		case "stop_sequences":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				r.Stop = append(r.Stop, c.Text())
			}
		case "stream":
			r.Stream = c.Bool()
			r.StreamUsage = r.Stream // this format always tells
		case "thinking":
			d.thinking(key)
		case "output_config":
			d.outputConfig()
		case "output_format":
			// The older name; kept as it is, since it comes with a beta header of its own.
			at := *c
			if c.Kind() == '{' {
				d.format(c)
			}
			*c = at
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, c)
		case "metadata":
			d.metadata()
		case "service_tier":
			r.ServiceTier = c.Text()
		default:
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, c)
		}
	}
}

func (d *decoder) metadata() {
	c := &d.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "user_id" {
			d.r.User = c.Text()
		} else {
			d.r.Extra = raw.Keep(d.r.Extra, llm.Messages, "metadata.", key, c)
		}
	}
}

func (d *decoder) toolChoice(key []byte) {
	c, r := &d.c, d.r
	if c.Null() {
		return
	}
	before := *c
	kind, name := "", ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "name":
			name = c.Text()
		case "disable_parallel_tool_use":
			parallel := !c.Bool()
			r.ParallelTools = &parallel
		default:
			r.Extra = raw.Keep(r.Extra, llm.Messages, "tool_choice.", key, c)
		}
	}
	switch kind {
	case "auto":
		r.ToolChoice.Mode = llm.ToolAuto
	case "any":
		r.ToolChoice.Mode = llm.ToolRequired
	case "none":
		r.ToolChoice.Mode = llm.ToolNone
	case "tool":
		r.ToolChoice = llm.ToolChoice{Mode: llm.ToolNamed, Name: name}
	default:
		if c.Err() == nil {
			*c = before
			r.ParallelTools = nil
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, c)
		}
	}
}

func (d *decoder) thinking(key []byte) {
	c, r := &d.c, d.r
	if c.Null() {
		return
	}
	before, kept := *c, len(r.Extra)
	yes, no := true, false
	kind := ""
	var budget int64
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "budget_tokens":
			budget = c.Int()
		default:
			r.Extra = raw.Keep(r.Extra, llm.Messages, "thinking.", key, c)
		}
	}
	switch kind {
	case "enabled":
		r.Reasoning.Enabled, r.Reasoning.Budget = &yes, budget
	case "adaptive":
		r.Reasoning.Enabled = &yes
	case "disabled":
		r.Reasoning.Enabled = &no
	default:
		if c.Err() == nil {
			*c, r.Extra = before, r.Extra[:kept]
			r.Extra = raw.Keep(r.Extra, llm.Messages, "", key, c)
		}
	}
}

func (d *decoder) outputConfig() {
	c, r := &d.c, d.r
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch {
		case string(key) == "effort" && c.Kind() == '"':
			at := *c
			r.Reasoning.Effort = at.Text()
			r.Extra = raw.Keep(r.Extra, llm.Messages, "output_config.", key, c)
		case string(key) == "format" && c.Kind() == '{':
			d.format(c)
		default:
			r.Extra = raw.Keep(r.Extra, llm.Messages, "output_config.", key, c)
		}
	}
}

// format reads {"type":"json_schema","schema":…}. The schema is always kept to.
func (d *decoder) format(c *raw.Cursor) {
	o := &d.r.Output
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			c.Skip()
		case "schema":
			o.Schema = bytes.Clone(c.Raw())
		case "name":
			o.Name = text(c)
		default:
			d.r.Extra = raw.Keep(d.r.Extra, llm.Messages, "output_config.format.", key, c)
		}
	}
	strict := true
	o.Kind, o.Strict = llm.JSONSchema, &strict
}

func (d *decoder) tool() (t llm.Tool) {
	c := &d.c
	before := *c
	kind := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			at := *c
			kind = text(&at)
			t.Extra = raw.Keep(t.Extra, llm.Messages, "", key, c)
		case "name":
			t.Name = c.Text()
		case "description":
			t.Description = c.Text()
		case "input_schema":
			t.Schema = bytes.Clone(c.Raw())
		case "strict":
			if !c.Null() {
				v := c.Bool()
				t.Strict = &v
			}
		case "cache_control":
			cacheMark(c, key, &t.Cache, &t.Extra)
		default:
			t.Extra = raw.Keep(t.Extra, llm.Messages, "", key, c)
		}
	}
	if c.Err() == nil && kind != "" && kind != "custom" {
		*c = before
		t = llm.Tool{From: llm.Messages, Raw: bytes.Clone(c.Raw())}
	}
	return t
}

func cacheMark(c *raw.Cursor, key []byte, mark **llm.CacheMark, extra *[]llm.Extra) {
	if m, ok := raw.CacheMark(c); ok {
		*mark = m
		return
	}
	*extra = raw.Keep(*extra, llm.Messages, "", key, c)
}
