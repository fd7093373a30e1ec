package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
)

// h2Client speaks HTTP/2 without encryption, with prior knowledge.
func h2Client(t *testing.T) *http.Client {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &protocols}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// raw is a connection of HTTP/2 on which a test says what it likes.
type raw struct {
	t     *testing.T
	conn  net.Conn
	frame *http2.Framer
	head  bytes.Buffer
	hpack *hpack.Encoder
}

func h2Raw(t *testing.T, base string) *raw {
	t.Helper()
	r := &raw{t: t, conn: dial(t, base)}
	r.hpack = hpack.NewEncoder(&r.head)
	say(t, r.conn, http2.ClientPreface)
	r.frame = http2.NewFramer(r.conn, r.conn)
	r.frame.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	r.ok(r.frame.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 10}))
	return r
}

func (r *raw) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// post begins a request with a whole body.
func (r *raw) post(id uint32, body string, header ...string) error {
	r.head.Reset()
	fields := append([]string{":method", "POST", ":scheme", "http", ":path", chatPath, ":authority", "localhost"}, header...)
	for i := 0; i < len(fields); i += 2 {
		r.ok(r.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	err := r.frame.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: r.head.Bytes(), EndHeaders: true, EndStream: body == ""})
	if err == nil && body != "" {
		err = r.frame.WriteData(id, true, []byte(body))
	}
	return err
}

// until reads frames to the first that is wanted.
func (r *raw) until(what string, want func(http2.Frame) bool) http2.Frame {
	r.t.Helper()
	for {
		f, err := r.frame.ReadFrame()
		if err != nil {
			r.t.Fatalf("waiting for %s: %v", what, err)
		}
		if s, is := f.(*http2.SettingsFrame); is && !s.IsAck() {
			r.ok(r.frame.WriteSettingsAck())
		}
		if want(f) {
			return f
		}
	}
}

// Streams come over HTTP/2 as over HTTP/1.1, with the rest of the receipt as trailers.
func TestAStreamOverHTTP2HasItsTrailers(t *testing.T) {
	base, _ := start(t, gateway.ServerConfig{Gateway: newGateway(func(_ context.Context, c dispatch.Call) error {
		r := &dispatch.Receipt{Call: c.ID, Deployment: "d1", Attempts: 2, Cost: "0.5 USD", Model: "other", Seams: 1, Hedged: true}
		err := errors.Join(c.Sink.Open(r), c.Sink.Frame([]byte("data: 1\n\n"), nil), c.Sink.Frame([]byte("data: 2\n\n"), nil))
		c.Sink.Close(r, nil)
		return err
	})})
	for name, client := range map[string]*http.Client{"HTTP/1.1": http.DefaultClient, "HTTP/2.0": h2Client(t)} {
		r, _ := http.NewRequest(http.MethodPost, base+chatPath, strings.NewReader(streamed))
		r.Header.Set("TE", "trailers")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got := text(t, resp.Body)
		_ = resp.Body.Close()
		tr := resp.Trailer
		if resp.Proto != name || got != "data: 1\n\ndata: 2\n\n" || resp.Header.Get("X-Skein-Model") != "other" || tr.Get("X-Skein-Attempts") != "2" ||
			tr.Get("X-Skein-Cost") != "0.5 USD" || tr.Get("X-Skein-Seams") != "1" || tr.Get("X-Skein-Hedged") != "true" || tr.Get("X-Skein-Model") != "other" {
			t.Errorf("%s: %s %q, headers %v, trailers %v", name, resp.Proto, got, resp.Header, tr)
		}
	}
}

// A client that resets its stream has hung up; its other streams go on.
func TestAResetOfAStreamIsAHangUp(t *testing.T) {
	s := newStage()
	base, _ := stageHouse(t, s, gateway.Options{}, nil)
	c := h2Raw(t, base)
	c.ok(c.post(1, streamed))
	wait(t, "the call", s.began)
	s.say(t, "one ")
	c.until("the first frame", func(f http2.Frame) bool { d, is := f.(*http2.DataFrame); return is && string(d.Data()) == "one " })
	c.ok(c.frame.WriteRSTStream(1, http2.ErrCodeCancel))
	if err := wait(t, "the end of the call", s.ended); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended by %v", err)
	}
	c.ok(c.post(3, streamed))
	wait(t, "another call on the connection", s.began)
	s.say(t, "two", "end")
	c.until("its end", func(f http2.Frame) bool { d, is := f.(*http2.DataFrame); return is && d.StreamEnded() })
}

