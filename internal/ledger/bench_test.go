package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

// BenchmarkEntry is entries a second by 256 callers, each of whom waits for it:
// the record, the view, and two budget windows.
func BenchmarkEntry(b *testing.B) {
	s := storetest.New(b, ledger.Views()...)
	var n atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 256 {
		wg.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				r, err := ledger.EntryRecord(attempt(fmt.Sprintf("call_%d/1", i)), "")
				if err == nil {
					_, err = s.Commit(context.Background(), store.Batch{Records: []store.Record{r}})
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkBill reads the bill of 10,000 entries and groups it.
func BenchmarkBill(b *testing.B) {
	s := storetest.New(b, ledger.Views()...)
	const n = 10_000
	for i := range n / 100 {
		var es []*ledger.Entry
		for j := range 100 {
			es = append(es, attempt(fmt.Sprintf("call_%d/1", i*100+j)))
		}
		book(b, s, es...)
	}
	for b.Loop() {
		bill, err := ledger.ReadBill(context.Background(), s.Reader(), ledger.Query{Org: "default"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bill.Group("service", "sku"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
