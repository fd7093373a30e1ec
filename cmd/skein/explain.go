package main

import (
	"os"

	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type explainCmd struct {
	ID   string `arg:"" name:"call" help:"The call's id, as in the header X-Skein-Call; one of its attempts' will do."`
	JSON bool   `help:"Print JSON: the call's record, and its charges." name:"json"`
}

func (explainCmd) Help() string {
	return `What was asked for; each time that deployments were considered, those that could take
the call in their order, with the reason and what was expected, and those that could not,
with what stood in the way; each attempt with its times, its tokens and its cost; what was
decided about a break in the middle of the answer; and the lines of the bill. Times count
from the call's arrival. A call is there once it has ended.

Example:
  skein explain call_0197f2c4…`
}

func (c *explainCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	x, err := show.ReadCall(ctx, s, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, x)
	}
	return show.Explain(os.Stdout, x)
}
