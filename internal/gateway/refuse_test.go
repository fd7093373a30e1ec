package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/telemetry"
	"github.com/skein-run/skein/internal/wire/all"
)

func TestAnErrorBeforeTheFirstFrameHasAStatusOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		err        *llm.Error
		status     int
		retry      string
		retryAfter string
	}{
		"budget":             {&llm.Error{Class: llm.OverBudget, Status: 429}, 429, "false", ""},
		"busy":               {&llm.Error{Class: llm.Busy, Status: 503, RetryAfter: 1500 * time.Millisecond}, 503, "true", "2"},
		"rate":               {&llm.Error{Class: llm.RateLimited, Status: 429, RetryAfter: time.Second}, 429, "true", "1"},
		"lossy":              {&llm.Error{Class: llm.Lossy, Status: 400}, 400, "false", ""},
		"upstream":           {&llm.Error{Class: llm.ServerError, Status: 500, Blame: llm.BlameProvider}, 500, "", ""},
		"our own credential": {&llm.Error{Class: llm.Unauthorized, Status: 401, Blame: llm.BlameCredential}, 502, "false", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, stream := range []string{"false", "true"} {
				s := serve(t, gateway.Config{}, func(ctx context.Context, call dispatch.Call) error {
					if stream == "true" { // opened, but nothing was shown yet
						if err := call.Sink.Open(&dispatch.Receipt{Call: call.ID}); err != nil {
							return err
						}
					}
					return fails(c.err)(ctx, call)
				})
				resp := post(t, s.URL+messagesPath, `{"model":"m","stream":`+stream+`}`)
				if resp.StatusCode != c.status || resp.Header.Get("X-Should-Retry") != c.retry || resp.Header.Get("Retry-After") != c.retryAfter {
					t.Errorf("stream %s: %d, retry %q after %q", stream, resp.StatusCode, resp.Header.Get("X-Should-Retry"), resp.Header.Get("Retry-After"))
				}
				if got := text(t, resp.Body); !strings.Contains(got, `"format":"messages"`) {
					t.Errorf("stream %s: the body is %s", stream, got)
				}
				if resp.Header.Get("X-Skein-Attempts") != "2" || resp.Header.Get("Request-Id") == "" {
					t.Errorf("stream %s: the receipt is %v", stream, resp.Header)
				}
			}
		})
	}
}

func TestAnErrorAfterTheFirstFrameIsAnEventOfTheFormat(t *testing.T) {
	s := serve(t, gateway.Config{}, func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID, Attempts: 3}
		if err := errors.Join(c.Sink.Open(r), c.Sink.Frame([]byte("data: half\n\n"), nil)); err != nil {
			return err
		}
		e := &llm.Error{Class: llm.BrokenStream}
		c.Sink.Close(r, e)
		return e
	})
	resp := post(t, s.URL+chatPath, `{"model":"m","stream":true}`, "TE", "trailers")
	if got := text(t, resp.Body); got != "data: half\n\nerror: broken_stream\n\n" {
		t.Errorf("it is %q", got)
	}
	if resp.Trailer.Get("X-Skein-Attempts") != "3" {
		t.Errorf("the trailers are %v", resp.Trailer)
	}
}

func TestABrokenAnswerNeverEndsWell(t *testing.T) {
	begin := func(c dispatch.Call) {
		if err := errors.Join(c.Sink.Open(&dispatch.Receipt{}), c.Sink.Frame([]byte("data: half\n\n"), nil)); err != nil {
			t.Error(err)
		}
	}
	for name, d := range map[string]doer{
		"never closed":               func(_ context.Context, c dispatch.Call) error { begin(c); return nil },
		"never closed, with error":   func(_ context.Context, c dispatch.Call) error { begin(c); return errors.New("oops") },
		"panic":                      func(_ context.Context, c dispatch.Call) error { begin(c); panic(http.ErrAbortHandler) },
		"closed as if nobody was on": func(_ context.Context, c dispatch.Call) error { begin(c); e := gone(); c.Sink.Close(nil, e); return e },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, gateway.Config{}, d)
			b, err := io.ReadAll(post(t, s.URL+chatPath, `{"model":"m","stream":true}`).Body)
			if err == nil && !strings.Contains(string(b), "error:") {
				t.Errorf("it ended well: %q", b)
			}
		})
	}
}

