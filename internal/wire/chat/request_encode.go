package chat

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// EncodeRequest implements wire.Codec. Messages come last, so that a longer
// history begins with the bytes of a shorter one.
func (Codec) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	losses := wire.LossesAt(&Table, r, t)
	if e := wire.RefuseLossy(losses, t, llm.Chat); e != nil {
		return nil, losses, e
	}
	e := encoder{r: r, d: dialect(t), t: t}
	if t == nil {
		e.t = &wire.Target{}
	}
	e.ids = wire.CallIDs{Prefix: "call_", Legal: callID(e.d)}
	e.b.B = make([]byte, 0, wire.RoomFor(r))
	e.request()
	return e.b.B, losses, nil
}

type encoder struct {
	b   raw.Builder
	r   *llm.Request
	d   *wire.Dialect
	t   *wire.Target
	ids wire.CallIDs

	goesOn    wire.Prefilling // the last message is an answer that is begun
	toClient  bool            // an answer is written, not a request
	inDetails bool            // the message in hand has its own reasoning_details, with all state
}

// takes reports whether the vendor takes a field. What a client of this format says
// in it is the client's business.
func (e *encoder) takes(field string) bool { return e.r.From == llm.Chat || !e.d.Bars(field) }

func (e *encoder) request() {
	b, r := &e.b, e.r
	b.Object()
	model := e.t.Upstream
	if model == "" {
		model = r.Model
	}
	b.PutString("model", model)
	e.stream()
	e.cap()
	if r.From == llm.Chat || e.t.Model.Samples(r) {
		b.PutNumber("temperature", r.Temperature)
		if r.From == llm.Chat || e.t.Model.TakesTopP(r) {
			b.PutNumber("top_p", r.TopP)
		}
	}
	if e.takes("presence_penalty") {
		b.PutNumber("presence_penalty", r.Penalties.Presence)
	}
	if e.takes("frequency_penalty") {
		b.PutNumber("frequency_penalty", r.Penalties.Frequency)
	}
	e.seed()
	if len(r.Modalities) > 0 {
		b.Key("modalities")
		b.List()
		for _, m := range r.Modalities {
			b.String(m)
		}
		b.EndList()
	}
	if r.Choices > 0 && e.takes("n>1") {
		b.PutInt("n", r.Choices)
	}
	if len(r.Stop) > 0 {
		b.Key("stop")
		b.List()
		for i, s := range r.Stop {
			if i == 4 && r.From != llm.Chat {
				break // more are refused
			}
			b.String(s)
		}
		b.EndList()
	}
	if r.Logprobs && e.takes("logprobs") {
		b.PutBool("logprobs", true)
	}
	if r.TopLogprobs > 0 && e.takes("logprobs") {
		b.PutInt("top_logprobs", r.TopLogprobs)
	}
	e.reasoning()
	e.bookkeeping()
	e.output()
	b.Extras(r.Extra, llm.Chat, "")
	e.tools()
	e.goesOn = wire.GoesOn(r, e.t)
	if e.goesOn == wire.PrefillContinue {
		b.PutBool("continue_final_message", true)
		b.PutBool("add_generation_prompt", false) // the two exclude each other, and this one is on by itself
	}
	b.Key("messages")
	b.List()
	for i := range r.Messages {
		e.message(i, &r.Messages[i])
	}
	b.EndList()
	b.EndObject()
}

// seed writes the seed under the vendor's name, and top_k where the vendor has it.
func (e *encoder) seed() {
	r := e.r
	if raw.Find(r.Extra, llm.Chat, "random_seed") == nil {
		name := e.d.SeedName
		if name == "" {
			name = "seed"
		}
		e.b.PutNumber(name, r.Seed)
	}
	if r.From != llm.Chat && e.d.Carries("top_k") && e.t.Model.Samples(r) {
		e.b.PutNumber("top_k", r.TopK)
	}
}

func (e *encoder) stream() {
	b, r := &e.b, e.r
	if !r.Stream {
		return
	}
	b.PutBool("stream", true)
	other := raw.HasExtras(r.Extra, llm.Chat, "stream_options.")
	if e.d.NoStreamUsage && !other {
		return
	}
	b.Key("stream_options") // usage is what the bill is made of, so it is always asked for
	b.Object()
	b.PutBool("include_usage", true)
	b.Extras(r.Extra, llm.Chat, "stream_options.")
	b.EndObject()
}

func (e *encoder) cap() {
	n := e.t.OutputCap
	if n == 0 {
		n = e.r.MaxOutput
	}
	if n == 0 {
		return
	}
	name := e.d.OutputCapName
	if name == "" {
		name = capName
	}
	e.b.PutInt(name, n)
}

func (e *encoder) bookkeeping() {
	b, r := &e.b, e.r
	if r.ServiceTier != "" && (r.From == llm.Chat || r.ServiceTier == "auto") && e.takes("service_tier") {
		b.PutString("service_tier", r.ServiceTier)
	}
	if r.User != "" && e.takes("user") {
		b.PutString("user", r.User)
	}
	if r.CacheKey != "" && e.takes("prompt_cache_key") {
		b.PutString("prompt_cache_key", r.CacheKey)
	}
	if r.Store != nil && e.takes("store=true") {
		b.PutBool("store", *r.Store)
	}
	if len(r.Metadata) > 0 && e.takes("metadata") {
		b.Key("metadata")
		b.Object()
		for _, k := range sortedKeys(r.Metadata) {
			b.PutString(k, r.Metadata[k])
		}
		b.EndObject()
	}
}

// reasoning writes an effort, from the budget where there is none; a vendor's own
// spelling, kept with the request, comes before it. Of another format's request it
// is one that the model takes.
func (e *encoder) reasoning() {
	r, m := e.r, &e.t.Model
	if raw.Find(r.Extra, llm.Chat, "reasoning") != nil {
		return
	}
	effort := r.Reasoning.Effort
	if effort == "" && raw.Find(r.Extra, llm.Chat, "thinking") == nil {
		effort = wire.EffortOf(r.Reasoning.Budget)
	}
	if r.From != llm.Chat {
		if r.Reasoning.Enabled != nil && !*r.Reasoning.Enabled {
			if effort = ""; m.Known {
				effort = "none"
			}
		}
		if effort = m.Level(effort); !m.Known && (effort == "max" || effort == "xhigh") {
			effort = "high" // what every model that takes an effort takes
		}
	}
	if effort != "" {
		e.b.PutString("reasoning_effort", effort)
	}
}

func (e *encoder) output() {
	b, o := &e.b, &e.r.Output
	if o.Kind == "" {
		return
	}
	b.Key("response_format")
	b.Object()
	b.PutString("type", string(o.Kind))
	if o.Kind == llm.JSONSchema {
		b.Key("json_schema")
		b.Object()
		name := o.Name
		if name == "" && e.r.From != llm.Chat {
			name = "answer" // the format wants one
		}
		if name != "" {
			b.PutString("name", name)
		}
		if o.Description != "" {
			b.PutString("description", o.Description)
		}
		if o.Strict != nil {
			b.PutBool("strict", *o.Strict)
		}
		if len(o.Schema) > 0 {
			b.PutRaw("schema", o.Schema)
		}
		b.Extras(e.r.Extra, llm.Chat, "response_format.json_schema.")
		b.EndObject()
	}
	b.Extras(e.r.Extra, llm.Chat, "response_format.")
	b.EndObject()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
