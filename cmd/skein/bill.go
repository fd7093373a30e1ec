package main

import (
	"fmt"
	"os"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type billCmd struct {
	By   string `help:"Add up by run, key, cloud, service, category, agent, sku, …" placeholder:"WHAT"`
	Of   string `help:"Only this run." name:"run" placeholder:"RUN"`
	Call string `help:"Only this model call." placeholder:"CALL"`
	Key  string `help:"Only this key's." placeholder:"ID"`
	From string `help:"Consumed from this day or time on." placeholder:"2026-11-01"`
	To   string `help:"Consumed before this day or time." placeholder:"2026-12-01"`
	JSON bool   `help:"Print JSON, with exact decimals as text." name:"json"`
}

func (billCmd) Help() string {
	return `Every line is quantity × unit price, exactly, and the lines add up to the totals
to the last digit. Each says where its quantity comes from: reported by the service,
counted by Skein, derived from sizes, or estimated.

Example:
  skein bill --by service
  skein bill --by category
  skein bill --run run_0197f2c4… --json`
}

func (c *billCmd) Run(g *globals) error {
	q := api.BillQuery{By: c.By, Run: c.Of, Call: c.Call, Key: c.Key}
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"--from", c.From, &q.From}, {"--to", c.To, &q.To}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, t.text)
		if err != nil {
			at, err = time.Parse(time.RFC3339, t.text)
		}
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("%s: %q is neither a day such as 2026-11-24 nor a time such as 2026-11-24T12:00:00Z", t.name, t.text)}
		}
		*t.into = at
	}
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	bill, err := s.Bill(ctx, q)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, bill)
	}
	return show.Bill(os.Stdout, bill, c.By)
}
