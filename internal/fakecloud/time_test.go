package fakecloud_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

// pipes is a network without one, on which time stands still while anybody works.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// inBubble runs a stand-in and a client of it on a clock of their own.
func inBubble(t *testing.T, run func(t *testing.T, s *fakecloud.Server, c *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := fakecloud.New(fakecloud.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, p) }()
		tr := &http.Transport{DialContext: p.dial}
		run(t, s, &http.Client{Transport: tr})
		s.Clear()
		tr.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// came is a piece of an answer and when it came.
type came struct {
	at   time.Duration
	text string
}

// listen asks d and tells what came when, until the answer ends or enough says so. It is
// closed then.
func listen(t *testing.T, c *http.Client, d *dialect, stream bool, body string, enough func([]came) bool) (headers time.Duration, pieces []came, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://fakecloud"+d.at(stream), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range d.header {
		req.Header.Set(k, v)
	}
	start := time.Now()
	resp, err := c.Do(req)
	if err != nil {
		return time.Since(start), nil, err
	}
	headers = time.Since(start)
	defer func() { _ = resp.Body.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			pieces = append(pieces, came{time.Since(start), string(buf[:n])})
		}
		if err == io.EOF {
			return headers, pieces, nil
		}
		if err != nil || enough != nil && enough(pieces) {
			return headers, pieces, err
		}
	}
}

func TestWhatNeverEnds(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		for _, kind := range waiting {
			t.Run(string(kind)+"/"+d.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
					if _, err := s.Order(fakecloud.Fault{Kind: kind, AfterChunks: 1, DelayMS: 50}); err != nil {
						t.Fatal(err)
					}
					time.AfterFunc(3*time.Minute, s.Clear)
					start := time.Now()
					_, pieces, err := listen(t, c, d, true, d.body(true), nil)
					if err == nil || time.Since(start) != 3*time.Minute {
						t.Errorf("it ended after %s with %v", time.Since(start), err)
					}
					n := 0 // pieces in the last minute
					for _, p := range pieces {
						if p.at >= 2*time.Minute {
							n++
						}
					}
					pings := kind == fakecloud.Pings && d.service != "bedrock"
					goes := kind == fakecloud.Endless || kind == fakecloud.Trickle || pings
					if goes && (n < 1190 || n > 1210) || !goes && n > 0 {
						t.Errorf("%d pieces in a minute", n)
					}
					e := ended(s)
					want := map[fakecloud.Kind]fakecloud.Ended{fakecloud.Hang: fakecloud.Refused}[kind]
					if want == "" {
						want = fakecloud.Cut
					}
					if len(e) != 1 || e[0].Ended != want {
						t.Fatalf("the log says %+v", e)
					}
					if kind == fakecloud.Trickle && (e[0].Usage.Output < 3_500 || e[0].Chunks < 3_500) {
						t.Errorf("billed: %+v after %d chunks", e[0].Usage, e[0].Chunks)
					}
				})
			})
		}
	}
}

func TestAnEndlessAnswerIsBilledUntilTheClientLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
		if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Endless, DelayMS: 10}); err != nil {
			t.Fatal(err)
		}
		if err := s.Behave(fakecloud.Manner{Service: "openai", HangUp: fakecloud.BillAll}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := listen(t, c, &dialects[0], true, dialects[0].body(true), func(p []came) bool { return len(p) > 100 }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if e := ended(s); len(e) != 1 || e[0].Ended != fakecloud.ClientGone || e[0].Chunks < 90 || e[0].Usage.Output < 90 {
			t.Errorf("the log says %+v", e)
		}
	})
}

func TestAPauseIsSilentAtItsPlace(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		for _, after := range []int{0, 2} {
			inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
				if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Pause, AfterChunks: after, DelayMS: 7000}); err != nil {
					t.Fatal(err)
				}
				headers, pieces, err := listen(t, c, d, true, d.body(true), nil)
				if err != nil || headers != 0 {
					t.Fatalf("%s: headers after %s, %v", d.name, headers, err)
				}
				var before, later string
				for _, p := range pieces {
					switch p.at {
					case 0:
						before += p.text
					case 7 * time.Second:
						later += p.text
					default:
						t.Errorf("%s: something came after %s", d.name, p.at)
					}
				}
				if !d.ends(later) || strings.Contains(before, "stand-in") && after == 0 || after > 0 && before == "" {
					t.Errorf("%s: before the pause came %q", d.name, before)
				}
			})
		}
	}
}

