package matrix

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write docs/matrix.md")

// result is what became of a cell.
type result struct {
	lost  string // a field whose loss the tables foresee
	lossy string // what was lost without changing the meaning
	none  string // the client's format has no word for it
	err   error
}

func (r result) String() string {
	switch {
	case r.err != nil:
		return "FAILS: " + r.err.Error()
	case r.none != "":
		return "– " + r.none
	case r.lost != "":
		return "semantic: " + r.lost
	case r.lossy != "":
		return "ok, " + r.lossy
	}
	return "ok"
}

// results are those of cells by feature, client, lane and whether it was streamed.
type results struct {
	mu sync.Mutex
	of map[string]result
}

func key(feature string, c *client, l *lane, stream bool) string {
	return fmt.Sprintf("%s|%s|%s|%t", feature, c.name, l.name, stream)
}

func (rs *results) set(feature string, c *client, l *lane, stream bool, r result) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.of[key(feature, c, l, stream)] = r
}

func TestMatrix(t *testing.T) {
	w := newWorld(t, nil)
	rs := &results{of: map[string]result{}}
	var wg sync.WaitGroup
	for _, l := range w.lanes {
		wg.Go(func() { l.run(w, rs) })
	}
	wg.Wait()
	w.tryCount(t, rs, testing.Short())
	w.tryEmbed(t, rs)
	t.Log("\n" + rs.text(w))
	for i := range clients {
		for j := range features {
			for _, l := range w.lanes {
				for _, stream := range []bool{false, true} {
					if r := rs.of[key(features[j].name, &clients[i], l, stream)]; r.err != nil {
						t.Errorf("%s, %s at %s, streamed %t: %v", features[j].name, clients[i].name, l.name, stream, r.err)
					}
				}
			}
		}
	}
}

// run tries everything at one lane.
func (l *lane) run(w *world, rs *results) {
	for i := range clients {
		for j := range features {
			c, f := &clients[i], &features[j]
			if testing.Short() && !f.core || !c.whole && !f.core {
				continue
			}
			for _, stream := range []bool{false, true} {
				rs.set(f.name, c, l, stream, try(w, l, c, f, stream))
			}
		}
		if c := &clients[i]; c.whole && l.maker != "" && !testing.Short() {
			for _, stream := range []bool{false, true} {
				rs.set(elsewhereName, c, l, stream, w.tryElsewhere(l, c, stream))
			}
		}
	}
}

func try(w *world, l *lane, c *client, f *feature, stream bool) result {
	if why := c.silent[f.name]; why != "" {
		return result{none: why}
	}
	x := &cell{w: w, lane: l, client: c, stream: stream, sent: w.counter()}
	to, err := f.try(x)
	if err != nil && to != nil {
		if field, ok := x.loss(to, err); ok {
			return result{lost: field}
		}
	}
	return result{err: err, lossy: x.lossy}
}

// text is the matrix for people.
func (rs *results) text(w *world) string {
	var b strings.Builder
	for i := range clients {
		c := &clients[i]
		fmt.Fprintf(&b, "\n%s\n", c.name)
		for j := range features {
			for _, l := range w.lanes {
				whole, had := rs.of[key(features[j].name, c, l, false)]
				if !had {
					continue
				}
				streamed := rs.of[key(features[j].name, c, l, true)]
				line := whole.String()
				if s := streamed.String(); s != line {
					line += " | streamed: " + s
				}
				fmt.Fprintf(&b, "  %-10s %-17s %s\n", features[j].name, l.name, cmp.Or(line, "ok"))
			}
		}
	}
	return b.String()
}
