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
	losses := Codec{}.Losses(r)
	if e := wire.RefuseLossy(losses, t, llm.Messages); e != nil {
		return nil, losses, e
	}
	e := encoder{r: r, t: t, ids: wire.CallIDs{Prefix: "toolu_", Legal: callID}}
	if t == nil {
		e.t = &wire.Target{}
	}
	e.b.B = make([]byte, 0, sizeOf(r))
	if err := e.request(); err != nil {
		return nil, losses, err
	}
	return e.b.B, losses, nil
}

// sizeOf guesses the size of the encoded request, so that it is allocated once.
func sizeOf(r *llm.Request) int {
	n := 1024
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			n += 96 + len(p.Text) + len(p.Text)/16 + len(p.Arguments) + len(p.Data)/3*4 + len(p.Raw) + len(p.Signature)
			for k := range p.Content {
				n += 64 + len(p.Content[k].Text) + len(p.Content[k].Text)/16
			}
		}
	}
	for i := range r.Tools {
		n += 128 + len(r.Tools[i].Description) + len(r.Tools[i].Schema)
	}
	return n
}

type encoder struct {
	b    raw.Builder
	r    *llm.Request
	t    *wire.Target
	ids  wire.CallIDs
	role llm.Role // of the turn that is open
}

func (e *encoder) cap() int64 {
	for _, n := range []int64{e.t.OutputCap, e.r.MaxOutput, e.t.MaxOutput} {
		if n > 0 {
			return n
		}
	}
	return defaultCap
}

func (e *encoder) request() error {
	b, r := &e.b, e.r
	b.Object()
	model := e.t.Upstream
	if model == "" {
		model = r.Model
	}
	b.PutString("model", model)
	b.PutInt(capName, e.cap())
	if r.Stream {
		b.PutBool("stream", true)
	}
	e.temperature()
	b.PutNumber("top_p", r.TopP)
	if r.TopK != "" {
		b.PutNumber("top_k", r.TopK)
	} else if k := raw.Find(r.Extra, llm.Chat, "top_k"); k != nil {
		b.PutRaw("top_k", k)
	}
	if len(r.Stop) > 0 {
		b.Key("stop_sequences")
		b.List()
		for _, s := range r.Stop {
			b.String(s)
		}
		b.EndList()
	}
	if err := e.thinking(); err != nil {
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
	b.Extras(r.Extra, llm.Messages, "")
	e.tools()
	e.system()
	e.messages()
	b.EndObject()
	return nil
}

// temperature is at most 1 here.
func (e *encoder) temperature() {
	if t := e.r.Temperature; t != "" {
		if f, err := t.Float64(); err == nil && f > 1 {
			t = "1"
		}
		e.b.PutNumber("temperature", t)
	}
}

func (e *encoder) output() {
	b, r := &e.b, e.r
	schema := r.Output.Kind == llm.JSONSchema && raw.Find(r.Extra, llm.Messages, "output_format") == nil
	if !schema && !raw.HasExtras(r.Extra, llm.Messages, "output_config.") {
		return
	}
	b.Key("output_config")
	b.Object()
	b.Extras(r.Extra, llm.Messages, "output_config.")
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
