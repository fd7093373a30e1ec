package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Bounds of one execution.
const (
	mostStatements = 20
	mostChanged    = 100_000 // rows, by all of them
	mostCommand    = 255     // characters of a command's id
)

// tx is a transaction that has begun, at one kind of database. Until commit has been
// sent an error means that nothing was done.
type tx interface {
	// claim adds the command's row to the effects table; fresh is false where there is
	// one. It waits for another transaction that is adding the same.
	claim(ctx context.Context, command string) (fresh bool, err error)
	// run runs one statement and says how many rows it changed.
	run(ctx context.Context, st *statement, params []any) (int64, error)
	// keep writes into the command's row what came of it.
	keep(ctx context.Context, command, rows string) error
	commit(ctx context.Context) error
	// rollback ends the transaction, whatever state it is in.
	rollback(ctx context.Context)
	// earlier reads the command's row, after the transaction's end.
	earlier(ctx context.Context, command string) (rows string, found bool, err error)
}

// execute runs statements and the command's row of the effects table as one
// transaction: either both are there or neither is, so the row says for ever whether
// the command was done. The row comes first, so that of two owners of a command the
// second waits for the first and then finds it.
func execute(ctx context.Context, t tx, statements []*statement, params [][]any, command string) (done Executed, err error) {
	meter := effect.MeterFrom(ctx)
	count := func() { meter.Count(price.MeterQueries, 1, price.Counted) }
	ended := false
	defer func() {
		if !ended {
			t.rollback(ctx)
		}
	}()
	count()
	fresh, err := t.claim(ctx, command)
	if err != nil {
		return done, err
	}
	if !fresh {
		t.rollback(ctx)
		ended = true
		count()
		return earlier(ctx, t, command)
	}
	var changed int64
	for i, st := range statements {
		count()
		n, err := t.run(ctx, st, params[i])
		if err != nil {
			return done, placed(i, err)
		}
		done.Rows = append(done.Rows, n)
		if changed += n; changed > mostChanged {
			return done, refuse("the statements would change more than %d rows, and nothing was changed: do it in parts", mostChanged)
		}
	}
	rows, err := json.Marshal(done.Rows)
	if err != nil {
		return done, fmt.Errorf("write the counts: %w", err)
	}
	count()
	if err := t.keep(ctx, command, string(rows)); err != nil {
		return done, err
	}
	ended = true
	if err := t.commit(ctx); err != nil {
		return done, err
	}
	meter.Count(price.MeterRows, changed, price.Counted)
	return done, nil
}

func earlier(ctx context.Context, t tx, command string) (done Executed, err error) {
	rows, found, err := t.earlier(ctx, command)
	if err != nil {
		return done, err
	}
	if !found { // the other transaction has been taken back in the meantime
		return done, &effect.Error{Outcome: effect.NotDone, Retry: true, Message: "another transaction was doing the same and gave up"}
	}
	if err := json.Unmarshal([]byte(rows), &done.Rows); err != nil {
		return done, refuse("the row of %s in the effects table cannot be read", command)
	}
	done.Repeat = true
	return done, nil
}

// placed says which of the statements an error is about.
func placed(i int, err error) error {
	var e *effect.Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.Message = fmt.Sprintf("statements[%d]: %s", i, e.Message)
	return &c
}

// execBound is the most that one execution at a database server consumes.
func execBound() []price.Reading {
	return []price.Reading{
		{Meter: price.MeterQueries, Quantity: effect.Tries * (mostStatements + 3), Source: price.Counted},
		{Meter: price.MeterRows, Quantity: mostChanged, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * execRead, Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * sentMost(mostExec), Source: price.Counted},
	}
}

// execRead is how many bytes an execution may read: answers without rows.
const execRead = 2 * handshake

// unwritable is err, and where it is that of a server that takes no changes just now, as
// one that was the first and has become a replica, it says so and may be tried again.
func unwritable(err error) error {
	var pg *pgconn.PgError
	if code := codeOf(err); code != 1290 && code != 1836 && (!errors.As(err, &pg) || pg.Code != "25006") {
		return err
	}
	return &effect.Error{Outcome: effect.NotDone, Retry: true, Cause: err, Message: "the database server takes no changes now: it is a replica, or switched to reading only"}
}

// lost is the error of a connection that broke when the transaction's end had been
// asked for and before its answer came.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.Unknown, "the execution")
	}
	return &effect.Error{Outcome: effect.Unknown, Retry: true, Cause: err,
		Message: "the connection broke when the transaction was being committed: it may have been"}
}
