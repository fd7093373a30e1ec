package all_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

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

const lossesHead = `# What is lost between formats

A call in the format of its upstream passes as it came. Into another format it is translated, and this page says what becomes of each field. It is printed from the tables that the code acts on (` + "`go test ./internal/wire/all -run Docs -update`" + `).

| class | meaning | what happens |
|---|---|---|
| carried | the target expresses it | |
| emulated | same meaning by other means | named in the call's record |
| neutral | the value is the target's own behaviour | dropped, not a loss |
| advisory | affects cost, speed or bookkeeping, never the answer | dropped, named in ` + "`x-skein-lossy`" + ` and in the record |
| semantic | changes the answer or a guarantee | deployments that keep it come first; where there is none, 400 naming the field, unless the model says ` + "`lossy: allow`" + ` |

What one model refuses, whatever its format carries (sampling settings, a prefill, an effort), counts beside the table: it is known from the catalog.
`

func lossesPage() string {
	var b strings.Builder
	b.WriteString(lossesHead)
	for _, op := range []struct {
		is    llm.Operation
		title string
	}{{llm.Generate, "Answers"}, {llm.Embed, "Vectors"}} {
		tables := tablesOf(op.is)
		if len(tables) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", op.title)
		overview(&b, tables)
		matrix(&b, wire.FieldsOf(op.is), tables)
		for _, t := range tables {
			target(&b, wire.FieldsOf(op.is), t)
		}
	}
	b.WriteString("\n## Members that one format has for itself\n\nWhat becomes of them at every target, but for the exceptions above. A member that is nowhere here is semantic: nobody can say what it does.\n")
	for _, t := range all.Tables() {
		if rows := wire.OwnMembers(t.Format); len(rows) > 0 {
			fmt.Fprintf(&b, "\n### Of %s\n\n", t.Format)
			members(&b, rows)
		}
	}
	return b.String()
}

func tablesOf(op llm.Operation) (out []*wire.LossTable) {
	for _, t := range all.Tables() {
		if t.Format.Operation() == op {
			out = append(out, t)
		}
	}
	return out
}

var classes = []wire.LossClass{wire.Carried, wire.Emulated, wire.Neutral, wire.Advisory, wire.Semantic}

func counted(t *wire.LossTable) map[wire.LossClass]int {
	n := map[wire.LossClass]int{}
	for _, f := range t.Fields {
		n[f.Class]++
	}
	return n
}

func overview(b *strings.Builder, tables []*wire.LossTable) {
	b.WriteString("| fields, to |")
	for _, c := range classes {
		fmt.Fprintf(b, " %s |", c)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(classes)) + "\n")
	for _, t := range tables {
		fmt.Fprintf(b, "| %s |", t.Format)
		n := counted(t)
		for _, c := range classes {
			fmt.Fprintf(b, " %d |", n[c])
		}
		b.WriteString("\n")
	}
}

func matrix(b *strings.Builder, fields []wire.Field, tables []*wire.LossTable) {
	b.WriteString("\n| field | of which |")
	for _, t := range tables {
		fmt.Fprintf(b, " to %s |", t.Format)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(tables)) + "\n")
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s` | %s |", f.Name, f.Doc)
		for _, t := range tables {
			class := string(t.Fields[f.Name].Class)
			if class == string(wire.Semantic) {
				class = "**semantic**"
			}
			fmt.Fprintf(b, " %s |", class)
		}
		b.WriteString("\n")
	}
}

// target says how a target does what it does not simply carry.
func target(b *strings.Builder, fields []wire.Field, t *wire.LossTable) {
	fmt.Fprintf(b, "\n### To %s\n\n| field | class | how, or why not |\n|---|---|---|\n", t.Format)
	for _, f := range fields {
		if fate := t.Fields[f.Name]; fate.Note != "" {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, fate.Class, fate.Note)
		}
	}
	if len(t.Extras) > 0 {
		fmt.Fprintf(b, "\nOther formats' own members, where they become something else than below:\n\n")
		members(b, t.Extras)
	}
}

func members(b *strings.Builder, rows []wire.ExtraFate) {
	b.WriteString("| format | where | member | becomes | but as if it were not there |\n|---|---|---|---|---|\n")
	for _, e := range rows {
		where := e.Holder
		if where == "" {
			where = "request"
		}
		neutral := ""
		if len(e.Neutral) > 0 {
			neutral = "`" + strings.Join(e.Neutral, "`, `") + "`"
		}
		becomes := string(e.Class)
		if e.Note != "" {
			becomes += ": " + e.Note
		}
		fmt.Fprintf(b, "| %s | %s | `%s` | %s | %s |\n", e.From, where, e.Path, becomes, neutral)
	}
}