func TestAnAnswerSlowsDownInTheMiddle(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
			if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.Slow, AfterChunks: 1, DelayMS: 2000}); err != nil {
				t.Fatal(err)
			}
			headers, pieces, err := listen(t, c, d, true, d.body(true), nil)
			if err != nil || headers != 0 {
				t.Fatalf("%s: headers after %s, %v", d.name, headers, err)
			}
			chunks := ended(s)[0].Chunks
			if last := pieces[len(pieces)-1].at; last != time.Duration(chunks-1)*2*time.Second {
				t.Errorf("%s: %d chunks took %s", d.name, chunks, last)
			}
		})
	}
}

func TestSpeedIsAsTold(t *testing.T) {
	d := &dialects[0]
	inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
		if err := s.Behave(fakecloud.Manner{Service: "openai", Speed: &fakecloud.Speed{HeadersMS: 100, FirstMS: 400, TokensPerSecond: 20}}); err != nil {
			t.Fatal(err)
		}
		headers, pieces, err := listen(t, c, d, true, d.body(true), nil)
		if err != nil || headers != 100*time.Millisecond {
			t.Fatalf("headers after %s, %v", headers, err)
		}
		took := pieces[len(pieces)-1].at - 500*time.Millisecond
		if tokens := ended(s)[0].Usage.Output; took < time.Duration(tokens)*50*time.Millisecond || took > time.Duration(tokens)*110*time.Millisecond {
			t.Errorf("%d tokens took %s", tokens, took)
		}
		start := time.Now()
		if _, _, err := listen(t, c, d, false, d.body(false), nil); err != nil {
			t.Fatal(err)
		}
		if took, tokens := time.Since(start), ended(s)[1].Usage.Output; took != 500*time.Millisecond+time.Duration(tokens)*50*time.Millisecond {
			t.Errorf("%d tokens at once took %s", tokens, took)
		}
	})
}

func TestABrownOutGrowsWithLoad(t *testing.T) {
	d := &dialects[1]
	inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
		if err := s.Behave(fakecloud.Manner{Service: "anthropic", Speed: &fakecloud.Speed{FirstMS: 1000, Load: 0.5}}); err != nil {
			t.Fatal(err)
		}
		at := func(n int) time.Duration {
			var wg sync.WaitGroup
			var mu sync.Mutex
			var last time.Duration
			for range n {
				wg.Go(func() {
					_, pieces, err := listen(t, c, d, true, d.body(true), nil)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					last = max(last, pieces[len(pieces)-1].at)
				})
			}
			wg.Wait()
			return last
		}
		one, five := at(1), at(5)
		if one != time.Second || five != 3*time.Second {
			t.Errorf("alone %s, and the last of five %s", one, five)
		}
	})
}

func TestAHangUpIsBilledAsTold(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		for _, mode := range []fakecloud.HangUp{fakecloud.Stops, fakecloud.BillAll} {
			inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
				if err := s.Behave(fakecloud.Manner{Service: d.service, HangUp: mode, Speed: &fakecloud.Speed{TokensPerSecond: 10}}); err != nil {
					t.Fatal(err)
				}
				if _, _, err := listen(t, c, d, true, d.body(true), nil); err != nil {
					t.Fatal(err)
				}
				if _, _, err := listen(t, c, d, true, d.body(true), func(p []came) bool { return len(p) > 2 }); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				whole, gone := ended(s)[0], ended(s)[1]
				if gone.Ended != fakecloud.ClientGone || gone.Usage.Input != whole.Usage.Input || gone.Chunks >= whole.Chunks ||
					(gone.Usage.Output == whole.Usage.Output) != (mode == fakecloud.BillAll) {
					t.Errorf("%s, %s: %+v %+v, and the whole answer is %+v", d.name, mode, gone, gone.Usage, whole.Usage)
				}
			})
		}
	}
}
