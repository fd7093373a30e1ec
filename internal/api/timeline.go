package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/money"
)

// Event is one line of a run's timeline: what, when, where, how long, what it
// cost, what failed and what took over. There is one for each record.
type Event struct {
	LSN      int64           `json:"lsn"`
	At       time.Time       `json:"at"`
	Kind     agent.InputKind `json:"kind"`
	Step     int             `json:"step,omitempty" doc:"The model answer that it belongs to, from 1."`
	What     string          `json:"what" doc:"For people."`
	Tools    []string        `json:"tools,omitempty" doc:"The operations that the model's answer gave rise to, in its order."`
	Where    string          `json:"where,omitempty" doc:"The deployment or tool."`
	TookMS   int64           `json:"took_ms,omitempty" doc:"Since the command was given."`
	Cost     *money.Amount   `json:"cost,omitempty"`
	Failed   string          `json:"failed,omitempty" doc:"What went wrong, where something did."`
	Attempts int             `json:"attempts,omitempty" doc:"Upstream requests that a model answer took."`
	Command  string          `json:"command,omitempty"`
	Call     string          `json:"call,omitempty"`
	Status   agent.Status    `json:"status" doc:"Of the run, from then on."`
	Reason   string          `json:"reason,omitempty"`
}

// Timeline tells a run's story from its journal, record by record.
type Timeline struct {
	given map[string]givenAt
	steps int
}

type givenAt struct {
	agent.Command
	at   time.Time
	step int
}

// Add is the event of the run's next record.
func (t *Timeline) Add(r *engine.Entry) Event {
	if t.given == nil {
		t.given = map[string]givenAt{}
	}
	in, d := &r.Input, &r.Decision
	if in.Kind == agent.ModelAnswered {
		t.steps++
	}
	g, known := t.given[in.Command]
	e := Event{
		LSN: r.LSN, At: in.At, Kind: in.Kind, Command: in.Command, Status: d.Status, Reason: d.Reason,
		Step: cmp.Or(g.step, t.steps), Where: g.Tool,
	}
	if known && in.Kind != agent.EffectStarted {
		e.TookMS = in.At.Sub(g.at).Milliseconds()
	}
	if !in.Cost.IsZero() {
		e.Cost = &in.Cost
	}
	e.tell(in, g.Command)
	if d.Ignored != "" {
		e.What += "; ignored: " + d.Ignored
	}
	for _, c := range d.Commands {
		step := t.steps
		switch c.Kind {
		case agent.CallModel:
			step++
		case agent.CallTool:
			e.Tools = append(e.Tools, c.Tool)
		}
		t.given[c.ID] = givenAt{Command: c, at: in.At, step: step}
	}
	for _, id := range d.Again { // how long it takes is counted from its new start
		if c, ok := t.given[id]; ok {
			c.at = in.At
			t.given[id] = c
		}
	}
	return e
}

func (e *Event) tell(in *agent.Input, c agent.Command) {
	switch in.Kind {
	case agent.Started:
		e.What = started(in.Start)
	case agent.ModelAnswered:
		a := in.Answer
		e.Where, e.Call, e.Attempts = a.Deployment, a.Call, a.Attempts
		e.What = answered(a)
		for i := range a.Calls {
			if c := &a.Calls[i]; c.Problem != nil {
				e.Failed = strings.TrimPrefix(e.Failed+"; the call of "+c.Tool+" was not valid, and the model was told so", "; ")
			}
		}
	case agent.ModelFailed, agent.ToolFailed:
		e.What = cmp.Or(c.Tool, "the model call") + " failed"
		if f := in.Failure; f != nil {
			e.Call, e.Failed = f.Call, strings.Join(nonEmpty(string(f.Class), f.Outcome, f.Message), ": ")
		}
	case agent.EffectStarted:
		e.What = c.Tool + " begins"
	case agent.ToolReturned:
		e.What = c.Tool + " returned"
		if in.Result != nil && in.Result.Repeat {
			e.What += "; it had been done before the interruption"
		}
	case agent.TimerFired:
		e.What = "woke up"
	case agent.Recovered:
		e.What = "taken over after an interruption"
	case agent.Resolved:
		e.What = c.Tool + " resolved"
		if r := in.Resolve; r != nil {
			e.What += ": " + r.Answer + by(r.By)
		}
	case agent.Resumed:
		e.What = "resumed" + by(in.By)
	case agent.CancelAsked:
		e.What = "cancelled" + by(in.By)
		if in.Why != "" {
			e.What += ": " + in.Why
		}
	default: // of a later release
		e.What = string(in.Kind)
	}
}

func started(s *agent.Start) string {
	if s == nil {
		return "started"
	}
	what := "started " + s.Agent
	var input map[string]string
	if json.Unmarshal(s.Input, &input) == nil { // else it has no inputs to name
		for _, k := range slices.Sorted(maps.Keys(input)) {
			what += fmt.Sprintf(" %s=%s", k, shortly(input[k]))
		}
	}
	return what + by(s.By)
}

// shortly is a text that fits into a line; the run has the whole of it.
func shortly(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func answered(a *agent.Answer) string {
	if len(a.Calls) == 0 {
		return "the model answered"
	}
	names := make([]string, 0, len(a.Calls))
	for _, c := range a.Calls {
		names = append(names, c.Tool)
	}
	return "the model asks for " + strings.Join(names, ", ")
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

func nonEmpty(s ...string) []string {
	return slices.DeleteFunc(s, func(x string) bool { return x == "" })
}