// A stop tells the clients of open connections by GOAWAY, and lets their streams end.
func TestAStopSaysGoAwayAndLetsStreamsEnd(t *testing.T) {
	s := newStage()
	g := gateway.New(gateway.Config{Dispatch: s, Codecs: codecs, Guard: guard{}})
	base, stop := start(t, gateway.ServerConfig{Gateway: g})
	c := h2Raw(t, base)
	c.ok(c.post(1, streamed))
	wait(t, "the call", s.began)
	s.say(t, "one ")
	c.until("the first frame", func(f http2.Frame) bool { _, is := f.(*http2.DataFrame); return is })
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	c.until("GOAWAY", func(f http2.Frame) bool {
		away, is := f.(*http2.GoAwayFrame)
		return is && away.ErrCode == http2.ErrCodeNo
	})
	s.say(t, "two", "end")
	got := ""
	c.until("the end of the stream", func(f http2.Frame) bool {
		d, is := f.(*http2.DataFrame)
		if is {
			got += string(d.Data())
		}
		return is && d.StreamEnded()
	})
	if got != "two" {
		t.Errorf("the rest is %q", got)
	}
	if err := wait(t, "the stop", stopped); err != nil {
		t.Error(err)
	}
}

// New calls while a server stops are told to come back elsewhere, on another connection.
func TestNewCallsWhileStoppingAreSentAway(t *testing.T) {
	base, _ := start(t, gateway.ServerConfig{Gateway: gateway.New(gateway.Config{Dispatch: doer(whole), Codecs: codecs, Guard: guard{}, Health: drained()})})
	conn := dial(t, base)
	say(t, conn, "POST "+chatPath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n"+`{"model":"m"}`)
	b, err := io.ReadAll(conn) // to its end: the server closes it
	if got := string(b); err != nil || !strings.HasPrefix(got, "HTTP/1.1 503") || !strings.Contains(got, "Retry-After: 1\r\n") ||
		!strings.Contains(got, "Connection: close\r\n") || !strings.Contains(got, "X-Should-Retry: true\r\n") {
		t.Errorf("%v %s", err, got)
	}
	c := h2Raw(t, base)
	c.ok(c.post(1, `{"model":"m"}`))
	refused, away := false, false // in whichever order
	c.until("503 and GOAWAY", func(f http2.Frame) bool {
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			refused = refused || f.PseudoValue("status") == "503"
		case *http2.GoAwayFrame:
			away = true
		}
		return refused && away
	})
}

// However fast a client opens and resets streams, no more handlers run than streams are
// allowed, and the connection is given up.
func TestRapidResetsAreStopped(t *testing.T) {
	var running, most atomic.Int64
	leave := make(chan struct{})
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		most.Store(max(most.Load(), running.Add(1)))
		<-leave
		running.Add(-1)
	})
	base, _ := start(t, gateway.ServerConfig{Live: h, Gateway: h, Grace: time.Second})
	c := h2Raw(t, base)
	settings := make(chan uint32, 1)
	away := make(chan http2.ErrCode, 1)
	go func() {
		for {
			f, err := c.frame.ReadFrame()
			if err != nil {
				close(away)
				return
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if v, ok := f.Value(http2.SettingMaxConcurrentStreams); ok {
					settings <- v
				}
			case *http2.GoAwayFrame:
				away <- f.ErrCode
			}
		}
	}()
	allowed := wait(t, "the settings", settings)
	for id := uint32(1); id < 20_001; id += 2 {
		if c.post(id, "") != nil || c.frame.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // it was given up
		}
	}
	if code, told := wait(t, "GOAWAY, or the end", away), true; told && code != http2.ErrCodeEnhanceYourCalm && code != 0 {
		t.Errorf("it is %v", code)
	}
	close(leave)
	if n := most.Load(); n > int64(allowed) {
		t.Errorf("%d handlers ran, of %d allowed", n, allowed)
	}
}

// Headers are bounded by HTTP/2 too, and the bound is told.
func TestHeadersAreBoundedOverHTTP2(t *testing.T) {
	base, _ := start(t, gateway.ServerConfig{Gateway: newGateway(whole)})
	r, _ := http.NewRequest(http.MethodPost, base+chatPath, strings.NewReader(unstreamed))
	for i := range 20 {
		r.Header.Set("X-Long-"+string(rune('a'+i)), strings.Repeat("x", 8<<10))
	}
	resp, err := h2Client(t).Do(r)
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("160 KiB of headers are %d", resp.StatusCode)
		}
	}
}
