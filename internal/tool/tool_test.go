package tool_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

var update = flag.Bool("update", false, "rewrite the goldens")

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "stand-in", "AWS_SECRET_ACCESS_KEY": "stand-in", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} { // of nobody's account
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// Example gives an agent two tools and does what its model asks for.
func Example() {
	ctx := context.Background()
	calc, err := tool.Open("calculate", tool.Spec{}, nil)
	if err != nil {
		panic(err)
	}
	set, err := tool.NewSet(map[string]tool.Tool{"calculate": calc})
	if err != nil {
		panic(err)
	}
	for _, spec := range set.Specs() { // what the model sees
		fmt.Println(spec.Name)
	}
	asked, args := "calculate", json.RawMessage(`{"program": "round(391035 / 383285 - 1, 4)"}`)
	t, op, ok := set.Lookup(asked)
	if !ok {
		panic("the model made it up")
	}
	if err := tool.Validate(op, args); err != nil {
		panic(err) // the model would be told
	}
	var consumed tool.Meter
	r, err := t.Do(tool.WithMeter(ctx, &consumed), tool.Call{ID: "run_1/4/0", Try: 1, Op: asked, Args: args})
	fmt.Printf("%s %v %v\n", r.Content, consumed.Readings(), err)
	// Output:
	// calculate
	// 0.0202 [{evaluations 1 counted}] <nil>
}

// world is one of each tool, on the stand-in of AWS and on this machine.
type world struct {
	cloud *fakecloud.Server
	specs map[string]tool.Spec
	tools map[string]tool.Tool
}

// topic is how the names of topics begin.
const topic = "awssns:///arn:aws:sns:us-east-1:123456789012:"

// atAWS is a session of the stand-in of AWS at an address.
func atAWS(endpoint string) *cloud.Session {
	return cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: endpoint}})
}

const filing = "ACME Inc., annual report 2025. Revenue 12, naïve “forecast” €13.\n"

func newWorld(t testing.TB) *world {
	t.Helper()
	long := strings.Repeat(filing, 100)
	s, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{
		Buckets: map[string]fs.FS{"acme": fstest.MapFS{"2025.txt": {Data: []byte(filing)}, "long.txt": {Data: []byte(long)},
			"pic.png": {Data: []byte{0x89, 'P', 0, 0xff}}, "empty.txt": {}}},
		Tables: map[string]standin.Table{"findings": {PartitionKey: "company"}},
		Topics: []string{"alerts.fifo", "pager"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(func() { s.Clear(); srv.Close(); _ = s.Close() })
	session := atAWS(srv.URL + "/cloud/aws")
	dir := t.TempDir()
	db := filepath.ToSlash(filepath.Join(dir, "history.db"))
	tooltest.SQLiteFile(t, db)
	w := &world{cloud: s, tools: map[string]tool.Tool{}, specs: map[string]tool.Spec{
		"reports":   {Objects: "s3://acme", Access: "create", Description: "Filings of companies."},
		"notes":     {Objects: "file://" + filepath.ToSlash(dir) + "/notes", Access: "write"},
		"history":   {SQL: "sqlite:" + db},
		"findings":  {Table: "dynamodb://findings?partition_key=company"},
		"ledger":    {Table: "sqlite:" + filepath.ToSlash(dir) + "/l.db?table=ledger&partition_key=company&sort_key=year"},
		"alerts":    {Notify: topic + "alerts.fifo"},
		"pager":     {Notify: topic + "pager"},
		"outbox":    {Notify: "file://" + filepath.ToSlash(dir) + "/outbox"},
		"calculate": {}, "todo": {},
	}}
	for name, spec := range w.specs {
		spec.Limits.MaxResult = 1000
		opened, err := tool.Open(name, spec, session)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
		})
		w.tools[name] = opened
	}
	return w
}

