package table

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// statement is one statement, in a transaction of its own.
type statement struct {
	class          agent.Class
	doing          string
	request, units price.Meter
	unit           int64
	text           string
	values         []any // texts
}

// do runs a statement, again where its class allows it. The function reads the rows and
// says how many bytes the items have, and how many came.
func (t *postgresTable) do(ctx context.Context, s statement, read func(pgx.Rows) (size, came int, err error)) error {
	return effect.Retry(ctx, s.class, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, s.doing)
		}
		if err := t.prepared(ctx, s.doing); err != nil {
			return err
		}
		sent := 0
		for _, v := range s.values {
			if text, ok := v.(string); ok {
				sent += len(text)
			}
		}
		m := effect.MeterFrom(ctx)
		rows, err := t.pool.Query(ctx, s.text, s.values...)
		size, came := 0, 0
		if err == nil {
			size, came, err = read(rows)
			rows.Close()
		}
		var known *effect.Error
		var pg *pgconn.PgError
		source := price.Counted
		switch {
		case err == nil, errors.As(err, &known), errors.As(err, &pg):
		case pgconn.SafeToRetry(err) || unconnected(err):
			return t.failed(ctx, s.doing, effect.NotDone, err)
		default:
			source, size = price.Estimated, sent
		}
		m.Count(s.request, 1, source)
		m.Count(price.MeterBytesSent, int64(sent), source)
		m.Count(price.MeterBytesRead, int64(came), price.Counted)
		if pg == nil {
			derived := price.Derived
			if source == price.Estimated {
				derived = source
			}
			m.Count(s.units, units(int64(size), s.unit), derived)
		}
		switch {
		case err == nil:
			return nil
		case known != nil:
			return known
		}
		return t.failed(ctx, s.doing, effect.Unknown, err)
	})
}

func unconnected(err error) bool {
	var c *pgconn.ConnectError
	return errors.As(err, &c)
}

// failed is what an error of the database means. A statement that it refuses has
// changed nothing; outcome is what is known where it said nothing.
func (t *postgresTable) failed(ctx context.Context, doing string, outcome effect.Outcome, err error) *effect.Error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code == "57014" && ctx.Err() != nil {
		if ctx.Err() != nil {
			return effect.Ended(ctx, outcome, doing)
		}
		why := "the database gave no answer"
		if outcome == effect.NotDone {
			why = "the database cannot be reached"
		}
		return &effect.Error{Outcome: outcome, Retry: true, Message: doing + ": " + why, Cause: err}
	}
	e := &effect.Error{Outcome: effect.Refused, Cause: err,
		Message: fmt.Sprintf("%s: the database says %s (%s)", doing, cut(strings.Join(strings.Fields(pg.Message), " "), 200), pg.Code)}
	switch class := pg.Code[:min(2, len(pg.Code))]; {
	case pg.Code == "40003": // statement_completion_unknown, which CockroachDB says
		e.Outcome, e.Retry = effect.Unknown, true
	case pg.Code == "42501":
		e.Message = fmt.Sprintf("%s: the database denies access: its user needs SELECT, and to write also INSERT, UPDATE and DELETE, on the table %s", doing, t.table)
	case pg.Code == "42P01":
		e.Message = fmt.Sprintf("%s: there is no table %s", doing, t.table)
	case pg.Code == "22P05":
		e.Message = doing + ": the item has the character U+0000, which PostgreSQL cannot store"
	case class == "28":
		e.Message = doing + ": the database does not let its user in"
	case class == "40" || class == "53" || pg.Code == "55P03" || pg.Code == "57P03":
		e.Outcome, e.Retry = effect.NotDone, true
	case class == "57" || class == "58" || class == "XX" || class == "08":
		e.Outcome, e.Retry = effect.Unknown, true // it was shut down, or worse, at whatever point
	}
	return e
}

// prepared sees that the table has the columns that are needed, once, and makes it
// where it is missing and may be.
func (t *postgresTable) prepared(ctx context.Context, doing string) error {
	select {
	case <-t.ready:
		return nil
	default:
	}
	select {
	case t.looking <- struct{}{}:
	case <-ctx.Done():
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	defer func() { <-t.looking }()
	select {
	case <-t.ready:
		return nil
	default:
	}
	look := func() error {
		_, err := t.pool.Exec(ctx, "SELECT "+t.columns("%s::text")+", item::jsonb, command::text FROM "+t.table+" LIMIT 0")
		return err
	}
	err := look()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" && t.write {
		_, err = t.pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+t.table+" ("+t.columns(`%s text COLLATE "C" NOT NULL`)+
			", item jsonb NOT NULL, command text NOT NULL, PRIMARY KEY ("+t.columns("%s")+"))")
		if err != nil && look() == nil { // another process has made it in the same moment
			err = nil
		}
	}
	if err != nil {
		e := t.failed(ctx, doing, effect.NotDone, err)
		if errors.As(err, &pg) && (pg.Code == "42703" || pg.Code == "42846") {
			e.Message = fmt.Sprintf("%s: the table %s has not the columns %s, item (jsonb) and command: %s", doing, t.table, t.columns("%s"), pg.Message)
		}
		if e.Outcome == effect.Unknown {
			e.Outcome = effect.NotDone // nothing of the effect was sent
		}
		return e
	}
	close(t.ready)
	return nil
}
