package gemini

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// config writes generationConfig, where there is anything to say in it.
func (e *encoder) config() {
	b, r := &e.b, e.r
	const path = "generationConfig."
	name := func(n string) string { return e.as.name(path, n) }
	before := len(b.B)
	b.Key(e.as.name("", "generationConfig"))
	b.Object()
	empty := len(b.B)
	if e.own || e.t.Model.Samples(r) {
		b.PutNumber("temperature", r.Temperature)
		b.PutNumber(name("topP"), r.TopP)
		b.PutNumber(name("topK"), r.TopK)
	}
	if r.Choices > 1 || e.own && r.Choices > 0 {
		b.PutInt(name("candidateCount"), r.Choices)
	}
	if n := max(e.t.OutputCap, 0); n > 0 || r.MaxOutput > 0 {
		if n == 0 {
			n = r.MaxOutput
		}
		b.PutInt(name(capName), n)
	}
	if len(r.Stop) > 0 {
		b.Key(name("stopSequences"))
		b.List()
		for i, s := range r.Stop {
			if i == mostStops && !e.own {
				break // more are refused
			}
			b.String(s)
		}
		b.EndList()
	}
	if r.Logprobs {
		b.PutBool(name("responseLogprobs"), true)
	}
	if r.TopLogprobs > 0 {
		b.PutInt("logprobs", r.TopLogprobs)
	}
	b.PutNumber(name("presencePenalty"), r.Penalties.Presence)
	b.PutNumber(name("frequencyPenalty"), r.Penalties.Frequency)
	b.PutNumber("seed", e.seed())
	if !e.own {
		e.output()
		e.thinking()
		if len(r.Modalities) > 0 {
			b.Key("responseModalities")
			b.List()
			for _, m := range r.Modalities {
				b.String(upper(m))
			}
			b.EndList()
		}
	}
	e.extras(r.Extra, path, e.as)
	if len(b.B) == empty {
		b.B = b.B[:before]
		return
	}
	b.EndObject()
}

// mostStops is how many stop sequences the API takes.
const mostStops = 5

// seed is the request's, brought into 32 bits, which is what the API takes: the same
// seed is the same one again.
func (e *encoder) seed() json.Number {
	seed := e.r.Seed
	if n, err := strconv.ParseInt(string(seed), 10, 64); err == nil && !e.own && (n > 1<<31-1 || n < -1<<31) {
		return json.Number(strconv.FormatInt(n&(1<<31-1), 10))
	}
	return seed
}

// structures reports whether the model takes a form of output beside functions:
// before the third generation the API refuses the two together.
func (e *encoder) structures() bool {
	if e.since(3) {
		return true
	}
	for i := range e.r.Tools {
		if t := &e.r.Tools[i]; t.From == "" || t.From == llm.Gemini {
			return false
		}
	}
	return true
}

func (e *encoder) output() {
	b, o := &e.b, &e.r.Output
	if o.Kind == "" || !e.structures() {
		return
	}
	b.PutString("responseMimeType", jsonType)
	if o.Kind == llm.JSONSchema && len(o.Schema) > 0 {
		b.PutRaw("responseJsonSchema", o.Schema)
	}
}

// asked is what the model cannot be held to, as system text.
func (e *encoder) asked() string {
	if e.own {
		return ""
	}
	var text []string
	switch o := &e.r.Output; {
	case o.Kind == "" || e.structures():
	case o.Kind == llm.JSONSchema && len(o.Schema) > 0:
		text = append(text, "Answer with one JSON value that follows this JSON Schema, and with nothing else, no explanation and no code fence:\n"+string(o.Schema))
	default:
		text = append(text, "Answer with one JSON object and with nothing else: no explanation and no code fence.")
	}
	if p := e.r.ParallelTools; p != nil && !*p && len(e.r.Tools) > 0 && e.r.ToolChoice.Mode != llm.ToolNone {
		text = append(text, "Call at most one function in a turn.")
	}
	return strings.Join(text, "\n\n")
}