// do validates and executes, as the engine does, and checks what every
// operation promises: its size, its bound, its kind of error.
func do(t testing.TB, set *tool.Set, op, args, id string) (tool.Result, error) {
	t.Helper()
	tl, o, ok := set.Lookup(op)
	if !ok {
		t.Fatalf("there is no operation %s", op)
	}
	if err := tool.Validate(o, json.RawMessage(args)); err != nil {
		return tool.Result{}, err
	}
	var m tool.Meter
	r, err := tl.Do(tool.WithMeter(context.Background(), &m), tool.Call{ID: id, Try: 1, Op: op, Args: json.RawMessage(args)})
	if len(r.Content) > o.MaxResult {
		t.Errorf("%s gave %d bytes, and %d are the most", op, len(r.Content), o.MaxResult)
	}
	var known *tool.Error
	if err != nil && !errors.As(err, &known) {
		t.Errorf("%s: the error is %T: %v", op, err, err)
	}
	bound := map[price.Meter]int64{}
	for _, b := range o.Bound {
		bound[b.Meter] = b.Quantity
	}
	used := map[price.Meter]int64{}
	for _, reading := range m.Readings() {
		used[reading.Meter] += reading.Quantity
	}
	for meter, n := range used {
		if n > bound[meter] {
			t.Errorf("%s consumed %d %s, and its bound is %d", op, n, meter, bound[meter])
		}
	}
	return r, err
}

