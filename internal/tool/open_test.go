package tool_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/skein-run/skein/internal/tool"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ name, text, want string }{
		{"Reports", `{objects: "file:///x"}`, "tools.Reports: a tool's name is"},
		{"reports", `{}`, "tools.reports: name its resource with one of objects, sql, table, notify, queue or function"},
		{"reports", `{objects: "file:///x", table: "sqlite:x"}`, "tools.reports: both objects and table are given"},
		{"calculate", `{objects: "file:///x"}`, "tools.calculate: this is the name of a built-in tool"},
		{"todo", `{access: read}`, "tools.todo: the built-in tool takes limits only"},
		{"todo", `{limits: {rows: 1}}`, "tools.todo.limits.rows"},
		{"reports", `{objects: "file:///x", access: all}`, `tools.reports.access: "all" is none of read, create`},
		{"reports", `{objects: "file:x", priced_as: s3}`, `tools.reports.priced_as: "s3" is not cloud/service/region`},
		{"reports", `{objects: "file:x", limits: {max_result: 5}}`, "tools.reports.limits.max_result: 5 is not between"},
		{"reports", `{objects: "file:x", limits: {timeout: 2h}}`, "tools.reports.limits.timeout: 2h0m0s is not between"},
		{"reports", `{objects: "file:x", limits: {rows: -1}}`, "tools.reports.limits.rows: -1 is not between"},
		{"alerts", `{notify: "file:x", limits: {rows: 1}}`, "tools.alerts.limits.rows: notify has no rows"},
		{"alerts", `{notify: "file:x", access: read}`, "tools.alerts.access: a place to notify is written to only"},
		{"reports", `{objects: "ftp://acme"}`, `tools.reports.objects: there is no driver for "ftp:": write it as one of azblob://container?account=name, file:///folder, gs://bucket, s3://bucket`},
		{"reports", `{objects: "s3://acme"}`, "tools.reports.objects: s3://acme: it is opened without a session of any cloud"},
		{"reports", `{objects: acme}`, `tools.reports.objects: "acme" is not a URL`},
		{"reports", `{objects: "file:x"}`, "tools.reports.objects: file:x: open the folder: "},
		{"reports", `{objects: "file://host/x"}`, `"host" stands where a host does`},
		{"reports", `{objects: "file:"}`, "a path is missing"},
		{"reports", `{objects: "file:x?regoin=y"}`, `takes no option "regoin"; it has none`},
		{"reports", `{objects: "file:%zz"}`, "not well escaped"},
		{"reports", `{objects: "file:x#y"}`, "no #fragment"},
		{"history", `{sql: "sqlite:none.db"}`, "tools.history.sql: sqlite:none.db: there is no file none.db"},
		{"history", `{sql: "sqlite:."}`, "is not a file"},
		{"history", `{sql: "sqlite:x", access: write}`, "there is no file x"},
		{"history", `{sql: "oracle://x"}`, `there is no driver for "oracle:"`},
		{"findings", `{table: "sqlite:x?table=t"}`, "partition_key=: name an attribute"},
		{"findings", `{table: "sqlite:none?table=t&partition_key=c", access: read}`, "tools.findings.table: sqlite:none?partition_key=c&table=t: open the file"},
		{"findings", `{table: "sqlite:x?partition_key=c"}`, "table=: name the table"},
		{"findings", `{table: "sqlite:x?table=t&partition_key=c&partition_key=d"}`, "given twice"},
		{"findings", `{table: "sqlite:x?table=t&partition_key=c&sort_key=c"}`, "is the partition key already"},
		{"findings", `{table: "sqlite:x?table=t&partition_key=item"}`, `"item" cannot be a key attribute`},
		{"findings", `{table: "sqlite:x?table=t&partition=c"}`, `takes no option "partition"; those it has are table, partition_key, sort_key`},
		{"findings", `{table: "sqlite:x?table=t&partition_key=a%22b"}`, "name an attribute"},
	} {
		var spec tool.Spec
		if err := yaml.UnmarshalWithOptions([]byte(c.text), &spec, yaml.DisallowUnknownField()); err != nil {
			t.Fatal(err)
		}
		opened, err := tool.Open(c.name, spec, nil)
		if err == nil {
			_ = opened.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "tools."+c.name) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %v; wanted %q", c.name, c.text, err, c.want)
		}
	}
}

func TestOpenSaysWhatItWorksOn(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	for _, c := range []struct {
		name string
		spec tool.Spec
		want tool.Resource
		ops  string
	}{
		{"notes", tool.Spec{Objects: "file://" + dir}, tool.Resource{Name: "notes", Kind: "objects", URL: "file://" + dir, Driver: "file",
			Cloud: "local", Service: "local/files"}, "notes_list notes_read notes_text notes_rows"},
		{"notes", tool.Spec{Objects: "file://" + dir, Access: "create", PricedAs: "aws/s3/us-east-1"}, tool.Resource{Name: "notes", Kind: "objects",
			URL: "file://" + dir, Driver: "file", Cloud: "aws", Service: "aws/s3/us-east-1", Notional: true}, "notes_list notes_read notes_text notes_rows notes_write"},
		{"b", tool.Spec{Objects: "s3://b?region=eu-west-1", Access: "write"}, tool.Resource{Name: "b", Kind: "objects",
			URL: "s3://b?region=eu-west-1", Driver: "s3", Cloud: "aws", Service: "aws/s3/eu-west-1"}, "b_list b_read b_text b_rows b_write b_replace b_delete"},
		{"t", tool.Spec{Table: "dynamodb://findings?partition_key=k", Access: "read"}, tool.Resource{Name: "t", Kind: "table",
			URL: "dynamodb://findings?partition_key=k", Driver: "dynamodb", Cloud: "aws", Service: "aws/dynamodb/us-east-1"}, "t_get t_query"},
		{"todo", tool.Spec{}, tool.Resource{Name: "todo", Kind: "todo", Cloud: "local", Service: "local/todo"}, "todo_write"},
		{"calculate", tool.Spec{}, tool.Resource{Name: "calculate", Kind: "calculate", Cloud: "local", Service: "local/starlark"}, "calculate"},
	} {
		opened, err := tool.Open(c.name, c.spec, atAWS("http://127.0.0.1:1"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var ops []string
		for _, op := range opened.Operations() {
			ops = append(ops, op.Name)
		}
		if got := opened.Resource(); !reflect.DeepEqual(got, c.want) || strings.Join(ops, " ") != c.ops {
			t.Errorf("%s: %+v with %v; wanted %+v with %s", c.name, got, ops, c.want, c.ops)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
	if !tool.IsBuiltin("todo") || tool.IsBuiltin("notes") {
		t.Error("the built-ins are not told apart")
	}
}

func TestCheckTriesEachResource(t *testing.T) {
	w := newWorld(t)
	for name, tl := range w.tools {
		if err := tl.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, spec := range []tool.Spec{{Objects: "s3://b"}, {Table: "dynamodb://findings?partition_key=k"}, {Notify: topic + "b"}} {
		tl, err := tool.Open("x", spec, atAWS("http://127.0.0.1:1"))
		if err != nil {
			t.Fatal(err)
		}
		if err := tl.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("%+v: %v", spec, err)
		}
		_ = tl.Close()
	}
}
