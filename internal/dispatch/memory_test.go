package dispatch_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/wire"
)

// memory is an upstream without sockets, for tests in which time is not real.
type memory struct {
	u    *upstream
	info provider.Info
}

func newMemory(t testing.TB, format llm.Format, f fault) *upstream {
	u := &upstream{format: format, fault: f, memory: true, hold: make(chan struct{}), words: []string{"Revenue", " rose", " by 4 %."}}
	t.Cleanup(func() { close(u.hold) })
	return u
}

func (u *upstream) inMemory(name string) dispatch.Upstream {
	return &memory{u, provider.Info{Name: name, Kind: kindOf[u.format], Surfaces: []*provider.Surface{{Format: u.format, Dialect: &wire.Dialect{}}}, Makers: func(string) []llm.Maker { return []llm.Maker{route.AnyMaker} }, Cloud: "cloud" + name[1:], Service: "Test API"}}
}

func (m *memory) Info() provider.Info { return m.info }

func (m *memory) Send(ctx context.Context, r *provider.Request) (*provider.Answer, error) {
	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, pipe: pw, sent: make(chan struct{})}
	req := httptest.NewRequestWithContext(ctx, "POST", "/", bytes.NewReader(bytes.Clone(r.Body)))
	req.Header.Set("X-Client-Request-Id", r.Attempt)
	stop := context.AfterFunc(ctx, func() { pw.CloseWithError(ctx.Err()) })
	go func() {
		defer stop()
		defer func() {
			if recover() != nil {
				pw.CloseWithError(io.ErrUnexpectedEOF)
			}
		}()
		m.u.ServeHTTP(w, req)
		w.WriteHeader(200)
		pw.Close()
	}()
	select {
	case <-w.sent:
	case <-ctx.Done():
		return nil, &llm.Error{Class: llm.Canceled, Blame: llm.BlameSkein, Billed: llm.BilledMaybe, Message: "given up"}
	}
	return &provider.Answer{Status: w.status, Header: w.header, Body: pr, UpstreamID: w.header.Get("Request-Id")}, nil
}

type pipeWriter struct {
	header http.Header
	pipe   *io.PipeWriter
	once   sync.Once
	status int
	sent   chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) Flush()              {}

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status = status
		close(w.sent)
	})
}

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(200)
	return w.pipe.Write(b)
}
