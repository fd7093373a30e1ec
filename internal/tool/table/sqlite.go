package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// sqliteTable is a table of items in an SQLite file: the key attributes as
// columns, the item as JSON, and the command that created it.
type sqliteTable struct {
	names Names
	table string             // quoted
	conn  chan *sqlite3.Conn // the one connection, for whoever takes it
}

func openSQLite(u *resource.URL) (Table, error) {
	n, err := names(u)
	if err != nil {
		return nil, err
	}
	name := u.Options["table"]
	if !attribute.MatchString(name) {
		return nil, fmt.Errorf("table=%s: name the table in the file, such as findings", name)
	}
	for _, key := range []string{n.Partition, n.Sort} {
		if key == "item" || key == "command" {
			return nil, fmt.Errorf("%q cannot be a key attribute: the table has a column of that name", key)
		}
	}
	path, err := u.Local()
	if err != nil {
		return nil, err
	}
	mode := "ro"
	if u.Write {
		mode = "rwc"
	}
	conn, err := sqlite3.Open(sqldb.FileURI(path, "mode="+mode))
	if err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	t := &sqliteTable{n, sqlite3.QuoteIdentifier(name), make(chan *sqlite3.Conn, 1)}
	if err := t.prepare(conn, u.Write); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	t.conn <- conn
	return t, nil
}

// prepare makes the table where it is missing and sees that it has the columns
// that are needed.
func (t *sqliteTable) prepare(conn *sqlite3.Conn, write bool) error {
	if err := conn.BusyTimeout(5 * time.Second); err != nil {
		return fmt.Errorf("set the busy timeout: %w", err)
	}
	keys := sqlite3.QuoteIdentifier(t.names.Partition)
	columns := keys + " TEXT NOT NULL"
	if t.names.Sort != "" {
		sort := sqlite3.QuoteIdentifier(t.names.Sort)
		keys, columns = keys+", "+sort, columns+", "+sort+" TEXT NOT NULL"
	}
	if write {
		// EXTRA also syncs the folder, without which a power cut can bring an old
		// journal back and undo what was said to be done.
		if err := conn.Exec("PRAGMA synchronous = EXTRA; CREATE TABLE IF NOT EXISTS " + t.table + " (" + columns +
			", item TEXT NOT NULL, command TEXT NOT NULL, PRIMARY KEY (" + keys + ")) WITHOUT ROWID"); err != nil {
			return fmt.Errorf("make the table: %w", err)
		}
	}
	stmt, _, err := conn.Prepare("SELECT " + keys + ", item, command FROM " + t.table + " LIMIT 0")
	if err != nil {
		return fmt.Errorf("the table has not the columns %s, item and command: %w", keys, err)
	}
	return stmt.Close()
}

func (t *sqliteTable) Names() Names { return t.names }

// sqliteMostKey keeps keys to what others can have as well.
const sqliteMostKey = 4 << 10

func (t *sqliteTable) Get(ctx context.Context, key Key) (item Item, err error) {
	if err := checkKey(t.names, key, sqliteMostKey); err != nil {
		return Item{}, err
	}
	err = t.use(ctx, "get an item", effect.NotDone, func(conn *sqlite3.Conn) error {
		item.JSON, item.Version, err = t.get(conn, key)
		return err
	})
	if err == nil {
		consumed(ctx, price.MeterReads, price.MeterReadUnits, billed(item.JSON), ReadUnit)
	}
	return item, err
}

func (t *sqliteTable) get(conn *sqlite3.Conn, key Key) (item json.RawMessage, command string, err error) {
	where, values := t.where(key)
	err = run(conn, "SELECT item, command FROM "+t.table+where, values, func(s *sqlite3.Stmt) {
		item, command = json.RawMessage(s.ColumnText(0)), s.ColumnText(1)
	})
	return item, command, err
}

