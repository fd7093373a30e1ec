package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// include asks for what the answer is to have. Reasoning comes encrypted, so that
// the client can carry it although nothing is kept.
func (e *encoder) include() {
	b, r := &e.b, e.r
	if e.own() {
		n := 0
		for i := range r.Extra {
			what, ok := strings.CutPrefix(r.Extra[i].Path, "include.")
			if !ok || r.Extra[i].Format != llm.Responses {
				continue
			}
			if n++; n == 1 {
				b.Key("include")
				b.List()
			}
			b.String(what)
		}
		if n > 0 {
			b.EndList()
		}
		return
	}
	thinks := !e.t.Model.Known || e.t.Model.Thinks
	if thinks || r.Logprobs {
		b.Key("include")
		b.List()
		if thinks {
			b.String(includeReasoning)
		}
		if r.Logprobs {
			b.String(includeLogprobs)
		}
		b.EndList()
	}
}

// reasoning writes an effort, from the budget where there is none. Of another
// format's request it is one that the model takes.
func (e *encoder) reasoning() {
	b, r, m := &e.b, e.r, &e.t.Model
	effort, summary := r.Reasoning.Effort, r.Reasoning.Summary
	if e.own() && raw.Find(r.Extra, llm.Responses, "reasoning.summary.older") != nil {
		summary = "" // stands there under its older name
	}
	if !e.own() {
		if effort == "" {
			effort = wire.EffortOf(r.Reasoning.Budget)
		}
		if r.Reasoning.Enabled != nil && !*r.Reasoning.Enabled {
			if effort = ""; m.Known {
				effort = "none"
			}
		}
		if effort = m.Level(effort); !m.Known && (effort == "max" || effort == "xhigh") {
			effort = "high" // what every model that takes an effort takes
		}
		switch summary {
		case "auto", "concise", "detailed":
		default:
			summary = ""
		}
	}
	if effort == "" && summary == "" && !raw.HasExtras(r.Extra, llm.Responses, "reasoning.") {
		return
	}
	b.Key("reasoning")
	b.Object()
	if effort != "" {
		b.PutString("effort", effort)
	}
	if summary != "" {
		b.PutString("summary", summary)
	}
	b.Extras(r.Extra, llm.Responses, "reasoning.")
	b.EndObject()
}

func (e *encoder) text() {
	b, r, o := &e.b, e.r, &e.r.Output
	verbosity := raw.Find(r.Extra, llm.Chat, "verbosity")
	if o.Kind == "" && verbosity == nil && !raw.HasExtras(r.Extra, llm.Responses, "text.") {
		return
	}
	b.Key("text")
	b.Object()
	if verbosity != nil {
		b.PutRaw("verbosity", verbosity)
	}
	b.Extras(r.Extra, llm.Responses, "text.")
	if o.Kind != "" {
		b.Key("format")
		b.Object()
		b.PutString("type", string(o.Kind))
		if o.Kind == llm.JSONSchema {
			e.schema(o)
		}
		b.Extras(r.Extra, llm.Responses, "text.format.")
		b.EndObject()
	}
	b.EndObject()
}

func (e *encoder) schema(o *llm.OutputFormat) {
	b := &e.b
	name := o.Name
	if name == "" && !e.own() {
		name = "answer" // the format wants one
	}
	if name != "" {
		b.PutString("name", name)
	}
	if o.Description != "" {
		b.PutString("description", o.Description)
	}
	switch {
	case o.Strict != nil:
		b.PutBool("strict", *o.Strict)
	case !e.own(): // here it is strict unless one says no, elsewhere the other way round
		b.PutBool("strict", false)
	}
	switch {
	case len(o.Schema) > 0:
		b.PutRaw("schema", o.Schema)
	case !e.own():
		b.PutRaw("schema", []byte("{}"))
	}
}
