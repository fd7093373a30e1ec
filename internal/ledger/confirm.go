package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// Evidence is what an entry really was, from somebody who knows: a provider's
// usage export, or a service's own log.
type Evidence struct {
	Org        string
	Entry      string // the entry's id
	Readings   []price.Reading
	UpstreamID string // the upstream's request id, where it is known now
	Outcome    string // where it is known now; empty keeps the entry's
}

// Rate prices a reading of e that no charge of it has a sure price for. input is all
// that a model read, cached or not, by the same evidence.
type Rate func(e *Entry, r price.Reading, input int64) (price.Charge, error)

// ErrSettled says that an entry is neither unknown nor estimated: there is
// nothing to confirm.
var ErrSettled = errors.New("the entry is settled as it is")

// ConfirmID is the id of the entry that confirms another.
func ConfirmID(entry string) string { return entry + "/c" }

// ConfirmEntry replaces what was booked for an unknown or estimated entry by what it
// really was: one entry that takes back each of its charges and adds the true
// ones, at the prices of the same rows; rate is asked for meters that the entry
// has no row of, or one that was only the dearest possible, and may be nil.
// Confirming again changes nothing, whatever the evidence, and gives the first
// confirmation.
func ConfirmEntry(ctx context.Context, s Store, ev Evidence, rate Rate, now time.Time) (*Entry, error) {
	e, err := Get(ctx, s.Reader(), ev.Org, ev.Entry)
	if err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	done, err := Get(ctx, s.Reader(), ev.Org, ConfirmID(ev.Entry))
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return done, err
	}
	c, err := confirmation(e, ev, rate, now)
	if err != nil {
		return nil, fmt.Errorf("confirm entry %s: %w", e.ID, err)
	}
	rec, err := EntryRecord(c, "")
	if err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	if _, err := s.Commit(ctx, store.Batch{Records: []store.Record{rec}}); err != nil {
		return nil, fmt.Errorf("confirm entry %s: %w", e.ID, err)
	}
	// Somebody else may have been first, and theirs is the one that counts.
	return Get(ctx, s.Reader(), ev.Org, c.ID)
}

// confirmation is the entry that replaces e's charges.
func confirmation(e *Entry, ev Evidence, rate Rate, now time.Time) (*Entry, error) {
	if !e.Unsettled() {
		return nil, ErrSettled
	}
	c := *e
	c.ID, c.Kind, c.Corrects = ConfirmID(e.ID), Confirm, e.ID
	c.BookedAt = now
	c.Marks = without(e.Marks, price.MarkUnknown, price.MarkEstimated)
	c.Held = c.Held.Sub(c.Held)
	c.Doubt = e.Doubt.Neg() // now it is known
	if ev.UpstreamID != "" {
		c.UpstreamID = ev.UpstreamID
	}
	if ev.Outcome != "" {
		c.Outcome = ev.Outcome
	}
	c.Charges = make([]price.Charge, 0, len(e.Charges)+len(ev.Readings))
	for _, old := range e.Charges {
		c.Charges = append(c.Charges, reversal(old))
	}
	input := inputOf(ev.Readings)
	for _, r := range ev.Readings {
		ch, err := confirmed(e, r, input, rate)
		if err != nil {
			return nil, err
		}
		c.Charges = append(c.Charges, ch)
	}
	return &c, nil
}

// Unsettled reports whether what e books is a bound or an estimate.
func (e *Entry) Unsettled() bool {
	if e.Corrects != "" {
		return false
	}
	open := func(m price.Mark) bool { return m == price.MarkUnknown || m == price.MarkEstimated }
	return slices.ContainsFunc(e.Marks, open) ||
		slices.ContainsFunc(e.Charges, func(c price.Charge) bool {
			return c.Source == price.Estimated || slices.ContainsFunc(c.Marks, open)
		})
}

func reversal(c price.Charge) price.Charge {
	c.Quantity = -c.Quantity
	c.Cost = c.Cost.Neg()
	c.Marks = append(without(c.Marks, price.MarkUnknown, price.MarkEstimated), price.MarkReversal)
	return c
}

// inputOf is everything that a model read.
func inputOf(readings []price.Reading) (n int64) {
	for _, r := range readings {
		switch r.Meter {
		case "input", "cache_read", "cache_write", "cache_write_1h", "audio_input", "image_input":
			n += r.Quantity
		}
	}
	return n
}

// confirmed is a reading at the price that e has for its meter.
func confirmed(e *Entry, r price.Reading, input int64, rate Rate) (price.Charge, error) {
	i := slices.IndexFunc(e.Charges, func(c price.Charge) bool { return c.Meter == r.Meter })
	var ch price.Charge
	sure := i >= 0 && !slices.Contains(e.Charges[i].Marks, price.MarkUnconfirmed)
	switch {
	case sure, i >= 0 && rate == nil:
		ch = e.Charges[i]
		ch.Marks = without(ch.Marks, price.MarkUnknown, price.MarkEstimated, price.MarkOverrun)
		ch.Reading = r
		if ch.Per > 0 {
			ch.Cost = ch.Price.MulDiv(r.Quantity, ch.Per)
		}
	case rate != nil:
		var err error
		if ch, err = rate(e, r, input); err != nil {
			return ch, fmt.Errorf("price %s: %w", r.Meter, err)
		}
	default:
		return ch, fmt.Errorf("it has no price for %s", r.Meter)
	}
	ch.Marks = append(slices.Clip(ch.Marks), price.MarkConfirmed)
	return ch, nil
}

// without is marks less some of them, as a slice of its own.
func without(marks []price.Mark, some ...price.Mark) []price.Mark {
	return slices.DeleteFunc(slices.Clone(marks), func(m price.Mark) bool { return slices.Contains(some, m) })
}
