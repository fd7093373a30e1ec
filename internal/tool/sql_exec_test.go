package tool_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

func TestExecChangesDataOnceForACommand(t *testing.T) {
	path := filepath.ToSlash(filepath.Join(t.TempDir(), "h.db"))
	tooltest.SQLiteFile(t, path)
	for access, ops := range map[string]string{"": "history_query history_schema", "read": "history_query history_schema", "write": "history_query history_schema history_exec"} {
		opened, err := tool.Open("history", tool.Spec{SQL: "sqlite:" + path, Access: access}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, op := range opened.Operations() {
			names = append(names, op.Name)
		}
		if got := strings.Join(names, " "); got != ops {
			t.Errorf("access %q: %s", access, got)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
	opened, err := tool.Open("history", tool.Spec{SQL: "sqlite:" + path, Access: "write"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	set, err := tool.NewSet(map[string]tool.Tool{"history": opened})
	if err != nil {
		t.Fatal(err)
	}
	_, op, _ := set.Lookup("history_exec")
	if op.Class != agent.Keyed || op.For != 0 || op.Bound == nil || !strings.Contains(op.Basis, "skein_effects") {
		t.Errorf("the operation is %+v", op)
	}
	const args = `{"statements":[{"statement":"INSERT INTO history (company, year, revenue) VALUES (?, ?, ?)","params":["NEW",2026,9007199254740993]},{"statement":"DELETE FROM history WHERE year = 2021"}]}`
	for _, repeat := range []bool{false, true} {
		r, err := do(t, set, "history_exec", args, "run_x/3/0")
		if err != nil || string(r.Content) != `{"done":true,"rows":[1,2]}` || r.Repeat != repeat {
			t.Fatalf("%s, %v, %v", r.Content, r.Repeat, err)
		}
	}
	r, err := do(t, set, "history_query", `{"query":"SELECT company, revenue FROM history WHERE year = ?","params":[2026]}`, "run_x/4/0")
	if err != nil || string(r.Content) != `{"columns":["company","revenue"],"rows":[["NEW",9007199254740993]]}` {
		t.Fatalf("%s, %v", r.Content, err)
	}
	if r, err = do(t, set, "history_schema", `{}`, "run_x/5/0"); err != nil || strings.Contains(string(r.Content), "skein_effects") {
		t.Errorf("%s, %v", r.Content, err)
	}
	for _, bad := range []string{`{"statements":[]}`, `{}`, `{"statements":[{"statement":""}]}`, `{"statements":[{"statement":"DROP TABLE history"}]}`, `{"statements":[{"statement":"DELETE FROM history","params":[{}]}]}`} {
		if err := tool.Validate(op, json.RawMessage(bad)); err != nil {
			continue
		}
		if _, err := do(t, set, "history_exec", bad, "run_x/6/0"); err == nil {
			t.Errorf("%s was done", bad)
		}
	}
	if err := opened.Check(context.Background()); err != nil {
		t.Error(err)
	}
}
