package node

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/tool"
)

// CheckOptions say how far a check goes.
type CheckOptions struct {
	Offline bool // send nothing
	Timeout time.Duration
	Log     *slog.Logger
}

// Report is what a check found.
type Report struct {
	Config   string        `json:"config"`
	Revision string        `json:"revision"`
	Items    []CheckedItem `json:"items"`
}

// CheckedItem is one thing that was tried.
type CheckedItem struct {
	Kind  string             `json:"kind"` // provider, replica, deployment, tool, agent, identity
	Name  string             `json:"name"`
	OK    bool               `json:"ok"`
	Note  string             `json:"note,omitempty"`
	Took  time.Duration      `json:"took_ns,omitempty"`
	Uses  []CheckedOperation `json:"operations,omitempty"`
	Error string             `json:"error,omitempty"`
}

// CheckedOperation is an operation of a tool with its effect class.
type CheckedOperation struct {
	Name   string        `json:"name"`
	Class  agent.Class   `json:"class"`
	For    time.Duration `json:"for_ns,omitempty"` // how long a keyed effect may be done again; 0 is for ever
	Resend bool          `json:"resend,omitempty"` // on_doubt: resend
	Basis  string        `json:"basis"`
}

// Words are the class as people read it: "keyed for 5m0s", "once, resent in doubt".
func (o *CheckedOperation) Words() string {
	words := string(o.Class)
	if o.For > 0 {
		words += " for " + strings.TrimSuffix(o.For.String(), "0s")
	}
	if o.Resend {
		words += ", resent in doubt"
	}
	return words
}

// Failed counts what does not work.
func (r *Report) Failed() (n int) {
	for i := range r.Items {
		if !r.Items[i].OK {
			n++
		}
	}
	return n
}

// Check builds what a configuration describes, and tries each part, all at once. An
// error is one of the configuration itself; what cannot be opened or reached is in
// the report.
func Check(ctx context.Context, c *config.Config, o CheckOptions) (*Report, error) {
	r := &Report{Config: c.File, Revision: c.Revision}
	infos, err := r.providers(ctx, c, o)
	if err != nil {
		return nil, c.Locate(err)
	}
	cards, err := r.deployments(c, infos)
	if err != nil {
		return nil, err
	}
	process := session(c)
	tools := r.tools(ctx, c, o, process)
	defer func() {
		for _, t := range tools {
			logged(o.Log, "close a tool", t.Close())
		}
	}()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		item, err := checkAgent(name, c.Agents[name], tools, cards)
		errs = append(errs, err)
		r.Items = append(r.Items, item)
		if hasIdentity(c, name) {
			r.identity(ctx, c, o, name, process, tools)
		}
	}
	r.triggers(ctx, c, o, process)
	return r, c.Locate(errors.Join(errs...))
}

// triggers tries the queues whose messages start runs.
func (r *Report) triggers(ctx context.Context, c *config.Config, o CheckOptions, process *cloud.Session) {
	triggers, err := OpenTriggers(c, process)
	if err != nil {
		r.Items = append(r.Items, CheckedItem{Kind: "trigger", Name: "queues", Error: c.Locate(err).Error()})
	}
	var tries []func() CheckedItem
	for _, t := range triggers {
		tries = append(tries, func() CheckedItem {
			defer func() { logged(o.Log, "close a trigger's queue", t.Queue.Close()) }()
			item := try(ctx, o, "trigger", t.Agent, t.Queue.Check)
			item.Note = t.Resource.URL
			return item
		})
	}
	r.Items = append(r.Items, together(tries)...)
}

