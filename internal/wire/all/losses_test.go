package all_test

import (
	"flag"
	"testing"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

var update = flag.Bool("update", false, "rewrite goldens and docs/wire-losses.md")

func TestEachTableSaysWhatBecomesOfEachField(t *testing.T) {
	for _, table := range all.Tables() {
		known := map[string]bool{}
		for _, f := range wire.FieldsOf(table.Format.Operation()) {
			known[f.Name] = true
			if _, ok := table.Fields[f.Name]; !ok {
				t.Errorf("%s: no row for %s", table.Format, f.Name)
			}
		}
		for name := range table.Fields {
			if !known[name] {
				t.Errorf("%s: a row for %s, which is no field", table.Format, name)
			}
		}
		for _, f := range table.Fields {
			if f.Class != wire.Carried && f.Note == "" {
				t.Errorf("%s: a loss without a note", table.Format)
			}
		}
		for _, e := range table.Extras {
			if e.Class != wire.Carried && e.Note == "" {
				t.Errorf("%s: no note on the member %s %s", table.Format, e.From, e.Path)
			}
		}
	}
}

// TestAFormatSaysOfEachOfItsMembersOnce what it means, with a reason.
func TestAFormatSaysOfEachOfItsMembersOnce(t *testing.T) {
	for _, table := range all.Tables() {
		seen := map[string]bool{}
		for _, e := range wire.OwnMembers(table.Format) {
			place := e.Holder + " " + e.Path
			if e.From != table.Format || seen[place] || e.Class != wire.Carried && e.Note == "" {
				t.Errorf("%s: a row for %s of %s, twice or without a note", table.Format, place, e.From)
			}
			seen[place] = true
		}
	}
}
