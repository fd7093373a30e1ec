package node

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/provider"
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
	Kind  string             `json:"kind"` // provider, deployment, tool, agent
	Name  string             `json:"name"`
	OK    bool               `json:"ok"`
	Note  string             `json:"note,omitempty"`
	Took  time.Duration      `json:"took_ns,omitempty"`
	Uses  []CheckedOperation `json:"operations,omitempty"`
	Error string             `json:"error,omitempty"`
}

// CheckedOperation is an operation of a tool with its effect class.
type CheckedOperation struct {
	Name  string      `json:"name"`
	Class agent.Class `json:"class"`
	Basis string      `json:"basis"`
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

// Check builds what a configuration describes, and tries each part. An error is
// one of the configuration itself; what cannot be reached is in the report.
func Check(ctx context.Context, c *config.Config, o CheckOptions) (*Report, error) {
	r := &Report{Config: c.File, Revision: c.Revision}
	tools, terr := OpenTools(c)
	defer func() {
		for _, t := range tools {
			logged(o.Log, "close a tool", t.Close())
		}
	}()
	errs := []error{terr}
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		if terr != nil {
			break // what its tools lack has been said
		}
		a, err := engine.NewAgent(name, c.Agents[name], tools)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		note := "budget " + a.Definition.Limits.Budget.String()
		if a.Definition.Limits.Budget.IsZero() {
			note = "no budget: a run may spend without limit"
		}
		r.Items = append(r.Items, CheckedItem{Kind: "agent", Name: name, OK: true, Note: note})
	}
	infos := map[string]provider.Info{}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		p, err := provider.New(name, c.Providers[name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		infos[name] = p.Info()
		r.Items = append(r.Items, try(ctx, o, "provider", name, p.Check))
		logged(o.Log, "close a provider", p.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := r.deployments(c, infos); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		t := tools[name]
		item := try(ctx, o, "tool", name, t.Check)
		item.Note = t.Resource().URL
		for _, op := range t.Operations() {
			item.Uses = append(item.Uses, CheckedOperation{op.Name, op.Class, op.Basis})
		}
		r.Items = append(r.Items, item)
	}
	return r, nil
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
func (r *Report) deployments(c *config.Config, infos map[string]provider.Info) error {
	cat, err := catalog.Load()
	if err != nil {
		return err
	}
	cards, err := newCards(cat, c, infos)
	if err != nil {
		return err
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
	return nil
}
