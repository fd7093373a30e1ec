package responses

import (
	"slices"
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// EncodeResponse implements wire.Codec. An answer of this format is as it came, with
// what it may lack of the specification where a client is to see it.
func (Codec) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	var env envelope
	env.begin(as, r.ID, r.Model, r.Created)
	e := encoder{r: &llm.Request{}, t: &wire.Target{}, answer: true, names: env.names, maker: env.itemID}
	e.ids = wire.CallIDs{Prefix: "call_", Legal: callID}
	e.b.B = make([]byte, 0, 2048+wire.RoomFor(&llm.Request{Messages: []llm.Message{{Parts: r.Parts}}}))
	output := func() { e.items(0, wire.SplitState(r.Parts)) }
	if raw.Find(r.Extra, llm.Responses, "object") != nil {
		e.whole(r, as, output)
		return e.b.B
	}
	refusal := slices.ContainsFunc(r.Parts, func(p llm.Part) bool { return p.Kind == llm.Refusal })
	status, incomplete := ended(r.Stop, r.StopDetail, refusal)
	env.object(&e.b, status, incomplete, &r.Usage, nil, output)
	return e.b.B
}

// whole writes an answer of this format again, under the client's name for the
// model and with ids that it may come back with.
func (e *encoder) whole(r *llm.Response, as *wire.Answer, output func()) {
	b := &e.b
	b.Object()
	for i := range r.Extra {
		name, ok := raw.Under(&r.Extra[i], llm.Responses, "")
		switch {
		case !ok:
		case as != nil && name == "model" && as.Model != "":
			b.PutString("model", as.Model)
		default:
			b.PutRaw(name, r.Extra[i].Value)
		}
	}
	b.Key("output")
	b.List()
	output()
	b.EndList()
	if as != nil {
		if as.Request != nil {
			e.missing(r)
		}
		if as.Seal != nil {
			b.EndObject()
			b.B = Codec{}.Rename(nil, b.B, &wire.Answer{Seal: as.Seal})
			return
		}
	}
	b.EndObject()
}

// missing writes the members that the specification wants and a vendor leaves out.
func (e *encoder) missing(r *llm.Response) {
	has := func(name string) bool { return raw.Find(r.Extra, llm.Responses, name) != nil }
	for _, x := range [...]struct{ name, value string }{{"error", "null"}, {"incomplete_details", "null"}} {
		if !has(x.name) {
			e.b.PutRaw(x.name, []byte(x.value))
		}
	}
	for _, x := range repeated {
		if !has(x.name) {
			e.b.PutRaw(x.name, []byte(x.otherwise))
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
