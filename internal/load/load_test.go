package load

import (
	"context"
	"flag"
	"os"
	"sync"
	"testing"
	"time"
)

var (
	streamsFlag = flag.Int("load.streams", 0, "how many streams are open at the same time; 0 takes 100, or 1000 with SKEIN_LOAD")
	forFlag     = flag.Duration("load.for", 0, "how long streams are begun; 0 takes 8s, or 60s with SKEIN_LOAD")
	everyFlag   = flag.Duration("load.every", 0, "from one kill to the next; 0 takes 3s, or 6s with SKEIN_LOAD")
	binFlag     = flag.String("load.bin", "", "a skein that is there already, in place of building one")
	keepFlag    = flag.String("load.keep", "", "a folder to leave everything in")
	seedFlag    = flag.Uint64("load.seed", 1, "of what the clients ask and when upstreams are killed")
)

// scale is how much of everything there is.
type scale struct {
	streams  int
	length   time.Duration // of the time in which streams are begun
	pace     time.Duration // of a stand-in, between two chunks
	least    time.Duration // a stream lasts so long at least, without a break
	most     time.Duration
	every    time.Duration // from one kill to the next
	down     time.Duration // until it is started again, at least; at most twice that
	patience time.Duration // for one stream, after which it hangs
}

// theScale is the whole with SKEIN_LOAD, and else what an ordinary test can afford.
func theScale() scale {
	s := scale{
		streams: 100, length: 8 * time.Second, pace: 50 * time.Millisecond, least: time.Second, most: 4 * time.Second,
		every: 3 * time.Second, down: 300 * time.Millisecond, patience: 40 * time.Second,
	}
	if os.Getenv("SKEIN_LOAD") != "" {
		s = scale{
			streams: 1000, length: time.Minute, pace: 100 * time.Millisecond, least: 5 * time.Second, most: 20 * time.Second,
			every: 6 * time.Second, down: time.Second, patience: 2 * time.Minute,
		}
	}
	if *streamsFlag > 0 {
		s.streams = *streamsFlag
	}
	if *forFlag > 0 {
		s.length = *forFlag
	}
	if *everyFlag > 0 {
		s.every = *everyFlag
	}
	return s
}

// TestStreamsOutliveTheirProviders: whichever of two providers is killed, every client
// reads a whole answer, unless the rules of the seam refuse it one; all of it is on the
// bill, and afterwards Skein is as it was before.
func TestStreamsOutliveTheirProviders(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes and kills them for some seconds; left out with -short")
	}
	s := theScale()
	t.Logf("seed %d; again: go test ./internal/load -count=1 -load.seed=%d -load.streams=%d -load.for=%s", *seedFlag, *seedFlag, s.streams, s.length)
	ctx, cancel := context.WithTimeout(t.Context(), s.length+s.patience+90*time.Second)
	defer cancel()

	w := newWorld(t, s)
	w.start(ctx)
	before := w.state(ctx)
	watched := w.watch()
	all := w.load(ctx)
	memory := watched()
	w.settle(ctx, before)
	w.judge(ctx, all, memory, before)
}

// load runs the clients and the killer, and gives what the clients saw.
func (w *world) load(ctx context.Context) []*outcome {
	on, cancel := context.WithTimeout(ctx, w.length)
	defer cancel()
	var (
		mu   sync.Mutex
		all  []*outcome
		wait sync.WaitGroup
	)
	for n := range w.streams {
		wait.Go(func() {
			d := dice(*seedFlag, "client", n)
			pause(on, time.Duration(d.Int64N(int64(w.least)))) // not all at once, so that they do not end at once either
			for i := 0; on.Err() == nil; i++ {
				o := w.ask(ctx, w.plan(d, n*10_000+i))
				mu.Lock()
				all = append(all, o)
				mu.Unlock()
				if o.failed != "" {
					pause(on, 100*time.Millisecond)
				}
			}
		})
	}
	wait.Go(func() { w.killer(on) })
	wait.Wait()
	w.http.CloseIdleConnections()
	return all
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
