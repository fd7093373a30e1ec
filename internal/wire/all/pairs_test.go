package all_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// generating are the codecs of formats that ask for an answer.
func generating() (out []wire.Codec) {
	for _, c := range all.Codecs() {
		if c.Format().Operation() == llm.Generate {
			out = append(out, c)
		}
	}
	return out
}

// others are the codecs that a format can be translated into, and back.
func others(f llm.Format) (out []wire.Codec) {
	for _, c := range generating() {
		if c.Format() != f {
			out = append(out, c)
		}
	}
	return out
}

// inAddress: the model and whether to stream stand in the address of these formats.
func inAddress(f llm.Format) bool { return f == llm.Converse || f == llm.Gemini }

// around is what stands around a request that was written for a format.
func around(f llm.Format, r *llm.Request) *wire.Head {
	if !inAddress(f) {
		return nil
	}
	return &wire.Head{Model: r.Model, Streams: true, Stream: r.Stream}
}

// tally counts how many exchanges survived each translation, and of which kinds.
type tally map[string]map[string][2]int // by pair, by feature: the same, of how many

const everything = "(all)"

func (n tally) add(from, to llm.Format, features []string, same bool) {
	pair := fmt.Sprintf("%s→%s", from, to)
	if n[pair] == nil {
		n[pair] = map[string][2]int{}
	}
	for _, f := range append([]string{everything}, features...) {
		c := n[pair][f]
		if c[1]++; same {
			c[0]++
		}
		n[pair][f] = c
	}
}

// table is one row a feature and one column a pair of formats.
func (n tally) table() string {
	pairs := slices.Sorted(maps.Keys(n))
	features := map[string]bool{}
	for _, p := range pairs {
		for f := range n[p] {
			features[f] = true
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s", "")
	for _, p := range pairs {
		fmt.Fprintf(&b, " %20s", p)
	}
	for _, f := range slices.Sorted(maps.Keys(features)) {
		fmt.Fprintf(&b, "\n%-24s", f)
		for _, p := range pairs {
			cell := ""
			if c := n[p][f]; c[1] > 0 {
				cell = fmt.Sprint(c[0])
				if c[0] != c[1] {
					cell = fmt.Sprintf("%d of %d", c[0], c[1])
				}
			}
			fmt.Fprintf(&b, " %20s", cell)
		}
	}
	return b.String()
}

// failures reports the first few differences of each pair, and counts the others.
type failures map[string]int

const mostShown = 3

func (f failures) add(t *testing.T, from, to llm.Format, id string, what any) {
	t.Helper()
	pair := fmt.Sprintf("%s→%s", from, to)
	if f[pair]++; f[pair] <= mostShown {
		t.Errorf("%s: %s: %s", pair, id, shortened(fmt.Sprint(what)))
	}
}

func (f failures) log(t *testing.T) {
	t.Helper()
	for _, pair := range slices.Sorted(maps.Keys(f)) {
		t.Logf("%s: %d differ", pair, f[pair])
	}
}

// differences are the places where two values differ as JSON.
func differences(want, got any) string {
	return strings.Join(wiretest.Diff(asJSON(want), asJSON(got)), "\n  ")
}

func asJSON(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	out, err := wiretest.Value(b)
	if err != nil {
		return err.Error()
	}
	return out
}

// log prints the table, and fails where nothing was counted at all.
func (n tally) log(t *testing.T, what string) {
	t.Helper()
	if len(n) == 0 {
		t.Errorf("no %s were compared", what)
	}
	t.Logf("%s that are the same after the translation:\n%s", what, n.table())
}
