package converse

import (
	"maps"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// EncodeRequest implements wire.Codec. Messages come last, so that a longer history
// begins with the bytes of a shorter one.
func (Codec) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	r = wire.Begun(r)
	e := newEncoder(r, t)
	e.losses = append(append(wire.LossesAt(&Table, r, t), elsewhere(r)...), e.modelLosses()...)
	if err := wire.RefuseLossy(e.losses, t, llm.Converse); err != nil {
		return nil, e.losses, err
	}
	if err := e.request(); err != nil {
		return nil, e.losses, err
	}
	return e.b.B, e.losses, nil
}

func newEncoder(r *llm.Request, t *wire.Target) *encoder {
	e := &encoder{r: r, t: t, own: own(r), ids: wire.CallIDs{Prefix: "tooluse_", Legal: callID}, docs: documentNames{}}
	if t == nil {
		e.t = &wire.Target{}
	}
	model := e.t.Upstream
	if model == "" {
		model = r.Model
	}
	e.model, e.family = model, familyOf(model)
	e.b.B = make([]byte, 0, wire.RoomFor(r))
	return e
}

type encoder struct {
	b      raw.Builder
	r      *llm.Request
	t      *wire.Target
	own    bool   // the request is in this format already, and says what its client wants
	answer bool   // what is written is an answer
	model  string // the upstream's name
	family *family
	ids    wire.CallIDs
	docs   documentNames
	role   llm.Role // of the turn that is open
	turns  int      // that were begun
	shows  string   // the title of a document in the turn that is open
	says   bool     // it has a text
	losses []wire.Loss
}

// cap is the output cap, or 0 where none is stated: the service then takes the
// model's own.
func (e *encoder) cap() int64 {
	if e.t.OutputCap > 0 {
		return e.t.OutputCap
	}
	return e.r.MaxOutput
}

func (e *encoder) request() error {
	b, r := &e.b, e.r
	b.Object()
	e.config()
	if err := e.fields(); err != nil {
		return err
	}
	e.output()
	if len(r.Metadata) > 0 && (e.own || legalLabels(r.Metadata)) {
		b.Key("requestMetadata")
		b.Object()
		for _, name := range slices.Sorted(maps.Keys(r.Metadata)) {
			b.PutString(name, r.Metadata[name])
		}
		b.EndObject()
	}
	if e.own && r.ServiceTier != "" {
		b.Key("serviceTier")
		b.Object()
		b.PutString("type", r.ServiceTier)
		b.EndObject()
	}
	b.Extras(r.Extra, format, "")
	e.tools()
	e.system()
	e.messages()
	b.EndObject()
	return nil
}

func (e *encoder) config() {
	b, r := &e.b, e.r
	b.Key(configName)
	from := len(b.B)
	b.Object()
	if n := e.cap(); n > 0 {
		b.PutInt(capName, n)
	}
	if e.own || e.t.Model.Samples(r) {
		t := r.Temperature
		if f, err := t.Float64(); !e.own && err == nil && f > 1 {
			t = "1" // the most there is
		}
		b.PutNumber("temperature", t)
		if e.own || e.t.Model.TakesTopP(r) {
			b.PutNumber("topP", r.TopP)
		}
	}
	if len(r.Stop) > 0 {
		b.Key("stopSequences")
		b.List()
		for _, s := range r.Stop {
			b.String(s)
		}
		b.EndList()
	}
	b.Extras(r.Extra, format, configName+".")
	b.EndObject()
	if len(b.B) == from+len("{}") {
		b.B = b.B[:from-len(`"`+configName+`":`)]
		if n := len(b.B); b.B[n-1] == ',' {
			b.B = b.B[:n-1]
		}
	}
}

// output asks for an answer that follows a schema, which stands here as text.
func (e *encoder) output() {
	b, o := &e.b, &e.r.Output
	if o.Kind != llm.JSONSchema {
		return
	}
	b.Key("outputConfig")
	b.Object()
	b.Key("textFormat")
	b.Object()
	b.PutString("type", "json_schema")
	b.Key("structure")
	b.Object()
	b.Key("jsonSchema")
	b.Object()
	b.PutString("schema", string(o.Schema))
	if o.Name != "" {
		b.PutString("name", o.Name)
	}
	if o.Description != "" {
		b.PutString("description", o.Description)
	}
	for range 4 {
		b.EndObject()
	}
}

// legalLabels: the service takes sixteen short labels of plain characters.
func legalLabels(labels map[string]string) bool {
	if len(labels) > 16 {
		return false
	}
	for name, value := range labels {
		if name == "" || !legalLabel(name) || !legalLabel(value) {
			return false
		}
	}
	return true
}

func legalLabel(s string) bool {
	if len(s) > 256 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == ' ', c == ':', c == '_', c == '@', c == '$', c == '#', c == '=', c == '/', c == '+', c == ',', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// callID brings a tool call's id into the API's pattern.
func callID(id string) string {
	return wire.LegalID(id, "tooluse_", func(id string) bool {
		if len(id) > 64 {
			return false
		}
		for i := range len(id) {
			switch c := id[i]; {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == ':', c == '-':
			default:
				return false
			}
		}
		return true
	})
}
