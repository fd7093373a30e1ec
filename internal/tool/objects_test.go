package tool_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool"
)

// folder opens a folder with these files as the tool notes.
func folder(t testing.TB, access string, limits tool.Limits, files map[string]string) (*tool.Set, string) {
	t.Helper()
	dir := t.TempDir()
	for key, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := tool.Open("notes", tool.Spec{Objects: "file://" + filepath.ToSlash(dir), Access: access, Limits: limits}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	set, err := tool.NewSet(map[string]tool.Tool{"notes": opened})
	if err != nil {
		t.Fatal(err)
	}
	return set, dir
}

func inJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// must does an operation that has to go well and gives its result.
func must(t *testing.T, set *tool.Set, op, args, id string) string {
	t.Helper()
	r, err := do(t, set, op, args, id)
	if err != nil {
		t.Fatalf("%s %s: %v", op, args, err)
	}
	return string(r.Content)
}

func refusedWith(t *testing.T, set *tool.Set, op, args, id, why string) {
	t.Helper()
	r, err := do(t, set, op, args, id)
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%s %.200s: %s, %v; wanted an error with %q", op, args, r.Content, err, why)
	}
}

// What a model reads is what it may change, and only as long as it is so.
func TestObjectsChangeAtTheVersionThatWasSeen(t *testing.T) {
	set, dir := folder(t, "write", tool.Limits{}, map[string]string{"a.md": "one"})
	for _, op := range []string{"notes_replace", "notes_delete"} {
		if _, o, ok := set.Lookup(op); !ok || o.Class != agent.Keyed || o.Basis == "" {
			t.Fatalf("%s is %+v", op, o)
		}
	}
	var list struct{ Objects []struct{ Version string } }
	if err := json.Unmarshal([]byte(must(t, set, "notes_list", `{}`, "run_c/1/0")), &list); err != nil || len(list.Objects) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	first := list.Objects[0].Version
	if got := must(t, set, "notes_read", `{"key":"a.md"}`, "run_c/2/0"); got != "one\n[version "+first+"]" {
		t.Fatalf("read: %q", got)
	}
	if got := must(t, set, "notes_read", `{"key":"a.md","limit":2}`, "run_c/3/0"); got != "on\n[bytes 0 to 2 of 3; version "+first+"; call notes_read with offset 2 for the next part]" {
		t.Fatalf("read: %q", got)
	}
	change := fmt.Sprintf(`{"key":"a.md","version":%q,"content":"two"}`, first)
	done := must(t, set, "notes_replace", change, "run_c/4/0")
	if again, err := do(t, set, "notes_replace", change, "run_c/4/0"); err != nil || !again.Repeat || string(again.Content) != done {
		t.Fatalf("again: %s, %v; wanted %s", again.Content, err, done)
	}
	refusedWith(t, set, "notes_replace", change, "run_c/5/0", "has changed since you saw it (its version is ")
	refusedWith(t, set, "notes_delete", fmt.Sprintf(`{"key":"a.md","version":%q}`, first), "run_c/6/0", "so it is not deleted")
	refusedWith(t, set, "notes_replace", `{"key":"none.md","version":"1","content":"x"}`, "run_c/7/0", `no object "none.md" any more`)
	refusedWith(t, set, "notes_replace", `{"key":"a.md","version":"*","content":"x"}`, "run_c/8/0", "no version")
	refusedWith(t, set, "notes_write", `{"key":"a.md","content":"x"}`, "run_c/9/0", "use notes_replace")
	var now struct{ Version string }
	if err := json.Unmarshal([]byte(done), &now); err != nil {
		t.Fatal(err)
	}
	if got := must(t, set, "notes_delete", fmt.Sprintf(`{"key":"a.md","version":%q}`, now.Version), "run_c/10/0"); got != `{"deleted":true,"key":"a.md"}` {
		t.Errorf("delete: %s", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.md")); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
}

func TestObjectsThatAreReadOnlyShowNoVersions(t *testing.T) {
	set, _ := folder(t, "read", tool.Limits{}, map[string]string{"a.md": "one"})
	if got := must(t, set, "notes_list", `{}`, "run_v/1/0") + must(t, set, "notes_read", `{"key":"a.md"}`, "run_v/2/0"); got != `{"objects":[{"key":"a.md","size":3}]}one` {
		t.Error(got)
	}
	for _, op := range []string{"notes_write", "notes_replace", "notes_delete"} {
		if _, _, ok := set.Lookup(op); ok {
			t.Errorf("there is %s", op)
		}
	}
}

func TestTextsAreReadByCharacters(t *testing.T) {
	long := strings.Repeat("naïve €uro… ", 300)
	set, dir := folder(t, "", tool.Limits{MaxResult: 700}, map[string]string{
		"a.html": "<p>One &amp; two<script>x</script>", "long.md": long, "b.pdf": "no", "c.bin": "\x00\xff"})
	if got := must(t, set, "notes_text", `{"key":"a.html"}`, "run_t/1/0"); got != "One & two" {
		t.Errorf("HTML: %q", got)
	}
	refusedWith(t, set, "notes_text", `{"key":"b.pdf"}`, "run_t/2/0", `"b.pdf" has no text that can be read: it is called a PDF`)
	refusedWith(t, set, "notes_text", `{"key":"c.bin"}`, "run_t/3/0", "neither PDF nor HTML")
	refusedWith(t, set, "notes_text", `{"key":"none"}`, "run_t/4/0", "no object")
	var whole strings.Builder
	for offset, n := 0, 0; ; n++ {
		got := must(t, set, "notes_text", fmt.Sprintf(`{"key":"long.md","offset":%d}`, offset), "run_t/5/0")
		text, note, _ := strings.Cut(got, "\n[characters ")
		var from, end, size int
		if _, err := fmt.Sscanf(note, "%d to %d of %d;", &from, &end, &size); err != nil || from != offset || size != len([]rune(long)) || n > 50 {
			t.Fatalf("the note is %q: %v", note, err)
		}
		whole.WriteString(text)
		if offset = end; strings.Contains(note, "this is the end") {
			break
		}
	}
	if whole.String() != long {
		t.Errorf("the parts do not join to the whole")
	}
	if got := must(t, set, "notes_text", `{"key":"long.md","offset":99999}`, "run_t/6/0"); got != "[nothing at offset 99999: the text has 3600 characters]" {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(dir, "long.md"), []byte("short"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := must(t, set, "notes_text", `{"key":"long.md"}`, "run_t/7/0"); got != "short" {
		t.Errorf("the text of another version: %q", got)
	}
}

// Reading on in a document asks only whether it is still the same.
func TestAKeptTextCostsOneByte(t *testing.T) {
	set, _ := folder(t, "", tool.Limits{MaxResult: 700}, map[string]string{"long.md": strings.Repeat("x", 5000)})
	must(t, set, "notes_text", `{"key":"long.md"}`, "run_k/1/0")
	tl, _, _ := set.Lookup("notes_text")
	var m tool.Meter
	if _, err := tl.Do(tool.WithMeter(t.Context(), &m), tool.Call{ID: "run_k/2/0", Try: 1, Op: "notes_text", Args: []byte(`{"key":"long.md","offset":500}`)}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.Readings()); got != fmt.Sprint([]price.Reading{{Meter: price.MeterGet, Quantity: 1, Source: price.Counted}, {Meter: price.MeterBytesRead, Quantity: 1, Source: price.Counted}}) {
		t.Errorf("it consumed %s", got)
	}
}

func TestRowsAreReadByNumberAndColumn(t *testing.T) {
	set, _ := folder(t, "", tool.Limits{Rows: 3}, map[string]string{
		"a.csv":     "\ufeffyear,revenue,note\r\n2023,9,\"a, \"\"quoted\"\"\nnote\"\r\n2024,10,\r\n\r\n2025,12,caf\xe9\r\n2026,13\r\n",
		"b.tsv":     "k\tv\n1\ta,b\n",
		"semi.csv":  "k;v\n1;2,5\n",
		"plain.csv": "1,2\n3,4\n",
		"empty.csv": "", "head.csv": "a,b\n", "bin.csv": "a\x00b,c\n",
	})
	for i, c := range []struct{ args, want string }{
		{`{"key":"a.csv"}`, `{"columns":["year","revenue","note"],"from":1,"rows":[["2023","9","a, \"quoted\"\nnote"],["2024","10",""],["2025","12","caf` + "\ufffd" + `"]],"next":"4@77"}`},
		{`{"key":"a.csv","cursor":"4@77"}`, `{"columns":["year","revenue","note"],"from":4,"rows":[["2026","13"]],"total":4}`},
		{`{"key":"a.csv","from":3,"count":1,"columns":["Revenue","year"]}`, `{"columns":["revenue","year"],"from":3,"rows":[["12","2025"]],"next":"4@77"}`},
		{`{"key":"a.csv","cursor":"4@77","from":2,"count":1,"columns":["year"]}`, `{"columns":["year"],"from":2,"rows":[["2024"]],"next":"3@61"}`},
		{`{"key":"a.csv","from":9}`, `{"columns":["year","revenue","note"],"from":9,"rows":[],"total":4}`},
		{`{"key":"b.tsv"}`, `{"columns":["k","v"],"from":1,"rows":[["1","a,b"]],"total":1}`},
		{`{"key":"semi.csv"}`, `{"columns":["k","v"],"from":1,"rows":[["1","2,5"]],"total":1}`},
		{`{"key":"plain.csv","header":false}`, `{"columns":["c1","c2"],"from":1,"rows":[["1","2"],["3","4"]],"total":2}`},
		{`{"key":"head.csv"}`, `{"columns":["a","b"],"from":1,"rows":[],"total":0}`},
	} {
		if got := must(t, set, "notes_rows", c.args, fmt.Sprintf("run_w/%d/0", i)); got != c.want {
			t.Errorf("%s:\n%s\nwanted\n%s", c.args, got, c.want)
		}
	}
	refusedWith(t, set, "notes_rows", `{"key":"a.csv","columns":["profit"]}`, "run_w/20/0", `no column "profit": the columns are ["year","revenue","note"]`)
	refusedWith(t, set, "notes_rows", `{"key":"empty.csv"}`, "run_w/21/0", "is empty")
	refusedWith(t, set, "notes_rows", `{"key":"bin.csv"}`, "run_w/22/0", "not text")
	refusedWith(t, set, "notes_rows", `{"key":"none.csv"}`, "run_w/23/0", "no object")
}

// A table of any size is read with cursors, and no call fetches it whole.
func TestRowsOfALargeTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,text,quote\n")
	const n = 120_000
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%d,%s,\"line one\nline, two\"\n", i, strings.Repeat("x", 80+i%40))
	}
	set, _ := folder(t, "", tool.Limits{Rows: 500}, map[string]string{"big.csv": b.String(), "open.csv": "a,b\n1,\"" + strings.Repeat("x\n", 5<<20), "wide.csv": "a,b\n1," + strings.Repeat("y", 40<<10) + "\n2,z\n"})
	var got struct {
		Columns []string
		Rows    [][]string
		Next    string
		Note    string
		Total   *int
	}
	args, calls, last := `{"key":"big.csv","from":100000,"count":2,"columns":["id"]}`, 0, 0
	for ; ; calls++ {
		got.Rows, got.Next, got.Note = nil, "", ""
		if err := json.Unmarshal([]byte(must(t, set, "notes_rows", args, "run_l/1/0")), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Rows) > 0 || calls > 10 {
			break
		}
		if !strings.Contains(got.Note, "row 100000 is further on") {
			t.Fatalf("%+v", got)
		}
		args = fmt.Sprintf(`{"key":"big.csv","from":100000,"count":2,"columns":["id"],"cursor":%q}`, got.Next)
	}
	if calls != 1 || fmt.Sprint(got.Rows) != "[[100000] [100001]]" {
		t.Fatalf("after %d calls: %v", calls, got.Rows)
	}
	tl, _, _ := set.Lookup("notes_rows")
	var m tool.Meter
	if _, err := tl.Do(tool.WithMeter(t.Context(), &m), tool.Call{ID: "run_l/2/0", Try: 1, Op: "notes_rows",
		Args: fmt.Appendf(nil, `{"key":"big.csv","count":3,"cursor":%q}`, got.Next)}); err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Readings() {
		if r.Meter == price.MeterBytesRead && r.Quantity > 128<<10 || r.Meter == price.MeterGet && r.Quantity > 2 {
			t.Errorf("to read on consumed %+v", r)
		}
	}
	// Every row is there once, in order, whatever fits into an answer.
	for cursor := got.Next; cursor != ""; {
		got.Rows, got.Next = nil, ""
		if err := json.Unmarshal([]byte(must(t, set, "notes_rows", fmt.Sprintf(`{"key":"big.csv","columns":["id"],"cursor":%q}`, cursor), "run_l/3/0")), &got); err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Rows {
			var id int
			if _, err := fmt.Sscan(r[0], &id); err != nil || last != 0 && id != last+1 || last == 0 && id != 100002 {
				t.Fatalf("%v after %d, %v", r, last, err)
			}
			last = id
		}
		cursor = got.Next
	}
	if last != n || got.Total == nil || *got.Total != n {
		t.Fatalf("the last row is %d, the total %v", last, got.Total)
	}
	refusedWith(t, set, "notes_rows", `{"key":"open.csv"}`, "run_l/4/0", "a quote is not closed")
	refusedWith(t, set, "notes_rows", `{"key":"wide.csv"}`, "run_l/5/0", `row 1 of the object "wide.csv" is too long to be shown: give fewer columns, or go on with cursor "2@`)
	if got := must(t, set, "notes_rows", `{"key":"wide.csv","columns":["a"]}`, "run_l/6/0"); got != `{"columns":["a"],"from":1,"rows":[["1"],["2"]],"total":2}` {
		t.Error(got)
	}
}

// A row is kept whole while it is read, and takes many times its bytes: one without an end
// is left before it takes what others need.
func TestARowWithoutAnEndIsLeft(t *testing.T) {
	set, _ := folder(t, "", tool.Limits{}, map[string]string{"commas.csv": "a,b\n1,2\n" + strings.Repeat(",", 7<<20)})
	if got := must(t, set, "notes_rows", `{"key":"commas.csv"}`, "run_n/1/0"); got != `{"columns":["a","b"],"from":1,"rows":[["1","2"]],"next":"2@8"}` {
		t.Error(got)
	}
	tl, _, _ := set.Lookup("notes_rows")
	var m tool.Meter
	_, err := tl.Do(tool.WithMeter(t.Context(), &m), tool.Call{ID: "run_n/2/0", Try: 1, Op: "notes_rows", Args: []byte(`{"key":"commas.csv","cursor":"2@8"}`)})
	if err == nil || !strings.Contains(err.Error(), "row 2") || !strings.Contains(err.Error(), "does not end within 1048576 bytes") {
		t.Error(err)
	}
	for _, r := range m.Readings() {
		if r.Meter == price.MeterBytesRead && r.Quantity > 3<<20 {
			t.Errorf("it read %d bytes", r.Quantity)
		}
	}
}

func FuzzRows(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "\ufeffa;b\n\"x\ny\";2", "a\tb\r\n\r\n1\t2", "\"", "\"a\"b,c\n,,,\n", ""} {
		f.Add(text, 1, "1@0")
		f.Add(text, 2, "2@4")
	}
	set, dir := folder(f, "", tool.Limits{MaxResult: 300, Rows: 5}, nil)
	f.Fuzz(func(t *testing.T, text string, from int, cursor string) {
		if err := os.WriteFile(filepath.Join(dir, "f.csv"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		r, err := do(t, set, "notes_rows", fmt.Sprintf(`{"key":"f.csv","from":%d,"cursor":%s}`, from, inJSON(cursor)), "run_f/1/0")
		if err == nil && !json.Valid(r.Content) {
			t.Fatalf("%q gives %s", text, r.Content)
		}
	})
}
