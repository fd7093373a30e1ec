package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// sqlite is an SQLite file, opened read-only. Each connection runs one query at
// a time; there are at most readers of them.
type sqlite struct {
	uri  string
	free chan *sqlite3.Conn // nil stands for one that is not open yet
}

const readers = 4

// FileURI is the URI by which SQLite opens a file of this machine.
func FileURI(path, options string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	return "file:" + strings.TrimPrefix(u.EscapedPath(), "./") + "?" + options
}

func openSQLite(u *resource.URL) (DB, error) {
	path, err := u.Local()
	if err != nil {
		return nil, err
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", path)
	case err != nil:
		return nil, fmt.Errorf("look at the file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	}
	db := &sqlite{uri: FileURI(path, "mode=ro"), free: make(chan *sqlite3.Conn, readers)}
	conn, err := db.connect()
	if err != nil && settled(path) {
		// A database in WAL mode wants to make files beside itself even to be
		// read. Where it may not, and no writer has left anything in the log, it
		// can be read as what cannot change.
		db.uri = FileURI(path, "mode=ro&immutable=1")
		conn, err = db.connect()
	}
	if err != nil {
		return nil, err
	}
	for range readers - 1 {
		db.free <- nil
	}
	db.free <- conn
	if u.Write {
		return db.writable(path, u.Option("effects", "skein_effects"))
	}
	return db, nil
}

// settled reports whether nothing is waiting in a write-ahead log.
func settled(path string) bool {
	info, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

func (db *sqlite) connect() (*sqlite3.Conn, error) {
	conn, err := sqlite3.OpenFlags(db.uri, sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := guard(conn); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database: %w", err), conn.Close())
	}
	return conn, nil
}

// Query runs one statement. What was read when a limit came is the result.
func (db *sqlite) Query(ctx context.Context, text string, params []any, limits Limits) (rows Rows, err error) {
	err = use(ctx, db.free, db.connect, "the query", func(conn *sqlite3.Conn) error {
		rows, err = query(conn, text, params, limits, func() { effect.MeterFrom(ctx).Count(price.MeterQueries, 1, price.Counted) })
		return err
	})
	effect.MeterFrom(ctx).Count(price.MeterRows, int64(len(rows.Rows)), price.Counted)
	return rows, err
}

func query(conn *sqlite3.Conn, text string, params []any, limits Limits, started func()) (rows Rows, err error) {
	if strings.ContainsRune(text, 0) {
		return rows, refuse("the query has a NUL character")
	}
	stmt, tail, err := conn.Prepare(text)
	if err != nil {
		return rows, err
	}
	if stmt == nil {
		return rows, refuse("the query is empty: write one SELECT statement")
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	if second, _, err := conn.Prepare(tail); err != nil || second != nil {
		if second != nil {
			err = second.Close()
		}
		return rows, errors.Join(refuse("the query has more than one statement: send them one by one"), err)
	}
	if !stmt.ReadOnly() || stmt.ColumnCount() == 0 {
		return rows, refuse("this is no query: only SELECT is allowed, the database can be read only")
	}
	if n := stmt.BindCount(); n != len(params) {
		return rows, refuse("the query has %d parameters and %d values were given in params", n, len(params))
	}
	for i, p := range params {
		if err := bind(stmt, i+1, p); err != nil {
			return rows, err
		}
	}
	started()
	for i := range stmt.ColumnCount() {
		rows.Columns = append(rows.Columns, stmt.ColumnName(i))
	}
	for left := limits.Bytes; stmt.Step(); {
		if len(rows.Rows) == limits.Rows {
			rows.More = true
			return rows, nil
		}
		row, whole, err := rowJSON(stmt, left)
		if err != nil {
			return rows, err
		}
		if !whole {
			rows.More = true
			return rows, nil
		}
		left -= len(row)
		rows.Rows = append(rows.Rows, row)
	}
	return rows, stmt.Err()
}

// use does something with a connection of its own; ctx interrupts it.
func use(ctx context.Context, free chan *sqlite3.Conn, connect func() (*sqlite3.Conn, error), doing string, do func(*sqlite3.Conn) error) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	var conn *sqlite3.Conn
	var ok bool
	select {
	case <-ctx.Done():
		return effect.Ended(ctx, effect.NotDone, doing)
	case conn, ok = <-free:
	}
	if !ok {
		return &effect.Error{Outcome: effect.NotDone, Message: "the database is closed"}
	}
	defer func() { free <- conn }()
	if conn == nil {
		var err error
		if conn, err = connect(); err != nil {
			conn = nil
			return &effect.Error{Outcome: effect.NotDone, Retry: true, Message: "the database cannot be opened", Cause: err}
		}
	}
	old := conn.SetInterrupt(ctx)
	usable, err := survive(func() error { return do(conn) })
	if !usable {
		_, _ = survive(conn.Close) // it has no more memory: whatever it says, it is given up
		conn = nil
		return meaning(ctx, doing, err)
	}
	conn.SetInterrupt(old)
	return meaning(ctx, doing, err)
}

// survive turns the driver's panic for want of memory, which here is a limit that
// a query may run into, into an error. The connection is of no use after it.
func survive(do func() error) (usable bool, err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if e, ok := r.(error); !ok || !strings.Contains(e.Error(), "out of memory") {
			panic(r)
		}
		usable, err = false, sqlite3.NOMEM
	}()
	return true, do()
}

// Tables describes the tables and views, without SQLite's own.
func (db *sqlite) Tables(ctx context.Context) (tables []Table, err error) {
	const text = `SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY m.name, c.cid`
	err = use(ctx, db.free, db.connect, "the query", func(conn *sqlite3.Conn) (err error) {
		defer trust(conn)()
		stmt, _, err := conn.Prepare(text)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stmt.Close()) }()
		for stmt.Step() {
			name := stmt.ColumnText(0)
			if len(tables) == 0 || tables[len(tables)-1].Name != name {
				tables = append(tables, Table{Name: name})
			}
			t := &tables[len(tables)-1]
			t.Columns = append(t.Columns, Column{stmt.ColumnText(1), stmt.ColumnText(2)})
		}
		return stmt.Err()
	})
	return tables, err
}