func (t *sqliteTable) Query(ctx context.Context, q Query, limit int) (items []Item, more bool, err error) {
	where, values, size := "", []string{}, 0
	if q.Partition != "" {
		where, values = " WHERE "+sqlite3.QuoteIdentifier(t.names.Partition)+" = ?", []string{q.Partition}
		for _, end := range []struct{ is, value string }{{">=", q.From}, {"<=", q.To}} {
			if end.value != "" {
				where += " AND " + sqlite3.QuoteIdentifier(t.names.Sort) + " " + end.is + " ?"
				values = append(values, end.value)
			}
		}
	}
	order := " ORDER BY " + sqlite3.QuoteIdentifier(t.names.Partition)
	if t.names.Sort != "" {
		order += ", " + sqlite3.QuoteIdentifier(t.names.Sort)
	}
	err = t.use(ctx, "query items", effect.NotDone, func(conn *sqlite3.Conn) error {
		return run(conn, fmt.Sprintf("SELECT item, command FROM %s%s%s LIMIT %d", t.table, where, order, limit+1), values, func(s *sqlite3.Stmt) {
			if size >= MostListed {
				more = true
				return
			}
			item := Item{JSON: json.RawMessage(s.ColumnText(0)), Version: s.ColumnText(1)}
			size += billed(item.JSON)
			items = append(items, item)
		})
	})
	if err != nil {
		return nil, false, err
	}
	consumed(ctx, price.MeterReads, price.MeterReadUnits, size, ReadUnit)
	if len(items) > limit {
		return items[:limit], true, nil
	}
	return items, more, nil
}

