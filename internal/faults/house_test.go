package faults

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/wire/all"
)

// The times that the model is set to: long enough to be told apart from each other.
const (
	deadline     = 2 * time.Minute
	firstContent = 20 * time.Second
	idle         = 15 * time.Second
)

// house is a gateway over two stand-ins, for one call.
type house struct {
	start   time.Time
	clouds  [2]*fakecloud.Server
	dials   [2]*dialler
	journal journal
	client  *http.Client

	lines, dialled [2]int // that were there before the call
}

// answer is one as it came to the client.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	err     error         // where it broke off
	headers time.Duration // when the headers came
	took    time.Duration
}

// journal keeps records in memory; they are durable at once.
type journal struct {
	mu      sync.Mutex
	records []store.Record
}

// Submit keeps b.
func (j *journal) Submit(b store.Batch, done func(int64, error)) {
	j.mu.Lock()
	j.records = append(j.records, b.Records...)
	n := int64(len(j.records))
	j.mu.Unlock()
	done(n, nil)
}

// entries are what was booked, in order.
func (j *journal) entries() (out []*ledger.Entry, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.records {
		if j.records[i].Kind != ledger.KindEntry {
			continue
		}
		e, err := ledger.Decode(&j.records[i])
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// cards are prices by which a token that is read costs a thousandth of one that is
// written, so that a sum shows both.
type cards struct{}

func (cards) Card(deployment string, _ time.Time) (*price.Card, bool) {
	usd := func(s string) money.Amount { return money.MustParse(s, money.USD) }
	return &price.Card{Key: deployment, Book: "book", Cloud: "cloud", Service: "Test API", Rates: []price.Rate{
		{Meter: price.MeterCalls, SKU: "test/calls", Unit: "request", Price: usd("0"), Per: 1},
		{Meter: "input", SKU: "test/input", Unit: "token", Price: usd("1"), Per: 1_000_000},
		{Meter: "output", SKU: "test/output", Unit: "token", Price: usd("1"), Per: 1_000},
	}}, true
}

// anybody lets everybody in.
type anybody struct{}

func (anybody) Check(*http.Request) (*auth.Principal, error) { return auth.Owner(), nil }

// dialler is a provider's way to its stand-in.
type dialler struct {
	network *network
	fault   func(n int) (net.Conn, error) // of the nth connection, from 0; nil, nil: it is made

	mu     sync.Mutex
	at     []time.Time // when it was asked for one
	failed []bool      // and whether the fault was what it got
}

func (d *dialler) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.mu.Lock()
	n := len(d.at)
	d.at, d.failed = append(d.at, time.Now()), append(d.failed, false)
	d.mu.Unlock()
	if d.fault != nil {
		if c, err := d.fault(n); c != nil || err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.failed[n] = true
			return c, err
		}
	}
	return d.network.dial(ctx, network, address)
}

const gatewayPort = 80

