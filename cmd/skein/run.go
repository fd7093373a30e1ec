package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/dispatch"
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
	return `Shows the run as it goes. Ctrl-C leaves it where it is, as soon as what is under way
has come to its end; it goes on with the next serve, run or resume.

Ends with 0 where the run is done, with 3 where it stopped, failed, was canceled or
waits for an answer.

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
	return follow(ctx, s, run.ID, nil, c.JSON)
}

// follow shows a run as it goes, after what is past, until it has ended or waits for
// a person.
func follow(ctx context.Context, s api.Service, id string, past []api.Event, asJSON bool) error {
	story := show.NewStory(os.Stdout, show.StoryOptions{Call: func(call string) *dispatch.CallRecord {
		rec, err := s.Call(ctx, call)
		if err != nil {
			return nil // the story is told without it
		}
		return rec
	}})
	after := int64(0)
	for i := range past {
		story.Past(&past[i])
		after = past[i].LSN
	}
	tell := story.Add
	if asJSON {
		enc := json.NewEncoder(os.Stdout)
		tell = func(e *api.Event) error { return enc.Encode(e) }
	}
	err := s.FollowRun(ctx, id, after, func(e api.Event) error {
		if err := tell(&e); err != nil {
			return err
		}
		if e.Status == agent.InDoubt {
			return errParked
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		told := story.Flush()
		fmt.Fprintf(os.Stderr, "skein: left %s where it is; `skein resume %s` or `skein serve` goes on with it\n", id, id)
		fmt.Fprintln(os.Stderr, "What is under way may come to its end; Ctrl-C once more does not wait for it.")
		return &exitError{exitRun, told}
	case errors.Is(err, api.ErrUnreachable):
		return fmt.Errorf("the Skein that performed %s is gone; `skein resume %s` or `skein serve` goes on with it: %w", id, id, err)
	case err != nil && !errors.Is(err, errParked):
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
		fmt.Println()
		show.Outcome(os.Stdout, run)
		if err := show.WhatNext(os.Stdout, run); err != nil {
			return err
		}
	}
	if run.Status != agent.Done {
		return &exitError{exitRun, nil}
	}
	return nil
}

// errParked ends the following of a run that asks a person.
var errParked = errors.New("the run waits for an answer")