func (r *Report) providers(ctx context.Context, c *config.Config, o CheckOptions) (map[string]provider.Info, error) {
	infos := map[string]provider.Info{}
	var errs []error
	var tries []func() CheckedItem
	pools := map[string][]CheckedItem{} // with their replicas, once they were tried
	var mu sync.Mutex
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		if opts, ok := c.Pools[name]; ok {
			info, err := pool.Describe(name, opts)
			errs = append(errs, err)
			infos[name] = info
			tries = append(tries, func() CheckedItem {
				items := checkPool(ctx, o, name, opts)
				mu.Lock()
				defer mu.Unlock()
				pools[name] = items[1:]
				return items[0]
			})
			continue
		}
		p, err := provider.New(name, c.Providers[name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		infos[name] = p.Info()
		tries = append(tries, func() CheckedItem {
			defer func() { logged(o.Log, "close a provider", p.Close()) }()
			return try(ctx, o, "provider", name, p.Check)
		})
	}
	for _, item := range together(tries) {
		r.Items = append(append(r.Items, item), pools[item.Name]...)
	}
	return infos, errors.Join(errs...)
}

// tools tries every tool of the configuration, and gives back those that are open.
func (r *Report) tools(ctx context.Context, c *config.Config, o CheckOptions, process *cloud.Session) map[string]tool.Tool {
	opened := map[string]tool.Tool{}
	var tries []func() CheckedItem
	for _, name := range toolNames(c) {
		t, err := tool.Open(name, c.Tools[name], process)
		if err != nil {
			item := CheckedItem{Kind: "tool", Name: name, Error: c.Locate(err).Error()}
			tries = append(tries, func() CheckedItem { return item })
			continue
		}
		opened[name] = t
		tries = append(tries, func() CheckedItem {
			item := try(ctx, o, "tool", name, t.Check)
			if url := t.Resource().URL; url != "" {
				item.Note = url
			}
			for _, op := range t.Operations() {
				item.Uses = append(item.Uses, CheckedOperation{op.Name, op.Class, op.For, op.Resend, op.Basis})
			}
			return item
		})
	}
	r.Items = append(r.Items, together(tries)...)
	return opened
}

// checkAgent builds an agent. That one of its tools cannot be opened has been said.
func checkAgent(name string, o engine.AgentOptions, tools map[string]tool.Tool, cards *cards) (CheckedItem, error) {
	item := CheckedItem{Kind: "agent", Name: name}
	for _, t := range o.Tools {
		if tools[t] == nil {
			item.Error = "its tool " + t + " cannot be opened"
			return item, nil
		}
	}
	a, err := engine.NewAgent(name, o, tools)
	if err != nil {
		return item, err
	}
	if unbounded := cards.bounds(a, time.Now()); len(unbounded) > 0 {
		return item, errors.Join(unbounded...)
	}
	item.OK, item.Note = true, "at most "+a.Definition.Limits.Budget.String()+" a run"
	if a.Definition.Limits.Budget.IsZero() {
		item.Note = "no budget: a run may spend without limit"
	}
	return item, nil
}

// together does all of it at the same time, and gives the outcomes in order.
func together(tries []func() CheckedItem) []CheckedItem {
	items := make([]CheckedItem, len(tries))
	var wg sync.WaitGroup
	for i, f := range tries {
		wg.Go(func() { items[i] = f() })
	}
	wg.Wait()
	return items
}

// try runs one check within its time.
func try(ctx context.Context, o CheckOptions, kind, name string, check func(context.Context) error) CheckedItem {
	item := CheckedItem{Kind: kind, Name: name, OK: true}
	if o.Offline {
		item.Note = "not tried"
		return item
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	start := time.Now()
	if err := check(ctx); err != nil {
		item.OK, item.Error = false, err.Error()
	}
	item.Took = time.Since(start)
	return item
}

// deployments says which of them have no price.
func (r *Report) deployments(c *config.Config, infos map[string]provider.Info) (*cards, error) {
	cat, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	cards, err := newCards(cat, c, infos)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(cards.where)) {
		item := CheckedItem{Kind: "deployment", Name: name, OK: true}
		if card, ok := cards.Card(name, time.Now()); ok {
			item.Note = "priced by " + card.Book
		} else {
			item.Note = "no price is known: it is booked as unpriced, and refused under a hard budget; add one under prices"
		}
		r.Items = append(r.Items, item)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		m := c.Models[name]
		for _, d := range m.All() {
			if strings.Contains(name, "*") && d.Name == "" {
				r.Items = append(r.Items, CheckedItem{
					Kind: "deployment", Name: dispatch.Name(d.Provider, d.Upstream, d.Region), OK: true, Note: "for every model that fits " + name + ", each at its own price",
				})
			}
		}
	}
	return cards, nil
}