// thinking writes how much to think in the terms that the model takes: a level from
// the third generation on, a number of tokens before.
func (e *encoder) thinking() {
	b, want := &e.b, &e.r.Reasoning
	off := want.Enabled != nil && !*want.Enabled || want.Effort == "none"
	asked := want.Budget > 0 || want.Effort != "" || want.Enabled != nil
	if !e.thinks() {
		return
	}
	level, budget, stated := "", int64(0), false
	if asked {
		if e.levels() {
			level = e.level(off)
		} else {
			budget, stated = e.budget(off)
		}
	}
	shown := !off && (want.Summary != "" && want.Summary != "none" || want.Budget > 0 || want.Enabled != nil)
	if level == "" && !stated && !shown {
		return
	}
	b.Key("thinkingConfig")
	b.Object()
	if stated {
		b.PutInt("thinkingBudget", budget)
	}
	if level != "" {
		b.PutString("thinkingLevel", level)
	}
	if shown {
		b.PutBool("includeThoughts", true)
	}
	b.EndObject()
}

// levels reports whether the model is told a level of thinking.
func (e *encoder) levels() bool {
	m := &e.t.Model
	if m.Known {
		return len(m.Efforts) > 0 || !m.Budget
	}
	return e.since(3)
}

// thinks reports whether the model thinks; those before 2.5 do not, and refuse to be
// asked.
func (e *encoder) thinks() bool {
	if e.t.Model.Known {
		return e.t.Model.Thinks
	}
	return e.since(2) && !strings.Contains(e.model(), "gemini-2.0")
}

func (e *encoder) level(off bool) string {
	m, want := &e.t.Model, &e.r.Reasoning
	effort := want.Effort
	switch {
	case off:
		effort = "minimal"
	case effort == "":
		effort = wire.EffortOf(want.Budget)
	}
	if m.Known {
		return m.Level(effort)
	}
	switch effort {
	case "minimal": // not every model has it
		return "low"
	case "xhigh", "max":
		return "high"
	}
	return effort
}

// budget is how many tokens to think with; -1 is as the model sees fit.
func (e *encoder) budget(off bool) (tokens int64, stated bool) {
	m, want := &e.t.Model, &e.r.Reasoning
	switch {
	case off && m.Known:
		return m.LeastBudget, true
	case off:
		return 0, true
	case want.Budget > 0:
		return m.Within(want.Budget), true
	case want.Effort == "minimal":
		return max(m.LeastBudget, minimalBudget), true
	case want.Effort != "":
		return m.Within(min(wire.BudgetOf(want.Effort), mostBudget)), true
	}
	return -1, true
}

const (
	minimalBudget = 512
	mostBudget    = 24576 // of the smaller models
)

// toolConfig writes how tools are to be called.
func (e *encoder) toolConfig() {
	b, r := &e.b, e.r
	const path = "toolConfig."
	before := len(b.B)
	b.Key(e.as.name("", "toolConfig"))
	b.Object()
	empty := len(b.B)
	if raw.HasExtras(r.Extra, llm.Gemini, path+"functionCallingConfig.") {
		b.Key(e.as.name(path, "functionCallingConfig"))
		b.Object()
		e.extras(r.Extra, path+"functionCallingConfig.", e.as)
		if names := raw.Find(r.Extra, llm.Gemini, noteAllowed); names != nil {
			b.PutRaw(e.as.name(path+"functionCallingConfig.", "allowedFunctionNames"), names)
		}
		b.EndObject()
	} else if mode, name := e.mode(); mode != "" {
		b.Key("functionCallingConfig")
		b.Object()
		b.PutString("mode", mode)
		if name != "" {
			b.Key("allowedFunctionNames")
			b.List()
			b.String(name)
			b.EndList()
		}
		b.EndObject()
	}
	e.extras(r.Extra, path, e.as)
	if len(b.B) == empty {
		b.B = b.B[:before]
		return
	}
	b.EndObject()
}

// mode is the way to call functions. Arguments are held to their schemas by VALIDATED,
// and by ANY of itself.
func (e *encoder) mode() (mode, name string) {
	functions, strict := false, false
	for i := range e.r.Tools {
		t := &e.r.Tools[i]
		functions = functions || t.From == ""
		strict = strict || t.From == "" && t.Strict != nil && *t.Strict
	}
	if !functions {
		return "", ""
	}
	switch c := e.r.ToolChoice; c.Mode {
	case llm.ToolRequired:
		return "ANY", ""
	case llm.ToolNamed:
		return "ANY", c.Name
	case llm.ToolNone:
		return "NONE", ""
	case llm.ToolAuto:
		mode = "AUTO"
	}
	if strict {
		mode = "VALIDATED"
	}
	return mode, ""
}
