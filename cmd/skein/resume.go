package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type resumeCmd struct {
	ID     string        `arg:"" name:"run" help:"The run's id."`
	Budget string        `help:"Its new budget, what it has spent included." placeholder:"\"1.00 USD\""`
	Steps  int           `help:"Its new limit of steps, those taken included."`
	Time   time.Duration `help:"How long it may take from now on."`
	JSON   bool          `help:"Print each event, and the run at the end, as JSON lines." name:"json"`
}

func (resumeCmd) Help() string {
	return `Goes on with a run that stopped at a limit or failed, or watches one that goes on
by itself. What was done is not done again. Ends as ` + "`skein run`" + ` does.

Example:
  skein resume run_0197f2c4… --budget "1.00 USD"`
}

func (c *resumeCmd) Run(g *globals) error {
	var l api.NewLimits
	if c.Budget != "" {
		b, err := money.ParseWithCurrency(c.Budget)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--budget: %w", err)}
		}
		l.Budget = &b
	}
	l.Steps = c.Steps
	if c.Time > 0 {
		l.Time = c.Time.String()
	}
	began := time.Now()
	ctx, s, done, err := g.service(node.ToRun)
	if err != nil {
		return err
	}
	defer done()
	run, err := s.Run(ctx, c.ID)
	if err != nil {
		return err
	}
	past := run.Timeline
	switch {
	case run.Status == agent.Done:
		show.Outcome(os.Stdout, run)
		return nil
	case run.Status == agent.InDoubt: // it goes on when somebody has answered
		return errors.Join(show.WhatNext(os.Stdout, run), &exitError{exitRun, nil})
	case run.Status.Ended():
		if run, err = s.ResumeRun(ctx, c.ID, l); err != nil {
			return err
		}
	default: // it goes on by itself; that it was taken over by this verb is news
		for len(past) > 0 && !past[len(past)-1].At.Before(began) {
			past = past[:len(past)-1]
		}
	}
	fmt.Fprintf(os.Stderr, "run %s of %s: %s\n", run.ID, run.Agent, run.Status)
	return follow(ctx, s, c.ID, past, c.JSON)
}
