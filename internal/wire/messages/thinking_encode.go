package messages

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// thought is how a request asks for thinking in this format's terms.
type thought struct {
	kind   string // enabled, disabled, adaptive; "" says nothing
	budget int64
	effort string // for output_config, where the request has none of its own
}

// thinking writes what was asked for in this format's own terms, or in those that
// the model takes what was asked for in another's.
func (e *encoder) thinking(outputCap int64) error {
	b, r := &e.b, e.r
	t := e.thought()
	e.effort = t.effort
	if t.kind == "" {
		return nil
	}
	if t.budget >= outputCap {
		asked := t.budget
		if t.budget = max(minThinking, outputCap/2); t.budget >= outputCap {
			return noRoom(asked, outputCap)
		}
	}
	b.Key("thinking")
	b.Object()
	b.PutString("type", t.kind)
	if t.kind == "enabled" {
		b.PutInt("budget_tokens", t.budget)
	}
	b.Extras(r.Extra, llm.Messages, "thinking.")
	b.EndObject()
	return nil
}

func (e *encoder) thought() thought {
	want := &e.r.Reasoning
	off := want.Enabled != nil && !*want.Enabled || want.Effort == "none"
	if e.own() {
		return e.reworded(off)
	}
	m := &e.t.Model
	switch {
	case off && m.Known && !m.Switch, m.Known && !m.Thinks:
		return thought{}
	case off:
		return thought{kind: "disabled"}
	case want.Budget == 0 && wire.BudgetOf(want.Effort) == 0 && want.Enabled == nil:
		return thought{} // nothing was asked for, or no more than a model does by itself
	case !wire.MayThink(e.r, &e.t.Model, takenBack):
		if want.Budget > 0 {
			e.losses = append(e.losses, wire.Loss{Field: "reasoning.budget", Class: wire.Advisory, Note: "no thinking beside a forced tool, a temperature, or a tool loop that began without it"})
		}
		return thought{}
	}
	return e.think(want)
}

// reworded is what a request in this format says itself, but for what the model is
// known to refuse: newer ones take no budget, older ones need it.
func (e *encoder) reworded(off bool) thought {
	want, m := &e.r.Reasoning, &e.t.Model
	effort := m.Level(want.Effort)
	switch {
	case off:
		return thought{kind: "disabled", effort: effort}
	case want.Budget > 0 && m.Known && !m.Budget && m.Adaptive:
		if want.Effort == "" {
			effort = m.Level(wire.EffortOf(want.Budget))
		}
		return thought{kind: "adaptive", effort: effort}
	case want.Budget > 0:
		return thought{kind: "enabled", budget: want.Budget, effort: effort}
	case want.Enabled != nil && m.Known && !m.Adaptive:
		t := e.think(want)
		t.effort = effort
		return t
	case want.Enabled != nil:
		return thought{kind: "adaptive", effort: effort}
	}
	return thought{effort: effort}
}

// think asks a model to think: newer ones as they see fit, with an effort, older
// ones with a budget.
func (e *encoder) think(want *llm.Reasoning) thought {
	m := &e.t.Model
	effort, budget := want.Effort, want.Budget
	if m.Known && m.Adaptive && (budget == 0 || !m.Budget) {
		if effort == "" {
			effort = wire.EffortOf(budget)
		}
		return thought{kind: "adaptive", effort: m.Level(effort)}
	}
	if budget == 0 && effort == "" {
		if !m.Known {
			return thought{kind: "adaptive"}
		}
		effort = "medium"
	}
	if budget == 0 {
		if budget = wire.BudgetOf(effort); budget > e.cap()/2 {
			budget = e.cap() / 2
		}
	}
	if want.Budget > 0 && budget < minThinking {
		e.losses = append(e.losses, wire.Loss{Field: "reasoning.budget", Class: wire.Emulated, Note: "at least 1024 tokens here"})
		budget = minThinking
	}
	if budget = m.Within(budget); budget < minThinking || m.Known && !m.Budget {
		return thought{}
	}
	return thought{kind: "enabled", budget: budget}
}

// takenBack reports whether a part is thinking that this format's maker takes back.
func takenBack(p *llm.Part) bool {
	return p.Kind == llm.Thinking && (p.Signature != "" || p.Redacted != "") && (p.Maker == llm.MakerAnthropic || p.Maker == "")
}