func (t *sqliteTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (c Created, err error) {
	if err := t.accept(key, item); err != nil {
		return Created{}, err
	}
	columns, marks, values := sqlite3.QuoteIdentifier(t.names.Partition), "?", []string{key.Partition}
	if t.names.Sort != "" {
		columns, marks, values = columns+", "+sqlite3.QuoteIdentifier(t.names.Sort), "?, ?", append(values, key.Sort)
	}
	insert := "INSERT INTO " + t.table + " (" + columns + ", item, command) VALUES (" + marks + ", ?, ?) ON CONFLICT DO NOTHING"
	err = t.use(ctx, "put an item", effect.Unknown, func(conn *sqlite3.Conn) error {
		if err := run(conn, insert, append(values, string(item), command), nil); err != nil {
			return err
		}
		if conn.Changes() == 1 {
			return nil
		}
		c.Item, c.By, err = t.get(conn, key)
		c.Repeat, c.Taken = c.By == command, c.By != command
		return err
	})
	c.Version = command
	if c.Taken {
		c.Version = c.By
	}
	// A write that its condition refuses costs as much as one that is done.
	consumed(ctx, price.MeterWrites, price.MeterWriteUnits, len(item), WriteUnit)
	return c, err
}

// accept refuses an item that is not one of its key; one that is, is stored as it is
// written.
func (t *sqliteTable) accept(key Key, item json.RawMessage) error {
	if err := checkKey(t.names, key, sqliteMostKey); err != nil {
		return err
	}
	_, err := written(t.names, key, item)
	return err
}

// Replace writes over the version that the caller has seen: a row's version is the id
// of the command that wrote it.
func (t *sqliteTable) Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (c Changed, err error) {
	if err := t.accept(key, item); err != nil {
		return Changed{}, err
	}
	where, values := t.where(key)
	values = append(append([]string{string(item), command}, values...), version)
	err = t.use(ctx, "replace an item", effect.Unknown, func(conn *sqlite3.Conn) error {
		if err := run(conn, "UPDATE "+t.table+" SET item = ?, command = ?"+where+" AND command = ?", values, nil); err != nil {
			return err
		}
		c.Version = command
		if conn.Changes() == 1 {
			return nil
		}
		c.Item, c.Version, err = t.get(conn, key)
		c.Repeat, c.Stale = c.Version == command, c.Version != command
		return err
	})
	consumed(ctx, price.MeterWrites, price.MeterWriteUnits, len(item), WriteUnit)
	return c, err
}

// Delete removes the version that the caller has seen.
func (t *sqliteTable) Delete(ctx context.Context, key Key, version, _ string) (c Changed, err error) {
	if err := checkKey(t.names, key, sqliteMostKey); err != nil {
		return Changed{}, err
	}
	where, values := t.where(key)
	size := 0
	err = t.use(ctx, "delete an item", effect.Unknown, func(conn *sqlite3.Conn) error {
		err := run(conn, "DELETE FROM "+t.table+where+" AND command = ? RETURNING octet_length(item)", append(values, version),
			func(s *sqlite3.Stmt) { size = min(s.ColumnInt(0), MostItem) })
		if err != nil {
			return err
		}
		if conn.Changes() == 1 {
			return nil
		}
		c.Item, c.Version, err = t.get(conn, key)
		c.Repeat, c.Stale = c.Item == nil, c.Item != nil
		size = billed(c.Item)
		return err
	})
	// By the item that is there, as DynamoDB counts a delete.
	consumed(ctx, price.MeterWrites, price.MeterWriteUnits, size, WriteUnit)
	return c, err
}

func (t *sqliteTable) ChangeBasis() string {
	return "the row's command id is its version, compared in the statement that writes"
}

func (t *sqliteTable) where(key Key) (string, []string) {
	if t.names.Sort == "" {
		return " WHERE " + sqlite3.QuoteIdentifier(t.names.Partition) + " = ?", []string{key.Partition}
	}
	return " WHERE " + sqlite3.QuoteIdentifier(t.names.Partition) + " = ? AND " + sqlite3.QuoteIdentifier(t.names.Sort) + " = ?",
		[]string{key.Partition, key.Sort}
}

// use does something with the connection; ctx interrupts it. A failed statement
// has changed nothing, unless its commit failed: outcome says what is then known.
func (t *sqliteTable) use(ctx context.Context, doing string, outcome effect.Outcome, do func(*sqlite3.Conn) error) error {
	if ctx.Err() != nil { // of two cases that are ready, select takes either
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	select {
	case <-ctx.Done():
		return effect.Ended(ctx, effect.NotDone, doing)
	case conn, ok := <-t.conn:
		if !ok {
			return &effect.Error{Outcome: effect.NotDone, Message: doing + ": the tool is closed"}
		}
		defer func() { t.conn <- conn }()
		defer conn.SetInterrupt(conn.SetInterrupt(ctx))
		err := do(conn)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return effect.Ended(ctx, outcome, doing)
		case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.FULL):
			return &effect.Error{Outcome: effect.NotDone, Retry: errors.Is(err, sqlite3.BUSY), Message: doing + ": " + plain(err), Cause: err}
		}
		return &effect.Error{Outcome: outcome, Message: doing + ": " + plain(err), Cause: err}
	}
}

// run executes one statement with text parameters.
func run(conn *sqlite3.Conn, text string, values []string, row func(*sqlite3.Stmt)) (err error) {
	stmt, _, err := conn.Prepare(text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for i, v := range values {
		if err := stmt.BindText(i+1, v); err != nil {
			return err
		}
	}
	for stmt.Step() {
		if row != nil {
			row(stmt)
		}
	}
	return stmt.Err()
}

func plain(err error) string { return strings.TrimPrefix(err.Error(), "sqlite3: ") }

func (t *sqliteTable) Basis() string {
	return "create-if-absent on the primary key; the row keeps the command's id"
}

func (t *sqliteTable) Bound(op Op, size Size) []price.Reading { return bound(1, op, size) }

func (t *sqliteTable) Check(ctx context.Context) error {
	return t.use(ctx, "read the table", effect.NotDone, func(conn *sqlite3.Conn) error {
		return run(conn, "SELECT 1 FROM "+t.table+" LIMIT 1", nil, nil)
	})
}

func (t *sqliteTable) Close() error {
	conn, ok := <-t.conn
	if !ok {
		return nil
	}
	close(t.conn)
	return conn.Close()
}
