package tool_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/tool"
)

func openSet(t *testing.T, name string, spec tool.Spec) *tool.Set {
	t.Helper()
	opened, err := tool.Open(name, spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	set, err := tool.NewSet(map[string]tool.Tool{name: opened})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A model changes an item only as it has seen it, and is told what is there instead.
func TestItemsAreChangedByTheVersionThatWasSeen(t *testing.T) {
	url := "sqlite:" + filepath.ToSlash(t.TempDir()) + "/l.db?table=ledger&partition_key=company&sort_key=year"
	set := openSet(t, "ledger", tool.Spec{Table: url, Access: "write", Limits: tool.Limits{MaxResult: 1000}})
	for _, c := range []struct{ id, op, args, want, fails string }{
		{"run_v/1/0", "ledger_put", `{"item":{"company":"A","year":"2024","n":1.10}}`, `{"company":"A","stored":true,"year":"2024"}`, ""},
		{"run_v/2/0", "ledger_put", `{"item":{"company":"A","year":"2025"}}`, `{"company":"A","stored":true,"year":"2025"}`, ""},
		{"run_v/3/0", "ledger_put", `{"item":{"company":"B","year":"2024","t":"` + strings.Repeat("x", 2000) + `"}}`, `{"company":"B","stored":true,"year":"2024"}`, ""},
		{"run_v/4/0", "ledger_get", `{"company":"A","year":"2024"}`, `{"item":{"company":"A","year":"2024","n":1.10},"version":"run_v/1/0"}`, ""},
		{"run_v/4/0", "ledger_get", `{"company":"A","year":"2023"}`, `{"item":null}`, ""},
		{"run_v/4/0", "ledger_get", `{"company":"A"}`, "", `lacks "year"`},
		{"run_v/4/0", "ledger_get", `{"company":"B","year":"2024"}`, "", "at most can be shown"},
		{"run_v/5/0", "ledger_query", `{"company":"A"}`, `{"items":[{"item":{"company":"A","year":"2024","n":1.10},"version":"run_v/1/0"},{"item":{"company":"A","year":"2025"},"version":"run_v/2/0"}]}`, ""},
		{"run_v/5/0", "ledger_query", `{"company":"A","from":"2025"}`, `{"items":[{"item":{"company":"A","year":"2025"},"version":"run_v/2/0"}]}`, ""},
		{"run_v/5/0", "ledger_query", `{"company":"A","to":"2024"}`, `{"items":[{"item":{"company":"A","year":"2024","n":1.10},"version":"run_v/1/0"}]}`, ""},
		{"run_v/5/0", "ledger_query", `{"company":"B"}`, `{"items":[],"note":"the first 0 only: ask with from, the last year that is shown, to see others"}`, ""},
		{"run_v/5/0", "ledger_query", `{"from":"2025"}`, "", "from and to are about one company: say which"},
		{"run_v/5/0", "ledger_query", `{"company":"A","since":"2025"}`, "", "since"},
		{"run_v/6/0", "ledger_replace", `{"item":{"company":"A","year":"2024","n":2},"version":"run_v/1/0"}`, `{"company":"A","replaced":true,"year":"2024"}`, ""},
		{"run_v/6/0", "ledger_replace", `{"item":{"company":"A","year":"2024","n":2},"version":"run_v/1/0"}`, `{"company":"A","replaced":true,"year":"2024"}`, ""},
		{"run_v/7/0", "ledger_replace", `{"item":{"company":"A","year":"2024","n":3},"version":"run_v/1/0"}`, "",
			`the item has another version by now, "run_v/6/0"; nothing is changed: {"company":"A","year":"2024","n":2}`},
		{"run_v/7/0", "ledger_replace", `{"item":{"company":"A","year":"2023"},"version":"run_v/1/0"}`, "", "there is no item of this company and year any more"},
		{"run_v/7/0", "ledger_replace", `{"item":{"company":"A","year":"2024"}}`, "", `lacks "version"`},
		{"run_v/7/0", "ledger_replace", `{"item":{"company":"A","year":"2024","t":"` + strings.Repeat("x", 100<<10) + `"},"version":"x"}`, "", "102400 at most"},
		{"run_v/8/0", "ledger_delete", `{"company":"A","year":"2024","version":"run_v/1/0"}`, "", `by now, "run_v/6/0"`},
		{"run_v/8/0", "ledger_delete", `{"company":"A","year":"2024","version":"run_v/6/0"}`, `{"company":"A","deleted":true,"year":"2024"}`, ""},
		{"run_v/8/0", "ledger_delete", `{"company":"A","year":"2024","version":"run_v/6/0"}`, `{"company":"A","deleted":true,"year":"2024"}`, ""},
		{"run_v/9/0", "ledger_delete", `{"company":"B","year":"2024","version":"x"}`, "", `"run_v/3/0"; nothing is changed: {"company":"B","year":"2024","t":"xxxx`},
		{"run_v/9/0", "ledger_delete", `{"company":"A","year":"2025"}`, "", `lacks "version"`},
	} {
		r, err := do(t, set, c.op, c.args, c.id)
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s %.100s: %s, %v; wanted an error with %q", c.op, c.args, r.Content, err, c.fails)
		case c.fails == "" && (err != nil || string(r.Content) != c.want):
			t.Errorf("%s %.100s:\n%s, %v\nwanted\n%s", c.op, c.args, r.Content, err, c.want)
		case err != nil && len(err.Error()) > 1000:
			t.Errorf("%s: the error has %d bytes", c.op, len(err.Error()))
		}
	}
}

// What may only be read shows no versions, and has nothing that changes it.
func TestReadersSeeNoVersions(t *testing.T) {
	url := "sqlite:" + filepath.ToSlash(t.TempDir()) + "/l.db?table=ledger&partition_key=company"
	writer := openSet(t, "ledger", tool.Spec{Table: url, Access: "write"})
	if _, err := do(t, writer, "ledger_put", `{"item":{"company":"A"}}`, "run_v/1/0"); err != nil {
		t.Fatal(err)
	}
	reader := openSet(t, "ledger", tool.Spec{Table: url, Access: "read"})
	creator := openSet(t, "ledger", tool.Spec{Table: url})
	for op, want := range map[string]string{"ledger_get": `{"item":{"company":"A"}}`, "ledger_query": `{"items":[{"company":"A"}]}`} {
		for _, set := range []*tool.Set{reader, creator} {
			if r, err := do(t, set, op, `{"company":"A"}`, "run_v/2/0"); err != nil || string(r.Content) != want {
				t.Errorf("%s: %s, %v; wanted %s", op, r.Content, err, want)
			}
		}
	}
	for _, op := range []string{"ledger_put", "ledger_replace", "ledger_delete"} {
		if _, _, ok := reader.Lookup(op); ok {
			t.Errorf("a reader has %s", op)
		}
		if _, _, ok := creator.Lookup(op); ok != (op == "ledger_put") {
			t.Errorf("one who creates has %s: %v", op, ok)
		}
		if _, o, ok := writer.Lookup(op); !ok || o.Class != agent.Keyed || o.For != 0 || o.Basis == "" {
			t.Errorf("%s is %+v", op, o)
		}
	}
}

// Key attributes may have the names of other arguments.
func TestKeysMayBeNamedLikeArguments(t *testing.T) {
	for partition, sort := range map[string]string{"version": "from", "from": "version", "item": "to", "Version": "From"} {
		url := "sqlite:" + filepath.ToSlash(t.TempDir()) + "/l.db?table=t&partition_key=" + partition + "&sort_key=" + sort
		if partition == "item" { // a column of its own in a file
			url = "sqlite:" + filepath.ToSlash(t.TempDir()) + "/l.db?table=t&partition_key=to&sort_key=Item_"
			partition, sort = "to", "Item_"
		}
		set := openSet(t, "t", tool.Spec{Table: url, Access: "write"})
		item := `{` + inQuotes(partition) + `:"P",` + inQuotes(sort) + `:"S","v":1}`
		seen := "version"
		if partition == "version" || sort == "version" {
			seen = "seen_version"
		}
		for _, c := range []struct{ id, op, args string }{
			{"run_v/1/0", "t_put", `{"item":` + item + `}`},
			{"run_v/2/0", "t_query", `{` + inQuotes(partition) + `:"P"}`},
			{"run_v/3/0", "t_replace", `{"item":` + item + `,"version":"run_v/1/0"}`},
			{"run_v/4/0", "t_delete", `{` + inQuotes(partition) + `:"P",` + inQuotes(sort) + `:"S",` + inQuotes(seen) + `:"run_v/3/0"}`},
		} {
			if r, err := do(t, set, c.op, c.args, c.id); err != nil {
				t.Errorf("%s/%s: %s %s: %s, %v", partition, sort, c.op, c.args, r.Content, err)
			}
		}
	}
}

func inQuotes(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
