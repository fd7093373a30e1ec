package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// pgWriter is a PostgreSQL database that can be written to.
type pgWriter struct{ *postgres }

// Exec runs statements in one transaction with the command's row.
func (p *pgWriter) Exec(ctx context.Context, in []Statement, command string) (done Executed, err error) {
	const doing = "the execution"
	statements, err := pgDialect.writable(in, p.effects, "insert", "update", "delete", "merge")
	if err != nil {
		return done, err
	}
	if err := keyed(command); err != nil {
		return done, err
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		return p.use(ctx, execRead, doing, func(c *pgconn.PgConn) (err error) {
			t := &pgTx{c: c, p: p}
			if err := pgBegin(ctx, c, "BEGIN"); err != nil {
				return p.meaning(ctx, doing, err)
			}
			done, err = execute(ctx, t, statements, paramsOf(in), command)
			if t.committing && err != nil && !errors.As(err, new(*effect.Error)) {
				return lost(ctx, err)
			}
			return unwritable(p.meaning(ctx, doing, err))
		})
	})
	return done, err
}

func paramsOf(in []Statement) (params [][]any) {
	for _, s := range in {
		params = append(params, s.Params)
	}
	return params
}

// keyed checks that a command's id fits the effects table.
func keyed(command string) error {
	if command == "" || len(command) > mostCommand || strings.ContainsRune(command, 0) {
		return refuse("the command's id %q cannot be kept in the effects table", command)
	}
	return nil
}

func (p *pgWriter) ExecBasis() string {
	return fmt.Sprintf("one transaction with the command's id as the primary key of %s, for ever", p.effects)
}

func (p *pgWriter) ExecBound() []price.Reading { return execBound() }

func (p *pgWriter) EffectsTable() string {
	return fmt.Sprintf("CREATE TABLE %s (command text PRIMARY KEY, at timestamptz NOT NULL, rows text NOT NULL)", p.effects)
}

// Check also looks for the effects table.
func (p *pgWriter) Check(ctx context.Context) error {
	if err := p.postgres.Check(ctx); err != nil {
		return err
	}
	_, err := p.Query(ctx, "SELECT command, at, rows FROM "+p.table()+" WHERE command = ''", nil, Limits{Rows: 1, Bytes: 1000})
	return p.missing(err)
}

func (p *pgWriter) table() string { return `"` + strings.ReplaceAll(p.effects, ".", `"."`) + `"` }

// missing says what to do about an effects table that is not there.
func (p *pgWriter) missing(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000" || pg.Code == "42703") {
		return noEffects(p.effects, p.EffectsTable(), err)
	}
	return err
}

func noEffects(name, create string, err error) error {
	return &effect.Error{Outcome: effect.Refused, Cause: err,
		Message: fmt.Sprintf("the effects table %s, which keeps what was done, is missing or another: make it with %s", name, create)}
}

type pgTx struct {
	c          *pgconn.PgConn
	p          *pgWriter
	committing bool
}

func (t *pgTx) exec(ctx context.Context, text string, values ...string) (pgconn.CommandTag, error) {
	var raw [][]byte
	for _, v := range values {
		raw = append(raw, []byte(v))
	}
	return t.c.ExecParams(ctx, text, raw, nil, nil, nil).Close()
}

func (t *pgTx) claim(ctx context.Context, command string) (bool, error) {
	// A server that answers before its log is safe would forget row and change alike,
	// but not the answer.
	if err := t.c.ExecParams(ctx, `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`, nil, nil, nil, nil).Read().Err; err != nil {
		return false, err
	}
	tag, err := t.exec(ctx, "INSERT INTO "+t.p.table()+" (command, at, rows) VALUES ($1, clock_timestamp(), '') ON CONFLICT (command) DO NOTHING", command)
	return tag.RowsAffected() == 1, t.p.missing(err)
}

func (t *pgTx) run(ctx context.Context, st *statement, params []any) (int64, error) {
	if err := pgHarmless(ctx, t.c, st, pgWrite); err != nil {
		return 0, err
	}
	if err := pgChanges(ctx, t.c, st); err != nil {
		return 0, err
	}
	values, types := pgParams(params)
	tag, err := t.c.ExecParams(ctx, st.text, values, types, nil, nil).Close()
	return tag.RowsAffected(), t.p.meaning(ctx, "the execution", err)
}

func (t *pgTx) keep(ctx context.Context, command, rows string) error {
	tag, err := t.exec(ctx, "UPDATE "+t.p.table()+" SET rows = $2 WHERE command = $1", command, rows)
	if err == nil && tag.RowsAffected() != 1 {
		err = refuse("the row of %s in the effects table is gone", command)
	}
	return err
}

// commit sends COMMIT. An error that the server tells is a transaction that failed,
// as by a deferred constraint; unless it is about the connection, as that of something
// between, or says itself that nobody knows.
func (t *pgTx) commit(ctx context.Context) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, "the execution")
	}
	t.committing = true
	results, err := t.c.Exec(ctx, "COMMIT").ReadAll()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" && pg.Code != "40003" && !strings.HasPrefix(pg.Code, "08") && !strings.HasPrefix(pg.Code, "57P") {
		return pgKnown(pg)
	}
	if err == nil && (len(results) != 1 || results[0].CommandTag.String() != "COMMIT") {
		return refuse("the server took the transaction back")
	}
	return err
}

func (t *pgTx) rollback(ctx context.Context) {
	if !t.c.IsClosed() {
		_, _ = t.c.Exec(ctx, "ROLLBACK").ReadAll() // where it fails, the connection is dropped
	}
}

func (t *pgTx) earlier(ctx context.Context, command string) (string, bool, error) {
	r := t.c.ExecParams(ctx, "SELECT rows FROM "+t.p.table()+" WHERE command = $1", [][]byte{[]byte(command)}, nil, nil, nil).Read()
	if r.Err != nil || len(r.Rows) == 0 {
		return "", false, r.Err
	}
	return string(r.Rows[0][0]), true, nil
}
