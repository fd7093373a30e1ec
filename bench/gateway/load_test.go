package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// serving starts a server and gives its address and n connections to it.
func serving(t *testing.T, h http.Handler, n int) (addr string, callers []*caller) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	addr = s.Listener.Addr().String()
	for range n {
		c := &caller{addr: addr}
		t.Cleanup(c.close)
		callers = append(callers, c)
	}
	return addr, callers
}

func everyShape() []*shape { return append(shapes(), ratedShapes()...) }

func TestTheUpstreamAnswersWhole(t *testing.T) {
	addr, callers := serving(t, upstream(), 1)
	for _, s := range everyShape() {
		if _, err := callers[0].call(s, s.request(addr, "key")); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

func TestTheProxyPassesAnswersOnWhole(t *testing.T) {
	up, _ := serving(t, upstream(), 0)
	addr, callers := serving(t, reverseProxy(up), 1)
	for _, s := range everyShape() {
		if _, err := callers[0].call(s, s.request(addr, "key")); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

func TestAPlainAnswerHasAboutAKilobyte(t *testing.T) {
	for _, c := range []*canned{cannedChat(), cannedMessages()} {
		if n := len(c.plain); n < 700 || n > 1400 {
			t.Errorf("a plain answer has %d bytes", n)
		}
	}
}

func TestAnAnswerThatIsNotWholeIsSeen(t *testing.T) {
	body := func(s *shape) []byte {
		w := httptest.NewRecorder()
		upstream().ServeHTTP(w, httptest.NewRequest(http.MethodPost, s.path, strings.NewReader(s.body)))
		return w.Body.Bytes()
	}
	without := func(b []byte, text string) []byte { return bytes.Replace(b, []byte(text), nil, 1) }
	for _, s := range shapes() {
		b := body(s)
		if err := s.whole(b); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		bad := map[string][]byte{
			"nothing":      nil,
			"cut":          b[:len(b)-20],
			"a hole":       without(b, piece(41)),
			"out of order": bytes.Replace(b, []byte(piece(41)), []byte(piece(42)), 1),
		}
		if s.stream {
			at := bytes.Index(b, []byte(piece(41)))
			start := bytes.LastIndex(b[:at], []byte("data: "))
			end := at + bytes.Index(b[at:], []byte("\n\n")) + 2
			event := b[start:end]
			bad["an event lost"] = without(b, string(event))
			bad["an event twice"] = bytes.Replace(b, event, append(bytes.Clone(event), event...), 1)
		} else {
			bad["other usage"] = bytes.Replace(b, []byte("_tokens\":100"), []byte("_tokens\":101"), 1)
		}
		for name, b := range bad {
			if s.whole(b) == nil {
				t.Errorf("%s: an answer with %s passed as whole", s.name, name)
			}
		}
	}
}

func TestTheClosedLoopCountsWhatWasAnswered(t *testing.T) {
	addr, callers := serving(t, upstream(), 4)
	s := shapes()[0]
	r := closed(t.Context(), callers, s, s.request(addr, "key"), 30*time.Millisecond)
	if r.broken != 0 || r.calls < len(callers) || len(r.latency) != r.calls || len(r.first) != r.calls {
		t.Errorf("%d calls with %d latencies, %d first bytes, %d broken (%v); want one a connection at least, and none broken",
			r.calls, len(r.latency), len(r.first), r.broken, r.err)
	}
	if r.took < 30*time.Millisecond {
		t.Errorf("it took %s; want the span", r.took)
	}
}

func TestAConstantRateIsKept(t *testing.T) {
	addr, callers := serving(t, upstream(), 8)
	s := ratedShapes()[0]
	r := rated(t.Context(), callers, s, s.request(addr, "key"), 30*time.Millisecond)
	if r.calls+r.broken != 30 || r.broken != 0 {
		t.Errorf("%d calls and %d broken (%v); want 30 at 1,000 a second in 30 ms", r.calls, r.broken, r.err)
	}
}

func TestBrokenAnswersAreCountedAndNotMeasured(t *testing.T) {
	fails := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
	addr, callers := serving(t, fails, 2)
	s := shapes()[0]
	r := closed(t.Context(), callers, s, s.request(addr, "key"), time.Minute)
	if r.calls != 0 || r.broken != 2*enough {
		t.Errorf("%d calls, %d broken; want none, and %d a connection", r.calls, r.broken, enough)
	}
	if r.err == nil || !strings.Contains(r.err.Error(), "status 502") {
		t.Errorf("the error is %v; want the status", r.err)
	}
}

// The clock must be the process's own: busy work of this one shows, and little
// else can have been added meanwhile.
func TestCPUTimeIsThatOfTheProcess(t *testing.T) {
	if !hasProcessTimes {
		t.Skip("CPU and memory of a process are read on Linux only")
	}
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for spin := time.Now(); time.Since(spin) < 20*time.Millisecond; {
	}
	after, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("the CPU clock went from %s to %s over busy work", before, after)
	}
	if held, err := resident(os.Getpid()); err != nil || held < 1<<20 {
		t.Errorf("this process holds %d bytes, %v", held, err)
	}
}
