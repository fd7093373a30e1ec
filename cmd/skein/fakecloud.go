package main

import (
	"os"

	"github.com/skein-run/skein/internal/fakecloud"
)

type fakecloudCmd struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

func (c *fakecloudCmd) Run(g *globals) error {
	return fakecloud.Command(g.ctx, c.Args, os.Stdout, os.Stderr)
}
