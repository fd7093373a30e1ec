package tooltest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Tap stands between a driver and a service that speaks HTTP. It writes down what went
// over it, and fails to order, before the service or after it.
type Tap struct {
	URL string

	next http.Handler
	busy sync.WaitGroup // requests that are being answered
	mu   struct {
		sync.Mutex
		seen   []Exchange
		orders []fakecloud.Fault
		arrive chan struct{} // gets one for each request that stalls
	}
}

// Exchange is one request and how it was answered.
type Exchange struct {
	Effect string // of the User-Agent
	Method string
	Path   string // with its query
	Header http.Header
	Body   []byte
	Status int
	Answer int64 // bytes of its body
	Said   []byte
	Fault  fakecloud.Kind
}

// More faults than fakecloud's.
const (
	forbid   fakecloud.Kind = "403"
	redirect fakecloud.Kind = "redirect"
	claims   fakecloud.Kind = "claims" // says that its answer has a gigabyte
)

// newTap listens for the length of a test.
func newTap(t *testing.T, next http.Handler) *Tap {
	t.Helper()
	w := &Tap{next: next}
	w.mu.arrive = make(chan struct{}, 64)
	srv := httptest.NewServer(w)
	w.URL = srv.URL
	t.Cleanup(srv.Close)
	return w
}

// to is a handler that passes everything on to a server of others.
func to(t *testing.T, address string) http.Handler {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = u.Host
	}}
}

// order makes one request fail, or all of them where the count is 0.
func (w *Tap) order(f fakecloud.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.orders = append(w.mu.orders, f)
}

func (w *Tap) fault() (f fakecloud.Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.mu.orders) == 0 {
		return f
	}
	if f = w.mu.orders[0]; f.Count == 1 {
		w.mu.orders = w.mu.orders[1:]
	}
	return f
}

var effectID = regexp.MustCompile(`skein-effect/(\S+)$`)

// exchanges are those of an effect; "" is all.
func (w *Tap) exchanges(id string) []Exchange {
	w.busy.Wait() // an answer may have been read before it is written down
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Exchange
	for _, x := range w.mu.seen {
		if id == "" || x.Effect == id {
			out = append(out, x)
		}
	}
	return out
}

func (w *Tap) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.busy.Add(1)
	defer w.busy.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	f := w.fault()
	x := Exchange{Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, Fault: f.Kind}
	if m := effectID.FindStringSubmatch(r.UserAgent()); m != nil {
		x.Effect = m[1]
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	out := &counting{ResponseWriter: rw}
	defer func() {
		x.Status, x.Answer, x.Said = out.status, out.n, out.said
		w.mu.Lock()
		w.mu.seen = append(w.mu.seen, x)
		w.mu.Unlock()
	}()
	w.answer(out, r, f)
}

func (w *Tap) answer(out *counting, r *http.Request, f fakecloud.Fault) {
	after := func() *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		w.next.ServeHTTP(rec, r)
		return rec
	}
	say := func(status int, text string) {
		out.WriteHeader(status)
		_, _ = io.WriteString(out, text) // the client sees for itself
	}
	switch f.Kind {
	case fakecloud.Refuse:
		panic(http.ErrAbortHandler)
	case fakecloud.TooMany:
		if f.RetryAfter > 0 {
			out.Header().Set("Retry-After", "30")
		}
		say(http.StatusTooManyRequests, "slow down")
	case fakecloud.ServerFail:
		say(http.StatusInternalServerError, "no")
	case fakecloud.FailAfter:
		after()
		say(http.StatusInternalServerError, "no")
	case fakecloud.CutOff:
		after()
		out.Header().Set("Content-Length", "1000")
		say(http.StatusOK, `{"message`)
		_ = http.NewResponseController(out.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	case fakecloud.Garbage:
		after()
		say(http.StatusOK, "?!")
	case fakecloud.Stall:
		w.mu.arrive <- struct{}{}
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case forbid:
		say(http.StatusForbidden, "not "+r.URL.RequestURI())
	case redirect:
		out.Header().Set("Location", "/elsewhere")
		say(http.StatusTemporaryRedirect, "there")
	case claims:
		rec := after()
		out.Header().Set("Content-Length", "1000000000")
		say(rec.Code, "a")
		_ = http.NewResponseController(out.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	default:
		w.next.ServeHTTP(out, r)
	}
}

// counting counts an answer's bytes.
type counting struct {
	http.ResponseWriter
	status int
	n      int64
	said   []byte
}

func (c *counting) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counting) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	c.said = append(c.said, p[:n]...)
	return n, err
}

func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// honest says that nothing went wrong between an effect and its service.
func (w *Tap) honest(id string) bool {
	return w == nil || !slices.ContainsFunc(w.exchanges(id), func(x Exchange) bool { return x.Fault != "" })
}

// wantBytes checks the bytes that an effect counted against those that went over the
// wire.
func (w *Tap) wantBytes(t *testing.T, id string, m *effect.Meter) {
	t.Helper()
	var sent, read int64
	for _, x := range w.exchanges(id) {
		if x.Status != http.StatusTooManyRequests {
			sent += int64(len(x.Body))
		}
		if x.Status/100 == 2 {
			read += x.Answer
		}
	}
	sure, all := counted(m)
	if sure["bytes.sent"] != sent || all["bytes.sent"] != sent {
		t.Errorf("counted %d bytes sent (%d with estimates), and %d went over the wire", sure["bytes.sent"], all["bytes.sent"], sent)
	}
	if sure["bytes.read"] != read || all["bytes.read"] != read {
		t.Errorf("counted %d bytes read (%d with estimates), and %d came over the wire", sure["bytes.read"], all["bytes.read"], read)
	}
}
