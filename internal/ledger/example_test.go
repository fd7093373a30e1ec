package ledger_test

import (
	"context"
	"os"
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

func ExampleReadBill() {
	dir, err := os.MkdirTemp("", "skein")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, dir, store.Options{Views: ledger.Views()})
	if err != nil {
		panic(err)
	}
	defer s.Close()

	perThousand := money.MustParse("0.0004", money.USD)
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	record, err := ledger.EntryRecord(&ledger.Entry{
		ID: "run_1/4/1/1", Kind: ledger.Effect, Cause: ledger.Cause{Org: "default", Run: "run_1"},
		Cloud: "aws", Service: "Amazon S3", ConsumedFrom: at, ConsumedTo: at, BookedAt: at, Outcome: "ok",
		Charges: []price.Charge{{
			Reading: price.Reading{Meter: price.MeterGet, Quantity: 12, Source: price.Counted},
			SKU:     "aws/s3/get", Unit: "request", Price: perThousand, Per: 1000, Cost: perThousand.MulDiv(12, 1000),
		}},
	}, "")
	if err != nil {
		panic(err)
	}
	if _, err := s.Commit(ctx, store.Batch{Records: []store.Record{record}}); err != nil {
		panic(err)
	}

	bill, err := ledger.ReadBill(ctx, s.Reader(), ledger.Query{Org: "default", Run: "run_1"})
	if err != nil {
		panic(err)
	}
	bill.WriteTable(os.Stdout, "run", "service")
	// Output:
	// run    service      quantity       cost       marks
	// run_1  Amazon S3  12 request  0.0000048  USD
	// --------------------------------------------
	// total                         0.0000048  USD
}
