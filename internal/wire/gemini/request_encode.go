package gemini

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// EncodeRequest implements wire.Codec. Contents come last, so that a longer history
// begins with the bytes of a shorter one.
func (Codec) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	losses := lossesAt(&Table, r, t)
	if e := wire.RefuseLossy(losses, t, llm.Gemini); e != nil {
		return nil, losses, e
	}
	e := newEncoder(r, t)
	e.b.Object()
	e.request()
	e.b.EndObject()
	return e.b.B, losses, nil
}

func newEncoder(r *llm.Request, t *wire.Target) *encoder {
	e := &encoder{r: r, t: t, own: own(r), names: map[string]string{}}
	if e.own {
		e.as = spelledIn(r.Extra)
	}
	if t == nil {
		e.t = &wire.Target{}
	}
	e.d = e.t.Dialect
	if e.d == nil {
		e.d = &wire.Dialect{}
	}
	e.ids = wire.CallIDs{Prefix: "call_", Legal: func(id string) string { return id }}
	e.generation = generationOf(e.model())
	e.b.B = make([]byte, 0, wire.RoomFor(r))
	return e
}

type encoder struct {
	b          raw.Builder
	r          *llm.Request
	t          *wire.Target
	d          *wire.Dialect
	own        bool
	answering  bool // an answer is written, not a request
	named      bool // the body names the model
	as         spelled
	ids        wire.CallIDs
	names      map[string]string // of functions, by their calls' ids
	generation int               // of the model; 0: not known

	role   llm.Role // of the turn that is open
	called bool     // it has a function call
	media  []llm.Part
}

func (e *encoder) model() string {
	if e.t.Upstream != "" {
		return e.t.Upstream
	}
	return e.r.Model
}

// generationOf is the first number of a Gemini model's version: 2 for
// gemini-2.5-flash; 0 where its name shows none, as those of the latest ones and of
// tuned ones do not.
func generationOf(model string) int {
	_, rest, ok := strings.Cut(model, "gemini-")
	if !ok || rest == "" || rest[0] < '1' || rest[0] > '9' || len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9' {
		return 0
	}
	return int(rest[0] - '0')
}

// since reports whether the model is of that generation or later. One whose name
// shows nothing is taken for a late one.
func (e *encoder) since(generation int) bool { return e.generation == 0 || e.generation >= generation }

// request writes the members of a request.
func (e *encoder) request() {
	b, r := &e.b, e.r
	if e.named || raw.Find(r.Extra, llm.Gemini, "model") != nil {
		b.PutString("model", inBody(e.model()))
	}
	if e.own {
		if r.ServiceTier != "" {
			b.PutString(e.as.name("", "serviceTier"), r.ServiceTier)
		}
		if r.Store != nil {
			b.PutBool("store", *r.Store)
		}
		e.labels()
	}
	for i := range r.Extra {
		name, ok := raw.Under(&r.Extra[i], llm.Gemini, "")
		switch {
		case r.Extra[i].Path == noteUnsafe:
			b.PutRaw(e.as.name("", "safetySettings"), r.Extra[i].Value)
		case !ok || isNote(name) || name == "model":
		case name == "cachedContent" && len(e.t.IDs) > 0:
			b.PutString(e.as.name("", name), e.t.IDs[0])
		default:
			b.PutRaw(e.as.name("", name), r.Extra[i].Value)
		}
	}
	e.config()
	e.toolConfig()
	e.tools()
	rest := e.system()
	b.Key(e.as.name("", "contents"))
	from := e.open()
	e.turns(rest)
	e.shut(from, e.as.single("contents"))
}

// open begins a list, and says where it stands.
func (e *encoder) open() (from int) {
	e.b.List()
	return len(e.b.B) - 1
}

// shut ends a list, or takes its brackets away where it is of one object, and came
// without them.
func (e *encoder) shut(from int, single bool) {
	b := &e.b
	b.EndList()
	if !single {
		return
	}
	c := raw.On(b.B[from:])
	n, at := 0, raw.Span{}
	for c.List(); c.More(); n++ {
		at = c.Skip()
	}
	if n == 1 && b.B[from+at.From] == '{' {
		b.B = append(b.B[:from], b.B[from+at.From:from+at.To]...)
	}
}

func (e *encoder) labels() {
	b, r := &e.b, e.r
	if len(r.Metadata) == 0 {
		return
	}
	b.Key("labels")
	b.Object()
	for _, k := range sortedKeys(r.Metadata) {
		b.PutString(k, r.Metadata[k])
	}
	b.EndObject()
}

// extras appends the members that were kept under a path, in their order.
func (e *encoder) extras(extra []llm.Extra, path string, as spelled) {
	for i := range extra {
		if name, ok := raw.Under(&extra[i], llm.Gemini, path); ok && !isNote(name) {
			e.b.PutRaw(as.name(path, name), extra[i].Value)
		}
	}
}

func leads(m *llm.Message) bool { return m.Role == llm.System || m.Role == llm.Developer }

// system writes the system and developer text before the first turn, and says how
// many messages that were.
func (e *encoder) system() (leading int) {
	b, r := &e.b, e.r
	written := 0
	var as spelled
	single, from := false, 0
	begin := func(m *llm.Message) {
		if written++; written > 1 {
			return
		}
		b.Key(e.as.name("", "systemInstruction"))
		b.Object()
		if m != nil {
			if role := raw.Find(m.Extra, llm.Gemini, "role"); role != nil {
				b.PutRaw("role", role)
			}
			as = spelledIn(m.Extra)
			e.extrasOfTurn(m, as)
		}
		single = as.single("parts")
		b.Key("parts")
		from = e.open()
	}
	for ; leading < len(r.Messages) && leads(&r.Messages[leading]); leading++ {
		m := &r.Messages[leading]
		for j := range m.Parts {
			if p := &m.Parts[j]; e.writable(p) {
				begin(m)
				e.part(leading, j, p)
			}
		}
	}
	if text := e.asked(); text != "" {
		begin(nil)
		e.text(text)
	}
	if written > 0 {
		e.shut(from, single)
		b.EndObject()
	}
	return leading
}

func (e *encoder) extrasOfTurn(m *llm.Message, as spelled) {
	for i := range m.Extra {
		if name, ok := raw.Under(&m.Extra[i], llm.Gemini, ""); ok && name != "role" && !isNote(name) {
			e.b.PutRaw(as.name("", name), m.Extra[i].Value)
		}
	}
}

func (e *encoder) text(s string) {
	e.b.Object()
	e.b.PutString("text", s)
	e.b.EndObject()
}
