package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/tool"
)

// AgentOptions is an agent as skein.yaml has it.
type AgentOptions struct {
	Model  string       `yaml:"model"`
	Goal   string       `yaml:"goal"`             // a template over the run's inputs: {{.company}}
	System string       `yaml:"system,omitempty"` // what holds for every run
	Tools  []string     `yaml:"tools,omitempty"`
	Limits LimitOptions `yaml:"limits,omitempty"`
	// Identity is as whom its tools act at the clouds; left out, as the process itself.
	Identity  cloud.IdentityOptions `yaml:"identity,omitempty"`
	Triggers  []TriggerOptions      `yaml:"triggers,omitempty"`   // what starts runs
	OutputCap int64                 `yaml:"output_cap,omitempty"` // tokens of one answer; default the model's
}

// LimitOptions bound each run of an agent.
type LimitOptions struct {
	Budget string        `yaml:"budget,omitempty"` // such as "0.50 USD"; hard
	Steps  int           `yaml:"steps,omitempty"`  // model answers; default 100
	Time   time.Duration `yaml:"time,omitempty"`   // such as 30m; default 1h
}

// TriggerOptions say what starts runs of an agent.
type TriggerOptions struct {
	// Queue is a queue whose messages start runs: JSON objects with the agent's inputs,
	// such as {"company": "Apple"}. A message is acknowledged when its run is durable.
	Queue string `yaml:"queue,omitempty"`
}

// Agent is a definition that is ready to run.
type Agent struct {
	Definition agent.Definition
	Hash       string
	Set        *tool.Set
	goal       *template.Template
	inputs     []string // the names that the goal mentions
}

