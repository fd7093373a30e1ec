package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
)

type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t testing.TB, h *house, method, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, h.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func TestTheAPIDescribesItself(t *testing.T) {
	h := build(t)
	h.key(t, api.NewKey{Name: "so that keys are asked for"})
	a := ask(t, h, "GET", "/api/v1/openapi.json", "")
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.status != 200 {
		t.Fatalf("%d %v", a.status, err)
	}
	var got []string
	for path, ops := range doc.Paths {
		for method := range ops {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(got)
	want := []string{
		"delete /keys/{id}", "get /bill", "get /budgets", "get /calls", "get /calls/{id}", "get /keys", "get /runs", "get /runs/{id}",
		"get /runs/{id}/events", "get /version", "post /entries/confirm", "post /keys", "post /runs", "post /runs/{id}/cancel",
		"post /runs/{id}/effects/{effect}/resolve", "post /runs/{id}/resume",
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || !slices.Equal(got, want) {
		t.Errorf("it is OpenAPI %s with %q", doc.OpenAPI, got)
	}
	for _, path := range []string{"/runs", "/keys", "/runs/{id}/cancel", "/entries/confirm"} {
		post := fmt.Sprint(doc.Paths[path]["post"])
		if !strings.Contains(post, "Idempotency-Key") {
			t.Errorf("POST %s takes no Idempotency-Key", path)
		}
	}
}

func TestEveryErrorIsAProblemThatNamesTheFieldAndTheMend(t *testing.T) {
	h := build(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               []string
	}{
		{"GET", "/api/v1/nothing", "", 404, []string{"openapi.json"}},
		{"GET", "/api/", "", 404, []string{"openapi.json"}},
		{"PUT", "/api/v1/runs", "{}", 405, []string{"GET, HEAD, POST"}},
		{"POST", "/api/v1/runs", `{"agent":"analyst","colour":1}`, 422, []string{"body.colour"}},
		{"POST", "/api/v1/runs", `{"input":{}}`, 422, []string{"body", "agent"}},
		{"POST", "/api/v1/runs", `{"agent":"analyst","budget":"much"}`, 422, []string{"body.budget"}},
		{"POST", "/api/v1/runs", `{"agent":`, 400, []string{"JSON"}},
		{"GET", "/api/v1/runs?limit=0", "", 422, []string{"query.limit"}},
		{"GET", "/api/v1/runs?status=lost", "", 422, []string{"query.status", "in doubt"}},
		{"GET", "/api/v1/bill?from=yesterday", "", 422, []string{"query.from", "2026-11-01"}},
		{"GET", "/api/v1/runs/run_1/events?after=-1", "", 422, []string{"query.after"}},
		{"POST", "/api/v1/runs/run_1/effects/x/resolve", `{"answer":"perhaps"}`, 422, []string{"body.answer", "not-done"}},
		{"POST", "/api/v1/keys", `{"name":"x","role":"king"}`, 422, []string{"body.role"}},
		{"POST", "/api/v1/keys", `{"name":"x","budget":{"limit":"0 USD","window":"day"}}`, 422, []string{"body.budget.limit"}},
		{"POST", "/api/v1/entries/confirm", ``, 400, nil},
		{"POST", "/api/v1/entries/confirm", `[]`, 422, []string{"body", "there are none"}},
		{"POST", "/api/v1/entries/confirm", `{"id":"a"}` + "\n" + `{"name":"b"}`, 422, []string{"body[1]", "name"}},
		{"POST", "/api/v1/entries/confirm", `[{"id":"a","readings":[{"meter":"input","quantity":-1}]}]`, 422, []string{"body[0].readings[0].quantity"}},
		{"POST", "/api/v1/entries/confirm", `[{"readings":[]}]`, 422, []string{"body[0].id"}},
		{"POST", "/api/v1/runs", strings.Repeat(" ", 5<<20), 413, []string{"4 MiB"}},
	} {
		a := ask(t, h, c.method, c.path, c.body, "Content-Type", "application/json")
		if a.status != c.status || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %.80s: %d %s %s", c.method, c.path, c.body, a.status, a.header.Get("Content-Type"), a.body)
		}
		for _, s := range c.says {
			if !strings.Contains(a.body, s) {
				t.Errorf("%s %s %.80s: no %q in %s", c.method, c.path, c.body, s, a.body)
			}
		}
	}
}

func TestConfirmationsComeAsAnArrayOrOneALine(t *testing.T) {
	h := build(t)
	lines := `{"id":"x/1","readings":[{"meter":"input","quantity":3}]}` + "\n" + `{"id":"y/1","readings":[]}` + "\n"
	array := "[" + strings.ReplaceAll(strings.TrimSpace(lines), "\n", ",") + "]"
	for kind, body := range map[string]string{"application/json": array, "application/x-ndjson": lines, "text/plain": lines} {
		if a := ask(t, h, "POST", "/api/v1/entries/confirm", body, "Content-Type", kind); a.status != 200 || strings.Count(a.body, "no entry has this id") != 2 {
			t.Errorf("%s: %d %s", kind, a.status, a.body)
		}
	}
}

func TestWithoutAKeyNothingIsTold(t *testing.T) {
	h := build(t)
	h.key(t, api.NewKey{Name: "first"})
	for _, path := range []string{"/api/v1/runs", "/api/v1/nothing", "/api/v1/version"} {
		a := ask(t, h, "GET", path, "")
		if a.status != 401 || a.header.Get("WWW-Authenticate") != "Bearer" || !strings.Contains(a.body, "x-api-key") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// What a browser's EventSource sees.
func TestEventsAreServerSentEvents(t *testing.T) {
	h := build(t)
	if _, err := h.StartRun(asOwner(t), api.StartRun{Agent: "analyst"}); err != nil {
		t.Fatal(err)
	}
	h.engine.goOn("run_1")
	h.engine.end("run_1")
	a := ask(t, h, "GET", "/api/v1/runs/run_1/events", "", "Accept", "text/event-stream")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	var ids, kinds []string
	lines := bufio.NewScanner(strings.NewReader(a.body))
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
		if kind, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			kinds = append(kinds, kind)
		}
	}
	if got := strings.Join(kinds, " "); got != "started model_answered effect_started tool_failed cancel_asked end" {
		t.Errorf("the kinds are %s in\n%s", got, a.body)
	}
	rest := ask(t, h, "GET", "/api/v1/runs/run_1/events?after=0", "", "Last-Event-ID", ids[3])
	if strings.Count(rest.body, "data: {\"lsn\"") != 1 || !strings.Contains(rest.body, "id: "+ids[4]+"\n") || !strings.HasSuffix(rest.body, "event: end\ndata: {}\n\n") {
		t.Errorf("after %s came\n%s", ids[3], rest.body)
	}
	if bad := ask(t, h, "GET", "/api/v1/runs/run_1/events", "", "Last-Event-ID", "x"); bad.status != 422 {
		t.Errorf("a foreign id: %d %s", bad.status, bad.body)
	}
}

func TestABillIsAsPromised(t *testing.T) {
	h := build(t)
	h.book(t, "call_1/1", "a", nil, 500_000, "1")
	a := ask(t, h, "GET", "/api/v1/bill?by=run", "")
	var b struct {
		Lines  []map[string]any    `json:"lines"`
		Totals []map[string]string `json:"totals"`
	}
	if err := json.Unmarshal([]byte(a.body), &b); err != nil || len(b.Lines) != 1 {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, name := range []string{"quantity", "unit", "unit_price", "cost", "currency", "id", "sku", "service", "cloud", "run", "call", "source", "marks"} {
		if _, ok := b.Lines[0][name]; !ok {
			t.Errorf("a line has no %s, but %q", name, slices.Sorted(maps.Keys(b.Lines[0])))
		}
	}
	if b.Totals[0]["currency"] != "USD" || b.Totals[0]["cost"] != "1" {
		t.Errorf("the totals are %v", b.Totals)
	}
}

// Skein should serve its first call 150 ms after it was started.
func BenchmarkHandler(b *testing.B) {
	g := &auth.Guard{}
	b.ReportAllocs()
	for b.Loop() {
		api.Handler(&api.Local{}, g, "test")
	}
}

func FuzzReadConfirmations(f *testing.F) {
	f.Add([]byte(`[{"id":"a","readings":[{"meter":"input","quantity":1}]}]`))
	f.Add([]byte("{\"id\":\"a\"}\n{\"id\":\"b\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := api.ReadConfirmations(body)
		if err != nil {
			return
		}
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		again, err := api.ReadConfirmations(text)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(all) {
			t.Errorf("%v came back as %v, %v", all, again, err)
		}
	})
}

func ExampleClient() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"version":"1.0","go":"go1.26"}`)
	}))
	defer server.Close()
	c := api.Dial(server.URL, "sk-skein-…") // or api.DialSocket(store.SocketPath(dir))
	defer c.Close()
	var s api.Service = c // as *api.Local is, in the process that has the data
	v, err := s.Version(context.Background())
	fmt.Println(v, err)
}
