package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// defaultCap is the output cap of a request that states none, to a model whose
// limit is not known: the format insists on one.
const defaultCap = 4096

// EncodeRequest implements wire.Codec. Messages come last, so that a longer
// history begins with the bytes of a shorter one.
func (Codec) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	r = wire.Begun(r)
	losses := wire.LossesAt(&Table, r, t)
	if e := wire.RefuseLossy(losses, t, llm.Messages); e != nil {
		return nil, losses, e
	}
	e := newEncoder(r, t)
	e.losses = losses
	if err := e.request(); err != nil {
		return nil, losses, err
	}
	return e.b.B, e.losses, nil
}

func newEncoder(r *llm.Request, t *wire.Target) *encoder {
	if t == nil {
		t = &wire.Target{}
	}
	e := &encoder{r: r, t: t, d: dialect(t.Dialect), ids: wire.CallIDs{Prefix: "toolu_", Legal: callID}}
	e.b.B = make([]byte, 0, wire.RoomFor(r))
	return e
}

type encoder struct {
	b    raw.Builder
	r    *llm.Request
	t    *wire.Target
	d    *wire.Dialect
	ids  wire.CallIDs
	role llm.Role // of the turn that is open

	losses   []wire.Loss
	toClient bool   // an answer is written, not a request
	effort   string // for output_config, of a request that asked for it in other words
}

// own reports whether the request is in this format already, so that what it says
// is the client's business.
func (e *encoder) own() bool { return e.r.From == llm.Messages }

func (e *encoder) cap() int64 {
	for _, n := range []int64{e.t.OutputCap, e.r.MaxOutput, e.t.MaxOutput} {
		if n > 0 {
			return n
		}
	}
	return defaultCap + e.r.Reasoning.Budget // which counts against the cap
}

func (e *encoder) request() error {
	b, r := &e.b, e.r
	b.Object()
	e.envelope()
	b.PutInt(capName, e.cap())
	if r.Stream && (!e.d.InAddress || e.d.StreamInBody) {
		b.PutBool("stream", true)
	}
	if e.own() || e.t.Model.Samples(r) {
		e.sampling()
	}
	if len(r.Stop) > 0 {
		b.Key("stop_sequences")
		b.List()
		for _, s := range r.Stop {
			b.String(s)
		}
		b.EndList()
	}
	if err := e.thinking(e.cap()); err != nil {
		return err
	}
	e.output()
	if r.User != "" || raw.HasExtras(r.Extra, llm.Messages, "metadata.") {
		b.Key("metadata")
		b.Object()
		if r.User != "" {
			b.PutString("user_id", r.User)
		}
		b.Extras(r.Extra, llm.Messages, "metadata.")
		b.EndObject()
	}
	if r.ServiceTier == "auto" || r.ServiceTier == "standard_only" {
		b.PutString("service_tier", r.ServiceTier)
	}
	for i := range r.Extra {
		if name, ok := raw.Under(&r.Extra[i], llm.Messages, ""); ok && name != versionName && name != betasName {
			b.PutRaw(name, r.Extra[i].Value)
		}
	}
	e.tools()
	e.system()
	e.messages()
	b.EndObject()
	return nil
}

// What stands in the body in some carriers of the format only.
const (
	versionName = "anthropic_version"
	betasName   = "anthropic_beta"
)

// envelope writes what the carrier wants around the request.
func (e *encoder) envelope() {
	b, r := &e.b, e.r
	if e.d.Version != "" {
		b.PutString(versionName, e.d.Version)
	}
	if e.d.BetasInBody {
		flags, losses := wire.BetasAt(e.d.Cloud, merged(e.t.Betas, betasIn(raw.Find(r.Extra, llm.Messages, betasName))))
		if e.losses = append(e.losses, losses...); len(flags) > 0 {
			putBetas(b, flags)
		}
	}
	if e.d.InAddress {
		return
	}
	model := e.t.Upstream
	if model == "" {
		model = r.Model
	}
	b.PutString("model", model)
}

// sampling writes what steers the choice of tokens; temperature is at most 1 here.
func (e *encoder) sampling() {
	b, r := &e.b, e.r
	if t := r.Temperature; t != "" {
		if f, err := t.Float64(); err == nil && f > 1 {
			t = "1"
		}
		b.PutNumber("temperature", t)
	}
	if e.own() || e.t.Model.TakesTopP(r) {
		b.PutNumber("top_p", r.TopP)
	}
	b.PutNumber("top_k", r.TopK)
}

// hasConfig: there are settings besides the effort, which has a place of its own.
func (e *encoder) hasConfig() bool {
	r := e.r
	for i := range r.Extra {
		name, ok := raw.Under(&r.Extra[i], llm.Messages, "output_config.")
		if ok && (name != "effort" || r.Reasoning.Effort == "") {
			return true
		}
	}
	return raw.HasExtras(r.Extra, llm.Messages, "output_config.format.")
}

func (e *encoder) output() {
	b, r := &e.b, e.r
	schema := r.Output.Kind == llm.JSONSchema && raw.Find(r.Extra, llm.Messages, "output_format") == nil
	if !schema && e.effort == "" && !e.hasConfig() {
		return
	}
	b.Key("output_config")
	b.Object()
	if e.effort != "" {
		b.PutString("effort", e.effort)
	}
	for i := range r.Extra {
		name, ok := raw.Under(&r.Extra[i], llm.Messages, "output_config.")
		if ok && (name != "effort" || r.Reasoning.Effort == "") {
			b.PutRaw(name, r.Extra[i].Value)
		}
	}
	if schema {
		b.Key("format")
		b.Object()
		b.PutString("type", "json_schema")
		b.PutRaw("schema", r.Output.Schema)
		b.Extras(r.Extra, llm.Messages, "output_config.format.")
		b.EndObject()
	}
	b.EndObject()
}
