package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire/all"
)

// stores is a provider of Responses that keeps what it answered, and refuses to go on
// from what it did not.
type stores struct {
	mu    sync.Mutex
	asked []string // previous_response_id
}

func (s *stores) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Stream   bool
		Previous string `json:"previous_response_id"`
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(b, &in) != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, in.Previous)
	s.mu.Unlock()
	const answer = `{"id":"resp_68ab","object":"response","created_at":1,"status":"completed","model":"up","previous_response_id":%q,"store":true,` +
		`"output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello there","annotations":[]}]}],` +
		`"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":0},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":12}}`
	whole := strings.Replace(fmt.Sprintf(answer, in.Previous), `"previous_response_id":""`, `"previous_response_id":null`, 1)
	if !in.Stream {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, whole)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for i, e := range []string{
		`{"type":"response.created","response":{"id":"resp_68ab","object":"response","created_at":1,"status":"in_progress","model":"up","output":[]}}`,
		`{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","status":"in_progress","role":"assistant","content":[]}}`,
		`{"type":"response.content_part.added","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}`,
		`{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hello there"}`,
		`{"type":"response.output_text.done","item_id":"msg_1","output_index":0,"content_index":0,"text":"Hello there"}`,
		`{"type":"response.completed","response":` + whole + `}`,
	} {
		kind, _, _ := strings.Cut(strings.TrimPrefix(e, `{"type":"`), `"`)
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, strings.Replace(e, `{"type"`, fmt.Sprintf(`{"sequence_number":%d,"type"`, i), 1))
	}
}

// project is a guard for which everybody is of the project that a header names.
type project struct{}

func (project) Check(r *http.Request) (*auth.Principal, error) {
	return &auth.Principal{Org: "default", Project: r.Header.Get("X-Project")}, nil
}

// What a provider keeps for one project no other project can name, nor see whose it
// is; its own calls go on from it, streamed or not.
func TestAStoredResponseIsItsProjectsOwn(t *testing.T) {
	if all.Codec(llm.Responses) == nil {
		t.Fatal("Responses is not spoken")
	}
	up := &stores{}
	s := httptest.NewServer(up)
	defer s.Close()
	p, err := provider.New("p", provider.Options{Kind: "openai", Endpoint: s.URL + "/v1", Key: "k", Formats: []string{"responses"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	d, err := dispatch.New(dispatch.Options{Codecs: all.Codec, Setup: dispatch.Setup{
		Providers: map[string]dispatch.Upstream{"p": p},
		Models:    map[string]dispatch.ModelOptions{"smart": {Deployments: []dispatch.DeploymentOptions{{Provider: "p", Upstream: "up"}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := auth.NewSealer(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	g := httptest.NewServer(gateway.New(gateway.Config{Dispatch: d, Codecs: all.Codec, Guard: project{}, Sealer: sealer}))
	defer g.Close()

	ask := func(project, previous string, stream bool) (int, string) {
		t.Helper()
		body := fmt.Sprintf(`{"model":"smart","input":"hi","stream":%v`, stream)
		if previous != "" {
			body += fmt.Sprintf(`,"previous_response_id":%q`, previous)
		}
		resp := post(t, g.URL+"/v1/responses", body+"}", "X-Project", project)
		return resp.StatusCode, text(t, resp.Body)
	}
	idIn := func(body string) string {
		t.Helper()
		_, rest, ok := strings.Cut(body, `"id":"resp_`)
		id, _, ok2 := strings.Cut(rest, `"`)
		if !ok || !ok2 || strings.Contains(body, "resp_68ab") {
			t.Fatalf("the id is not there, or not sealed: %s", body)
		}
		return "resp_" + id
	}
	status, first := ask("web", "", false)
	if status != 200 {
		t.Fatalf("%d %s", status, first)
	}
	id := idIn(first)
	for _, stream := range []bool{false, true} {
		status, next := ask("web", id, stream)
		if status != 200 || idIn(next) != id || up.asked[len(up.asked)-1] != "resp_68ab" { // the provider gives the same id each time
			t.Errorf("stream %v: %d, asked for %v: %s", stream, status, up.asked, next)
		}
	}
	asked := len(up.asked)
	for name, try := range map[string][2]string{
		"another project":    {"other", id},
		"the provider's own": {"web", "resp_68ab"},
		"nonsense":           {"web", "resp_sk1AAAA"},
	} {
		status, refused := ask(try[0], try[1], false)
		if status != 404 || !strings.Contains(refused, "not known here") || !strings.Contains(refused, "previous_response_id") {
			t.Errorf("%s: %d %s", name, status, refused)
		}
	}
	if len(up.asked) != asked {
		t.Error("the provider was asked all the same")
	}
}