// NewAgent builds an agent of its options and the tools that it lists, or says
// everything that is wrong with it.
func NewAgent(name string, o AgentOptions, tools map[string]tool.Tool) (*Agent, error) {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("agents.%s.%s: %s", name, field, fmt.Sprintf(format, args...)))
	}
	if o.Model == "" {
		wrong("model", "is missing; name one of models")
	}
	if o.Goal == "" {
		wrong("goal", "is missing; say in words what a run is to achieve")
	}
	goal, err := ParseGoal(name, o.Goal)
	if err != nil {
		wrong("goal", "%v", err)
	}
	def := agent.Definition{Name: name, Model: o.Model, System: o.System, OutputCap: o.OutputCap,
		Limits: agent.Limits{Steps: o.Limits.Steps, Time: o.Limits.Time}}
	if def.Limits.Steps == 0 {
		def.Limits.Steps = 100
	}
	if def.Limits.Time == 0 {
		def.Limits.Time = time.Hour
	}
	if o.Limits.Budget != "" {
		if def.Limits.Budget, err = money.ParseWithCurrency(o.Limits.Budget); err != nil {
			wrong("limits.budget", "%v", err)
		} else if def.Limits.Budget.Sign() <= 0 {
			wrong("limits.budget", "%q must be more than nothing", o.Limits.Budget)
		} else if def.Limits.Budget.Currency() != money.USD {
			wrong("limits.budget", "%q cannot be held against prices, which are in USD; write it in USD", o.Limits.Budget)
		}
	}
	mine := map[string]tool.Tool{}
	for _, t := range o.Tools {
		if mine[t] = tools[t]; mine[t] == nil {
			delete(mine, t)
			wrong("tools", "%q is not there; there are: %s", t, strings.Join(slices.Sorted(maps.Keys(tools)), ", "))
		}
	}
	if restOf(mine) && mine[tool.Results] == nil && tools[tool.Results] != nil {
		mine[tool.Results] = tools[tool.Results]
	}
	set, err := tool.NewSet(mine)
	if err != nil {
		wrong("tools", "%v", err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, s := range set.Specs() {
		_, op, _ := set.Lookup(s.Name)
		def.Tools = append(def.Tools, agent.Operation{Name: s.Name, Description: s.Description, Schema: s.Schema, Promise: promise(op)})
	}
	body, err := json.Marshal(def)
	if err != nil {
		return nil, fmt.Errorf("agents.%s: %w", name, err)
	}
	return &Agent{Definition: def, Hash: digest(body), Set: set, goal: goal, inputs: mentioned(o.Goal)}, nil
}

// promise is what may be done about an operation whose outcome is unknown.
func promise(op *tool.Operation) agent.Promise {
	return agent.Promise{Class: op.Class, For: op.For, Resend: op.Resend}
}

// restOf reports whether one of the tools keeps results of which the model may see
// only the beginning.
func restOf(tools map[string]tool.Tool) bool {
	for _, t := range tools {
		if slices.ContainsFunc(t.Operations(), func(op tool.Operation) bool { return op.Rest }) {
			return true
		}
	}
	return false
}

// ParseGoal reads a goal as the template that it is.
func ParseGoal(name, goal string) (*template.Template, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(goal)
	if err != nil {
		return nil, fmt.Errorf("is no valid template over the run's inputs, such as {{.company}}: %w", err)
	}
	return t, nil
}

// mentioned lists the {{.names}} of a goal, for messages.
func mentioned(goal string) []string {
	var names []string
	for _, part := range strings.Split(goal, "{{")[1:] {
		inside, _, _ := strings.Cut(part, "}}")
		for _, word := range strings.Fields(inside) {
			if name := strings.TrimPrefix(word, "."); name != word && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// expand is the goal of a run with these inputs.
func (a *Agent) expand(input map[string]string) (string, error) {
	for _, name := range a.inputs {
		if _, ok := input[name]; !ok {
			return "", fmt.Errorf("%w: the goal of agent %q needs the input %q; give it as --input %s=…", ErrBadInput, a.Definition.Name, name, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(input)) {
		if !slices.Contains(a.inputs, name) {
			return "", fmt.Errorf("%w: agent %q has no input %q; its goal takes: %s", ErrBadInput, a.Definition.Name, name, strings.Join(a.inputs, ", "))
		}
	}
	var b bytes.Buffer
	if err := a.goal.Execute(&b, input); err != nil {
		return "", fmt.Errorf("%w: the goal of agent %q: %w", ErrBadInput, a.Definition.Name, err)
	}
	return b.String(), nil
}

// DefinitionKind is the kind of record that keeps a definition, by its hash.
const DefinitionKind = "definition"

// Definitions is the view of agents' definitions by hash.
var Definitions = store.View{
	Name: "definitions", Version: 1, Kinds: []string{DefinitionKind}, Tables: []string{"definitions"},
	Schema: []string{`CREATE TABLE definitions (org TEXT NOT NULL, hash TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (org, hash)) WITHOUT ROWID`},
	Apply: func(ctx context.Context, tx store.Tx, r *store.Record) error {
		var d agent.Definition
		if err := json.Unmarshal(r.Body, &d); err != nil {
			return fmt.Errorf("decode an agent's definition: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO definitions (org, hash, name, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			r.Org, digest(r.Body), d.Name, r.Body)
		return err
	},
}

// definition finds a stored definition by its hash.
func (e *Engine) definition(ctx context.Context, hash string) (*agent.Definition, error) {
	e.mu.Lock()
	d := e.defs[hash]
	e.mu.Unlock()
	if d != nil {
		return d, nil
	}
	var body []byte
	err := e.o.Store.Reader().QueryRowContext(ctx, `SELECT body FROM definitions WHERE org = ? AND hash = ?`, e.o.Org, hash).Scan(&body)
	if err != nil {
		return nil, fmt.Errorf("read the definition %s: %w", hash, err)
	}
	d = &agent.Definition{}
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("decode the definition %s: %w", hash, err)
	}
	e.mu.Lock()
	e.defs[hash] = d
	e.mu.Unlock()
	return d, nil
}

// tools are the operations that a definition tells its model of.
func tools(d *agent.Definition) []llm.Tool {
	ts := make([]llm.Tool, 0, len(d.Tools))
	for _, op := range d.Tools {
		ts = append(ts, llm.Tool{Name: op.Name, Description: op.Description, Schema: op.Schema})
	}
	return ts
}
