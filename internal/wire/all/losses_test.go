package all_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

var update = flag.Bool("update", false, "rewrite goldens and docs/wire-losses.md")

func TestEachTableSaysWhatBecomesOfEachField(t *testing.T) {
	for _, table := range all.Tables() {
		known := map[string]bool{}
		for _, f := range wire.Fields {
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
	}
}

func TestTheDocsSayWhatTheTablesSay(t *testing.T) {
	path := filepath.Join(wiretest.Root(t), "docs", "wire-losses.md")
	want := lossesPage()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/wire-losses.md is out of date; run: go test ./internal/wire/all -run Docs -update")
	}
}

func lossesPage() string {
	var b strings.Builder
	b.WriteString(`# What is lost between formats

A call in the format of its upstream passes as it came. Into another format it is translated, and this page says what becomes of each field. It is printed from the tables that the code acts on (` + "`go test ./internal/wire/all -run Docs -update`" + `).

| class | meaning | what happens |
|---|---|---|
| carried | the target expresses it | |
| emulated | same meaning by other means | named in the call's record |
| neutral | the value is the target's own behaviour | dropped, not a loss |
| advisory | affects cost, speed or bookkeeping, never the answer | dropped, named in ` + "`x-skein-lossy`" + ` and in the record |
| semantic | changes the answer or a guarantee | deployments that keep it come first; where there is none, 400 naming the field, unless the model says ` + "`lossy: allow`" + ` |

## Fields

`)
	b.WriteString("| field | of which |")
	for _, t := range all.Tables() {
		fmt.Fprintf(&b, " to %s |", t.Format)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(all.Tables())) + "\n")
	for _, f := range wire.Fields {
		fmt.Fprintf(&b, "| `%s` | %s |", f.Name, f.Doc)
		for _, t := range all.Tables() {
			fmt.Fprintf(&b, " %s |", fate(t.Fields[f.Name]))
		}
		b.WriteString("\n")
	}
	for _, t := range all.Tables() {
		fmt.Fprintf(&b, "\n## Members of other formats, to %s\n\nA member that is not here is semantic: nobody can say what it does.\n\n| format | where | member | becomes | but as if it were not there |\n|---|---|---|---|---|\n", t.Format)
		for _, e := range t.Extras {
			where := e.Holder
			if where == "" {
				where = "request"
			}
			neutral := ""
			if len(e.Neutral) > 0 {
				neutral = "`" + strings.Join(e.Neutral, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s |\n", e.From, where, e.Path, fate(e.Fate), neutral)
		}
	}
	return b.String()
}

func fate(f wire.Fate) string {
	if f.Note == "" {
		return string(f.Class)
	}
	return string(f.Class) + ": " + f.Note
}
