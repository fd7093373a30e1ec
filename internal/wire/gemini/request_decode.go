package gemini

import (
	"bytes"
	"encoding/json"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeRequest implements wire.Codec.
func (Codec) DecodeRequest(body []byte, h *wire.Head) (*llm.Request, error) {
	return decodeRequest(body, h, false)
}

func decodeRequest(body []byte, h *wire.Head, counting bool) (*llm.Request, error) {
	if e := wire.Decodable(body); e != nil {
		return nil, e
	}
	d := decoder{c: raw.On(body), r: &llm.Request{From: llm.Gemini}, counting: counting}
	d.request()
	if err := d.c.End(); err != nil {
		return nil, wire.BadRequestText(body, err)
	}
	d.finish()
	h.Name(&d.r.Model, &d.r.Stream)
	d.r.StreamUsage = d.r.Stream // this format always tells
	if d.r.Model == "" {
		return nil, wire.BadField("model", "name the model, in the address")
	}
	return d.r, nil
}

type decoder struct {
	c        raw.Cursor
	r        *llm.Request
	counting bool
	system   *llm.Message
	as       spelled // of the request
	config   []byte  // functionCallingConfig
	name     []byte  // the last member's name
	came     []byte  // and how it was spelled
	room     [64]byte
}

// key gives the next member's name in the spelling of this package, and notes under
// path where it was another.
func (d *decoder) key(as *spelled, path string) ([]byte, bool) {
	key, ok := d.c.Key()
	d.name, d.came = key, key
	if !ok || bytes.IndexByte(key, '_') <= 0 {
		return key, ok
	}
	name := camel(d.room[:0], key)
	if string(key) != snake(string(name)) { // nobody's spelling of anything
		return key, true
	}
	d.name = name
	*as = append(*as, path+string(name))
	return name, true
}

// each takes a list, of which one element may stand without its brackets.
func (d *decoder) each(as *spelled, path string, take func()) {
	c := &d.c
	switch c.Kind() {
	case 'n':
		c.Null()
	case '{':
		*as = append(*as, path+"{}")
		take()
	default:
		for c.List(); c.More(); {
			take()
		}
	}
}

// keep takes the next value, which has no place in a canonical call, as an extra.
func (d *decoder) keep(extra *[]llm.Extra, path string) {
	if isNote(string(d.name)) {
		d.c.Skip()
		return
	}
	*extra = raw.Keep(*extra, llm.Gemini, path, d.name, &d.c)
}

func (d *decoder) request() {
	c, r := &d.c, d.r
	for c.Object(); ; {
		key, ok := d.key(&d.as, "")
		if !ok {
			return
		}
		switch string(key) {
		case "contents":
			d.each(&d.as, "contents", func() { r.Messages = append(r.Messages, d.turn(false)) })
		case "systemInstruction":
			if !c.Null() {
				m := d.turn(true)
				d.system = &m
			}
		case "tools":
			d.each(&d.as, "tools", d.tool)
		case "toolConfig":
			d.toolConfig()
		case "generationConfig":
			d.generation()
		case "labels":
			d.labels()
		case "serviceTier":
			r.ServiceTier = text(c)
		case "store":
			if !c.Null() {
				v := c.Bool()
				r.Store = &v
			}
		case "safetySettings":
			at := *c
			if d.keep(&r.Extra, ""); c.Err() == nil && unsafe(&at) { // the name is not a note's
				r.Extra[len(r.Extra)-1].Path = noteUnsafe
			}
		case "model":
			r.Model = modelName(c.Text())
			r.Extra = note(r.Extra, "model", "null")
		case "generateContentRequest":
			if !d.counting {
				d.keep(&r.Extra, "")
				continue
			}
			r.Extra = note(r.Extra, noteWhole, "true")
			d.request()
		default:
			d.keep(&r.Extra, "")
		}
	}
}

// unsafe reports whether safety settings do nothing but switch filters off. Other
// providers have none of these filters, so nothing is lost with them.
func unsafe(c *raw.Cursor) bool {
	off := true
	var room [64]byte
	one := func() {
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				return
			}
			if string(camel(room[:0], key)) == "threshold" {
				t := enum(c, thresholds)
				off = off && (t == "BLOCK_NONE" || t == "OFF")
			} else {
				c.Skip()
			}
		}
	}
	if c.Kind() == '{' {
		one()
		return off && c.Err() == nil
	}
	objects(c, one)
	return off && c.Err() == nil
}

// finish settles what needs the whole request.
func (d *decoder) finish() {
	r := d.r
	if d.system != nil {
		r.Messages = append([]llm.Message{*d.system}, r.Messages...)
	}
	d.choice()
	r.Extra = d.as.keep(r.Extra)
	r.Messages = gather(r.Messages)
	pair(r.Messages)
}

func (d *decoder) labels() {
	c, r := &d.c, d.r
	if c.Kind() != '{' {
		d.keep(&r.Extra, "")
		return
	}
	before, labels := *c, map[string]string{}
	plain := true
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		if c.Kind() != '"' {
			plain = false
			c.Skip()
			continue
		}
		labels[string(key)] = c.Text()
	}
	if plain {
		r.Metadata = labels
		return
	}
	*c = before
	d.name = []byte("labels")
	d.keep(&r.Extra, "")
}

// turn reads a content: a turn of the conversation, or the system instruction, whose
// role says nothing.
func (d *decoder) turn(system bool) (m llm.Message) {
	c := &d.c
	var as spelled
	role, parts := "", false
	for c.Object(); ; {
		key, ok := d.key(&as, "")
		if !ok {
			break
		}
		switch string(key) {
		case "role":
			at := c.Pos()
			role = c.Text()
			if !system && !knownRole(role) {
				c.Fail(at, "want user or model")
			}
		case "parts":
			parts = c.Kind() != 'n'
			d.each(&as, "parts", func() { m.Parts = append(m.Parts, d.part()) })
		default:
			d.keep(&m.Extra, "")
		}
	}
	switch {
	case system:
		m.Role = llm.System
	case role == "model":
		m.Role = llm.Assistant
	default:
		m.Role = llm.User
	}
	switch {
	case system && role != "", !system && role != "user" && role != "model":
		m.Extra = append(m.Extra, llm.Extra{Format: llm.Gemini, Path: "role", Value: quoted(role)})
	}
	if !parts {
		m.Extra = note(m.Extra, noteNoParts, "true")
	}
	m.Extra = as.keep(m.Extra)
	return m
}

// knownRole: function is the role of old for what functions gave, and no role is the
// user's.
func knownRole(role string) bool {
	switch role {
	case "", "user", "model", "function", "tool":
		return true
	}
	return false
}

func quoted(s string) json.RawMessage { return raw.AppendString(nil, s) }

// text takes a string; what is none counts as empty.
func text(c *raw.Cursor) string { return c.TextIf() }
