package faults

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFaultMatrix tries every cell, prints the matrix and holds it against
// testdata/matrix.golden, and what it adds up to against testdata/shares.md, which is
// the table of docs/reliability.md (go test ./docs -update puts it there). What a cell
// owes does not depend on either.
func TestFaultMatrix(t *testing.T) {
	var printed, shares string
	for range mostRuns {
		m := tryAll(t)
		m.judge(t)
		printed, shares = m.String(), m.shares()
		if *update || is("matrix.golden", printed) && is("shares.md", shares) {
			break
		}
	}
	t.Log("\n" + printed)
	golden(t, "matrix.golden", printed)
	golden(t, "shares.md", shares)
}

// mostRuns: two things of the same moment may come in either order on a busy machine,
// and then a cell is told otherwise, if rarely; it owes the same in each run.
const mostRuns = 3

func is(name, text string) bool {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	return err == nil && string(b) == text
}

// judge holds each cell against what it owes.
func (m matrix) judge(t *testing.T) {
	t.Helper()
	for _, c := range m {
		for _, w := range c.wrong {
			t.Errorf("%s: %s", c.name(), w)
		}
		switch {
		case c.mode == first && c.got != whole && c.rule() == "":
			t.Errorf("%s: a deployment was well, and the client got %s; a whole answer is owed, or a rule that forbids it", c.name(), c)
		case c.got == whole && c.rule() != "":
			t.Errorf("%s: the answer is whole, and a rule is named that forbids it: %s", c.name(), c.rule())
		}
	}
}

// tryAll tries every cell.
func tryAll(t *testing.T) (m matrix) {
	t.Helper()
	type key struct {
		format   string
		scene    scene
		streamed bool
	}
	calms := map[key]*reading{}
	for i := range rows {
		row := &rows[i]
		for _, mode := range modes {
			if row.once && mode == flaps {
				continue // one who fails each other time fails once
			}
			for _, streamed := range []bool{true, false} {
				if row.stream && !streamed {
					continue
				}
				for _, f := range formats {
					k := key{f.name, cmp.Or(row.scene, says), streamed}
					if calms[k] == nil {
						calms[k] = calm(t, f, k.scene, streamed)
					}
					c := &cell{row: row, format: f, mode: mode, streamed: streamed}
					c.run(t, calms[k])
					m = append(m, c)
				}
			}
		}
	}
	return m
}

// golden holds a text against a file of testdata, or writes it.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at, got, had := difference(text, string(want)); at > 0 {
		t.Errorf("%s is out of date in line %d:\n\t%s\nwas\n\t%s\nlook at it, and run: go test ./internal/faults -update", path, at, got, had)
	}
}
