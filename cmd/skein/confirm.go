package main

import (
	"fmt"
	"io"
	"os"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/node"
)

type confirmCmd struct {
	File string `arg:"" help:"A file of JSON lines; - is standard input."`
}

func (confirmCmd) Help() string {
	return `After a crash or a broken answer nobody knows what was consumed: such entries are
booked at their bound (unknown) or by what was seen (estimated), and marked. A usage
export of the provider, by the ids that Skein sent it, says what it really was. Each
is booked once, as a reversal and a new line; entries that were settled stay as they are.

A line of the file:
  {"id": "call_0197f2c4…/1", "readings": [{"meter": "input", "quantity": 812}, {"meter": "output", "quantity": 95}]}

Example:
  skein confirm usage.jsonl`
}

func (c *confirmCmd) Run(g *globals) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("read the usage export: %w", err)
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read the usage export: %w", err)
	}
	confirmations, err := api.ReadConfirmations(body)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("%s: %w", c.File, err)}
	}
	ctx, s, done, err := g.service(node.ToChange)
	if err != nil {
		return err
	}
	defer done()
	r, err := s.Confirm(ctx, confirmations)
	if err != nil {
		return err
	}
	fmt.Printf("%d booked, %d were settled already, %d refused\n", r.Booked, r.Unchanged, len(r.Refused))
	for _, x := range r.Refused {
		fmt.Printf("  %s: %s\n", x.ID, x.Reason)
	}
	if len(r.Refused) > 0 {
		return fmt.Errorf("%d of %d could not be booked", len(r.Refused), len(confirmations))
	}
	return nil
}
