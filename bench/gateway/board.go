package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// board holds the samples by target and shape, in the order of the rounds.
type board struct {
	samples map[[2]string][]sample
}

func newBoard() *board { return &board{samples: map[[2]string][]sample{}} }

func (b *board) add(target, shape string, r sample) {
	k := [2]string{target, shape}
	b.samples[k] = append(b.samples[k], r)
}

// each takes one figure of every round.
func (b *board) each(target, shape string, f func(*sample) float64) []float64 {
	var out []float64
	for i := range b.samples[[2]string{target, shape}] {
		out = append(out, f(&b.samples[[2]string{target, shape}][i]))
	}
	return out
}

// cpuPerCall is in microseconds; NaN where it is not known.
func cpuPerCall(r *sample) float64 {
	if r.calls == 0 || r.cpu == 0 {
		return math.NaN()
	}
	return float64(r.cpu) / float64(r.calls) / float64(time.Microsecond)
}

func perSecond(r *sample) float64 { return float64(r.calls) / r.took.Seconds() }

func at(of func(*sample) []time.Duration, p float64) func(*sample) float64 {
	return func(r *sample) float64 { return float64(percentile(of(r), p)) / float64(time.Millisecond) }
}

func latency(r *sample) []time.Duration { return r.latency }

func firstBytes(r *sample) []time.Duration { return r.first }

func megabytes(r *sample) float64 {
	if r.resident == 0 {
		return math.NaN()
	}
	return float64(r.resident) / (1 << 20)
}

// print writes the table, what was checked, and last of all the ratios.
func (b *board) print(w io.Writer, all []*shape, t *targets, booked error) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\ncall\ttarget\tCPU µs/call\tcalls/s\tp50 ms\tp99 ms\tfirst bytes p50\tMB\tcalls\tbroken\t")
	for _, s := range all {
		for _, x := range t.list {
			calls, broken := 0, 0
			for _, r := range b.samples[[2]string{x.name, s.name}] {
				calls, broken = calls+r.calls, broken+r.broken
			}
			mid := func(f func(*sample) float64) float64 { return median(b.each(x.name, s.name, f)) }
			fmt.Fprintf(out, "%s\t%s\t%s\t%.0f\t%.2f\t%.2f\t%.2f\t%s\t%d\t%d\t\n", s.name, x.name,
				figure("%.0f", mid(cpuPerCall)), mid(perSecond), mid(at(latency, 50)), mid(at(latency, 99)),
				mid(at(firstBytes, 50)), figure("%.0f", mid(megabytes)), calls, broken)
		}
	}
	_ = out.Flush() // the terminal is not a thing to fail for
	fmt.Fprintf(w, "\nskein's first call was answered %d ms after its start.\n", t.skein.ready.Milliseconds())
	if booked == nil {
		fmt.Fprintf(w, "skein's three budgets have all of its %d calls, to the last digit.\n", t.sent[nameSkein])
	}
	if c, ok := b.perEvent(); ok {
		fmt.Fprintf(w, "a translated stream costs skein %.1f µs of CPU an event more than a plain translated answer.\n", c)
	}
	fmt.Fprintln(w, "\nratios of CPU per call within a round: median (lowest to highest)")
	var last strings.Builder
	for _, s := range all {
		r := paired(b.each(nameSkein, s.name, cpuPerCall), b.each(nameFloor, s.name, cpuPerCall))
		fmt.Fprintf(w, "  %-18s %s (%s to %s)\n", s.name, figure("%.2f", r.mid), figure("%.2f", r.low), figure("%.2f", r.high))
		fmt.Fprintf(&last, " %s %s", s.name, figure("%.2f", r.mid))
	}
	fmt.Fprintf(w, "cpu ratio skein/reverseproxy:%s\n", last.String())
}

// perEvent is what a streamed event costs where formats are translated.
func (b *board) perEvent() (us float64, ok bool) {
	stream, plain := median(b.each(nameSkein, "translated-stream", cpuPerCall)), median(b.each(nameSkein, "translated", cpuPerCall))
	us = (stream - plain) / pieces
	return us, !math.IsNaN(us)
}

// figure prints a number, or that there is none.
func figure(format string, v float64) string {
	if math.IsNaN(v) {
		return "n/a"
	}
	return fmt.Sprintf(format, v)
}

// broken says which answers were not whole.
func (b *board) broken() error {
	n := 0
	var first error
	for k, rs := range b.samples {
		for _, r := range rs {
			n += r.broken
			if first == nil && r.err != nil {
				first = fmt.Errorf("%s, %s: %w", k[0], k[1], r.err)
			}
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d answers were not whole; one of them: %w", n, first)
}
