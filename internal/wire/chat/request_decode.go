package chat

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
	d := decoder{c: raw.On(body), r: &llm.Request{From: llm.Chat}}
	d.request()
	if err := d.c.End(); err != nil {
		return nil, wire.BadRequestText(body, err)
	}
	h.Name(&d.r.Model, &d.r.Stream)
	if d.r.Model == "" {
		return nil, wire.BadField("model", "name the model")
	}
	return d.r, nil
}

type decoder struct {
	c raw.Cursor
	r *llm.Request
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
		case "parallel_tool_calls":
			r.ParallelTools = d.flag()
		case "max_tokens", "max_completion_tokens":
			r.MaxOutput = max(r.MaxOutput, c.Int())
		case "temperature":
			r.Temperature = c.Number()
		case "top_p":
			r.TopP = c.Number()
		case "presence_penalty":
			r.Penalties.Presence = c.Number()
		case "frequency_penalty":
			r.Penalties.Frequency = c.Number()
		case "seed":
			r.Seed = c.Number()
		case "top_k", "random_seed", "enable_thinking":
			d.vendorMember(key)
		case "modalities":
			d.modalities(key)
		case "stop":
			d.stop()
		case "n":
			r.Choices = c.Int()
		case "response_format":
			d.responseFormat(key)
		case "reasoning_effort":
			r.Reasoning.Effort = c.Text()
		case "reasoning", "thinking":
			d.vendorReasoning(key)
		case "service_tier":
			r.ServiceTier = c.Text()
		case "user":
			r.User = c.Text()
		case "metadata":
			d.metadata(key)
		case "logprobs":
			r.Logprobs = c.Bool()
		case "top_logprobs":
			r.TopLogprobs = c.Int()
		case "prompt_cache_key":
			r.CacheKey = c.Text()
		case "stream":
			r.Stream = c.Bool()
		case "stream_options":
			d.streamOptions()
		case "store":
			r.Store = d.flag()
		default:
			r.Extra = raw.Keep(r.Extra, llm.Chat, "", key, c)
		}
	}
}

func (d *decoder) flag() *bool {
	if d.c.Null() {
		return nil
	}
	v := d.c.Bool()
	return &v
}

func (d *decoder) stop() {
	c := &d.c
	switch c.Kind() {
	case '[':
		for c.List(); c.More(); {
			d.r.Stop = append(d.r.Stop, c.Text())
		}
	default:
		if s := c.Text(); s != "" {
			d.r.Stop = []string{s}
		}
	}
}

func (d *decoder) metadata(key []byte) {
	c := &d.c
	if c.Null() {
		return
	}
	before := *c
	m := map[string]string{}
	for c.Object(); ; {
		k, ok := c.Key()
		if !ok {
			break
		}
		name := string(k)
		if c.Kind() != '"' { // a vendor's metadata that is not labels stays whole
			*c = before
			d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "", key, c)
			return
		}
		m[name] = c.Text()
	}
	d.r.Metadata = m
}

func (d *decoder) streamOptions() {
	c := &d.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "include_usage" {
			d.r.StreamUsage = c.Bool()
		} else {
			d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "stream_options.", key, c)
		}
	}
}

func (d *decoder) responseFormat(key []byte) {
	c, o := &d.c, &d.r.Output
	if c.Null() {
		return
	}
	before, extra := *c, d.r.Extra
	kind := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.Text()
		case "json_schema":
			if c.Null() {
				continue
			}
			d.jsonSchema()
		default:
			d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "response_format.", key, c)
		}
	}
	switch kind {
	case "json_object":
		o.Kind = llm.JSONObject
	case "json_schema":
		o.Kind = llm.JSONSchema
	case "text":
	default: // a grammar or the like
		if c.Err() == nil {
			*c, d.r.Extra = before, extra
			d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "", key, c)
		}
	}
}

func (d *decoder) jsonSchema() {
	c, o := &d.c, &d.r.Output
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "name":
			o.Name = c.Text()
		case "description":
			o.Description = c.Text()
		case "schema":
			o.Schema = bytes.Clone(c.Raw())
		case "strict":
			o.Strict = d.flag()
		default:
			d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "response_format.json_schema.", key, c)
		}
	}
}

// vendorMember reads what some vendors know under a name of their own, and keeps it
// as it is for them.
func (d *decoder) vendorMember(key []byte) {
	at, r := d.c, d.r
	switch kind := at.Kind(); {
	case string(key) == "top_k" && kind == '0':
		r.TopK = at.Number()
	case string(key) == "random_seed" && kind == '0':
		r.Seed = at.Number()
	case string(key) == "enable_thinking" && (kind == 't' || kind == 'f'):
		thinks := at.Bool()
		r.Reasoning.Enabled = &thinks
	}
	r.Extra = raw.Keep(r.Extra, llm.Chat, "", key, &d.c)
}

// modalities reads what the answer may be made of; text alone is nothing to ask for,
// and stays as it is.
func (d *decoder) modalities(key []byte) {
	at := d.c
	var kinds []string
	if at.Kind() == '[' {
		for at.List(); at.More(); {
			kinds = append(kinds, text(&at))
		}
	}
	if len(kinds) > 1 || len(kinds) == 1 && kinds[0] != "text" {
		d.r.Modalities = kinds
		d.c = at
		return
	}
	d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "", key, &d.c)
}

// vendorReasoning reads the two other spellings, {"effort","max_tokens","enabled"}
// and {"type":"enabled"}, and keeps them as they are for their own vendors.
func (d *decoder) vendorReasoning(key []byte) {
	c, r := &d.c, &d.r.Reasoning
	before := *c
	yes, no := true, false
	if c.Kind() == '{' {
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch {
			case string(key) == "effort" && c.Kind() == '"':
				r.Effort = c.Text()
			case string(key) == "max_tokens" && c.Kind() == '0':
				r.Budget = c.Int()
			case string(key) == "enabled" && (c.Kind() == 't' || c.Kind() == 'f'):
				r.Enabled = d.flag()
			case string(key) == "type" && c.Kind() == '"':
				switch c.Text() {
				case "enabled":
					r.Enabled = &yes
				case "disabled":
					r.Enabled = &no
				}
			default:
				c.Skip()
			}
		}
		if c.Err() != nil {
			return
		}
	}
	*c = before
	d.r.Extra = raw.Keep(d.r.Extra, llm.Chat, "", key, c)
}
