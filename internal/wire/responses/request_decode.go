package responses

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeRequest implements wire.Codec.
func (Codec) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	if e := wire.Decodable(body); e != nil {
		return nil, e
	}
	d := decoder{c: raw.On(body), r: &llm.Request{From: llm.Responses}}
	d.request()
	if err := d.c.End(); err != nil {
		return nil, wire.BadRequestText(body, err)
	}
	h.Name(&d.r.Model, &d.r.Stream)
	d.r.StreamUsage = d.r.Stream // this format always tells
	if d.r.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	d.settle()
	return d.r, nil
}

type decoder struct {
	c            raw.Cursor
	r            *llm.Request
	dialect      *wire.Dialect // of an answer
	instructions *llm.Message
	items        []llm.Message
	loaded       []llm.Tool // tools that items in the history bring
	given        []byte     // the list of tools
	allowed      []byte     // the list of allowed_tools
}

// settle puts together what stands in several places.
func (d *decoder) settle() {
	r := d.r
	if d.instructions != nil {
		r.Messages = append(r.Messages, *d.instructions)
	}
	for i := range d.items {
		if m := &d.items[i]; m.Role == llm.Assistant {
			m.Parts = wire.JoinState(m.Parts)
		}
	}
	r.Messages = append(r.Messages, d.items...)
	if d.given != nil && (len(r.Tools) == 0 || d.allowed != nil || slices.ContainsFunc(r.Tools, odd)) {
		r.Extra = keep(r.Extra, "tools", d.given)
	}
	for _, t := range d.loaded {
		if !has(r.Tools, t.Name) {
			t.Extra = keep(t.Extra, "loaded", []byte("true"))
			r.Tools = append(r.Tools, t)
		}
	}
	d.spare()
	if d.allowed != nil {
		d.allow()
	}
}

func has(tools []llm.Tool, name string) bool {
	for i := range tools {
		if tools[i].From == "" && tools[i].Name == name {
			return true
		}
	}
	return false
}

func (d *decoder) keep(prefix string, key []byte) {
	d.r.Extra = raw.Keep(d.r.Extra, llm.Responses, prefix, key, &d.c)
}

func (d *decoder) request() {
	c, r := &d.c, d.r
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if c.Kind() == 'n' { // stated to be not stated
			d.keep("", key)
			continue
		}
		switch string(key) {
		case "model":
			r.Model = c.Text()
		case "input":
			d.input()
		case "instructions":
			if c.Kind() != '"' {
				d.keep("", key)
				continue
			}
			m := llm.Message{Role: llm.System, Parts: []llm.Part{{Kind: llm.Text, Text: c.Text()}}}
			m.Extra = keep(nil, "instructions", []byte("true"))
			d.instructions = &m
		case "max_output_tokens":
			r.MaxOutput = c.Int()
		case "temperature":
			r.Temperature = c.Number()
		case "top_p":
			r.TopP = c.Number()
		case "top_logprobs":
			if r.TopLogprobs = c.Int(); r.TopLogprobs == 0 {
				r.Extra = keep(r.Extra, "top_logprobs", []byte("0"))
			}
		case "tools":
			d.tools()
		case "tool_choice":
			d.toolChoice(key)
		case "parallel_tool_calls":
			v := c.Bool()
			r.ParallelTools = &v
		case "text":
			d.text(key)
		case "reasoning":
			d.reasoning(key)
		case "include":
			d.include(key)
		case "store":
			// Only that nothing be kept has a meaning elsewhere.
			at := *c
			if v := at.Bool(); !v {
				r.Store = &v
				c.Skip()
				continue
			}
			d.keep("", key)
		case "metadata":
			d.metadata(key)
		case "user":
			r.User = c.Text()
		case "prompt_cache_key":
			r.CacheKey = c.Text()
		case "service_tier":
			r.ServiceTier = c.Text()
		case "stream":
			if r.Stream = c.Bool(); !r.Stream {
				r.Extra = keep(r.Extra, "stream", []byte("false"))
			}
		case "stream_options":
			d.members(key, "stream_options.", func([]byte) bool { return false })
		default:
			d.keep("", key)
		}
	}
}

// members reads an object whose members take knows or which are kept one by one. An
// object without any is kept as it is.
func (d *decoder) members(key []byte, prefix string, take func(key []byte) bool) {
	c := &d.c
	if c.Kind() != '{' {
		d.keep("", key)
		return
	}
	name, n := string(key), 0
	for c.Object(); ; n++ {
		key, ok := c.Key()
		if !ok {
			break
		}
		if c.Kind() == 'n' || !take(key) {
			d.keep(prefix, key)
		}
	}
	if n == 0 {
		d.r.Extra = keep(d.r.Extra, name, []byte("{}"))
	}
}

const (
	includeLogprobs  = "message.output_text.logprobs"
	includeReasoning = "reasoning.encrypted_content"
)

func (d *decoder) metadata(key []byte) {
	c := &d.c
	before := *c
	m := map[string]string{}
	for ok := c.Kind() == '{' && c.Object(); ok; {
		k, more := c.Key()
		if !more {
			break
		}
		name := string(k)
		if c.Kind() != '"' {
			m = nil
			break
		}
		m[name] = c.Text()
	}
	if c.Err() != nil {
		return
	}
	if len(m) == 0 { // none, or what is no label
		*c = before
		d.keep("", key)
		return
	}
	d.r.Metadata = m
}