func (db *sqlite) Dialect() string { return "SQLite" }

func (db *sqlite) Basis() string {
	return "opened read-only; an authorizer lets SELECT pass and nothing else"
}

// Bound counts the rows: what a query reads costs nothing here.
func (db *sqlite) Bound(limits Limits) []price.Reading {
	return []price.Reading{{Meter: price.MeterQueries, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterRows, Quantity: int64(limits.Rows), Source: price.Counted}}
}

// TablesBound is nothing: the tables are looked up here.
func (db *sqlite) TablesBound() []price.Reading { return []price.Reading{} }

func (db *sqlite) Check(ctx context.Context) error {
	_, err := db.Tables(ctx)
	return err
}

// Close waits for running queries and closes every connection.
func (db *sqlite) Close() error {
	var errs []error
	for range readers {
		conn, ok := <-db.free
		if !ok {
			return nil
		}
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	close(db.free)
	return errors.Join(errs...)
}

func refuse(format string, a ...any) error {
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf(format, a...)}
}

// meaning says what an error of SQLite means; whatever it is, nothing was done.
func meaning(ctx context.Context, doing string, err error) error {
	var known *effect.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return effect.Ended(ctx, effect.NotDone, doing)
	case errors.Is(err, sqlite3.AUTH):
		return refuse("the query would change the database or its settings, or use a function that is not allowed: only SELECT is")
	case errors.Is(err, sqlite3.NOMEM), errors.Is(err, sqlite3.TOOBIG):
		return refuse("the query needs more memory than it may have: ask for less at a time")
	case errors.Is(err, sqlite3.BUSY):
		return &effect.Error{Outcome: effect.NotDone, Retry: true, Message: "the database is being written to", Cause: err}
	}
	return &effect.Error{Outcome: effect.Refused, Cause: err,
		Message: "the query failed: " + strings.TrimPrefix(err.Error(), "sqlite3: ")}
}

// jsonText is s as JSON; what is not UTF-8 is replaced.
func jsonText(s string) ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write a text: %w", err)
	}
	return b, nil
}
