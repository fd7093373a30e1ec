package tool_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/effect"
)

func TestInvokeCallsByTheDeclaredClass(t *testing.T) {
	calls, fail := map[string]int{}, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls[r.Header.Get("Idempotency-Key")]++
		if fail > 0 {
			fail--
			http.Error(w, "not now", http.StatusBadGateway)
			return
		}
		if strings.Contains(string(body), "long") {
			_, _ = w.Write([]byte(`"` + strings.Repeat("é", 3000) + `"`))
			return
		}
		_, _ = w.Write(body)
	}))
	defer srv.Close()
	for _, c := range []struct {
		declared, query string
		class           agent.Class
		remembers       time.Duration
		calls           int // where the first fails
		done            bool
	}{
		{"", "", agent.Once, 0, 1, false},
		{"once", "", agent.Once, 0, 1, false},
		{"read", "", agent.Read, 0, 2, true},
		{"keyed", "", agent.Keyed, 0, 2, true},
		{"keyed", "&for=24h", agent.Keyed, 24 * time.Hour, 2, true},
	} {
		opened, err := tool.Open("score", tool.Spec{Function: srv.URL + "/?allow_private=true" + c.query, Effect: c.declared, Limits: tool.Limits{MaxResult: 1000}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		set, err := tool.NewSet(map[string]tool.Tool{"score": opened})
		if err != nil {
			t.Fatal(err)
		}
		_, op, _ := set.Lookup("score_invoke")
		if op.Class != c.class || op.For != c.remembers || op.Bound == nil || !op.Rest || strings.Contains(string(op.Schema), "async") {
			t.Errorf("%s%s: %+v", c.declared, c.query, op)
		}
		id := "run_f/" + c.declared + c.query + "/0"
		fail = 1
		r, err := do(t, set, "score_invoke", `{"payload":{"a":[1.50]}}`, id)
		var e *tool.Error
		switch {
		case calls[id] != c.calls:
			t.Errorf("%s: called %d times, wanted %d", id, calls[id], c.calls)
		case c.done && (err != nil || string(r.Content) != `{"a":[1.50]}`):
			t.Errorf("%s: %s, %v", id, r.Content, err)
		case !c.done && (!errors.As(err, &e) || e.Outcome != effect.Unknown):
			t.Errorf("%s: %v", id, err)
		}
		r, err = do(t, set, "score_invoke", `{"payload":{"a":"long"}}`, id+"2")
		if err != nil || len(r.Whole) != 6002 || !strings.HasPrefix(string(r.Whole), string(r.Content)) || len(r.Content) < 700 {
			t.Errorf("%s: a long answer: %d of %d bytes, %v", id, len(r.Content), len(r.Whole), err)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ spec, effect, access, want string }{
		{srv.URL + "/?allow_private=true&for=1h", "", "", "effect: keyed"},
		{srv.URL + "/?allow_private=true&for=soon", "keyed", "", "for:"},
		{srv.URL + "/?allow_private=true", "maybe", "", "effect:"},
		{srv.URL + "/?allow_private=true", "", "read", "access"},
		{"ftp://x", "", "", "no driver"},
	} {
		if _, err := tool.Open("score", tool.Spec{Function: c.spec, Effect: c.effect, Access: c.access}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// What is called once more because the operator wants it so hears that it may be a
// repeat, and is never left to run on its own, where it could not hear it.
func TestAFunctionThatIsCalledAgainIsToldSo(t *testing.T) {
	var told []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = append(told, r.Header.Get("x-skein-may-repeat"))
		_, _ = w.Write([]byte("{}"))
	}))
	defer srv.Close()
	opened, err := tool.Open("score", tool.Spec{Function: srv.URL + "/?allow_private=true", OnDoubt: "resend"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []bool{false, true} {
		if _, err := opened.Do(t.Context(), tool.Call{ID: "run_1/2/1", Try: 1, Op: "score_invoke", Args: []byte(`{"payload":{}}`), Again: again}); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"", "true"}; !slices.Equal(told, want) {
		t.Errorf("it was told %q, wanted %q", told, want)
	}
	for doubt, async := range map[string]bool{"ask": true, "resend": false} {
		opened, err := tool.Open("score", tool.Spec{Function: "awslambda:///name?region=us-east-1", OnDoubt: doubt}, cloud.New(cloud.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(opened.Operations()[0].Schema), "async"); got != async {
			t.Errorf("on_doubt: %s: it may run on its own: %v", doubt, got)
		}
	}
}
