package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a codec of a format so plain that tests show what the gateway does.
type toy struct {
	wire.Codec
	format llm.Format
}

func (c toy) Format() llm.Format { return c.format }

func (c toy) Scan(body []byte, _ *wire.Head) (*wire.Scan, error) {
	var in struct {
		Model  string
		Stream bool
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Model == "" {
		return nil, &llm.Error{Class: llm.BadRequest, Status: http.StatusBadRequest, Param: "model", Message: "no model"}
	}
	return &wire.Scan{Facts: wire.Facts{Format: c.format, Model: in.Model, Stream: in.Stream, Bytes: int64(len(body))}}, nil
}

func (c toy) Edit(dst, body []byte, _ *wire.Scan, t *wire.Target) ([]byte, error) {
	return append(append(dst, body...), t.Upstream...), nil
}

func (c toy) DecodeRequest(body []byte, _ *wire.Head) (*llm.Request, error) {
	return &llm.Request{Model: string(body)}, nil
}

func (c toy) EncodeRequest(r *llm.Request, t *wire.Target) ([]byte, []wire.Loss, error) {
	return fmt.Appendf(nil, "%s for %s: %s", c.format, t.Upstream, r.Model), []wire.Loss{{Field: "seed", Class: wire.Semantic}}, nil
}

func (c toy) EncodeError(e *llm.Error) (int, []byte) {
	return e.Status, fmt.Appendf(nil, `{"format":%q,"class":%q,"message":%q}`, c.format, e.Class, e.Message)
}

func (c toy) StreamError(e *llm.Error) []byte { return fmt.Appendf(nil, "error: %s\n\n", e.Class) }

func (c toy) EncodeResponse(r *llm.Response, as *wire.Answer) []byte {
	return fmt.Appendf(nil, `{"id":%q,"text":%q}`, as.ID, r.Parts[0].Text)
}

func codecs(f llm.Format) wire.Codec { return toy{format: f} }

// doer is a dispatcher made of a function.
type doer func(ctx context.Context, c dispatch.Call) error

func (d doer) Do(ctx context.Context, c dispatch.Call) (*dispatch.CallRecord, error) {
	return &dispatch.CallRecord{ID: c.ID}, d(ctx, c)
}

func (d doer) Names() []string { return []string{"a/one", "b", "c"} }

func (d doer) Resolve(name string) string {
	if name == "none" {
		return ""
	}
	return name
}

func (d doer) Models() []dispatch.ModelInfo {
	return []dispatch.ModelInfo{{Name: "a/one"}, {Name: "b"}, {Name: "c"}}
}

type guard struct {
	p   *auth.Principal
	err error
}

func (g guard) Check(*http.Request) (*auth.Principal, error) {
	if g.p == nil && g.err == nil {
		return auth.Owner(), nil
	}
	return g.p, g.err
}

func serve(t testing.TB, c gateway.Config, d doer) *httptest.Server {
	t.Helper()
	c.Dispatch, c.Codecs = d, codecs
	if c.Guard == nil {
		c.Guard = guard{}
	}
	s := httptest.NewServer(gateway.New(c))
	t.Cleanup(s.Close)
	return s
}

const chatPath, messagesPath = "/v1/chat/completions", "/v1/messages"

func post(t testing.TB, address, body string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
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
	t.Cleanup(func() {
		resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return resp
}

func text(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("reading the answer: %v after %q", err, b)
	}
	return string(b)
}

// whole answers every call with its own request's bytes.
func whole(_ context.Context, c dispatch.Call) error {
	b, _, err := c.Source.Body(&wire.Target{Format: c.Sink.Format()})
	if err != nil {
		return err
	}
	r := &dispatch.Receipt{Call: c.ID, Deployment: "openai/gpt", Attempts: 1, Cost: "0.5 USD"}
	if err := c.Sink.Whole(r, b, nil); err != nil {
		return err
	}
	c.Sink.Close(r, nil)
	return nil
}

// fails answers every call with an error before anything was shown.
func fails(e *llm.Error) doer {
	return func(_ context.Context, c dispatch.Call) error {
		c.Sink.Close(&dispatch.Receipt{Call: c.ID, Attempts: 2}, e)
		return e
	}
}

const deadline = 10 * time.Second

func within(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(deadline):
		t.Fatalf("%s did not happen", what)
	}
}
