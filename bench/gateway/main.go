// Command gateway measures what a call costs in Skein beside a proxy that does
// nothing, in one run on one machine.
//
// Three processes are started: an [upstream] that answers every format from memory,
// a bare httputil.ReverseProxy, and the real bin/skein with everything on
// ([everythingOn] says what that is). This process makes the load. Each [shape] of
// call (a format passed through or translated into another, whole or streamed) is
// sent to each in turn, round after round, so that whatever else the machine does
// hits both sides; the figures are medians of rounds, the ratios medians of the
// ratios within a round. Every answer is checked to be whole, and at the end Skein's
// budgets must have counted every call. Last, a Skein built with a profiler serves
// some shapes once more, to say where its time goes ([profiles]).
//
// CPU is that of the measured process alone, user and system, by its own clock.
// It is the robust figure on a busy machine; the latencies include the queueing
// for cores that upstream and load generator want as well. CPU and memory are
// available on Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// options is what the command line says.
type options struct {
	skein   string // the binary
	dir     string // where the data directory is made
	conns   int    // of the closed loop
	rounds  int
	cell    time.Duration // one shape at one target in one round
	quick   bool
	rate    bool
	keep    bool
	rows    string
	profile string
	serve   string // run as one of the other processes
	towards string // the proxy's upstream
}

func main() {
	var o options
	flag.StringVar(&o.skein, "skein", "bin/skein", "the binary to measure; `make build` makes it")
	flag.StringVar(&o.dir, "dir", "", "folder on a real disk for the data directory; default the system's temporary one")
	flag.IntVar(&o.conns, "conns", 32, "connections of the closed loop")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each goes over every row and target")
	flag.DurationVar(&o.cell, "cell", 700*time.Millisecond, "how long one row is sent to one target in a round")
	flag.BoolVar(&o.quick, "quick", false, "two short rounds: does it work, and roughly how fast")
	flag.BoolVar(&o.rate, "rate", false, "at a constant rate instead: 1,000 plain calls/s, 100 streams/s of 100 events")
	flag.BoolVar(&o.keep, "keep", false, "leave the folder with configuration, data and profiles, and say where it is")
	flag.StringVar(&o.rows, "rows", "*", "the rows to measure, by names with *, separated by commas: chat,*-to-*-stream")
	flag.StringVar(&o.profile, "profile", "chat,chat-stream,messages-to-chat-stream", "the rows to profile; none for no profile")
	flag.StringVar(&o.serve, "serve", "", "serve as upstream or reverseproxy; used by the program itself")
	flag.StringVar(&o.towards, "towards", "", "the upstream of -serve reverseproxy")
	flag.Parse()
	if o.quick {
		o.rounds, o.cell = 2, 250*time.Millisecond
		if !given("profile") {
			o.profile = ""
		}
	}
	if o.rate && !given("cell") {
		o.cell = 3 * time.Second // a paced stream takes a quarter of one
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-gateway:", err)
		os.Exit(1)
	}
}

// given is whether a flag is on the command line.
func given(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}

func run(o options) error {
	switch o.serve {
	case "":
	case "upstream":
		return serve(upstream())
	case "reverseproxy":
		return serve(reverseProxy(o.towards))
	default:
		return fmt.Errorf("-serve %q: want upstream or reverseproxy", o.serve)
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("takes flags only, not %q", flag.Arg(0))
	}
	if o.conns < 1 || o.rounds < 1 || o.cell <= 0 {
		return errors.New("-conns, -rounds and -cell want more than nothing")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return measure(ctx, o)
}

// measure starts everything, runs the rounds and prints the report.
func measure(ctx context.Context, o options) (err error) {
	all, err := selected(o)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "skein-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the data: %w", err)
	}
	defer func() {
		if o.keep {
			fmt.Fprintln(os.Stderr, "configuration and data are in", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	t, err := startAll(ctx, o, dir)
	defer func() { err = errors.Join(err, t.stop()) }()
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, %d cores%s; %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), busy(), plan(o))
	if !hasProcessTimes {
		fmt.Println("CPU and memory of a process are read on Linux only; here there are latencies alone.")
	}
	b := newBoard()
	if err := rounds(ctx, o, t, all, b); err != nil {
		return err
	}
	booked := t.skein.checkBooks(ctx, t.sent["skein"])
	b.print(os.Stdout, all, t, booked)
	if err := errors.Join(booked, b.broken()); err != nil {
		return err
	}
	return profile(ctx, o, dir, t)
}

func plan(o options) string {
	if o.rate {
		return fmt.Sprintf("constant rate, %d rounds of %s each", o.rounds, o.cell)
	}
	return fmt.Sprintf("closed loop of %d connections, %d rounds of %s each", o.conns, o.rounds, o.cell)
}

// selected are the shapes of a run. Those of the profile are looked at as well, so that
// a mistake shows at once.
func selected(o options) ([]*shape, error) {
	if _, err := matching(shapes(), o.profile); err != nil && o.profile != "" {
		return nil, fmt.Errorf("-profile: %w", err)
	}
	all := shapes()
	if o.rate {
		all = ratedShapes()
	}
	return matching(all, o.rows)
}

// rounds visits every shape and target, in one order and then in the other, so
// that neither side always comes second.
func rounds(ctx context.Context, o options, t *targets, all []*shape, b *board) error {
	for _, s := range all { // pools, heaps and caches take their size
		for _, x := range t.list {
			if _, err := t.cell(ctx, o, x, s, o.cell/4); err != nil {
				return err
			}
		}
	}
	for round := range o.rounds {
		for _, s := range all {
			for i := range t.list {
				x := t.list[i]
				if round%2 == 1 {
					x = t.list[len(t.list)-1-i]
				}
				r, err := t.cell(ctx, o, x, s, o.cell)
				if err != nil {
					return err
				}
				b.add(x.name, s.name, r)
			}
		}
	}
	return nil
}
