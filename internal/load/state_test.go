package load

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// state is what Skein holds on to.
type state struct {
	goroutines int
	sockets    int
	rss        int64 // bytes
	denied     int   // attempts that the budget of retries did not allow
}

func (s state) String() string {
	return fmt.Sprintf("%d goroutines, %d sockets, %d MiB", s.goroutines, s.sockets, s.rss>>20)
}

// state asks Skein's own metrics, and the kernel.
func (w *world) state(ctx context.Context) (s state) {
	pid := w.skein.cmd.Process.Pid
	s.rss, _ = resident(pid)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.addr+"/metrics", http.NoBody)
	w.must(err)
	resp, err := plain.Do(r)
	w.must(err)
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			s.goroutines, err = strconv.Atoi(v)
			w.must(err)
		}
		if rest, ok := strings.CutPrefix(lines.Text(), `skein_retries_denied_total{`); ok && strings.Contains(rest, `reason="retry"`) {
			n, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
			w.must(err)
			s.denied += int(n)
		}
	}
	if s.goroutines == 0 {
		w.t.Fatalf("/metrics (status %d) says nothing of go_goroutines", resp.StatusCode)
	}
	s.sockets = sockets(pid)
	return s
}

// sockets is how many a process has open; -1 where the system does not tell.
func sockets(pid int) (n int) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return -1
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// resident is the memory of a process; ok is false where the system does not tell.
func resident(pid int) (n int64, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := bytes.Fields(b)
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}

// used is the time that a process has worked; ok is false where the system does not tell.
func used(pid int) (d time.Duration, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(b), ") ") // after the name, which may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, false
	}
	for _, f := range fields[11:13] { // user and system time in hundredths of a second
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, false
		}
		d += time.Duration(n) * 10 * time.Millisecond
	}
	return d, true
}

// ownTime is what this process has worked: the clients and the judge.
func ownTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watched is what was seen of the processes while the streams ran.
type watched struct {
	took  time.Duration
	most  int64 // bytes that Skein had resident at most
	skein time.Duration
	ups   time.Duration
	own   time.Duration
}

// watch samples until the function that it returns is called.
func (w *world) watch() func() watched {
	pid := w.skein.cmd.Process.Pid
	began, own := time.Now(), ownTime()
	var most atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			if n, ok := resident(pid); ok {
				most.Store(max(most.Load(), n))
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() watched {
		close(stop)
		<-done
		seen := watched{took: time.Since(began), most: most.Load(), own: ownTime() - own}
		seen.skein, _ = used(pid)
		for _, up := range w.ups {
			seen.ups += up.cpu
			if up.cmd != nil {
				d, _ := used(up.cmd.Process.Pid)
				seen.ups += d
			}
		}
		return seen
	}
}

// settle waits until no money is held any more, stops the upstreams, so that their
// connections end, and waits until Skein is as it was before.
func (w *world) settle(ctx context.Context, before state) {
	w.eventually(ctx, 15*time.Second, func() string {
		budgets, err := w.client.Budgets(ctx)
		if err != nil {
			return err.Error()
		}
		for _, b := range budgets {
			if !b.Held.IsZero() {
				return fmt.Sprintf("%s holds %s, and nothing is under way", b.Window, b.Held)
			}
		}
		return ""
	})
	for _, up := range w.ups {
		up.stop()
	}
	w.client.Close() // its idle connections
	var now state
	w.eventually(ctx, 15*time.Second, func() string {
		if now = w.state(ctx); now.goroutines > before.goroutines+slack || now.sockets > before.sockets {
			return fmt.Sprintf("before: %s; after all has ended: %s", before, now)
		}
		return ""
	})
	w.after = now
}

// slack is how many goroutines more may be there afterwards: those of the request that
// asks for their number, which is answered over a connection of its own each time.
const slack = 3

// eventually wants a problem to be gone in time.
func (w *world) eventually(ctx context.Context, limit time.Duration, problem func() string) {
	w.t.Helper()
	for until := time.Now().Add(limit); ; pause(ctx, 50*time.Millisecond) {
		why := problem()
		if why == "" {
			return
		}
		if time.Now().After(until) || ctx.Err() != nil {
			w.t.Errorf("after %s: %s", limit, why)
			return
		}
	}
}
