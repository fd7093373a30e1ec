package main

import (
	"os"

	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type cancelCmd struct {
	ID  string `arg:"" name:"run" help:"The run's id."`
	Why string `help:"The reason, for the record."`
}

func (cancelCmd) Help() string {
	return `Example:
  skein cancel run_0197f2c4… --why "wrong company"`
}

func (c *cancelCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToChange)
	if err != nil {
		return err
	}
	defer done()
	run, err := s.CancelRun(ctx, c.ID, c.Why)
	if err != nil {
		return err
	}
	show.Outcome(os.Stdout, run)
	return nil
}
