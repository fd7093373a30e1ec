package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
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
	fmt.Fprintln(w)
	rows := [][]string{{"call", "proxy µs", "skein µs", "ratio", "in the rounds", "bar", "calls/s", "p50 ms", "p99 ms", "first bytes p50", "proxy's", "MB"}}
	var last strings.Builder
	for _, s := range all {
		r := paired(b.each(nameSkein, s.name, cpuPerCall), b.each(nameFloor, s.name, cpuPerCall))
		mid := func(target string, f func(*sample) float64) float64 { return median(b.each(target, s.name, f)) }
		rows = append(rows, []string{
			s.name, figure("%.0f", mid(nameFloor, cpuPerCall)), figure("%.0f", mid(nameSkein, cpuPerCall)),
			figure("%.2f", r.mid), figure("%.2f", r.low) + " to " + figure("%.2f", r.high), figure("%g", s.bar()),
			figure("%.0f", mid(nameSkein, perSecond)),
			figure("%.2f", mid(nameSkein, at(latency, 50))), figure("%.2f", mid(nameSkein, at(latency, 99))),
			figure("%.2f", mid(nameSkein, at(firstBytes, 50))), figure("%.2f", mid(nameFloor, at(firstBytes, 50))),
			figure("%.0f", mid(nameSkein, megabytes)),
		})
		fmt.Fprintf(&last, " %s %s", s.name, figure("%.2f", r.mid))
	}
	printTable(w, rows)
	fmt.Fprintln(w, "\nµs are of CPU, a call; the ratio is the median of those within a round; latencies and memory are skein's but for the one of the proxy's.")
	fmt.Fprintf(w, "skein's first call was answered %d ms after its start.\n", t.skein.ready.Milliseconds())
	if booked == nil {
		fmt.Fprintf(w, "skein's three budgets have all of its %d calls, to the last digit.\n", t.sent[nameSkein])
	}
	b.printEvents(w, all)
	fmt.Fprintf(w, "cpu ratio skein/reverseproxy:%s\n", last.String())
}

// printEvents says what a streamed event costs where formats are translated, which
// is what the stream takes more than the answer in one piece.
func (b *board) printEvents(w io.Writer, all []*shape) {
	var out []string
	for _, s := range all {
		if s.from == s.to || !s.stream {
			continue
		}
		plain := strings.TrimSuffix(s.name, streamed)
		us := (median(b.each(nameSkein, s.name, cpuPerCall)) - median(b.each(nameSkein, plain, cpuPerCall))) / pieces
		if !math.IsNaN(us) {
			out = append(out, fmt.Sprintf("%s %.1f", plain, us))
		}
	}
	if len(out) > 0 {
		fmt.Fprintf(w, "µs of CPU a translated event: %s\n", strings.Join(out, ", "))
	}
}

// printTable writes rows in columns, so that it can be pasted into a page: the first
// row is the head, the first column text.
func printTable(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, r := range rows {
		for i, cell := range r {
			room := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += room
			} else {
				cell = room + cell
			}
			fmt.Fprintf(w, "| %s ", cell)
		}
		fmt.Fprintln(w, "|")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i == 0 {
				fmt.Fprintf(w, "|%s", strings.Repeat("-", width+2))
			} else {
				fmt.Fprintf(w, "|%s:", strings.Repeat("-", width+1))
			}
		}
		fmt.Fprintln(w, "|")
	}
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
