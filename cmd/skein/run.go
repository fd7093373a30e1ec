package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type runCmd struct {
	Agent    string            `arg:"" help:"The agent, as the configuration names it."`
	Input    map[string]string `help:"A value for the agent's goal; may be repeated." placeholder:"NAME=VALUE" mapsep:"none"`
	Budget   string            `help:"The most that the run may cost." placeholder:"\"0.50 USD\""`
	Key      string            `help:"Start once: the same key again gives the same run." placeholder:"KEY"`
	Customer string            `help:"Whom the run is for, on bills."`
	Detach   bool              `help:"Print the run's id and leave; needs a running serve." short:"d"`
	JSON     bool              `help:"Print each event, and the run at the end, as JSON lines." name:"json"`
}

func (runCmd) Help() string {
	return `Ctrl-C leaves the run where it is; it goes on with the next serve, run or resume.

Example:
  skein run analyst --input company=Apple
  skein run analyst --input company=Apple --budget "0.20 USD" --key apple-2026-11`
}

func (c *runCmd) Run(g *globals) error {
	start := api.StartRun{Agent: c.Agent, Input: c.Input, Customer: c.Customer, Idempotency: c.Key}
	if c.Budget != "" {
		b, err := money.ParseWithCurrency(c.Budget)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--budget: %w", err)}
		}
		start.Budget = &b
	}
	need := node.ToRun
	if c.Detach {
		need = node.ToAsk
	}
	ctx, s, done, err := g.service(need)
	if err != nil {
		return err
	}
	defer done()
	run, err := s.StartRun(ctx, start)
	if err != nil {
		return err
	}
	if c.Detach {
		fmt.Println(run.ID)
		return nil
	}
	fmt.Fprintf(os.Stderr, "run %s of %s\n", run.ID, run.Agent)
	return follow(ctx, s, run.ID, 0, c.JSON)
}

// follow shows a run as it goes, until it has ended.
func follow(ctx context.Context, s api.Service, id string, after int64, asJSON bool) error {
	print := show.Events(os.Stdout)
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		print = func(e api.Event) error { return enc.Encode(e) }
	}
	if err := s.FollowRun(ctx, id, after, print); err != nil {
		if ctx.Err() != nil {
			return &exitError{exitRun, fmt.Errorf("left %s where it is; `skein resume %s` or `skein serve` goes on with it", id, id)}
		}
		return err
	}
	run, err := s.Run(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		run.Timeline = nil
		if err := json.NewEncoder(os.Stdout).Encode(run); err != nil {
			return err
		}
	} else {
		show.Outcome(os.Stdout, run)
	}
	if run.Status != agent.Done {
		return &exitError{exitRun, nil}
	}
	return nil
}
