package matrix

import (
	"errors"
	"flag"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/llm"
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
		return "FAILS"
	case r.none != "":
		return "–"
	case r.lost != "":
		return "**" + r.lost + "**"
	case r.lossy != "":
		return "ok, but " + r.lossy
	}
	return "ok"
}

// results are those of cells by feature, client, lane and whether it was streamed.
type results struct {
	mu sync.Mutex
	of map[string]result
}

func key(feature string, c *client, l *lane, stream bool) string {
	how := "whole"
	if stream {
		how = "streamed"
	}
	return strings.Join([]string{c.name, feature, l.name, how}, ", ")
}

func (rs *results) set(feature string, c *client, l *lane, stream bool, r result) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.of[key(feature, c, l, stream)] = r
}

// TestMatrix tries everything that a request can ask for, prints what became of it and
// holds docs/matrix.md against that.
func TestMatrix(t *testing.T) {
	w := newWorld(t, nil)
	rs := &results{of: map[string]result{}}
	var wg sync.WaitGroup
	for _, l := range w.lanes {
		wg.Go(func() { l.run(w, rs) })
	}
	wg.Wait()
	if !testing.Short() {
		each(w, func(l *lane, c *client, stream bool) {
			if c.whole && l.maker != "" {
				rs.set(elsewhere.name, c, l, stream, w.tryElsewhere(l, c, stream))
			}
		})
	}
	w.tryCount(rs)
	w.tryEmbed(rs)
	page := w.page(rs)
	t.Log("\n" + page)
	for _, k := range slices.Sorted(maps.Keys(rs.of)) {
		if r := rs.of[k]; r.err != nil {
			t.Errorf("%s: %v", k, r.err)
		}
	}
	if !testing.Short() && !t.Failed() {
		compare(t, page)
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
	if err == nil && f.field != "" && !l.speaks(c.format) && l.impossible(llm.Generate, l.up, f.field) {
		err = errors.New("it is answered, and the tables say that it cannot be")
	}
	return result{err: err, lossy: once(x.lossy)}
}

// once leaves out what a list of losses says twice.
func once(lossy string) string {
	fields := strings.Split(lossy, ", ")
	slices.Sort(fields)
	return strings.Join(slices.Compact(fields), ", ")
}
