package load

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// judge holds all that was seen against what was promised, and prints the figures.
func (w *world) judge(ctx context.Context, all []*outcome, seen watched, before state) {
	got := w.weigh(ctx, all)
	books := w.books(ctx, all, got.records)
	w.complaints()

	var firsts, silences []time.Duration
	var longest *outcome
	for _, o := range all {
		if o.first == 0 {
			continue
		}
		firsts = append(firsts, o.first)
		if len(o.calls) > 0 { // a call is held back until it is complete
			continue
		}
		silences = append(silences, o.silence)
		if longest == nil || o.silence > longest.silence {
			longest = o
		}
	}
	var b strings.Builder
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "  %-22s %s\n", what, fmt.Sprintf(format, args...))
	}
	row("at the same time", "%d streams, begun for %s, pace %s", w.streams, w.length, w.pace)
	row("kills", "%d, one every %s, down for %s and more", w.kills, w.every, w.down)
	row("streams", "%d", len(all))
	row("whole", "%d, of these gone on from after a break %d", got.by[whole], got.resumed)
	row("short by the rules", "%d", got.by[short])
	row("refused by the rules", "%d", got.by[refused])
	row("by the retry budget", "%d, and %d attempts denied by it", got.by[denied], w.after.denied)
	row("other errors", "%d", got.by[unlawful])
	row("garbled", "%d", got.by[garbled])
	for _, why := range slices.Sorted(maps.Keys(got.reasons)) {
		row("", "%d × %s", got.reasons[why], why)
	}
	row("breaks mended", "%d; failed before content and asked elsewhere: %d calls", got.seams, got.retried)
	row("first content", "p50 %s, p95 %s, most %s", at(firsts, 50), at(firsts, 95), at(firsts, 100))
	row("longest silence", "of texts p50 %s, p95 %s, most %s", at(silences, 50), at(silences, 95), at(silences, 100))
	row("memory", "%d MiB at most (bound %d), %d before, %d after", seen.most>>20, w.bound()>>20, before.rss>>20, w.after.rss>>20)
	row("goroutines, sockets", "%d, %d before; %d, %d after", before.goroutines, before.sockets, w.after.goroutines, w.after.sockets)
	row("processor time", "skein %s of %s (%.2f cores), upstreams %s, clients %s", seen.skein.Round(10*time.Millisecond), seen.took.Round(10*time.Millisecond),
		seen.skein.Seconds()/seen.took.Seconds(), seen.ups.Round(10*time.Millisecond), seen.own.Round(10*time.Millisecond))
	row("upstream requests", "%d; booked as reported %d, as estimated %d", books.asked, books.settled, books.guessed)
	w.t.Logf("\n%s", b.String())

	for _, why := range slices.Sorted(maps.Keys(got.samples)) {
		if strings.HasPrefix(why, string(unlawful)) || strings.HasPrefix(why, string(garbled)) {
			w.t.Errorf("%d × %s\n      %s", got.reasons[why], why, got.samples[why])
		} else {
			w.t.Logf("%d × %s\n      %s", got.reasons[why], why, got.samples[why])
		}
	}
	if n := got.by[denied]; n > w.after.denied || n > len(all)/100 {
		w.t.Errorf("%d of %d streams were refused for the budget of retries, which denied %d attempts: one of two upstreams was always there, so it is hardly ever needed",
			n, len(all), w.after.denied)
	}
	if longest != nil {
		w.t.Logf("the longest silence, %s: %s", longest.silence.Round(time.Millisecond), longest.tell(got.records[longest.call]))
	}
	if seen.most > w.bound() {
		w.t.Errorf("Skein had %d MiB resident, and may have %d", seen.most>>20, w.bound()>>20)
	}
	if w.kills == 0 || got.resumed == 0 {
		w.t.Errorf("%d kills, and %d streams that were gone on from: nothing is proven", w.kills, got.resumed)
	}
}

// bound is how much memory Skein may have resident: 128 MiB for the program, its store
// and what it keeps for reuse, and for each stream twice what it holds, since the
// garbage collector lets the heap double. A stream holds about 160 KiB: the buffers of
// its connections (32 KiB each way upstream, 4 at the client), of the scanner, the
// first chunk of what was shown (32 KiB), and the stacks of four goroutines. While it
// is gone on from it holds its answer as events, too, of which there are up to 200 of
// 592 bytes here, in slices that have doubled: 240 KiB.
func (w *world) bound() int64 { return 128<<20 + int64(w.streams)*2*(160+240)<<10 }

// complaints: what Skein said of itself that it must never have to say.
func (w *world) complaints() {
	said, err := os.ReadFile(filepath.Join(w.skein.dir, "said.log"))
	w.must(err)
	for line := range strings.Lines(string(said)) {
		for _, bad := range []string{"panic", "ended in a bug", "could not be kept", "more than was held", "level=ERROR"} {
			if strings.Contains(line, bad) {
				w.t.Errorf("skein said: %s", line)
			}
		}
	}
}

// at is the value below which so many of a hundred are.
func at(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*percent/100)].Round(time.Millisecond)
}
