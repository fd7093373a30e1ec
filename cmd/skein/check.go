package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type checkCmd struct {
	Offline bool          `help:"Only look at the configuration; send nothing."`
	Timeout time.Duration `help:"For each provider and tool." default:"10s"`
	JSON    bool          `help:"Print JSON." name:"json"`
}

func (checkCmd) Help() string {
	return `Says everything that is wrong with the configuration, then asks each provider for
its list of models and each tool for a read that costs nothing, or next to it. Prints
each tool operation's effect class: what may be done when its outcome is unknown.
Of an agent with an identity it proves both halves: that its tools work as that, and
that it may do nothing else.

Example:
  skein check
  skein check --config examples/analyst/local.yaml --offline`
}

func (c *checkCmd) Run(g *globals) error {
	load := g.load
	if c.Offline {
		load = g.loadOffline
	}
	conf, err := load()
	if err != nil {
		return err
	}
	report, err := node.Check(g.ctx, conf, node.CheckOptions{Offline: c.Offline, Timeout: c.Timeout, Log: g.log})
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if c.JSON {
		err = show.JSON(os.Stdout, report)
	} else {
		err = show.Check(os.Stdout, report)
	}
	if bad := report.Failed(); bad > 0 {
		err = errors.Join(err, fmt.Errorf("%d of the checks failed", bad))
	}
	return err
}
