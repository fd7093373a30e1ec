package main

import (
	"os"

	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type budgetCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (budgetCmd) Help() string {
	return `Of each budget in force: its limit, what was spent in the present window, what is
held for what is under way, and what is left.

Example:
  skein budget`
}

func (c *budgetCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	budgets, err := s.Budgets(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, map[string]any{"budgets": budgets})
	}
	return show.Budgets(os.Stdout, budgets)
}
