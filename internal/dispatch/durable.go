package dispatch

import (
	"errors"
	"net/http"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/store"
)

// Reserve is what a [Journal] may have: room for records that must be kept when
// it cannot commit.
type Reserve interface {
	Reserve(records ...store.Record) error
}

// submit hands a batch to the journal; with wait it returns when it is durable.
func (d *Dispatcher) submit(l *lane, b store.Batch, wait bool) error {
	switch {
	case d.o.Journal == nil || len(b.Records) == 0:
		return nil
	case !wait:
		d.o.Journal.Submit(b, func(_ int64, err error) { d.noted(b, err) })
		return nil
	}
	d.o.Journal.Submit(b, l.durable)
	err := <-l.settled
	if err == nil {
		d.mend()
	}
	return err
}

// later books an entry that nobody waits for.
func (d *Dispatcher) later(e *ledger.Entry, revision string, back *refund) {
	if d.o.Journal == nil || e == nil {
		back.settle()
		return
	}
	rec, err := ledger.EntryRecord(e, revision)
	if err != nil {
		d.o.Log.Error("an entry was not written", "entry", e.ID, "error", err)
		return // its hold stays: after a crash the bound is booked, so it must not be lent
	}
	b := batchOf(rec)
	d.o.Journal.Submit(b, func(_ int64, err error) {
		d.noted(b, err)
		back.settle()
	})
}

// noted is the outcome of a batch that nobody waited for.
func (d *Dispatcher) noted(b store.Batch, err error) {
	if err == nil {
		return
	}
	if rest := entries(b); len(rest) > 0 {
		d.keep(rest, err)
		return
	}
	d.fail(err) // an open record: from now on nothing is sent before its record is durable
}

// rescue keeps what a settlement booked, where it could not be committed. What its
// caller could not commit is tried again without what the caller added: a run that
// has another owner, or an engine that ends, is no reason not to book its call. The
// entry may have been written after all; then it is there once.
func (d *Dispatcher) rescue(r *run, l *lane, b store.Batch, err error, callers bool) {
	if callers {
		if err = d.submit(l, b, true); err == nil {
			return
		}
	}
	if errors.Is(err, store.ErrClosed) && callers {
		d.o.Log.Warn("a call ended after the store was closed; its open record books it at the next start", "call", r.c.ID)
		return
	}
	if len(entries(b)) == 0 { // the reserve has no room for what cost nothing
		d.fail(err)
		d.o.Log.Warn("the record of a call that made no attempt is lost", "call", r.c.ID, "error", err)
		return
	}
	d.keep(b.Records, err)
}

// keep puts records into the reserve, so that an answer that was paid for is
// billed, and stops what would cost money without a record.
func (d *Dispatcher) keep(recs []store.Record, err error) {
	d.fail(err)
	if len(recs) == 0 {
		return
	}
	res, ok := d.o.Journal.(Reserve)
	if ok {
		kept := res.Reserve(recs...)
		if kept == nil {
			d.o.Log.Error("records could not be committed and are kept in the reserve", "records", len(recs), "error", err)
			return
		}
		err = errors.Join(err, kept)
	}
	for i := range recs {
		d.o.Log.Error("a record could not be kept", "kind", recs[i].Kind, "stream", recs[i].Stream, "error", err)
	}
}

func entries(b store.Batch) (out []store.Record) {
	for _, rec := range b.Records {
		if rec.Kind == ledger.KindEntry {
			out = append(out, rec)
		}
	}
	return out
}

// careful reports whether the journal failed last: then every attempt waits for
// its open record, and so nothing is sent until it works again.
func (d *Dispatcher) careful() bool { return d.Fault() != nil }

// Fault is why records can not be made durable; nil where they can. Readiness
// shows it.
func (d *Dispatcher) Fault() error {
	if p := d.fault.Load(); p != nil {
		return *p
	}
	return nil
}

func (d *Dispatcher) fail(err error) {
	if refused(err) {
		return
	}
	d.fault.Store(&err)
}

// refused reports whether a batch was not written for what stands in it: the
// journal itself is well.
func refused(err error) bool {
	return errors.Is(err, store.ErrFenced) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrRefused)
}

func (d *Dispatcher) mend() {
	if d.fault.Load() != nil {
		d.fault.Store(nil)
	}
}

func unwritable(err error) *llm.Error {
	return &llm.Error{
		Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable,
		Message: "what this call may cost could not be written down, so it was not sent: " + err.Error(),
	}
}
