package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
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
	for _, f := range formats {
		if n := len(f.plain); n < 700 || n > 1600 {
			t.Errorf("a plain answer of %s has %d bytes", f.name, n)
		}
	}
}

func TestAnAnswerThatIsNotWholeIsSeen(t *testing.T) {
	for _, s := range shapes() {
		if s.from != s.to {
			continue // the client's format is what is checked
		}
		f := s.from
		more := ""
		if s.stream && !f.named {
			more = `,"stream":true`
		}
		w := httptest.NewRecorder()
		upstream().ServeHTTP(w, httptest.NewRequest(http.MethodPost, f.path(s.model, s.stream), strings.NewReader(f.body(s.model, more))))
		b := w.Body.Bytes()
		if err := s.whole(b); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		bad := map[string][]byte{
			"nothing":      nil,
			"cut":          b[:len(b)-20],
			"a byte less":  b[:len(b)-1],
			"a hole":       bytes.Replace(b, []byte(piece(41)), nil, 1),
			"out of order": bytes.Replace(b, []byte(piece(41)), []byte(piece(42)), 1),
		}
		if s.stream {
			event := f.chunks[slices.IndexFunc(f.chunks, func(c []byte) bool { return bytes.Contains(c, quotedPieces[41]) })]
			bad["an event lost"] = bytes.Replace(b, event, nil, 1)
			bad["an event twice"] = bytes.Replace(b, event, append(bytes.Clone(event), event...), 1)
			bad["no end"] = b[:len(b)-len(lastEvent(f))]
		} else {
			bad["other usage"] = regexp.MustCompile(`(?i)(out|completion|candidates)([a-z_]*": ?)100`).ReplaceAll(b, []byte("${1}${2}101"))
		}
		for name, b := range bad {
			if s.whole(b) == nil {
				t.Errorf("%s: an answer with %s passed as whole", s.name, name)
			}
		}
	}
}

// lastEvent is what ends a format's streams.
func lastEvent(f *format) []byte {
	if f.end != nil {
		return f.end
	}
	return f.chunks[len(f.chunks)-1]
}

func TestEveryFormatIsReadAndWrittenInTranslation(t *testing.T) {
	read, written := map[*format]bool{}, map[*format]bool{}
	for _, x := range translations {
		read[x[0]], written[x[1]] = true, true
	}
	for _, f := range formats {
		if !read[f] || !written[f] {
			t.Errorf("no row translates from %s and to it", f.name)
		}
	}
}

func TestRowsAreChosenByPattern(t *testing.T) {
	all := shapes()
	for patterns, want := range map[string]int{"*": len(all), "chat": 1, "chat,messages-stream": 2, "*-to-*-stream": len(translations), "chat,cha*t": 1} {
		if got, err := matching(all, patterns); err != nil || len(got) != want {
			t.Errorf("%q chooses %d rows, %v; want %d", patterns, len(got), err, want)
		}
	}
	if _, err := matching(all, "chta"); err == nil || !strings.Contains(err.Error(), "chat-to-messages-stream") {
		t.Errorf("a name that is none is answered with %v; want those that there are", err)
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
