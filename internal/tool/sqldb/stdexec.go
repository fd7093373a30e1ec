package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	mssql "github.com/microsoft/go-mssqldb"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// writes is how one kind of server keeps the effects table. Each statement has the
// table's name as %s.
type writes struct {
	first                      []string // words that a statement may begin with
	quote                      func(name string) string
	create                     func(table string) string
	claim, keep, earlier, look string
	taken                      []int  // its numbers for a key that is there already
	missing                    []int  // for a table or column that is not there
	undone                     []int  // for a commit that took the transaction back
	plain                      string // a query for tables without transactions; "" where there are none
	basis                      string
}

// stdWriter is a database that can be written to through database/sql.
type stdWriter struct {
	*stdSQL
	w *writes
}

func (s *stdWriter) table() string {
	parts := strings.Split(s.effects, ".")
	for i := range parts {
		parts[i] = s.w.quote(parts[i])
	}
	return strings.Join(parts, ".")
}

// Exec runs statements in one transaction with the command's row.
func (s *stdWriter) Exec(ctx context.Context, in []Statement, command string) (done Executed, err error) {
	const doing = "the execution"
	statements, err := s.dialect().writable(in, s.effects, s.w.first...)
	if err != nil {
		return done, err
	}
	for i, st := range statements {
		if err := s.judge(st, true); err != nil {
			return done, placed(i, err)
		}
	}
	if err := keyed(command); err != nil {
		return done, err
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		t := &stdTx{s: s}
		err := s.use(ctx, execRead, 0, doing, func(_ *stdLine, c *sql.Conn, tx *sql.Tx) (err error) {
			t.c, t.tx = c, tx
			if err := s.transactional(ctx, tx, statements); err != nil {
				return err
			}
			done, err = execute(ctx, t, statements, paramsOf(in), command)
			return err
		})
		if t.committing && err != nil && !errors.As(err, new(*effect.Error)) {
			return lost(ctx, err)
		}
		return unwritable(s.meaning(ctx, doing, err))
	})
	return done, err
}

// transactional refuses statements that name a table whose changes cannot be taken back.
func (s *stdWriter) transactional(ctx context.Context, tx *sql.Tx, statements []*statement) (err error) {
	if s.w.plain == "" {
		return nil
	}
	found, err := tx.QueryContext(ctx, s.w.plain)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	plain := map[string]bool{}
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			return err
		}
		plain[strings.ToLower(name)] = true
	}
	if err := found.Err(); err != nil {
		return err
	}
	for i, st := range statements {
		for _, t := range st.tokens {
			if (t.kind == word || t.kind == quoted) && plain[strings.ToLower(t.text)] {
				return placed(i, refuse("the table %s has no transactions (it is not InnoDB), so it cannot be written to", t.text))
			}
		}
	}
	return nil
}

func (s *stdWriter) ExecBasis() string { return fmt.Sprintf(s.w.basis, s.effects) }

func (s *stdWriter) ExecBound() []price.Reading { return execBound() }

func (s *stdWriter) EffectsTable() string { return s.w.create(s.effects) }

// Check also looks for the effects table, and whether it has transactions.
func (s *stdWriter) Check(ctx context.Context) error {
	if err := s.stdSQL.Check(ctx); err != nil {
		return err
	}
	if _, err := s.Query(ctx, fmt.Sprintf(s.w.look, s.table()), nil, Limits{Rows: 1, Bytes: 1000}); err != nil {
		return s.missing(err)
	}
	st, err := s.dialect().lex("SELECT 1 FROM " + s.table())
	if err != nil {
		return err
	}
	err = effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return s.meaning(ctx, "the check", s.use(ctx, execRead, 1, "the check", func(_ *stdLine, _ *sql.Conn, tx *sql.Tx) error {
			return s.transactional(ctx, tx, []*statement{st})
		}))
	})
	if e := (*effect.Error)(nil); errors.As(err, &e) && e.Outcome == effect.Refused && e.Cause == nil {
		return noEffects(s.effects, s.EffectsTable(), err)
	}
	return err
}

func (s *stdWriter) missing(err error) error {
	if slices.Contains(s.w.missing, codeOf(err)) {
		return noEffects(s.effects, s.EffectsTable(), err)
	}
	return err
}

type stdTx struct {
	s          *stdWriter
	c          *sql.Conn
	tx         *sql.Tx
	committing bool
}

func (t *stdTx) claim(ctx context.Context, command string) (bool, error) {
	_, err := t.tx.ExecContext(ctx, fmt.Sprintf(t.s.w.claim, t.s.table()), command)
	if slices.Contains(t.s.w.taken, codeOf(err)) {
		return false, nil
	}
	return true, t.s.missing(err)
}

func (t *stdTx) run(ctx context.Context, st *statement, params []any) (int64, error) {
	prepared, err := t.tx.PrepareContext(ctx, st.text)
	if err != nil {
		return 0, t.s.meaning(ctx, "the execution", err)
	}
	defer func() { _ = prepared.Close() }()
	r, err := prepared.ExecContext(ctx, stdParams(params)...)
	if err != nil {
		return 0, t.s.meaning(ctx, "the execution", err)
	}
	return r.RowsAffected()
}

func (t *stdTx) keep(ctx context.Context, command, rows string) error {
	r, err := t.tx.ExecContext(ctx, fmt.Sprintf(t.s.w.keep, t.s.table()), rows, command)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return refuse("the row of %s in the effects table is gone", command)
	}
	return nil
}

// commit commits. Where the server says that it took the transaction back, nothing was
// done. What else it says may come from something between, which has lost its answer, or
// be about what follows the commit.
func (t *stdTx) commit(ctx context.Context) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, "the execution")
	}
	t.committing = true
	err := t.tx.Commit()
	if slices.Contains(t.s.w.undone, codeOf(err)) {
		return told(err)
	}
	return err
}

func (t *stdTx) rollback(context.Context) { _ = t.tx.Rollback() }

func (t *stdTx) earlier(ctx context.Context, command string) (rows string, found bool, err error) {
	err = t.c.QueryRowContext(ctx, fmt.Sprintf(t.s.w.earlier, t.s.table()), command).Scan(&rows)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return rows, err == nil, err
}

// codeOf is a server's number of an error; 0 where it told none.
func codeOf(err error) int {
	var my *mysql.MySQLError
	var ms mssql.Error
	switch {
	case errors.As(err, &my):
		return int(my.Number)
	case errors.As(err, &ms):
		return int(ms.Number)
	}
	return 0
}