func newSet(t testing.TB, w *world) *tool.Set {
	t.Helper()
	set, err := tool.NewSet(w.tools)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestOperationsAnswer(t *testing.T) {
	w := newWorld(t)
	set := newSet(t, w)
	for i, c := range []struct{ op, args, want, fails string }{
		{"reports_list", ``, `{"objects":[{"key":"2025.txt","size":72},{"key":"empty.txt","size":0},{"key":"long.txt","size":7200},{"key":"pic.png","size":4}]}`, ""},
		{"reports_list", `{"prefix":"2025"}`, `{"objects":[{"key":"2025.txt","size":72}]}`, ""},
		{"reports_read", `{"key":"2025.txt"}`, filing, ""},
		{"reports_read", `{"key":"2025.txt","offset":5,"limit":4}`, "Inc.\n[bytes 5 to 9 of 72; version 17c3917885d1141f47869bccd031a8ac; call reports_read with offset 9 for the next part]", ""},
		{"reports_read", `{"key":"2025.txt","offset":70}`, ".\n\n[bytes 70 to 72 of 72; version 17c3917885d1141f47869bccd031a8ac; this is its end]", ""},
		{"reports_read", `{"key":"2025.txt","offset":100}`, "[nothing at offset 100: the object has 72 bytes]", ""},
		{"reports_read", `{"key":"empty.txt"}`, "[nothing at offset 0: the object has 0 bytes]", ""},
		{"reports_read", `{"key":"pic.png"}`, "", "is not text"},
		{"reports_read", `{"key":"2024.txt"}`, "", `there is no object "2024.txt"`},
		{"reports_read", `{"key":"../x"}`, "", "plain paths"},
		{"reports_write", `{"key":"new/a.md","content":"<a>"}`, `{"key":"new/a.md","size":3}`, ""},
		{"reports_write", `{"key":"2025.txt","content":"x"}`, "", "already, written before this run; nothing is overwritten"},
		{"reports_write", `{"key":"big","content":"` + strings.Repeat("x", 256<<10+1) + `"}`, "", "one write stores 262144 at most"},
		{"notes_list", `{}`, `{"objects":[]}`, ""},
		{"notes_write", `{"key":"a/b.md","content":"hello"}`, "", ""},
		{"notes_text", `{"key":"a/b.md"}`, "hello", ""},
		{"history_query", `{"query":"SELECT company, margin FROM history WHERE year = ? ORDER BY 1","params":[2025]}`,
			`{"columns":["company","margin"],"rows":[["ACME",0.625],["GLOBEX",0.625]]}`, ""},
		{"history_query", `{"query":"SELECT profit FROM history"}`, "", "no such column: profit"},
		{"history_query", `{"query":"DELETE FROM history"}`, "", "only SELECT"},
		{"history_schema", `{}`, `{"tables":[{"name":"history","columns":[{"name":"company","type":"TEXT"},{"name":"year","type":"INTEGER"},` +
			`{"name":"revenue","type":"INTEGER"},{"name":"margin","type":"REAL"},{"name":"note","type":"BLOB"}]},` +
			`{"name":"totals","columns":[{"name":"company","type":"TEXT"},{"name":"revenue"}]}]}`, ""},
		{"findings_get", `{"company":"ACME"}`, `{"item":null}`, ""},
		{"findings_put", `{"item":{ "company":"ACME", "n": 12345678901234567890 }}`, `{"company":"ACME","stored":true}`, ""},
		{"findings_put", `{"item":{"company":"ACME","n":2}}`, "", "already, put by run_t/21/0; nothing is changed: {"},
		{"findings_put", `{"item":{"n":2}}`, "", `item lacks "company"`},
		{"findings_put", `{"item":{"company":"B","t":"` + strings.Repeat("x", 100<<10) + `"}}`, "", "102400 at most"},
		{"findings_get", `{"company":"ACME"}`, `{"item":{"company":"ACME","n":12345678901234567890}}`, ""},
		{"findings_query", `{}`, `{"items":[{"company":"ACME","n":12345678901234567890}]}`, ""},
		{"ledger_put", `{"item":{"company":"A","year":"2025"}}`, `{"company":"A","stored":true,"year":"2025"}`, ""},
		{"ledger_put", `{"item":{"company":"A","year":"2024"}}`, `{"company":"A","stored":true,"year":"2024"}`, ""},
		{"ledger_put", `{"item":{"company":"B","year":"2024","t":"` + strings.Repeat("x", 2000) + `"}}`, `{"company":"B","stored":true,"year":"2024"}`, ""},
		{"ledger_query", `{"company":"A"}`, `{"items":[{"company":"A","year":"2024"},{"company":"A","year":"2025"}]}`, ""},
		{"ledger_query", `{}`, `{"items":[{"company":"A","year":"2024"},{"company":"A","year":"2025"}],"note":"the first 2 only: ask for one company at a time to see others"}`, ""},
		{"ledger_get", `{"company":"A","year":"2025"}`, `{"item":{"company":"A","year":"2025"}}`, ""},
		{"ledger_get", `{"company":"B","year":"2024"}`, "", "at most can be shown"},
		{"ledger_get", `{"company":"A"}`, "", `lacks "year"`},
		{"alerts_publish", `{"subject":"ACME","message":"up"}`, `","published":true}`, ""},
		{"alerts_publish", `{"subject":"ACME"}`, "", `lacks "message"`},
		{"alerts_publish", `{"subject":"ACME","message":"` + strings.Repeat("é", 40<<10) + `"}`, "", "61440 at most"},
		{"pager_publish", `{"subject":"ACME","message":"up"}`, `","published":true}`, ""},
		{"outbox_publish", `{"subject":"ACME","message":"up"}`, "", ""},
		{"calculate", `{"program":"1 + 1"}`, "2", ""},
		{"calculate", `{"program":"'é' * 600"}`, strings.Repeat("é", 483) + "\n[cut: the result has 1200 bytes]", ""},
		{"calculate", `{"program":"1 / 0"}`, "", "line 1: floating-point division by zero"},
		{"todo_write", `{"items":[{"task":"read <it>","status":"doing"}]}`, `{"items":[{"task":"read <it>","status":"doing"}]}`, ""},
		{"todo_write", `{"items":[{"task":"read","status":"open"}]}`, "", `items[0].status is "open", and one of "pending", "doing", "done" is wanted`},
	} {
		id := fmt.Sprintf("run_t/%d/0", i)
		r, err := do(t, set, c.op, c.args, id)
		switch {
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s %.100s: %s, %v; wanted an error with %q", c.op, c.args, r.Content, err, c.fails)
		case c.fails == "" && err != nil:
			t.Errorf("%s %.100s: %v", c.op, c.args, err)
		case strings.HasSuffix(c.op, "_publish") && strings.HasSuffix(string(r.Content), c.want): // after the id that the service gave
		case c.want != "" && string(r.Content) != c.want:
			t.Errorf("%s %.100s:\n%s\nwanted\n%s", c.op, c.args, r.Content, c.want)
		}
	}
}

// What a crash leaves open is done again under the same command; what the model
// sees must not depend on which of the two it was.
func TestARepeatGivesTheSameResult(t *testing.T) {
	w := newWorld(t)
	set := newSet(t, w)
	for i, c := range []struct {
		op, args string
		silent   bool // the service does not say that it knew the effect
	}{
		{"reports_write", `{"key":"a.md","content":"a"}`, false}, {"notes_write", `{"key":"a.md","content":"a"}`, false},
		{"findings_put", `{"item":{"company":"A"}}`, false}, {"ledger_put", `{"item":{"company":"A","year":"1"}}`, false},
		{"alerts_publish", `{"subject":"s","message":"m"}`, true}, {"outbox_publish", `{"subject":"s","message":"m"}`, false},
	} {
		_, op, _ := set.Lookup(c.op)
		if op.Class != agent.Keyed {
			t.Errorf("%s is %s", c.op, op.Class)
		}
		id := fmt.Sprintf("run_r/%d/0", i)
		first, err := do(t, set, c.op, c.args, id)
		if err != nil || first.Repeat {
			t.Fatalf("%s: %+v, %v", c.op, first, err)
		}
		again, err := do(t, set, c.op, c.args, id)
		if err != nil || again.Repeat == c.silent || string(again.Content) != string(first.Content) {
			t.Errorf("%s again: %s (repeat %v), %v; wanted %s", c.op, again.Content, again.Repeat, err, first.Content)
		}
	}
}

// Every fault of a service, at every operation, stays within size and bound and
// gives an error whose outcome fits the class. [do] checks the rest.
func TestFaultsStayWithinBounds(t *testing.T) {
	for _, kind := range []fakecloud.Kind{fakecloud.TooMany, fakecloud.ServerFail, fakecloud.FailAfter, fakecloud.CutOff, fakecloud.Refuse, fakecloud.Garbage} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			set := newSet(t, w)
			if _, err := w.cloud.Order(fakecloud.Fault{Kind: kind}); err != nil {
				t.Fatal(err)
			}
			for i, c := range []struct{ op, args string }{
				{"reports_list", `{}`}, {"reports_read", `{"key":"long.txt"}`}, {"reports_write", `{"key":"a","content":"a"}`},
				{"findings_get", `{"company":"A"}`}, {"findings_query", `{}`}, {"findings_put", `{"item":{"company":"A"}}`},
				{"alerts_publish", `{"subject":"s","message":"m"}`}, {"pager_publish", `{"subject":"s","message":"m"}`},
			} {
				_, op, _ := set.Lookup(c.op)
				_, err := do(t, set, c.op, c.args, fmt.Sprintf("run_f/%d/0", i))
				var e *tool.Error
				if errors.As(err, &e) && e.Outcome == tool.Unknown && !op.Class.Started() {
					t.Errorf("%s: a read is in doubt: %v", c.op, err)
				}
			}
			told := map[string]int{}
			for _, ln := range w.cloud.Log().Lines() {
				if ln.Done {
					told[ln.Command]++
				}
			}
			for command, n := range told {
				if n != 1 {
					t.Errorf("%s was done %d times", command, n)
				}
			}
		})
	}
}

