//go:build unix

package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/sqlite"
	"github.com/skein-run/skein/internal/store/storetest"
)

var body = make([]byte, 1024)

// BenchmarkCommit is records of 1 KB a second by so many writers, each of whom
// waits for its commit. BenchmarkRaw is the same rows through a channel into one
// table of the same SQLite, in groups of whatever is there: what the engine gives.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 256, 4096} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s := storetest.New(b)
			concurrently(b, writers, func(w, i int) error {
				_, err := s.Commit(context.Background(), store.Batch{Records: []store.Record{
					{Org: "default", Kind: "entry", Version: 1, Stream: "call", Body: body},
				}})
				return err
			})
		})
	}
}

// BenchmarkPaced is 2,000 records a second at random times, for each of which
// somebody waits, with the adaptive linger and without any.
func BenchmarkPaced(b *testing.B) {
	for name, linger := range map[string]time.Duration{"adaptive": 0, "none": -1} {
		b.Run(name, func(b *testing.B) {
			s := storetest.NewAt(b, b.TempDir(), store.Options{Linger: linger})
			r := rand.New(rand.NewPCG(1, 2))
			var wg sync.WaitGroup
			b.ResetTimer()
			before, at := cpu(), time.Now()
			for range b.N {
				at = at.Add(time.Duration(r.ExpFloat64() * float64(500*time.Microsecond)))
				time.Sleep(time.Until(at))
				wg.Add(1)
				s.Submit(store.Batch{Records: []store.Record{{Org: "default", Kind: "entry", Version: 1, Body: body}}},
					func(int64, error) { wg.Done() })
			}
			wg.Wait()
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/record")
		})
	}
}

// BenchmarkSteps is commits of ordered records: a run's.
func BenchmarkSteps(b *testing.B) {
	for _, writers := range []int{1, 256} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s := storetest.New(b)
			concurrently(b, writers, func(w, i int) error {
				_, err := s.Commit(context.Background(), store.Batch{Records: []store.Record{
					{Org: "default", Kind: "run", Version: 1, Stream: fmt.Sprint("run_", w), Seq: int64(i), Epoch: 1, Body: body},
				}})
				return err
			})
		})
	}
}

func BenchmarkRaw(b *testing.B) {
	for _, writers := range []int{1, 16, 256, 4096} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			c, err := sqlite.Open(filepath.Join(b.TempDir(), "raw.db"), sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			for _, q := range []string{"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 4096",
				"CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB)"} {
				if err := c.Exec(q); err != nil {
					b.Fatal(err)
				}
			}
			queue := make(chan chan error, 4096)
			var end sync.WaitGroup
			end.Go(func() { rawWriter(c, queue) })
			concurrently(b, writers, func(w, i int) error {
				done := make(chan error, 1)
				queue <- done
				return <-done
			})
			close(queue)
			end.Wait()
		})
	}
}

func rawWriter(c *sqlite.Conn, queue chan chan error) {
	ctx := context.Background()
	var group []chan error
	for first := range queue {
		group = append(group[:0], first)
		for n := len(queue); n > 0; n-- {
			group = append(group, <-queue)
		}
		_, err := c.ExecContext(ctx, "BEGIN IMMEDIATE")
		for range group {
			if err == nil {
				_, err = c.ExecContext(ctx, "INSERT INTO row (body) VALUES (?)", body)
			}
		}
		if err == nil {
			_, err = c.ExecContext(ctx, "COMMIT")
		}
		for _, done := range group {
			done <- err
		}
	}
}

// concurrently shares b.N calls of f out among writers; i counts a writer's own.
func concurrently(b *testing.B, writers int, f func(w, i int) error) {
	var n atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	before := cpu()
	for w := range writers {
		wg.Go(func() {
			for i := 1; n.Add(1) <= int64(b.N); i++ {
				if err := f(w, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/record")
}

// cpu is what the process has used so far, which says more than the clock does on
// a machine that others use too.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
