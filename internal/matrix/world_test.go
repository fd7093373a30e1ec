package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/provider"
)

// lane is one provider with a model of its own kind, and a stand-in that serves
// nobody else.
type lane struct {
	name string // as the matrix prints it, and the model's name
	row  string // of providers in skein.yaml, without the key; URL is the stand-in
	up   string // upstream model
	// embed is an upstream model for vectors; "" where the row has none.
	embed string
	maker llm.Maker // whose state it gives and takes; "" where it has none
	// hides: thinking happens and is not shown in its format.
	hides bool
	// marks: prompts are cached up to marks; else by themselves.
	marks bool

	cloud *fakecloud.Server
	seen  witness
	info  provider.Info
}

// lanes are the kinds of provider, in the order of the matrix.
func newLanes() []*lane {
	return []*lane{
		{name: "openai-chat", row: `kind: openai, endpoint: "URL/openai/v1", formats: [chat, embeddings], dialect: openai`, up: "gpt-5.1", embed: "text-embedding-3-small", hides: true},
		{name: "openai-responses", row: `kind: openai, endpoint: "URL/openai/v1", formats: [responses, responses_count]`, up: "gpt-5.1", maker: llm.MakerOpenAI},
		{name: "azure", row: `kind: azure, endpoint: "URL/azure"`, up: "gpt-5.1", embed: "text-embedding-3-small", maker: llm.MakerOpenAI},
		{name: "anthropic", row: `kind: anthropic, endpoint: "URL/anthropic"`, up: "claude-sonnet-4-5", maker: llm.MakerAnthropic, marks: true},
		{name: "bedrock-claude", row: `kind: bedrock, endpoint: "URL/bedrock", region: us-east-1`, up: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", maker: llm.MakerAnthropic, marks: true},
		{name: "bedrock-nova", row: `kind: bedrock, endpoint: "URL/bedrock", region: us-east-1`, up: "us.amazon.nova-pro-v1:0", embed: "amazon.titan-embed-text-v2:0", marks: true},
		{name: "vertex-gemini", row: `kind: vertex, endpoint: "URL/vertex", project: proj, region: us-east5`, up: "gemini-3-flash-preview", embed: "gemini-embedding-001", maker: llm.MakerGoogle},
		{name: "vertex-claude", row: `kind: vertex, endpoint: "URL/vertex", project: proj, region: us-east5`, up: "claude-sonnet-4-5@20250929", maker: llm.MakerAnthropic, marks: true},
		{name: "gemini", row: `kind: gemini, endpoint: "URL/gemini"`, up: "gemini-3-flash-preview", embed: "gemini-embedding-001", maker: llm.MakerGoogle},
		{name: "groq", row: `kind: groq, endpoint: "URL/openai/v1"`, up: "gpt-5.1", hides: true},
	}
}

// providerKey is the one credential that the stand-ins take.
const providerKey = "the-providers-own-key"

// world is a whole Skein, as `skein serve` runs it, with a stand-in for each lane.
type world struct {
	lanes []*lane
	url   string // of Skein
	tls   string // the same behind TLS, as AWS's SDKs want it for bearer keys
	key   auth.Token
	roots *http.Transport // for both
	ctx   context.Context // of everything that is asked
}

// witness keeps the requests that reach a stand-in.
type witness struct {
	mu     sync.Mutex
	bodies []string
}

func (w *witness) add(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, string(b))
}

// since are the bodies of the requests after the first n.
func (w *witness) since(n int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.bodies[n:]...)
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.bodies)
}

// serve starts a lane's stand-in and gives its address.
func (l *lane) serve(t testing.TB) string {
	t.Helper()
	var err error
	if l.cloud, err = fakecloud.New(fakecloud.Options{RequireKey: providerKey}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // the client is gone
		}
		if r.Method == http.MethodPost {
			l.seen.add(body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		l.cloud.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		l.cloud.Clear()
		s.Close()
		if err := l.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL
}

// newWorld builds the configuration, opens the node and serves. Models are named as
// their lanes; more adds further models.
func newWorld(t *testing.T, more func(l *lane, cell, row string, providers, models *strings.Builder)) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	w := &world{lanes: newLanes(), ctx: ctx}
	var providers, models strings.Builder
	for _, l := range w.lanes {
		row := strings.ReplaceAll(l.row, "URL", l.serve(t))
		fmt.Fprintf(&providers, "  %s: {%s, key: %s}\n", l.name, row, providerKey)
		fmt.Fprintf(&models, "  %[1]s: {deployments: [{provider: %[1]s, upstream: %[2]q}]}\n", l.name, l.up)
		if l.embed != "" {
			fmt.Fprintf(&models, "  %[1]s-embed: {deployments: [{provider: %[1]s, upstream: %[2]q}]}\n", l.name, l.embed)
		}
		if more == nil {
			continue
		}
		for _, c := range clients {
			for _, stream := range []bool{false, true} {
				more(l, cellName(l, &c, stream), row, &providers, &models)
			}
		}
	}
	dir, err := os.MkdirTemp("", "matrix") // short, for the data directory's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // below the system's temporary folder
	yaml := "version: 1\nlisten: 127.0.0.1:0\ndrain: 1s\nproviders:\n" + providers.String() + "models:\n" + models.String()
	c, err := config.Parse(filepath.Join(dir, "skein.yaml"), []byte(yaml), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range w.lanes {
		p, err := provider.New(l.name, c.Providers[l.name]) // only to see which APIs it has
		if err != nil {
			t.Fatal(err)
		}
		l.info = p.Info()
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	w.start(t, c, dir)
	return w
}

func (w *world) start(t *testing.T, c *config.Config, dir string) {
	t.Helper()
	n, err := node.Open(t.Context(), node.Options{
		Config: c, Data: filepath.Join(dir, "data"), Listen: true, Log: slog.New(slog.DiscardHandler), Version: api.Version{Version: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- n.Serve(ctx) }()
	t.Cleanup(func() {
		w.roots.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		n.Close()
	})
	made, err := n.Service().CreateKey(auth.With(t.Context(), auth.Owner()), api.NewKey{Name: "matrix"})
	if err != nil {
		t.Fatal(err)
	}
	if w.key, err = auth.ParseToken(made.Text); err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + n.Addr().String()
	to, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	t.Cleanup(front.Close)
	w.tls = front.URL
	w.roots = front.Client().Transport.(*http.Transport).Clone()
	w.roots.MaxIdleConnsPerHost = 64
}

// counter is the transport of one SDK client: it counts what leaves for Skein, and
// keeps what the answers say of losses.
type counter struct {
	base http.RoundTripper
	mu   sync.Mutex
	n    int
	// lossy is what the last answer says was lost without changing its meaning.
	lossy string
}

// RoundTrip sends bodies of its own making: AWS's SDK closes a request's body as soon
// as there is an answer, and where that comes before Go's transport has seen the end of
// the body, the closed one fails and takes the connection with it. Over loopback that
// happens once in a thousand times.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(b))
	}
	return c.see(c.base.RoundTrip(r))
}

func (c *counter) see(resp *http.Response, err error) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if err == nil {
		c.lossy = resp.Header.Get("X-Skein-Lossy")
	}
	return resp, err
}

func (c *counter) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// cellName tells a client at a lane, streamed or not, from all others.
func cellName(l *lane, c *client, stream bool) string {
	return fmt.Sprintf("%s-%s-%t", l.name, strings.ReplaceAll(c.name, " ", "-"), stream)
}

func (w *world) counter() *counter { return &counter{base: w.roots} }
