// Package ledger keeps what everything cost. Its unit is the [Entry]: what one
// settled attempt or effect consumed, at which prices, and for whom. An entry is
// one record; before money can be spent, an *open* record says what it may come to
// at most, and a crash between the two is booked at that bound by [Recover].
//
//	open (the bound) ──▶ entry (what it was)
//	        └─ crash ──▶ entry marked unknown (the bound) ──▶ confirm (reversal + what it was)
//
// An entry's id is that of its attempt or effect, so writing it twice leaves one.
// Nothing is ever changed: [ConfirmEntry] takes an unknown or estimated entry back by
// lines of opposite sign and adds the true ones.
//
// A bill's [Line]s are read from entries, one for each charge, and a [Bill] adds
// them up, exactly, under any grouping. What the budgets' windows have spent is
// folded from the same entries ([Spent]).
//
// The package decides nothing: prices come from price, limits from budget.
package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/store"
)

// The kinds of record that the ledger owns. The body of both is an [Entry].
const (
	KindOpen  = "open"  // may cost money: its charges are the most it can come to, marked unknown
	KindEntry = "entry" // what it was
)

// bodyVersion is the encoding of an entry in a record.
const bodyVersion = 1

// Store is what the ledger needs of a store.
type Store interface {
	Commit(ctx context.Context, b store.Batch) (first int64, err error)
	Reader() store.Reader
}

// OpenRecord is the record that must be durable before e's money can be spent. It
// refers to e's parts, which must not be changed until it is committed.
func OpenRecord(e *Entry, config string) (store.Record, error) { return record(KindOpen, e, config) }

// EntryRecord is the record that books e, to whose parts it refers as well.
func EntryRecord(e *Entry, config string) (store.Record, error) { return record(KindEntry, e, config) }

func record(kind string, e *Entry, config string) (store.Record, error) {
	if err := e.check(kind); err != nil {
		return store.Record{}, err
	}
	c := *e
	c.ConsumedFrom, c.ConsumedTo, c.BookedAt = micro(e.ConsumedFrom), micro(e.ConsumedTo), micro(e.BookedAt)
	body := encoder{make([]byte, 0, bodySize)}
	body.entry(&c)
	stream := e.Cause.Run
	if stream == "" {
		stream = e.Cause.Call
	}
	return store.Record{Org: e.Cause.Org, Kind: kind, Version: bodyVersion, Stream: stream, Config: config, Body: body.b, Value: &c}, nil
}

// bodySize is room for the usual entry: three charges, a dozen names.
const bodySize = 1280

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// check refuses what no bill could show.
func (e *Entry) check(kind string) error {
	switch {
	case e.ID == "":
		return fmt.Errorf("%s without an id: it is that of the attempt or effect", kind)
	case e.Cause.Org == "":
		return fmt.Errorf("%s %s has no org", kind, e.ID)
	case kind == KindEntry && e.BookedAt.IsZero():
		return fmt.Errorf("entry %s has no booked_at", e.ID)
	case e.ConsumedFrom.IsZero():
		return fmt.Errorf("%s %s has no consumed_from", kind, e.ID)
	}
	if (e.Kind == Confirm) != (e.Corrects != "") {
		return fmt.Errorf("%s %s is of kind %q and corrects %q: a confirmation names what it replaces, and nothing else does", kind, e.ID, e.Kind, e.Corrects)
	}
	return e.oneCurrency()
}

// oneCurrency refuses an entry whose sum would be of apples and pears.
func (e *Entry) oneCurrency() error {
	cur := e.Held.Currency()
	for i := range e.Charges {
		for _, a := range [...]money.Amount{e.Charges[i].Price, e.Charges[i].Cost} {
			switch c := a.Currency(); {
			case c == (money.Currency{}):
			case cur == (money.Currency{}):
				cur = c
			case c != cur:
				return fmt.Errorf("entry %s is in %s and %s: an entry has one currency", e.ID, cur, c)
			}
		}
	}
	return nil
}

// Decode reads the entry of a record of either kind.
func Decode(r *store.Record) (*Entry, error) {
	if r.Kind != KindEntry && r.Kind != KindOpen {
		return nil, fmt.Errorf("lsn %d: a record of kind %q holds no entry", r.LSN, r.Kind)
	}
	if r.Version != bodyVersion {
		return nil, &VersionError{LSN: r.LSN, Version: r.Version}
	}
	if e, ok := r.Value.(*Entry); ok {
		return e, nil
	}
	var e Entry
	if err := json.Unmarshal(r.Body, &e); err != nil {
		return nil, fmt.Errorf("entry at lsn %d: %w", r.LSN, err)
	}
	return &e, nil
}

// VersionError says that an entry was written by a newer program. It is kept, and
// a bill that it belongs to fails rather than leaving it out.
type VersionError struct {
	LSN     int64
	Version int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("the entry at lsn %d has version %d, and this program knows version %d: use the program that wrote it", e.LSN, e.Version, bodyVersion)
}
