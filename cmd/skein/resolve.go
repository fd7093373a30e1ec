package main

import (
	"fmt"
	"os"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/node"
)

type resolveCmd struct {
	ID     string `arg:"" name:"run" help:"The run's id."`
	Effect string `arg:"" help:"The effect, as show prints it."`
	Answer string `arg:"" enum:"done,not-done,abandon" help:"done, not-done (do it) or abandon (go on without knowing)."`
	Result string `help:"For done: what the agent is told that the effect gave."`
}

func (resolveCmd) Help() string {
	return `An effect is in doubt when it may have happened, may not be repeated, and nobody
was told its outcome. Look where it would have left a trace, then answer.

Example:
  skein resolve run_0197f2c4… run_0197f2c4…/9/1/1 done
  skein resolve run_0197f2c4… run_0197f2c4…/9/1/1 not-done`
}

func (c *resolveCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToChange)
	if err != nil {
		return err
	}
	defer done()
	run, err := s.ResolveEffect(ctx, c.ID, c.Effect, api.Answer{Answer: c.Answer, Result: c.Result})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "%s: %s\n", run.ID, run.Status)
	return nil
}
