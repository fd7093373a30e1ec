package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/skein-run/skein/internal/store"
)

// Views are the ledger's tables.
//
//	entries       the booked ones, by what they are picked by; the body stays in its record
//	open_entries  opened and not booked yet
//	spent         what each budget window counts; the sum of entries by the windows that held them
func Views() []store.View {
	return []store.View{{
		Name:    "ledger",
		Version: 2,
		Kinds:   []string{KindOpen, KindEntry},
		Tables:  []string{"entries", "open_entries", "spent"},
		Schema:  schema,
		Apply:   apply,
	}}
}

var schema = []string{
	`CREATE TABLE entries (
		lsn           INTEGER PRIMARY KEY,
		org           TEXT NOT NULL,
		id            TEXT NOT NULL,
		team          TEXT NOT NULL,
		project       TEXT NOT NULL,
		key           TEXT NOT NULL,
		customer      TEXT NOT NULL,
		agent         TEXT NOT NULL,
		run           TEXT NOT NULL,
		root_run      TEXT NOT NULL,
		cloud         TEXT NOT NULL,
		service       TEXT NOT NULL,
		deployment    TEXT NOT NULL,
		model         TEXT NOT NULL,
		consumed_from TEXT NOT NULL,
		UNIQUE (org, id)
	) STRICT`,
	`CREATE INDEX entries_time ON entries (org, consumed_from)`,
	`CREATE INDEX entries_run ON entries (org, run) WHERE run <> ''`,
	`CREATE TABLE open_entries (
		org TEXT NOT NULL,
		id  TEXT NOT NULL,
		lsn INTEGER NOT NULL,
		PRIMARY KEY (org, id)
	) WITHOUT ROWID, STRICT`,
	`CREATE TABLE spent (
		org      TEXT NOT NULL,
		window   TEXT NOT NULL,
		currency TEXT NOT NULL,
		units    INTEGER NOT NULL, -- the sum is units + nanos ÷ 10⁹ + attos ÷ 10¹⁸
		nanos    INTEGER NOT NULL,
		attos    INTEGER NOT NULL,
		PRIMARY KEY (org, window, currency)
	) WITHOUT ROWID, STRICT`,
}

// kindUnread stands for an entry of an unknown version.
const kindUnread = "unread"

func apply(ctx context.Context, tx store.Tx, r *store.Record) error {
	e, err := Decode(r)
	var version *VersionError
	switch {
	case errors.As(err, &version): // kept and shown as such; the others go on
		e = &Entry{ID: fmt.Sprintf("unread/%d", r.LSN), Kind: kindUnread}
	case err != nil:
		return err
	}
	if r.Kind == KindOpen {
		return applyOpen(ctx, tx, r, e)
	}
	return applyEntry(ctx, tx, r, e)
}

// applyOpen keeps an opening until its entry comes. An opening that comes after
// it, or again, changes nothing.
func applyOpen(ctx context.Context, tx store.Tx, r *store.Record, e *Entry) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO open_entries (org, id, lsn)
		SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM entries WHERE org = ?1 AND id = ?2)
		ON CONFLICT DO NOTHING`, r.Org, e.ID, r.LSN)
	return err
}

func applyEntry(ctx context.Context, tx store.Tx, r *store.Record, e *Entry) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM open_entries WHERE org = ? AND id = ?", r.Org, e.ID); err != nil {
		return err
	}
	c := &e.Cause
	res, err := tx.ExecContext(ctx, `INSERT INTO entries (lsn, org, id, team, project, key, customer, agent, run, root_run,
			cloud, service, deployment, model, consumed_from)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (org, id) DO NOTHING`,
		r.LSN, r.Org, e.ID, c.Team, c.Project, c.Key, c.Customer, c.Agent, c.Run, c.RootRun,
		e.Cloud, e.Service, e.Deployment, e.Model, timeText(e.ConsumedFrom))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // written twice, counted once
	}
	counted := e.Counted()
	if counted.IsZero() {
		return nil
	}
	return spend(ctx, tx, r.Org, e.Windows, counted)
}
