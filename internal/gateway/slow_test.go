package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/gateway"
)

// endless is a dispatcher whose answers never end by themselves.
type endless struct {
	frame   []byte
	running atomic.Int64
	written atomic.Int64 // bytes that were taken
	last    atomic.Int64 // when, in Unix nanoseconds
}

func (e *endless) do(_ context.Context, c dispatch.Call) error {
	if c.Model == "other" {
		return whole(context.Background(), c)
	}
	e.running.Add(1)
	defer e.running.Add(-1)
	r := &dispatch.Receipt{Call: c.ID}
	if err := c.Sink.Open(r); err != nil {
		return err
	}
	for {
		if err := c.Sink.Frame(e.frame, nil); err != nil {
			c.Sink.Close(r, gone())
			return gone()
		}
		e.written.Add(int64(len(e.frame)))
		e.last.Store(time.Now().UnixNano())
	}
}

// stuck returns when nothing has been taken for a while: all are slow.
func (e *endless) stuck(t *testing.T, clients int) {
	t.Helper()
	eventually(t, "all streams run", func() bool { return e.running.Load() == int64(clients) })
	eventually(t, "nobody takes anything any more", func() bool { return time.Since(time.Unix(0, e.last.Load())) > 200*time.Millisecond })
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// Clients who take nothing hold up their own upstream and nothing else: the answer is
// not piled up, each costs a bounded piece of memory, and is cut off after its time.
func TestSlowClientsTakeBoundedMemoryAndAreCutOff(t *testing.T) {
	const clients, perClient = 100, 128 << 10
	e := &endless{frame: []byte("data: " + strings.Repeat("x", 32<<10) + "\n\n")}
	for name, connect := range map[string]func(t *testing.T, base string){
		"HTTP/1.1": func(t *testing.T, base string) {
			d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { // what the kernel keeps is not ours
				return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
			}}
			for range clients {
				conn, err := d.Dial("tcp", strings.TrimPrefix(base, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				say(t, conn, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(streamed), streamed))
			}
		},
		"HTTP/2": func(t *testing.T, base string) { // all on one connection, which is read: it is the streams that are slow
			c := h2Raw(t, base)
			for i := range clients {
				c.ok(c.post(uint32(2*i+1), streamed))
			}
			go func() {
				for {
					f, err := c.frame.ReadFrame()
					if err != nil {
						return
					}
					if p, is := f.(*http2.PingFrame); is && !p.IsAck() {
						_ = c.frame.WritePing(true, p.Data)
					}
				}
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			e.written.Store(0)
			g := gateway.New(gateway.Config{Options: gateway.Options{WriteTimeout: 4 * time.Second}, Dispatch: doer(e.do), Codecs: codecs, Guard: guard{}})
			base, stop := start(t, gateway.ServerConfig{Gateway: g})
			before := heap()
			connect(t, base)
			e.stuck(t, clients)
			grown := (heap() - before) / clients
			t.Logf("%d KiB of each answer were taken; each client takes %d KiB of memory", e.written.Load()/clients>>10, grown>>10)
			if grown > perClient {
				t.Errorf("each slow client takes %d KiB", grown>>10)
			}
			if resp, got := send(t.Context(), t, base, `{"model":"other"}`).all(t); resp.StatusCode != 200 || got == "" {
				t.Errorf("another client gets %d %q", resp.StatusCode, got)
			}
			eventually(t, "all are cut off", func() bool { return e.running.Load() == 0 })
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A client that is slow, but takes something now and then, is not cut off.
func TestAClientThatGoesOnTakingIsNotCutOff(t *testing.T) {
	const frames = 30
	g := gateway.New(gateway.Config{
		Options: gateway.Options{WriteTimeout: 300 * time.Millisecond}, Codecs: codecs, Guard: guard{},
		Dispatch: doer(func(_ context.Context, c dispatch.Call) error {
			r := &dispatch.Receipt{Call: c.ID}
			if err := c.Sink.Open(r); err != nil {
				return err
			}
			for range frames {
				if err := c.Sink.Frame(make([]byte, 64<<10), nil); err != nil {
					c.Sink.Close(r, gone())
					return gone()
				}
			}
			c.Sink.Close(r, nil)
			return nil
		}),
	})
	base, _ := start(t, gateway.ServerConfig{Gateway: g})
	resp := post(t, base+chatPath, streamed)
	got := 0
	for buf := make([]byte, 64<<10); ; {
		n, err := resp.Body.Read(buf)
		got += n
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		timer := time.NewTimer(10 * time.Millisecond)
		<-timer.C
	}
	if got != frames*64<<10 {
		t.Errorf("it got %d bytes", got)
	}
}
