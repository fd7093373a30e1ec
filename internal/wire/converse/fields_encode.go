package converse

import (
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// fields writes what Converse has no member for, in the words of the model's maker:
//
//	anthropic  {"thinking":{"type":"enabled","budget_tokens":2048},"top_k":20}
//	           {"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}
//	           {"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}
//	amazon     {"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"},"inferenceConfig":{"topK":20}}
//	openai     {"reasoning_effort":"medium"}
//	qwen       {"reasoning_config":"high"}
func (e *encoder) fields() error {
	b, r := &e.b, e.r
	if e.own {
		if raw.HasExtras(r.Extra, format, fieldsName+".") {
			b.Key(fieldsName)
			b.Object()
			b.Extras(r.Extra, format, fieldsName+".")
			b.EndObject()
		}
		return nil
	}
	f := raw.Builder{B: []byte("{")}
	if err := e.thinking(&f); err != nil {
		return err
	}
	if r.TopK != "" && e.t.Model.Samples(r) {
		switch e.family.topK {
		case "":
		case configName + ".topK":
			f.Key(configName)
			f.Object()
			f.PutNumber("topK", r.TopK)
			f.EndObject()
		default:
			f.PutNumber(e.family.topK, r.TopK)
		}
	}
	if e.oneCall() {
		f.PutRaw("tool_choice", []byte(`{"type":"auto","disable_parallel_tool_use":true}`))
	}
	if e.family.name == anthropic {
		flags, losses := wire.BetasAt(wire.CloudConverse, e.t.Betas)
		if e.losses = append(e.losses, losses...); len(flags) > 0 {
			f.Key("anthropic_beta")
			f.List()
			for _, flag := range flags {
				f.String(flag)
			}
			f.EndList()
		}
	}
	if len(f.B) > 1 {
		f.EndObject()
		b.PutRaw(fieldsName, f.B)
	}
	return nil
}

// modelLosses are what this model does not take of another format's request.
func (e *encoder) modelLosses() (out []wire.Loss) {
	if e.own {
		return nil
	}
	r, f := e.r, e.family
	if r.TopK != "" && f.topK == "" {
		out = append(out, wire.Loss{Field: "top_k", Class: wire.Semantic, Note: "this model's name for it is not known"})
	}
	if !f.caches && marked(r) {
		out = append(out, wire.Loss{Field: "cache_control", Class: wire.Advisory, Note: "this model takes no marks"})
	}
	if r.ToolChoice.Mode == llm.ToolNone && len(r.Tools) > 0 {
		out = append(out, wire.Loss{Field: "tool_choice", Class: wire.Emulated, Note: "there is no such choice"})
		if calls(r) {
			out[0].Note += "; the system text says so"
		} else {
			out = append(out, wire.Loss{Field: "tools", Class: wire.Emulated, Note: "left out, as none may be called"})
		}
	}
	if len(r.Tools) > 0 && !slices.ContainsFunc(r.Tools, func(t llm.Tool) bool { return writableTool(&t) }) && len(calledTools(r)) > 0 {
		out = append(out, wire.Loss{Field: "tools (missing)", Class: wire.Emulated, Note: "named as tools"})
	}
	want := &r.Reasoning
	if (want.Budget > 0 || wire.BudgetOf(want.Effort) > 0 || want.Enabled != nil && *want.Enabled) && !e.thinks() {
		out = append(out, wire.Loss{Field: "reasoning", Class: wire.Advisory, Note: "this model's words for it are not known"})
	}
	if foreignState(r, f) {
		out = append(out, wire.Loss{Field: "thinking.signature", Class: wire.Semantic, Note: "thinking of another maker's model"})
	}
	return out
}

// thinks reports whether the model can be asked to think.
func (e *encoder) thinks() bool {
	switch e.family.name {
	case anthropic, openai, qwen:
		return true
	case amazon:
		return strings.Contains(e.model, "nova-2")
	}
	return false
}

func marked(r *llm.Request) bool {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			if p.Cache != nil {
				return true
			}
			for k := range p.Content {
				if p.Content[k].Cache != nil {
					return true
				}
			}
		}
	}
	for i := range r.Tools {
		if r.Tools[i].Cache != nil {
			return true
		}
	}
	return false
}

