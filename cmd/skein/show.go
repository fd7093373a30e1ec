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
	return `Example:
  skein show run_0197f2c4…`
}

func (c *showCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	run, err := s.Run(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, run)
	}
	return show.Run(os.Stdout, run)
}
