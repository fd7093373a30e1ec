package main

import (
	"os"

	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type showCmd struct {
	ID   string `arg:"" name:"run" help:"The run's id."`
	JSON bool   `help:"Print JSON." name:"json"`
}

func (showCmd) Help() string {
	return `A line for each attempt at a model's answer: when, which step, where, how long, what
it cost, and what came of it; and whatever else happened to the run. With --json also
the records of its model calls, with each attempt.

Example:
  skein show run_0197f2c4…`
}

func (c *showCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	run, err := show.ReadWhole(ctx, s, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, run)
	}
	return show.Run(os.Stdout, run)
}