func foreignState(r *llm.Request, f *family) bool {
	for i := range r.Messages {
		for j := range r.Messages[i].Parts {
			p := &r.Messages[i].Parts[j]
			if (p.Signature != "" || p.Redacted != "") && p.Kind == llm.Thinking && !f.understands(p.Maker) {
				return true
			}
		}
	}
	return false
}

// thinking asks the model to think, as the request asked for it in other words.
func (e *encoder) thinking(f *raw.Builder) error {
	want, m := &e.r.Reasoning, &e.t.Model
	off := want.Enabled != nil && !*want.Enabled || want.Effort == "none"
	asked := want.Budget > 0 || wire.BudgetOf(want.Effort) > 0 || want.Enabled != nil
	if !e.thinks() || !off && !asked || m.Known && !m.Thinks || off && m.Known && !m.Switch {
		return nil
	}
	effort := want.Effort
	if effort == "" {
		effort = wire.EffortOf(want.Budget)
	}
	switch e.family.name {
	case anthropic:
		if off {
			f.Key("thinking")
			f.Raw([]byte(`{"type":"disabled"}`))
			return nil
		}
		if wire.MayThink(e.r, &e.t.Model, func(p *llm.Part) bool { return p.Kind == llm.Thinking && e.writable(p) }) {
			return e.anthropicThinking(f)
		}
		if want.Budget > 0 {
			e.losses = append(e.losses, wire.Loss{Field: "reasoning.budget", Class: wire.Advisory, Note: "no thinking beside a forced tool, a temperature, or a tool loop that began without it"})
		}
	case amazon:
		if off {
			f.Key("reasoningConfig")
			f.Raw([]byte(`{"type":"disabled"}`))
			return nil
		}
		f.Key("reasoningConfig")
		f.Object()
		f.PutString("type", "enabled")
		f.PutString("maxReasoningEffort", e.novaEffort(effort))
		f.EndObject()
	case openai:
		if !off {
			f.PutString("reasoning_effort", ofThree(m.Level(effort)))
		}
	case qwen:
		if !off {
			f.PutString("reasoning_config", ofThree(m.Level(effort)))
		}
	}
	return nil
}

// ofThree is the effort where a model knows low, medium and high.
func ofThree(effort string) string {
	switch effort {
	case "minimal", "low":
		return "low"
	case "high", "xhigh", "max":
		return "high"
	}
	return "medium"
}

// novaEffort: high is refused beside a cap or settings of sampling, which are kept.
func (e *encoder) novaEffort(effort string) string {
	level := ofThree(effort)
	if level == "high" && (e.cap() > 0 || e.r.Temperature != "" || e.r.TopP != "" || e.r.TopK != "") {
		return "medium"
	}
	return level
}

// anthropicThinking is as Messages has it: newer models think as they see fit, with an
// effort, older ones with a budget.
func (e *encoder) anthropicThinking(f *raw.Builder) error {
	want, m := &e.r.Reasoning, &e.t.Model
	effort, budget := want.Effort, want.Budget
	if effort == "" && m.Adaptive {
		effort = wire.EffortOf(budget)
	}
	adaptive := m.Known && m.Adaptive && (budget == 0 || !m.Budget) || !m.Known && budget == 0 && effort == ""
	if adaptive {
		f.Key("thinking")
		f.Raw([]byte(`{"type":"adaptive"}`))
		if level := m.Level(effort); level != "" {
			f.Key("output_config")
			f.Object()
			f.PutString("effort", level)
			f.EndObject()
		}
		return nil
	}
	outputCap := e.cap()
	if budget == 0 {
		if effort == "" {
			effort = "medium"
		}
		if budget = wire.BudgetOf(effort); outputCap > 0 && budget > outputCap/2 {
			budget = outputCap / 2
		}
	}
	budget = m.Within(budget)
	if budget < minThinking || m.Known && !m.Budget {
		return nil
	}
	if outputCap > 0 && budget >= outputCap {
		asked := budget
		if budget = max(minThinking, outputCap/2); budget >= outputCap {
			return noRoom(asked, outputCap)
		}
	}
	f.Key("thinking")
	f.Object()
	f.PutString("type", "enabled")
	f.PutInt("budget_tokens", budget)
	f.EndObject()
	return nil
}
