package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
	"github.com/skein-run/skein/internal/tool/table"
	"github.com/skein-run/skein/internal/wire/all"
)

// classes are all classes of error, as llm has them.
var classes = []llm.ErrorClass{
	llm.BadRequest, llm.Unauthorized, llm.Forbidden, llm.NotFound, llm.RateLimited, llm.QuotaExhausted, llm.ContextOverflow,
	llm.Filtered, llm.Overloaded, llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed,
	llm.OverBudget, llm.Busy, llm.Canceled, llm.Lossy, llm.Internal,
}

// errorTable asks each format how it tells each class of error.
func errorTable() string {
	var b strings.Builder
	b.WriteString("| class | chat: status, `type`, `code` | messages: status, `type` |\n|---|---|---|\n")
	row := func(name string, e *llm.Error) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, format := range []llm.Format{llm.Chat, llm.Messages} {
			status, body := all.Codec(format).EncodeError(e)
			var said struct {
				Error struct{ Type, Code string } `json:"error"`
			}
			if err := json.Unmarshal(body, &said); err != nil {
				panic(err) // a codec whose errors are no JSON
			}
			fmt.Fprintf(&b, " %d `%s`", status, said.Error.Type)
			if said.Error.Code != "" {
				fmt.Fprintf(&b, " `%s`", said.Error.Code)
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	for _, c := range classes {
		if c == llm.Unauthorized || c == llm.Forbidden {
			row(fmt.Sprintf("`%s`, of the client's key", c), &llm.Error{Class: c, Blame: llm.BlameKey, Message: "x"})
			row(fmt.Sprintf("`%s`, of Skein's credential upstream", c), &llm.Error{Class: c, Blame: llm.BlameCredential, Message: "x"})
			continue
		}
		row("`"+string(c)+"`", &llm.Error{Class: c, Message: "x"})
	}
	return b.String()
}

func apiTable(t *testing.T, document string) string {
	var doc struct {
		Paths map[string]map[string]struct{ Summary string }
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		t.Fatalf("read the OpenAPI document: %v\n%s", err, document)
	}
	var b strings.Builder
	b.WriteString("| request | what it does |\n|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			fmt.Fprintf(&b, "| `%s /api/v1%s` | %s |\n", strings.ToUpper(method), path, doc.Paths[path][method].Summary)
		}
	}
	return b.String()
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+?)(_bucket|_sum|_count)?(\{([^}]*)\})? `)

// metricTable lists Skein's own metrics with their labels.
func metricTable(text string) string {
	labels := map[string]string{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		var names []string
		for _, l := range strings.Split(m[4], ",") {
			if name, _, ok := strings.Cut(l, "="); ok && name != "le" {
				names = append(names, "`"+name+"`")
			}
		}
		labels[m[1]] = strings.Join(names, ", ")
	}
	var b strings.Builder
	b.WriteString("| metric | kind | labels | what it says |\n|---|---|---|---|\n")
	for _, part := range strings.Split(text, "# HELP ")[1:] {
		line, rest, _ := strings.Cut(part, "\n")
		name, help, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(name, "skein_") {
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(rest, "# TYPE "+name+" "), "\n")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, labels[name], help)
	}
	return b.String()
}

// operationTable lists what every kind of tool can do, with the drivers that there are.
func operationTable(t *testing.T) string {
	dir := t.TempDir()
	history := filepath.Join(dir, "history.db")
	if err := analyst.BuildHistory(history); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| resource | operation | class | rests on | one execution consumes at most |\n|---|---|---|---|---|\n")
	for _, r := range []struct {
		name, shown string
		spec        tool.Spec
	}{
		{"docs", "`objects: file:folder`", tool.Spec{Objects: "file:" + dir, Access: "write"}},
		{"docs", "`objects: fake://…`", tool.Spec{Objects: "fake://127.0.0.1:1/bucket", Access: "write"}},
		{"db", "`sql: sqlite:path`", tool.Spec{SQL: "sqlite:" + history}},
		{"items", "`table: sqlite:path?…`", tool.Spec{Table: "sqlite:" + filepath.Join(dir, "t.db") + "?table=items&partition_key=id"}},
		{"items", "`table: fake://…`", tool.Spec{Table: "fake://127.0.0.1:1/items?partition_key=id"}},
		{"people", "`notify: file:folder`", tool.Spec{Notify: "file:" + filepath.Join(dir, "out")}},
		{"people", "`notify: fake://…?dedup=id`", tool.Spec{Notify: "fake://127.0.0.1:1/topic?dedup=id"}},
		{"people", "`notify: fake://…`", tool.Spec{Notify: "fake://127.0.0.1:1/topic"}},
		{"calculate", "built in", tool.Spec{}},
		{"todo", "built in", tool.Spec{}},
	} {
		made, err := tool.Open(r.name, r.spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range made.Operations() {
			var bound []string
			for _, reading := range op.Bound {
				bound = append(bound, fmt.Sprintf("%d `%s`", reading.Quantity, reading.Meter))
			}
			fmt.Fprintf(&b, "| %s | `%s` | `%s` | %s | %s |\n", r.shown, op.Name, op.Class, op.Basis, strings.Join(bound, ", "))
		}
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	}
	return b.String()
}

func driverTable() string {
	var b strings.Builder
	b.WriteString("| kind | URL | options | is by itself |\n|---|---|---|---|\n")
	drivers(&b, "objects", objects.Drivers())
	drivers(&b, "sql", sqldb.Drivers())
	drivers(&b, "table", table.Drivers())
	drivers(&b, "notify", notify.Drivers())
	return b.String()
}

func drivers[T any](b *strings.Builder, kind string, all []resource.Driver[T]) {
	for _, d := range all {
		options := ""
		if len(d.Options) > 0 {
			options = "`" + strings.Join(d.Options, "`, `") + "`"
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | `%s` |\n", kind, d.Form, options, d.Service)
	}
}

func priceTable(t *testing.T) string {
	c := load(t)
	var b strings.Builder
	b.WriteString("| `priced_as` | on bills | prices since | meters with a price |\n|---|---|---|---|\n")
	for _, key := range c.Services() {
		s, _ := c.Service(key)
		latest := s.Prices[len(s.Prices)-1]
		var meters []string
		for _, row := range latest.Rows {
			meters = append(meters, "`"+string(row.Meter)+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s (%s) | %s | %s |\n", key, s.Service, s.Title, latest.From, strings.Join(meters, ", "))
	}
	return b.String()
}

func modelTable(t *testing.T) string {
	var b strings.Builder
	for _, kind := range []string{"anthropic", "openai"} {
		var names []string
		for _, m := range load(t).Models() {
			if m.Kind == kind {
				names = append(names, "`"+m.Name+"`")
			}
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", kind, strings.Join(names, ", "))
	}
	return b.String()
}

func load(t *testing.T) *catalog.Catalog {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