// inHouse builds a house in a bubble and lets run use it.
func inHouse(t *testing.T, ups [2]upstream, secure bool, run func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		h := &house{start: time.Now()}
		ctx, stop := context.WithCancel(t.Context())
		var serving sync.WaitGroup
		var cert tls.Certificate
		o := dispatch.Options{
			Codecs: all.Codec, Cards: cards{}, Journal: &h.journal, Chance: func() uint64 { return 1 << 20 },
			Budget: dispatch.NewPurse(budget.New(), nil),
			Setup:  dispatch.Setup{Revision: "r", Providers: map[string]dispatch.Upstream{}},
		}
		m := dispatch.ModelOptions{Deadline: deadline, FirstContent: firstContent, Idle: idle}
		prefills := map[string]bool{}
		for i, u := range ups {
			cloud, err := fakecloud.New(fakecloud.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := cloud.Behave(fakecloud.Manner{Service: u.service, Speed: &fakecloud.Speed{HeadersMS: 50, FirstMS: 250, TokensPerSecond: 100}}); err != nil {
				t.Fatal(err)
			}
			h.clouds[i], h.dials[i] = cloud, &dialler{network: n}
			port := 8001 + i
			l := n.listen(port)
			p := provider.Options{
				Kind: u.kind, Endpoint: fmt.Sprintf("http://127.0.0.1:%d%s", port, u.path), Key: "k", Formats: u.formats, Dialect: u.dialect,
				Project: u.project, Region: map[string]string{"bedrock": "us-east-1", "vertex": "us-east5"}[u.kind], Service: "service " + string(rune('A'+i)),
			}
			var roots *x509.CertPool
			if secure {
				p.Endpoint = strings.Replace(p.Endpoint, "http:", "https:", 1)
				if cert, roots, err = fakecloud.Certificate(); err != nil {
					t.Fatal(err)
				}
				c := cert
				serving.Go(func() { _ = cloud.ServeTLS(ctx, l, &tls.Config{Certificates: []tls.Certificate{c}}) })
			} else {
				serving.Go(func() { _ = cloud.Serve(ctx, l) })
			}
			name := string(rune('a' + i))
			up, err := provider.New(name, p)
			if err != nil {
				t.Fatal(err)
			}
			up.Reach(h.dials[i].dial, roots)
			o.Setup.Providers[name] = up
			defer func() { _ = up.Close() }()
			prefills[u.kind] = u.prefills
			m.Deployments = append(m.Deployments, dispatch.DeploymentOptions{Name: strings.ToUpper(name), Provider: name, Upstream: u.name, Context: 100_000, MaxOutput: 8000})
		}
		o.Setup.Models = map[string]dispatch.ModelOptions{model: m}
		o.Setup.Facts = func(kind, _ string) dispatch.ModelFacts {
			return dispatch.ModelFacts{Identity: 1, Prefill: prefills[kind]}
		}
		d, err := dispatch.New(o)
		if err != nil {
			t.Fatal(err)
		}
		l := n.listen(gatewayPort)
		srv := &http.Server{Handler: gateway.New(gateway.Config{Dispatch: d, Codecs: all.Codec, Guard: anybody{}}), ErrorLog: log.New(io.Discard, "", 0)}
		serving.Go(func() { _ = srv.Serve(l) })
		tr := &http.Transport{DialContext: n.dial, DisableCompression: true}
		h.client = &http.Client{Transport: tr}
		run(h)
		tr.CloseIdleConnections()
		_ = srv.Shutdown(context.Background())
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		for i := range h.clouds {
			h.clouds[i].Clear()
		}
		stop()
		serving.Wait()
	})
}

// warm serves calls, and forgets them.
func (h *house) warm(t *testing.T, f *format, s scene, streamed bool, calls int) {
	t.Helper()
	for range calls {
		if a := h.ask(t, f, s, streamed); a.err != nil || a.status != http.StatusOK {
			t.Fatalf("warming: %d %v %s", a.status, a.err, a.body)
		}
	}
	h.journal.mu.Lock()
	h.journal.records = nil
	h.journal.mu.Unlock()
	for i := range h.clouds {
		h.lines[i], h.dialled[i] = len(h.clouds[i].Log().Lines()), len(h.dials[i].at)
	}
	h.start = time.Now()
}

// ask sends one request and takes the whole answer.
func (h *house) ask(t *testing.T, f *format, s scene, streamed bool) *answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d%s", gatewayPort, f.path(streamed)), strings.NewReader(f.body(s, streamed)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if f.header[0] != "" {
		req.Header.Set(f.header[0], f.header[1])
	}
	start := time.Now()
	resp, err := h.client.Do(req)
	if err != nil {
		return &answer{err: err, took: time.Since(start)}
	}
	defer func() { _ = resp.Body.Close() }()
	a := &answer{status: resp.StatusCode, header: resp.Header, headers: time.Since(start)}
	a.body, a.err = io.ReadAll(resp.Body)
	a.took = time.Since(start)
	return a
}
