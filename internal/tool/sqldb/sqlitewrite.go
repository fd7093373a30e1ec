package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// sqliteWriter is an SQLite file that is also written to, by one connection.
type sqliteWriter struct {
	*sqlite
	rw      string
	effects string
	writer  chan *sqlite3.Conn // nil stands for one that is not open yet
}

var sqliteDialect = &dialect{name: "SQLite", backtick: true, brackets: true}

func (db *sqlite) writable(path, effects string) (DB, error) {
	if !tableName.MatchString(effects) || strings.ContainsRune(effects, '.') {
		return nil, fmt.Errorf("effects: %q is not the name of a table: use a-z, 0-9 and _", effects)
	}
	w := &sqliteWriter{sqlite: db, rw: FileURI(path, "mode=rw"), effects: effects, writer: make(chan *sqlite3.Conn, 1)}
	conn, err := w.connect()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w.writer <- conn
	return w, nil
}

// connect opens the connection that writes. A commit is on the disk when it returns,
// or the effects table would promise too much.
func (db *sqliteWriter) connect() (*sqlite3.Conn, error) {
	conn, err := sqlite3.OpenFlags(db.rw, sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	err = limit(conn, "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; CREATE TABLE IF NOT EXISTS \""+db.effects+
		"\" (command TEXT PRIMARY KEY NOT NULL, at TEXT NOT NULL, rows TEXT NOT NULL) WITHOUT ROWID")
	if err == nil {
		err = conn.SetAuthorizer(db.authorize)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the database to write: %w", err), conn.Close())
	}
	return conn, nil
}

// authorize lets changes of the data pass, besides reading.
func (db *sqliteWriter) authorize(action sqlite3.AuthorizerActionCode, first, name, schema, inner string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_INSERT, sqlite3.AUTH_UPDATE, sqlite3.AUTH_DELETE:
		table := strings.ToLower(first)
		if strings.HasPrefix(table, "sqlite_") || table == db.effects {
			return sqlite3.AUTH_DENY
		}
		return sqlite3.AUTH_OK
	}
	return authorize(action, first, name, schema, inner)
}

// trusted lifts the authorizer for a statement of this package's own.
func (db *sqliteWriter) trusted(conn *sqlite3.Conn, do func() error) error {
	_ = conn.SetAuthorizer(nil) // it only stores a function
	err := do()
	_ = conn.SetAuthorizer(db.authorize)
	return err
}

// Exec runs statements in one transaction with the command's row.
func (db *sqliteWriter) Exec(ctx context.Context, in []Statement, command string) (done Executed, err error) {
	statements, err := sqliteDialect.writable(in, db.effects, "insert", "update", "delete", "replace")
	if err != nil {
		return done, err
	}
	if err := keyed(command); err != nil {
		return done, err
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		return use(ctx, db.writer, db.connect, "the execution", func(conn *sqlite3.Conn) (err error) {
			t := &sqliteTx{db, conn, false}
			if err := db.trusted(conn, func() error { return conn.Exec("BEGIN IMMEDIATE") }); err != nil {
				return err
			}
			done, err = execute(ctx, t, statements, paramsOf(in), command)
			if t.committing && err != nil && !errors.As(err, new(*effect.Error)) {
				return lost(ctx, err)
			}
			return err
		})
	})
	return done, err
}

func (db *sqliteWriter) ExecBasis() string {
	return fmt.Sprintf("one transaction with the command's id as the primary key of %s, for ever", db.effects)
}

func (db *sqliteWriter) ExecBound() []price.Reading {
	return []price.Reading{{Meter: price.MeterQueries, Quantity: effect.Tries * (mostStatements + 3), Source: price.Counted},
		{Meter: price.MeterRows, Quantity: mostChanged, Source: price.Counted}}
}

// EffectsTable is made when the file is opened.
func (db *sqliteWriter) EffectsTable() string { return "" }

// Tables leaves the effects table out.
func (db *sqliteWriter) Tables(ctx context.Context) ([]Table, error) {
	tables, err := db.sqlite.Tables(ctx)
	for i := range tables {
		if tables[i].Name == db.effects {
			return append(tables[:i:i], tables[i+1:]...), err
		}
	}
	return tables, err
}

// Close waits for what is running and closes every connection.
func (db *sqliteWriter) Close() error {
	conn, ok := <-db.writer
	if !ok {
		return nil
	}
	close(db.writer)
	var err error
	if conn != nil {
		err = conn.Close()
	}
	return errors.Join(err, db.sqlite.Close())
}

type sqliteTx struct {
	db         *sqliteWriter
	conn       *sqlite3.Conn
	committing bool
}

// own runs a statement of this package's own with texts as parameters, and gives the
// first value of its first row.
func (t *sqliteTx) own(text string, params ...string) (value string, found bool, err error) {
	err = t.db.trusted(t.conn, func() error {
		stmt, _, err := t.conn.Prepare(strings.ReplaceAll(text, "EFFECTS", `"`+t.db.effects+`"`))
		if err != nil {
			return err
		}
		for i, p := range params {
			if err := stmt.BindText(i+1, p); err != nil {
				return errors.Join(err, stmt.Close())
			}
		}
		for stmt.Step() {
			value, found = stmt.ColumnText(0), true
		}
		return errors.Join(stmt.Err(), stmt.Close())
	})
	return value, found, err
}

func (t *sqliteTx) claim(_ context.Context, command string) (bool, error) {
	_, _, err := t.own("INSERT INTO EFFECTS (command, at, rows) VALUES (?, strftime('%Y-%m-%dT%H:%M:%fZ'), '') ON CONFLICT DO NOTHING", command)
	return t.conn.Changes() == 1, err
}

func (t *sqliteTx) run(ctx context.Context, st *statement, params []any) (int64, error) {
	stmt, _, err := t.conn.Prepare(st.text)
	if err != nil {
		return 0, meaning(ctx, "the execution", err)
	}
	defer func() { _ = stmt.Close() }() // its error is that of Step
	if n := stmt.BindCount(); n != len(params) {
		return 0, refuse("the statement has %d parameters and %d values were given in params", n, len(params))
	}
	for i, p := range params {
		if err := bind(stmt, i+1, p); err != nil {
			return 0, err
		}
	}
	for stmt.Step() { // what it returns is not shown
	}
	return t.conn.Changes(), meaning(ctx, "the execution", stmt.Err())
}

func (t *sqliteTx) keep(_ context.Context, command, rows string) error {
	_, _, err := t.own("UPDATE EFFECTS SET rows = ? WHERE command = ?", rows, command)
	return err
}

// commit commits. Where a reader keeps the file too long, the transaction is still
// there and is taken back.
func (t *sqliteTx) commit(ctx context.Context) error {
	t.committing = true
	_, _, err := t.own("COMMIT")
	if err == nil {
		return nil
	}
	if !t.conn.GetAutocommit() {
		t.rollback(ctx)
		return meaning(ctx, "the execution", err)
	}
	return err
}

func (t *sqliteTx) rollback(context.Context) {
	old := t.conn.SetInterrupt(context.Background()) // also after the time is over
	_, _, _ = t.own("ROLLBACK")                      // there may be none any more
	t.conn.SetInterrupt(old)
}

func (t *sqliteTx) earlier(_ context.Context, command string) (string, bool, error) {
	return t.own("SELECT rows FROM EFFECTS WHERE command = ?", command)
}
