package gemini

import (
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// DecodeResponse implements wire.Codec. Of several candidates the first is the answer;
// the others stay as extras. A blocked prompt has none.
func (Codec) DecodeResponse(body []byte, dia *wire.Dialect) (*llm.Response, error) {
	d := decoder{c: raw.On(body), r: &llm.Request{}}
	r := &llm.Response{}
	a := answer{d: &d, r: r}
	a.response()
	if err := d.c.End(); err != nil {
		return nil, wire.MalformedAnswer(body, err)
	}
	if a.failed {
		return nil, Codec{}.DecodeError(200, nil, body, dia)
	}
	if a.candidates == 0 && a.blocked == "" {
		return nil, wire.MalformedAnswer(body, &raw.SyntaxError{What: "candidates: there is none"})
	}
	a.finish()
	return r, nil
}

// answer reads one whole answer.
type answer struct {
	d          *decoder
	r          *llm.Response
	n          counts
	failed     bool
	candidates int
	word       string // why it ended
	blocked    string // why the prompt was
	grounds    []grounding
}

func (a *answer) response() {
	d, r := a.d, a.r
	c := &d.c
	for c.Object(); ; {
		key, ok := d.key(&d.as, "")
		if !ok {
			return
		}
		switch string(key) {
		case "responseId":
			r.ID = text(c)
		case "modelVersion":
			r.Model = text(c)
		case "createTime":
			at := *c
			r.Created = unix(text(&at))
			d.keep(&r.Extra, "")
		case "candidates":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); a.candidates++ {
				if a.candidates > 0 {
					d.name = []byte("more")
					d.keep(&r.Extra, "candidates.")
					continue
				}
				a.candidate()
			}
		case "usageMetadata":
			at := *c
			a.n.take(&at)
			d.keep(&r.Extra, "")
		case "promptFeedback":
			at := *c
			a.blocked = blockReason(&at)
			d.keep(&r.Extra, "")
		case "error":
			a.failed = c.Kind() == '{'
			d.keep(&r.Extra, "")
		default:
			d.keep(&r.Extra, "")
		}
	}
}

// unix is a time such as 2026-03-12T18:05:58.832195Z in seconds; 0 for any other text.
func unix(s string) int64 {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0
	}
	return t.Unix()
}

// blockReason is why a prompt was refused; "" where it was not.
func blockReason(c *raw.Cursor) (word string) {
	if c.Kind() != '{' {
		c.Skip()
		return ""
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return word
		}
		if string(key) != "blockReason" {
			c.Skip()
			continue
		}
		if word = enum(c, blocks); word == blocks[0] {
			word = ""
		}
	}
}

func (a *answer) candidate() {
	d, r := a.d, a.r
	c := &d.c
	const path = "candidate."
	turn := false
	for c.Object(); ; {
		key, ok := d.key(&d.as, path)
		if !ok {
			break
		}
		switch string(key) {
		case "content":
			if c.Kind() != '{' {
				c.Skip()
				continue
			}
			turn = true
			m := d.turn(false)
			r.Parts = m.Parts
			for _, x := range m.Extra {
				x.Path = "content." + x.Path
				r.Extra = append(r.Extra, x)
			}
			if m.Role == llm.User && raw.Find(m.Extra, llm.Gemini, "role") == nil {
				r.Extra = note(r.Extra, "content.role", `"user"`)
			}
		case "finishReason":
			at := *c
			if a.word = finishOf(&at); c.Kind() == '0' || !known(a.word) {
				d.keep(&r.Extra, path)
				continue
			}
			*c = at
		case "groundingMetadata", "citationMetadata":
			at := *c
			a.ground(string(key), &at)
			d.keep(&r.Extra, path)
		default:
			d.keep(&r.Extra, path)
		}
	}
	if !turn {
		r.Extra = note(r.Extra, noteNoTurn, "true")
	}
}

// finish settles what needs the whole answer.
func (a *answer) finish() {
	r := a.r
	r.Extra = a.d.as.keep(r.Extra)
	calls := 0
	for i := range r.Parts {
		p := &r.Parts[i]
		if p.Kind != llm.ToolCall {
			continue
		}
		if p.ID == "" {
			p.ID = madeID(r.ID + "/" + strconv.Itoa(calls))
			p.Extra = note(p.Extra, noteID, "true")
		}
		calls++
	}
	r.Stop, r.StopDetail = stopOf(a.word, calls > 0)
	if a.blocked != "" && a.candidates == 0 {
		r.Stop, r.StopDetail = llm.StopRefusal, a.blocked
	}
	for i := range a.grounds {
		a.grounds[i].cite(r.Parts)
		a.n.searches = max(a.n.searches, a.grounds[i].searches(generationOf(r.Model)))
	}
	r.Usage = a.n.usage()
}

// EncodeResponse implements wire.Codec.
func (Codec) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	e := newEncoder(&llm.Request{}, nil)
	e.answering, e.as = true, spelledIn(r.Extra)
	b := &e.b
	id, model := r.ID, r.Model
	if as != nil {
		id, model = pick(as.ID, id), pick(as.Model, model)
	}
	b.Object()
	own := raw.Find(r.Extra, llm.Gemini, "promptFeedback") != nil
	if !own || len(r.Parts) > 0 || r.Stop != llm.StopRefusal {
		b.Key("candidates")
		b.List()
		e.candidate(r)
		for i := range r.Extra {
			if name, ok := raw.Under(&r.Extra[i], llm.Gemini, "candidates."); ok && name == "more" {
				b.Raw(r.Extra[i].Value)
			}
		}
		b.EndList()
	}
	if raw.Find(r.Extra, llm.Gemini, "usageMetadata") == nil && r.Usage.Reported {
		putUsage(b, &r.Usage)
	}
	if model != "" {
		b.PutString("modelVersion", model)
	}
	if id != "" {
		b.PutString("responseId", id)
	}
	e.extras(r.Extra, "", e.as)
	b.EndObject()
	return b.B
}

func pick(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

func (e *encoder) candidate(r *llm.Response) {
	b := &e.b
	const path = "candidate."
	b.Object()
	if !noted(r.Extra, noteNoTurn) {
		b.Key("content")
		b.Object()
		if !noted(r.Extra, "content."+noteNoParts) {
			b.Key("parts")
			b.List()
			for i := range r.Parts {
				if p := &r.Parts[i]; e.writable(p) {
					e.part(0, i, p)
				}
			}
			b.EndList()
		}
		switch role := raw.Find(r.Extra, llm.Gemini, "content.role"); {
		case role == nil:
			b.PutString("role", "model")
		case string(role) != `""`:
			b.PutRaw("role", role)
		}
		e.extrasBut(r.Extra, "content.", "role")
		b.EndObject()
	}
	if r.Stop != llm.StopUnstated && raw.Find(r.Extra, llm.Gemini, path+"finishReason") == nil {
		b.PutString("finishReason", wordOf(r.Stop, r.StopDetail))
	}
	if !raw.HasExtras(r.Extra, llm.Gemini, "") {
		b.PutInt("index", 0)
		putGrounding(b, r.Parts)
	}
	e.extras(r.Extra, path, e.as)
	b.EndObject()
}

func (e *encoder) extrasBut(extra []llm.Extra, path, but string) {
	for i := range extra {
		if name, ok := raw.Under(&extra[i], llm.Gemini, path); ok && name != but && !isNote(name) {
			e.b.PutRaw(name, extra[i].Value)
		}
	}
}
