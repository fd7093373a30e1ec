package converse

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeRequest implements wire.Codec.
func (Codec) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	if e := wire.Decodable(body); e != nil {
		return nil, e
	}
	d := newDecoder(body, h, llm.Converse)
	d.request()
	return d.done(body)
}

func newDecoder(body []byte, h *wire.Head, from llm.Format) *decoder {
	d := &decoder{c: raw.On(body), r: &llm.Request{From: from}}
	h.Name(&d.r.Model, &d.r.Stream)
	d.model = d.r.Model
	d.r.StreamUsage = d.r.Stream // this format always tells
	return d
}

func (d *decoder) done(body []byte) (*llm.Request, error) {
	if err := d.c.End(); err != nil {
		return nil, wire.BadRequestText(body, err)
	}
	if d.r.Model == "" {
		return nil, wire.BadField("modelId", "name the model in the address")
	}
	if len(d.system) > 0 {
		d.r.Messages = append([]llm.Message{{Role: llm.System, Parts: d.system}}, d.r.Messages...)
	}
	return d.r, nil
}

type decoder struct {
	c      raw.Cursor
	r      *llm.Request
	model  string // as the address names it
	system []llm.Part
}

func (d *decoder) request() {
	c := &d.c
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		d.member(key)
	}
}

// member reads one member of the request.
func (d *decoder) member(key []byte) {
	c, r := &d.c, d.r
	switch string(key) {
	case "messages":
		if c.Null() {
			return
		}
		for c.List(); c.More(); {
			r.Messages = append(r.Messages, d.message())
		}
	case "system":
		if c.Null() {
			return
		}
		d.system = d.blocks()
	case configName:
		d.config()
	case "toolConfig":
		d.tools()
	case fieldsName:
		d.fields(key)
	case "outputConfig":
		d.output(key)
	case "requestMetadata":
		d.metadata(key)
	case "serviceTier":
		if at := *c; onlyMember(at) == "type" {
			r.ServiceTier = member(c, "type")
			return
		}
		r.Extra = raw.Keep(r.Extra, format, "", key, c)
	default:
		r.Extra = raw.Keep(r.Extra, format, "", key, c)
	}
}

func (d *decoder) config() {
	c, r := &d.c, d.r
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case capName:
			r.MaxOutput = c.Int()
		case "temperature":
			r.Temperature = c.Number()
		case "topP":
			r.TopP = c.Number()
		case "stopSequences":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				r.Stop = append(r.Stop, c.Text())
			}
		default:
			r.Extra = raw.Keep(r.Extra, format, configName+".", key, c)
		}
	}
}

// metadata reads labels; others than strings stay as they are.
func (d *decoder) metadata(key []byte) {
	c, r := &d.c, d.r
	at := *c
	labels := map[string]string{}
	ok := c.Kind() == '{'
	for ok = ok && c.Object(); ok; {
		name, more := c.Key()
		if !more {
			break
		}
		if _, twice := labels[string(name)]; twice || c.Kind() != '"' {
			ok = false
			break
		}
		labels[string(name)] = c.Text()
	}
	if ok && len(labels) > 0 {
		r.Metadata = labels
		return
	}
	*c = at
	r.Extra = raw.Keep(r.Extra, format, "", key, c)
}

func (d *decoder) message() (m llm.Message) {
	c := &d.c
	from := c.Pos()
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "role":
			at := c.Pos()
			if m.Role = llm.Role(c.Text()); m.Role != llm.User && m.Role != llm.Assistant {
				c.Fail(at, "want user or assistant")
			}
		case "content":
			if c.Null() {
				continue
			}
			m.Parts = d.blocks()
		default:
			m.Extra = raw.Keep(m.Extra, format, "", key, c)
		}
	}
	if m.Role == "" {
		c.Fail(from, "want a role")
	}
	m.Parts = wire.JoinState(m.Parts)
	return m
}
