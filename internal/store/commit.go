package store

import (
	"context"
	"errors"
	"fmt"
)

// size is about what a batch takes in memory and in the log.
func (b *Batch) size() int {
	n := 0
	for i := range b.Records {
		n += len(b.Records[i].Body) + 200
	}
	for i := range b.Payloads {
		n += len(b.Payloads[i].Data) + 200
	}
	return n
}

// commit writes a group and leaves each batch's outcome in it. A batch that is
// refused takes nothing with it; an error of the disk takes the whole group.
func (w *writer) commit(taken []*pending) {
	if w.s.Broken() == nil {
		w.writePayloadFiles(taken)
	}
	if err := w.s.Broken(); err != nil {
		failAll(taken, err)
		return
	}
	next := w.next
	// A savepoint around each batch costs a fifth of a commit, and is there for
	// batches that a view refuses, which are rare: so first without.
	committing, err := w.transaction(taken, false)
	if errors.Is(err, errRefusedByView) {
		w.undo(next)
		committing, err = w.transaction(taken, true)
	}
	if err == nil {
		err = w.s.Broken() // a sync failed although SQLite made nothing of it
	}
	if err == nil {
		return
	}
	w.undo(next)
	failAll(taken, w.s.failed(err, committing))
}

// errRefusedByView ends a group that was begun without savepoints.
var errRefusedByView = errors.New("a view refused a batch")

// transaction writes a group. committing says that an error came from COMMIT.
func (w *writer) transaction(taken []*pending, savepoints bool) (committing bool, err error) {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	for _, p := range taken {
		if err := w.apply(p, savepoints); err != nil {
			return false, err
		}
	}
	if err := w.tx.flush(context.Background()); err != nil {
		if !sick(err) { // some batch's fault; with a savepoint around each it shows whose
			err = errRefusedByView
		}
		return false, err
	}
	return true, w.exec("COMMIT")
}

// undo forgets a group that was not committed.
func (w *writer) undo(next int64) {
	if !w.c.DB.GetAutocommit() {
		w.c.Exec("ROLLBACK")
	}
	w.next = next
	w.streams.forget()
	w.tx.forget()
}

func failAll(taken []*pending, err error) {
	for _, p := range taken {
		p.first = 0
		if p.err == nil {
			p.err = err
		}
	}
}

func (w *writer) exec(query string) error {
	_, err := w.c.ExecContext(context.Background(), query)
	return err
}

// apply writes one batch and leaves its outcome in it; an error is the group's.
func (w *writer) apply(p *pending, savepoint bool) error {
	p.first, p.err = 0, p.unfit
	if p.err != nil {
		return nil
	}
	if p.err = w.streams.advance(w.c, p.batch.Records); p.err != nil {
		if sick(p.err) {
			return p.err
		}
		return nil // nothing was written yet
	}
	if !savepoint {
		err := w.write(p)
		if err != nil && !sick(err) {
			return errRefusedByView
		}
		return err
	}
	if err := w.exec("SAVEPOINT batch"); err != nil {
		return err
	}
	next := w.next
	err := w.write(p)
	if err == nil {
		if err = w.tx.flush(context.Background()); err != nil {
			err = fmt.Errorf("%w: what its views added up: %w", ErrRefused, err)
		}
	}
	if err != nil {
		if sick(err) || w.c.DB.GetAutocommit() {
			return err
		}
		w.next, p.first, p.err = next, 0, err
		w.streams.back()
		w.tx.forget()
		if err := w.exec("ROLLBACK TO batch"); err != nil {
			return err
		}
	}
	return w.exec("RELEASE batch")
}

func (w *writer) write(p *pending) error {
	ctx := context.Background()
	if len(p.batch.Records) > 0 {
		p.first = w.next
	}
	for i := range p.batch.Records {
		r := p.batch.Records[i] // a copy: the batch stays the caller's
		r.LSN = w.next
		_, err := w.c.ExecContext(ctx, "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.LSN, r.Org, r.Kind, r.Version, r.Stream, r.Seq, r.Epoch, r.Config, notNil(r.Body))
		if err != nil {
			return err
		}
		w.next++
		for _, v := range w.s.kinds[r.Kind] {
			if err := fold(ctx, &w.tx, v, &r); err != nil {
				return err
			}
		}
	}
	for i := range p.batch.Payloads {
		if err := w.putPayload(ctx, &p.batch.Payloads[i]); err != nil {
			return err
		}
	}
	return nil
}

// check refuses what could not be read again.
func (b *Batch) check() error {
	if n := b.size(); n > maxBatchBytes {
		return fmt.Errorf("%w: %d bytes are more than the %d allowed in one", ErrRefused, n, maxBatchBytes)
	}
	for i := range b.Records {
		r := &b.Records[i]
		switch {
		case r.Org == "":
			return fmt.Errorf("%w: record %d of it has no org", ErrRefused, i+1)
		case r.Kind == "":
			return fmt.Errorf("%w: record %d of it has no kind", ErrRefused, i+1)
		case r.Seq < 0 || r.Epoch < 0:
			return fmt.Errorf("%w: record %d of it has seq %d, epoch %d: neither is less than 0", ErrRefused, i+1, r.Seq, r.Epoch)
		case r.Stream == "" && (r.Seq != 0 || r.Epoch != 0):
			return fmt.Errorf("%w: record %d of it has seq %d, epoch %d, and no stream", ErrRefused, i+1, r.Seq, r.Epoch)
		}
	}
	for i := range b.Payloads {
		p := &b.Payloads[i]
		switch {
		case p.Org == "" || p.Ref == "":
			return fmt.Errorf("%w: payload %d of it has org %q, ref %q: it needs both", ErrRefused, i+1, p.Org, p.Ref)
		case p.Alg != "" && p.Alg != algNone:
			return fmt.Errorf("%w: payload %s: %w", ErrRefused, p.Ref, unknownAlg(p.Alg))
		}
	}
	return nil
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
