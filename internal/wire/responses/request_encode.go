package responses

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// EncodeRequest implements wire.Codec. The history comes last, so that a longer one
// begins with the bytes of a shorter one.
func (Codec) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	losses := wire.LossesAt(&Table, r, t)
	if t == nil {
		t = &wire.Target{}
	}
	if r.From != llm.Responses {
		losses = unread(losses, r, t.Dialect)
	}
	return encode(r, t, losses, llm.Responses)
}

func encode(r *llm.Request, t *wire.Target, losses []wire.Loss, f llm.Format) ([]byte, []wire.Loss, error) {
	if e := wire.RefuseLossy(losses, t, f); e != nil {
		return nil, losses, e
	}
	e := encoder{r: r, t: t, ids: wire.CallIDs{Prefix: "call_", Legal: callID}}
	e.b.B = make([]byte, 0, wire.RoomFor(r))
	e.request(f == llm.ResponsesCount)
	return e.b.B, losses, nil
}

// callID brings a tool call's id into the API's limit.
func callID(id string) string {
	return wire.LegalID(id, "call_", func(s string) bool { return len(s) <= 64 })
}

type encoder struct {
	b   raw.Builder
	r   *llm.Request
	t   *wire.Target
	ids wire.CallIDs

	placed []placed // items that are still to be written at their place
	at     int      // the message in hand, of which the instructions are none

	answer bool // an answer is written, not a request
	names  names
	maker  func(prefix string) string // of ids for an answer's items
}

// own reports whether the request is in this format already, so that what it says
// is the client's business.
func (e *encoder) own() bool { return e.r.From == llm.Responses }

// request writes the request; counting leaves out what steers the answer alone,
// which the question about tokens refuses.
func (e *encoder) request(counting bool) {
	b, r := &e.b, e.r
	b.Object()
	model := e.t.Upstream
	if model == "" {
		model = r.Model
	}
	b.PutString("model", model)
	if !counting {
		e.steering()
	}
	if r.ParallelTools != nil {
		b.PutBool("parallel_tool_calls", *r.ParallelTools)
	}
	e.reasoning()
	e.text()
	for i := range r.Extra {
		x := &r.Extra[i]
		if name, ok := raw.Under(x, llm.Responses, ""); ok && !(counting && unasked[name]) {
			b.PutRaw(name, x.Value)
		}
	}
	e.tools()
	e.toolChoice()
	for i := range r.Messages {
		if m := &r.Messages[i]; e.instructions(m) {
			b.PutString("instructions", m.Parts[0].Text)
		}
	}
	e.input()
	b.EndObject()
}

// unasked are the members that the question about tokens refuses.
var unasked = map[string]bool{
	"stream": true, "store": true, "include": true, "metadata": true, "background": true, "stream_options": true, "top_logprobs": true,
	"service_tier": true, "user": true, "safety_identifier": true, "max_tool_calls": true, "client_metadata": true,
	"prompt_cache_key": true, "prompt_cache_retention": true, "prompt_cache_options": true, "context_management": true, "moderation": true,
}

func (e *encoder) steering() {
	b, r := &e.b, e.r
	if r.Stream {
		b.PutBool("stream", true)
	}
	e.cap()
	if e.own() || e.t.Model.Samples(r) {
		b.PutNumber("temperature", r.Temperature)
		b.PutNumber("top_p", r.TopP)
	}
	if r.TopLogprobs > 0 {
		b.PutInt("top_logprobs", r.TopLogprobs)
	}
	e.bookkeeping()
	e.include()
	if raw.HasExtras(r.Extra, llm.Responses, "stream_options.") {
		b.Key("stream_options")
		b.Object()
		b.Extras(r.Extra, llm.Responses, "stream_options.")
		b.EndObject()
	}
}

// leastCap is the least output cap that the API takes.
const leastCap = 16

func (e *encoder) cap() {
	n := e.t.OutputCap
	if n == 0 {
		if n = e.r.MaxOutput; n > 0 && !e.own() {
			n = max(n, leastCap)
		}
	}
	if n > 0 {
		e.b.PutInt(capName, n)
	}
}

func (e *encoder) bookkeeping() {
	b, r := &e.b, e.r
	switch {
	case r.ServiceTier == "":
	case r.ServiceTier == "standard_only":
		b.PutString("service_tier", "default")
	case e.own() || slices.Contains(tiers, r.ServiceTier):
		b.PutString("service_tier", r.ServiceTier)
	}
	if r.User != "" {
		b.PutString("user", r.User)
	}
	if r.CacheKey != "" {
		b.PutString("prompt_cache_key", r.CacheKey)
	}
	switch {
	case r.Store != nil:
		b.PutBool("store", *r.Store)
	case !e.own(): // here it is kept unless one says no, elsewhere the other way round
		b.PutBool("store", false)
	}
	if len(r.Metadata) > 0 {
		b.Key("metadata")
		b.Object()
		for _, k := range sortedKeys(r.Metadata) {
			b.PutString(k, r.Metadata[k])
		}
		b.EndObject()
	}
	if e.own() {
		return
	}
	for _, name := range shared {
		if v := raw.Find(r.Extra, llm.Chat, name); v != nil {
			b.PutRaw(name, v)
		}
	}
}

var tiers = []string{"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"}

// shared are OpenAI's members of Chat Completions that mean the same here.
var shared = []string{"safety_identifier", "prompt_cache_retention", "prompt_cache_options"}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
