package messages

import (
	"bytes"

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

// thinking writes what was asked for in this format's own terms, or makes a budget
// of another format's effort.
func (e *encoder) thinking() error {
	b, r, want := &e.b, e.r, &e.r.Reasoning
	budget := want.Budget
	if r.From != llm.Messages && budget == 0 {
		budget = budgetOf(want.Effort)
		if budget > 0 && !e.mayThink() {
			return nil
		}
		if most := e.cap() / 2; budget > most && budget > 0 {
			budget = most
			if budget < minThinking {
				return nil
			}
		}
	}
	kind := ""
	switch {
	case budget > 0:
		kind = "enabled"
	case want.Enabled != nil && !*want.Enabled || want.Effort == "none":
		kind = "disabled"
	case want.Enabled != nil:
		kind = "adaptive"
	default:
		return nil
	}
	if outputCap := e.cap(); budget >= outputCap {
		asked := budget
		if budget = max(minThinking, outputCap/2); budget >= outputCap {
			return noRoom(asked, outputCap)
		}
	}
	b.Key("thinking")
	b.Object()
	b.PutString("type", kind)
	if kind == "enabled" {
		b.PutInt("budget_tokens", budget)
	}
	b.Extras(r.Extra, llm.Messages, "thinking.")
	b.EndObject()
	return nil
}

// budgetOf is the thinking that an effort usually comes to.
func budgetOf(effort string) int64 {
	switch effort {
	case "", "none", "minimal":
		return 0
	case "low":
		return 2048
	case "medium":
		return 8192
	}
	return 16384
}

// mayThink reports whether thinking that the client asked for in other words may
// be switched on: the API refuses it beside a forced tool, another temperature, a
// prefill, or a tool loop whose calls were made without thinking.
func (e *encoder) mayThink() bool {
	r := e.r
	if r.ToolChoice.Mode == llm.ToolRequired || r.ToolChoice.Mode == llm.ToolNamed || r.TopK != "" {
		return false
	}
	if f, err := r.Temperature.Float64(); err == nil && f != 1 {
		return false
	}
	for i := len(r.Messages) - 1; i >= 0; i-- {
		m := &r.Messages[i]
		if m.Role != llm.Assistant {
			continue
		}
		if i == len(r.Messages)-1 {
			return false
		}
		signed, calls := false, false
		for j := range m.Parts {
			signed = signed || m.Parts[j].Kind == llm.Thinking && (m.Parts[j].Signature != "" || m.Parts[j].Redacted != "")
			calls = calls || m.Parts[j].Kind == llm.ToolCall
		}
		return signed || !calls
	}
	return true
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

func (e *encoder) tools() {
	b, r := &e.b, e.r
	written := 0
	begin := func() {
		if written++; written == 1 {
			b.Key("tools")
			b.List()
		}
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		switch t.From {
		case llm.Messages:
			begin()
			b.Raw(t.Raw)
		case "":
			begin()
			e.tool(t)
		}
	}
	choice := r.ToolChoice
	if written == 0 {
		// The API refuses a history with calls of tools that are not there.
		for _, name := range calledTools(r) {
			begin()
			e.tool(&llm.Tool{Name: name})
			choice = llm.ToolChoice{Mode: llm.ToolNone}
		}
	}
	if written == 0 {
		return
	}
	b.EndList()
	one := r.ParallelTools != nil && choice.Mode != llm.ToolNone
	if choice.Mode == "" && !(one && !*r.ParallelTools) {
		return
	}
	b.Key("tool_choice")
	b.Object()
	b.PutString("type", choiceWord(choice.Mode))
	if choice.Mode == llm.ToolNamed {
		b.PutString("name", choice.Name)
	}
	if one {
		b.PutBool("disable_parallel_tool_use", !*r.ParallelTools)
	}
	b.Extras(r.Extra, llm.Messages, "tool_choice.")
	b.EndObject()
}

func choiceWord(m llm.ToolMode) string {
	switch m {
	case llm.ToolRequired:
		return "any"
	case llm.ToolNone:
		return "none"
	case llm.ToolNamed:
		return "tool"
	}
	return "auto"
}

// calledTools are the names of the tools that the history calls, in the order of
// their first call.
func calledTools(r *llm.Request) (names []string) {
	seen := map[string]bool{}
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			if p := &r.Messages[i].Parts[j]; p.Kind == llm.ToolCall && !seen[p.Name] {
				seen[p.Name] = true
				names = append(names, p.Name)
			}
		}
	}
	return names
}

func (e *encoder) tool(t *llm.Tool) {
	b := &e.b
	b.Object()
	b.PutString("name", t.Name)
	if t.Description != "" {
		b.PutString("description", t.Description)
	}
	b.Key("input_schema")
	e.schema(t.Schema)
	if t.Strict != nil {
		b.PutBool("strict", *t.Strict)
	}
	b.PutCacheMark(t.Cache)
	b.Extras(t.Extra, llm.Messages, "")
	b.EndObject()
}

// schema writes a tool's schema, which must say that it is an object's.
func (e *encoder) schema(s []byte) {
	b := &e.b
	s = bytes.TrimSpace(s)
	c := raw.On(s)
	if c.Kind() != '{' {
		b.Raw([]byte(`{"type":"object","properties":{}}`))
		return
	}
	typed, members := false, 0
	for c.Object(); ; members++ {
		key, ok := c.Key()
		if !ok {
			break
		}
		typed = typed || string(key) == "type"
		c.Skip()
	}
	switch {
	case typed:
		b.Raw(s)
	case members == 0:
		b.Raw([]byte(`{"type":"object","properties":{}}`))
	default:
		b.Object()
		b.PutString("type", "object")
		b.B = append(append(b.B, ','), s[1:]...)
	}
}
