package main

import (
	"fmt"
	"os"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/show"
)

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make a key; it is shown this once."`
	List   keyListCmd   `cmd:"" help:"List keys, without their secrets."`
	Revoke keyRevokeCmd `cmd:"" help:"End a key."`
}

type keyCreateCmd struct {
	Name     string        `arg:"" help:"What it is for."`
	Team     string        `help:"The team that its calls are booked to."`
	Project  string        `help:"The project of the team."`
	Customer string        `help:"The customer that its calls are for."`
	Role     string        `help:"member or admin." enum:"member,admin" default:"member"`
	Models   []string      `help:"The models that it may use; all where none is named." placeholder:"MODEL"`
	Budget   string        `help:"A hard limit." placeholder:"\"20 USD\""`
	Window   string        `help:"Over which time: hour, day, week, month or total." enum:"hour,day,week,month,total" default:"month"`
	Expires  time.Duration `help:"It ends after this time, such as 720h."`
	HideCost bool          `help:"Its answers do not say what they cost."`
	Priority string        `help:"low, normal or high: of its calls, and the most that they can ask for." enum:"low,normal,high" default:"normal"`
	Require  []string      `help:"Tags that a deployment must have to get its calls, such as geo:eu." placeholder:"TAG"`
	JSON     bool          `help:"Print JSON." name:"json"`
}

func (keyCreateCmd) Help() string {
	return `With the first key, Skein asks for one on every request.

Example:
  skein key create web --project web --budget "20 USD" --window day`
}

func (c *keyCreateCmd) Run(g *globals) error {
	n := api.NewKey{Name: c.Name, Team: c.Team, Project: c.Project, Customer: c.Customer, Role: auth.Role(c.Role), Models: c.Models, HideCost: c.HideCost,
		Priority: auth.Priority(c.Priority), Require: c.Require}
	if c.Budget != "" {
		b, err := money.ParseWithCurrency(c.Budget)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--budget: %w", err)}
		}
		n.Budget = &auth.Budget{Limit: b, Window: c.Window}
	}
	if c.Expires != 0 {
		n.Expires = time.Now().Add(c.Expires)
	}
	ctx, s, done, err := g.service(node.ToChange)
	if err != nil {
		return err
	}
	defer done()
	k, err := s.CreateKey(ctx, n)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, k)
	}
	fmt.Println(k.Text)
	fmt.Fprintf(os.Stderr, "This is the only time that the key is shown. Revoke it with `skein key revoke %s`.\n", k.ID)
	return nil
}

type keyListCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (keyListCmd) Help() string {
	return `Example:
  skein key list`
}

func (c *keyListCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToRead)
	if err != nil {
		return err
	}
	defer done()
	keys, err := s.Keys(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return show.JSON(os.Stdout, map[string]any{"keys": keys})
	}
	return show.Keys(os.Stdout, keys, time.Now())
}

type keyRevokeCmd struct {
	ID string        `arg:"" help:"The key's id."`
	In time.Duration `help:"Not at once but after this time, so that its successor can be put in place."`
}

func (keyRevokeCmd) Help() string {
	return `Example:
  skein key revoke k7q2m4
  skein key revoke k7q2m4 --in 24h`
}

func (c *keyRevokeCmd) Run(g *globals) error {
	ctx, s, done, err := g.service(node.ToChange)
	if err != nil {
		return err
	}
	defer done()
	at := time.Time{}
	if c.In > 0 {
		at = time.Now().Add(c.In)
	}
	k, err := s.RevokeKey(ctx, c.ID, at)
	if err != nil {
		return err
	}
	fmt.Printf("%s (%s) ends at %s\n", k.ID, k.Name, k.Revoked.Local().Format(time.DateTime))
	return nil
}