func TestPiecesJoinToTheWholeText(t *testing.T) {
	w := newWorld(t)
	set := newSet(t, w)
	var whole strings.Builder
	for offset, n := 0, 0; ; n++ {
		r, err := do(t, set, "reports_read", fmt.Sprintf(`{"key":"long.txt","offset":%d,"limit":%d}`, offset, 40+n%7), "run_p/1/0")
		if err != nil {
			t.Fatal(err)
		}
		text, note, cut := strings.Cut(string(r.Content), "\n[bytes ")
		var from, end, size int
		if _, err := fmt.Sscanf(note, "%d to %d of %d;", &from, &end, &size); !cut || err != nil || from != offset {
			t.Fatalf("the note is %q: %v", note, err)
		}
		whole.WriteString(text)
		if offset = end; offset == size {
			break
		}
	}
	if whole.String() != strings.Repeat(filing, 100) {
		t.Fatal("the pieces do not join")
	}
}

func TestDoKeepsItsTime(t *testing.T) {
	spec := newWorld(t).specs["history"]
	spec.Limits = tool.Limits{Timeout: 20 * time.Millisecond}
	h, err := tool.Open("history", spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	set, err := tool.NewSet(map[string]tool.Tool{"history": h})
	if err != nil {
		t.Fatal(err)
	}
	_, err = do(t, set, "history_query", `{"query":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"}`, "run_t/1/0")
	tooltest.WantError(t, err, tool.NotDone, "longer than its limit")
	_, err = h.Do(t.Context(), tool.Call{ID: "run_t/1/0", Try: 1, Op: "history_drop"})
	tooltest.WantError(t, err, tool.Refused, "no operation")
}

// What models see and what checks print is a text that people review.
func TestOperationsGolden(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	set := newSet(t, w)
	for _, spec := range set.Specs() {
		_, op, _ := set.Lookup(spec.Name)
		fmt.Fprintf(&b, "# %s (%s: %s)\n%s\n%s\n", op.Name, op.Class, op.Basis, op.Description, op.Schema)
		if op.Bound == nil {
			fmt.Fprintln(&b, "unbounded")
		}
		for _, r := range op.Bound {
			fmt.Fprintf(&b, "at most %d %s\n", r.Quantity, r.Meter)
		}
		b.WriteString("\n")
	}
	golden(t, "operations.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s differs (%v); run with -update and look at the difference; got\n%s", path, err, got)
	}
}
