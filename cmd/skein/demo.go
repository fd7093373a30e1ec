package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skein-run/skein/internal/demo"
)

type demoCmd struct {
	Dir    string        `help:"What the demo leaves behind; an earlier demo's folder is made anew." default:"demo-data" placeholder:"DIR"`
	Cloud  string        `help:"On whose services: aws, azure or gcp; stand-ins of them, unless --real is given too." placeholder:"CLOUD" enum:",aws,azure,gcp" default:""`
	Real   bool          `help:"Use a real model: OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENAI_BASE_URL must be set. With --cloud, that cloud's own models and services: its credentials, and the names of your resources, are taken from the environment."`
	DryRun bool          `help:"With --cloud and --real: say what would be used and what it costs at most, and do nothing."`
	Pace   time.Duration `help:"Pause between chunks of the stand-in models' answers." default:"8ms" hidden:""`
}

func (demoCmd) Help() string {
	return `Runs the analyst for eight companies at once against stand-in services on this
machine. A provider fails in the middle of an answer; the process is killed and
started again; a budget is too small. At the end the services' own log is held
against the bill.

Example:
  skein demo
  skein demo --cloud azure
  OPENAI_API_KEY=sk-… skein demo --real
  skein demo --cloud aws --real --dry-run`
}

func (c *demoCmd) Run(g *globals) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if c.DryRun && (!c.Real || c.Cloud == "") {
		return &exitError{exitUsage, errors.New("--dry-run is of a tour with real services: give --cloud and --real as well")}
	}
	err = demo.Run(g.ctx, demo.Options{Exe: exe, Dir: c.Dir, Cloud: c.Cloud, Real: c.Real, Dry: c.DryRun, Pace: c.Pace, Out: os.Stdout})
	if errors.Is(err, demo.ErrLeft) {
		return &exitError{exitFailed, nil} // it has said how to go on
	}
	return err
}
