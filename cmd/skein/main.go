// Command skein runs AI inference and AI agents across clouds and keeps the
// receipts. One file a verb; what a verb does lives in the packages below.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/telemetry"
)

// version is set by the linker.
var version = "0.1.0-dev"

// cli is the whole command line.
type cli struct {
	globals

	Init    initCmd    `cmd:"" help:"Write a commented skein.yaml."`
	Check   checkCmd   `cmd:"" help:"Check the configuration, and try each provider and tool."`
	Serve   serveCmd   `cmd:"" help:"Serve clients, and go on with the runs that had not ended."`
	Run     runCmd     `cmd:"" help:"Run an agent and watch it."`
	Runs    runsCmd    `cmd:"" help:"List runs."`
	Show    showCmd    `cmd:"" help:"Show a run: what happened, when, where, and what it cost."`
	Explain explainCmd `cmd:"" help:"Explain a model call: why it went where it went, each attempt, and the charges."`
	Resume  resumeCmd  `cmd:"" help:"Go on with a run that stopped at a limit, or failed."`
	Cancel  cancelCmd  `cmd:"" help:"End a run, and call off what it is doing."`
	Resolve resolveCmd `cmd:"" help:"Say what became of an effect in doubt."`
	Bill    billCmd    `cmd:"" help:"Print the itemised bill."`
	Confirm confirmCmd `cmd:"" help:"Book what unknown and estimated entries really were, from a usage export."`
	Budget  budgetCmd  `cmd:"" help:"Show how every budget stands."`
	Policy  policyCmd  `cmd:"" help:"Print the least that an agent needs of a cloud, as that cloud's policy."`
	Key     keyCmd     `cmd:"" help:"Create, list and revoke keys."`
	Env     envCmd     `cmd:"" help:"Print what a client wants in its environment to use Skein."`
	Demo    demoCmd    `cmd:"" help:"The guided tour: the financial analyst, with a provider failing and the process killed."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Fakecloud fakecloudCmd `cmd:"" hidden:"" help:"Stand-in providers and services, for tests and the demo."`
}

// globals are what every verb takes.
type globals struct {
	Data    string `help:"The data directory; skein-data where none is named." env:"SKEIN_DATA" default:"skein-data" placeholder:"DIR"`
	Config  string `help:"The configuration file; skein.yaml where none is named." env:"SKEIN_CONFIG" default:"skein.yaml" placeholder:"FILE"`
	Log     string `help:"Log level: debug, info, warn or error; info for serve, warn for the others." env:"SKEIN_LOG" default:"" enum:",debug,info,warn,error" placeholder:"LEVEL"`
	LogJSON bool   `help:"Log as JSON." env:"SKEIN_LOG_JSON"`

	ctx context.Context
	log *slog.Logger
}

// The exit codes beside 0.
const (
	exitFailed = 1 // what was asked for did not work
	exitUsage  = 2 // the command line or the configuration is wrong
	exitRun    = 3 // the run ended otherwise than done
)

// exitError ends the program with a code of its own. It says nothing where err is nil.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// levels are how much the verbs log that are no part of a conversation.
var levels = map[string]string{"serve": "info"}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once

	var c cli
	c.ctx = ctx
	parser, err := kong.New(&c, kong.Name("skein"),
		kong.Description("Run AI inference and AI agents across clouds, and keep the receipts.\n\n"+
			"Start with `skein demo`, or with `skein init` and `skein serve`. Each verb works beside a running `serve` and without one.\n\n"+
			"Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a run ended otherwise than done."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		fmt.Fprintln(os.Stderr, "skein:", err)
		return exitFailed
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "skein: %v\nTry `%s --help`.\n", err, verb(err))
		return exitUsage
	}
	c.log = telemetry.Logger(os.Stderr, telemetry.LogOptions{Level: cmp.Or(c.Log, levels[k.Command()], "warn"), JSON: c.LogJSON})
	if err := k.Run(&c.globals); err != nil {
		return report(err)
	}
	return 0
}

// verb is the part of the command line that a mistake is about.
func verb(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) {
		if n := p.Context.Selected(); n != nil {
			return "skein " + n.Path()
		}
	}
	return "skein"
}

// report says what went wrong, and with which code the program ends.
func report(err error) int {
	code := exitFailed
	var exit *exitError
	var refused *api.Error
	var mistakes config.Mistakes
	switch {
	case errors.As(err, &exit):
		code, err = exit.code, exit.err
	case errors.As(err, &mistakes):
		code = exitUsage
	case errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity:
		code = exitUsage
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "skein: %s\n", plain(err))
	}
	return code
}

// plain is an error without the part of an HTTP request that the API names in it:
// whoever types a command sees no body and no path.
func plain(err error) string {
	var refused *api.Error
	if !errors.As(err, &refused) {
		return err.Error()
	}
	e := *refused
	if _, field, ok := strings.Cut(e.Field, "."); ok && field != "id" {
		e.Field = field
	} else {
		e.Field = ""
	}
	return strings.Replace(err.Error(), refused.Error(), e.Error(), 1)
}

// service is whichever way to the data there is: a running process, which has its
// own configuration, or the data.
func (g *globals) service(need node.Need) (ctx context.Context, s api.Service, done func(), err error) {
	ctx = auth.With(g.ctx, auth.Owner())
	if c := node.Dial(g.Data); c != nil {
		return ctx, c, c.Close, nil
	}
	load := g.loadOffline // the data can be read without anybody's secrets
	if need == node.ToRun {
		load = g.load
	}
	c, err := load()
	if err != nil && need == node.ToRun {
		return nil, nil, nil, err
	}
	if err != nil { // the data can be read, and a record written, without it
		g.log.Warn("the configuration is not used, since it is wrong; see `skein check`", "file", g.Config)
		c = config.Bare(os.LookupEnv)
	}
	s, done, err = node.Connect(ctx, node.Options{Config: c, Data: g.Data, Version: build(), Log: g.log}, need)
	return ctx, s, done, err
}

// load reads the configuration: the file, or what the environment gives where
// nobody named one.
func (g *globals) load() (*config.Config, error) { return g.loadBy(config.Load) }

// loadOffline is load for verbs that only look: secrets that a cloud keeps are not read.
func (g *globals) loadOffline() (*config.Config, error) { return g.loadBy(config.LoadOffline) }

func (g *globals) loadBy(load func(string, func(string) (string, bool)) (*config.Config, error)) (*config.Config, error) {
	c, err := load(g.Config, os.LookupEnv)
	if errors.Is(err, config.ErrNoFile) && g.Config == defaultConfig {
		return config.Bare(os.LookupEnv), nil
	}
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return c, nil
}

const defaultConfig = "skein.yaml"

// build is what is running.
func build() api.Version {
	v := api.Version{Version: version}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Go = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}