func gone() *llm.Error { return &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient} }

func TestRefusalsComeInTheCallersShape(t *testing.T) {
	s := serve(t, gateway.Config{}, whole)
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
		format             string
	}{
		{"POST", "/v1/nothing", "", nil, 404, "chat"},
		{"POST", "/v1/nothing", "", []string{"Anthropic-Version", "2023-06-01"}, 404, "messages"},
		{"POST", "/v1/nothing", "", []string{"X-Api-Key", "k"}, 404, "messages"},
		{"GET", chatPath, "", nil, 405, "chat"},
		{"DELETE", messagesPath, "", nil, 405, "messages"},
		{"POST", "/v1/models", "", nil, 405, "chat"},
		{"POST", chatPath, `{}`, nil, 400, "chat"},
		{"POST", messagesPath, ``, nil, 400, "messages"},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "chat"},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Encoding", "gzip"}, 415, "chat"},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Type", "text/plain"}, 200, ""},
		{"POST", chatPath, `{"model":"m"}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 200, ""},
		{"GET", "/v1/models/none", "", nil, 404, "chat"},
	} {
		r, err := http.NewRequest(c.method, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got := text(t, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(got, c.format) {
			t.Errorf("%s %s: %d %s", c.method, c.path, resp.StatusCode, got)
		}
		if c.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow header", c.method, c.path)
		}
	}
}

// A key for certain models must not reach others through a provider that picks them.
func TestAKeyForCertainModelsLetsNoProviderPickOthers(t *testing.T) {
	for _, models := range [][]string{nil, {"m"}} {
		base, _ := start(t, gateway.ServerConfig{Gateway: gateway.New(gateway.Config{Guard: guard{p: &auth.Principal{Models: models}}, Codecs: all.Codec, Dispatch: doer(whole)})})
		for path, body := range map[string]string{chatPath: `{"model":"m","messages":[],"models":["dear"]}`, messagesPath: `{"model":"m","messages":[],"fallbacks":[{"model":"dear"}]}`} {
			if resp := post(t, base+path, body); (resp.StatusCode == 400) != (models != nil) {
				t.Errorf("a key for %v: %s is %d", models, path, resp.StatusCode)
			}
		}
	}
}

func TestWhoMayNotCallIsToldBeforeTheBodyIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		config gateway.Config
		status int
	}{
		"no key":     {gateway.Config{Guard: guard{err: auth.ErrMissing}}, 401},
		"foreign":    {gateway.Config{Guard: guard{err: auth.ErrForeign}}, 403},
		"draining":   {gateway.Config{Health: drained()}, 503},
		"not listed": {gateway.Config{Guard: guard{p: &auth.Principal{Models: []string{"other"}}}}, 404},
	} {
		s := serve(t, c.config, func(context.Context, dispatch.Call) error {
			t.Errorf("%s: dispatched all the same", name)
			return nil
		})
		resp := post(t, s.URL+chatPath, `{"model":"m"}`)
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text(t, resp.Body))
		}
	}
}

func drained() *telemetry.Health {
	h := &telemetry.Health{}
	h.Drain()
	return h
}

func TestTheModelsListIsInTheCallersShapeAndOnlyWhatTheKeyMayUse(t *testing.T) {
	p := &auth.Principal{Org: "default", Models: []string{"a/one", "c"}}
	s := serve(t, gateway.Config{Guard: guard{p: p}}, whole)
	get := func(path string, header ...string) (out map[string]any) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, s.URL+path, nil)
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
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := fmt.Sprint(get("/v1/models")); got != "map[data:[map[created:0 id:a/one object:model owned_by:skein] map[created:0 id:c object:model owned_by:skein]] object:list]" {
		t.Errorf("OpenAI's: %s", got)
	}
	if got := fmt.Sprint(get("/v1/models", "Anthropic-Version", "2023-06-01")); got != "map[data:[map[created_at:1970-01-01T00:00:00Z display_name:a/one id:a/one type:model] map[created_at:1970-01-01T00:00:00Z display_name:c id:c type:model]] first_id:a/one has_more:false last_id:c]" {
		t.Errorf("Anthropic's: %s", got)
	}
	page := get("/v1/models?limit=1", "X-Api-Key", "k")
	if page["has_more"] != true || page["last_id"] != "a/one" {
		t.Errorf("the first page is %v", page)
	}
	page = get("/v1/models?limit=1&after_id=a/one", "X-Api-Key", "k")
	if page["has_more"] != false || page["last_id"] != "c" {
		t.Errorf("the second page is %v", page)
	}
	if got := fmt.Sprint(get("/v1beta/models?pageSize=1")); !strings.HasPrefix(got, "map[models:[map[baseModelId:a/one displayName:a/one name:models/a/one") || !strings.HasSuffix(got, "nextPageToken:a/one]") {
		t.Errorf("Google's: %s", got)
	}
	if got := fmt.Sprint(get("/gemini/v1beta/models?pageSize=1&pageToken=a/one")); !strings.Contains(got, "name:models/c") || strings.Contains(got, "nextPageToken") {
		t.Errorf("Google's second page: %s", got)
	}
	if got := fmt.Sprint(get("/v1/models", "X-Goog-Api-Key", "k")); !strings.Contains(got, "models/a/one") {
		t.Errorf("Google's by the header: %s", got)
	}
	if got := fmt.Sprint(get("/v1beta1/publishers/google/models")); got != "map[publisherModels:[map[launchStage:GA name:publishers/a/models/one versionId:default] map[launchStage:GA name:publishers/google/models/c versionId:default]]]" {
		t.Errorf("Vertex AI's: %s", got)
	}
	if got := get("/v1beta/models/a/one"); got["name"] != "models/a/one" {
		t.Errorf("Google's one model is %v", got)
	}
	if got := fmt.Sprint(get("/v1beta/models/b")); !strings.Contains(got, "does not exist, or this key may not use it") {
		t.Errorf("a model that the key may not use: %s", got)
	}
	if got := get("/v1/models/a/one"); got["id"] != "a/one" {
		t.Errorf("one model is %v", got)
	}
}

// TestWhatTheProviderReadsForItsAccountIsNotForEveryKey: all keys share the account
// with which a provider fetches an object or a file, so a key may name one only where
// the operator says so. Its owner may on his own machine.
func TestWhatTheProviderReadsForItsAccountIsNotForEveryKey(t *testing.T) {
	bodies := map[string]string{
		"/v1beta/models/m:generateContent": `{"contents":[{"parts":[{"fileData":{"fileUri":"gs://private/book.pdf"}}]}]}`,
		"/model/m/converse":                `{"messages":[{"role":"user","content":[{"document":{"format":"pdf","name":"a","source":{"s3Location":{"uri":"s3://private/book.pdf"}}}}]}]}`,
		messagesPath:                       `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}`,
		"/v1/responses":                    `{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}`,
		chatPath:                           `{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}`,
	}
	key := &auth.Principal{Key: "k1", Org: "default"}
	for _, c := range []struct {
		p       *auth.Principal
		allowed bool
		passes  bool
	}{{key, false, false}, {key, true, true}, {nil, false, true}} {
		asked := 0
		s := httptest.NewServer(gateway.New(gateway.Config{
			Options: gateway.Options{ProviderFiles: c.allowed}, Codecs: all.Codec, Guard: guard{p: c.p},
			Dispatch: doer(func(ctx context.Context, call dispatch.Call) error { asked++; return whole(ctx, call) }),
		}))
		for path, body := range bodies {
			asked = 0
			resp, err := http.Post(s.URL+path, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			got := text(t, resp.Body)
			_ = resp.Body.Close()
			if c.passes != (asked == 1) || !c.passes && (resp.StatusCode != 400 || !strings.Contains(got, "gateway.provider_files")) {
				t.Errorf("%s, allowed %v, key %v: %d, asked %d times: %s", path, c.allowed, c.p != nil, resp.StatusCode, asked, got)
			}
		}
		s.Close()
	}
	http.DefaultClient.CloseIdleConnections()
}
