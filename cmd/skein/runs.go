package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type runsCmd struct {
	Agent  string `help:"Only those of this agent."`
	Status string `help:"Only those with this status: running, sleeping, in doubt, done, stopped, failed or canceled."`
	Limit  int    `help:"At most so many." default:"100"`
	JSON   bool   `help:"Print JSON." name:"json"`
}

func (runsCmd) Help() string {
	return `Example:
  skein runs --status "in doubt"
  skein runs --json`
}

func (c *runsCmd) Run(g *globals) error {
	if c.Status != "" && !slices.Contains(agent.Statuses, agent.Status(c.Status)) {
		return &exitError{exitUsage, fmt.Errorf("--status: %q is no status; want one of %v", c.Status, agent.Statuses)}
	}
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	runs, err := s.Runs(ctx, api.RunQuery{Agent: c.Agent, Status: agent.Status(c.Status), Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, map[string]any{"runs": runs})
	}
	return show.Runs(os.Stdout, runs)
}
