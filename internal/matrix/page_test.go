package matrix

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/wire/wiretest"
)

const pageHead = `# Which client reaches which provider with what

The official SDKs of OpenAI, Anthropic, AWS and Google for Go, unmodified, against a whole Skein in front of a stand-in of each kind of provider. This page is printed by the test that tries it (` + "`go test ./internal/matrix -run Matrix -update`" + `); the stand-ins' own log is held against what each client is told: text, calls, stop reason, and every token.

| cell | meaning |
|---|---|
| ok | it works, streamed and not |
| ok, but ` + "x" + ` | it works; what is named changes cost or bookkeeping only, and is told in x-skein-lossy |
| **x** | a semantic loss of [the tables](wire-losses.md): 400, and the error names the field |
| **by the provider** | 400, as the provider itself refuses it |
| a / b | not streamed / streamed, where they differ |
| – | the client's format has no word for it |

Two answers (n) were asked for wherever a provider takes that; the stand-ins give one. In ` + "`elsewhere`" + ` a conversation that began with thinking goes on with another maker's model: its state cannot go there, and ` + "`state: strip`" + ` takes it out. A provider at an address that is not its own, as these stand-ins are, may be anybody, so that state which comes in its own format is judged by the provider.

| row | what is tried |
|---|---|
`

// page is the matrix, as docs/matrix.md has it.
func (w *world) page(rs *results) string {
	var b strings.Builder
	b.WriteString(pageHead)
	rows := append(append([]feature(nil), features...), elsewhere)
	for _, f := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", f.name, f.doc)
	}
	for i := range clients {
		if c := &clients[i]; c.whole {
			fmt.Fprintf(&b, "\n## %s (%s)\n\n", c.name, c.format)
			w.head(&b, "")
			for _, f := range rows {
				w.row(&b, rs, f.name, f.name, c)
			}
		}
	}
	b.WriteString("\n## Other ways in\n\nThe same formats by other addresses and credentials.\n\n")
	w.head(&b, "")
	for i := range clients {
		for _, f := range features {
			if c := &clients[i]; !c.whole && f.core {
				w.row(&b, rs, c.name+", "+f.name, f.name, c)
			}
		}
	}
	b.WriteString("\n## Counting tokens\n\nWhere a provider counts nothing, Skein estimates.\n\n")
	w.head(&b, "")
	for _, c := range counting {
		w.row(&b, rs, c.name, "count", &client{name: c.name})
	}
	b.WriteString("\n## Embeddings\n\nTwo texts, in one request where the client's format takes that.\n\n")
	w.head(&b, "")
	for _, c := range embedding {
		w.row(&b, rs, c.name, "embed", &client{name: c.name})
	}
	w.troubles(&b)
	return b.String()
}

func (w *world) head(b *strings.Builder, first string) {
	fmt.Fprintf(b, "| %s |", first)
	for _, l := range w.lanes {
		fmt.Fprintf(b, " %s |", l.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(w.lanes)) + "\n")
}

func (w *world) row(b *strings.Builder, rs *results, title, feature string, c *client) {
	fmt.Fprintf(b, "| %s |", title)
	for _, l := range w.lanes {
		cell := ""
		if whole, had := rs.of[key(feature, c, l, false)]; had {
			cell = whole.String()
			if streamed, had := rs.of[key(feature, c, l, true)]; had && streamed.String() != cell {
				cell += " / " + streamed.String()
			}
		}
		fmt.Fprintf(b, " %s |", cell)
	}
	b.WriteString("\n")
}

// troubles is what TestTrouble holds every client to, at every provider.
func (w *world) troubles(b *strings.Builder) {
	b.WriteString("\n## When something goes wrong\n\nWith every client at every provider (`go test ./internal/matrix -run Trouble`):\n\n| what | the client sees | requests to Skein |\n|---|---|---|\n")
	for i := range troubles {
		x := &troubles[i]
		sees, sent := "an error that its SDK raises", "1"
		switch {
		case x.mends:
			sees, sent = "the answer, as its SDK asks again; Google's does not unless told to, and raises it", "2 or more; Google's 1"
		case x.awsIs != 0:
			sees = fmt.Sprintf("%d; AWS's clients %d, as their SDK asks again after every %d", x.status, x.awsIs, x.status)
		case x.status != 0:
			sees = fmt.Sprint(x.status)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", x.doc, sees, sent)
	}
}

// compare holds docs/matrix.md against the matrix, or writes it.
func compare(t *testing.T, page string) {
	t.Helper()
	path := filepath.Join(wiretest.Root(t), "docs", "matrix.md")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != page {
		t.Errorf("docs/matrix.md is out of date (%v); run: go test ./internal/matrix -run Matrix -update", err)
	}
}
