package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// OutcomeUnknown is the outcome of an entry whose end nobody saw.
const OutcomeUnknown = "unknown"

// recoverBatch is how many entries are booked in one batch.
const recoverBatch = 256

// Recover books everything that an earlier life of the process opened and did
// not book, at the most that it can have cost, marked unknown. The owner calls it
// at start-up, before anything is opened. It says how many it booked; doing it
// again books none.
func Recover(ctx context.Context, s Store, now time.Time) (int, error) {
	n := 0
	for {
		batch, err := recovered(ctx, s.Reader(), now)
		if err != nil {
			return n, fmt.Errorf("recover what was opened: %w", err)
		}
		if len(batch.Records) == 0 {
			return n, nil
		}
		if _, err := s.Commit(ctx, batch); err != nil {
			return n, fmt.Errorf("recover what was opened: %w", err)
		}
		n += len(batch.Records)
	}
}

// recovered is the next batch. An opening of another version stays open, for the
// program that wrote it.
func recovered(ctx context.Context, r store.Reader, now time.Time) (store.Batch, error) {
	var b store.Batch
	var failed error
	readEntries(ctx, r, `SELECT r.lsn, r.version, r.config, r.body FROM open_entries o JOIN record r ON r.lsn = o.lsn
		WHERE r.version = ? ORDER BY o.lsn LIMIT ?`, []any{bodyVersion, recoverBatch},
		func(s stored, err error) bool {
			var rec store.Record
			if err == nil {
				rec, err = EntryRecord(unknown(s.Entry, now), s.config)
			}
			failed = err
			b.Records = append(b.Records, rec)
			return err == nil
		})
	return b, failed
}

// unknown is the entry of an opening whose end nobody saw.
func unknown(open *Entry, now time.Time) *Entry {
	e := *open
	e.Outcome = OutcomeUnknown
	e.BookedAt = now
	if e.ConsumedTo.Before(e.ConsumedFrom) {
		e.ConsumedTo = e.ConsumedFrom
	}
	if !slices.Contains(e.Marks, price.MarkUnknown) {
		e.Marks = append(slices.Clip(e.Marks), price.MarkUnknown)
	}
	return &e
}
