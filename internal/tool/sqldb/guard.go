package sqldb

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Bounds of one connection. A query can be no longer and build no larger values
// than this, whatever it says.
const (
	mostText   = 20_000
	mostValue  = 1 << 20
	mostMemory = 64 << 20
)

// guard makes a connection one that can only be asked. Each of the three fences
// is enough by itself: the file is open for reading, SQLite refuses to write
// (query_only), and the authorizer refuses to compile anything but a SELECT.
func guard(conn *sqlite3.Conn) error {
	// Sorting must not make files either. The schema is read here, where an error
	// still says that this is no database.
	if err := limit(conn, "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	return conn.SetAuthorizer(authorize)
}

// limit bounds what a connection may take, and then sets it up.
func limit(conn *sqlite3.Conn, setup string) error {
	if err := conn.BusyTimeout(2 * time.Second); err != nil {
		return err
	}
	for op, on := range map[sqlite3.DBConfig]bool{
		sqlite3.DBCONFIG_DEFENSIVE:      true,
		sqlite3.DBCONFIG_TRUSTED_SCHEMA: false,
	} {
		if _, err := conn.Config(op, on); err != nil {
			return fmt.Errorf("configure it: %w", err)
		}
	}
	for id, most := range map[sqlite3.LimitCategory]int{
		sqlite3.LIMIT_LENGTH:              mostValue,
		sqlite3.LIMIT_SQL_LENGTH:          mostText,
		sqlite3.LIMIT_EXPR_DEPTH:          100,
		sqlite3.LIMIT_COMPOUND_SELECT:     50,
		sqlite3.LIMIT_VDBE_OP:             100_000,
		sqlite3.LIMIT_LIKE_PATTERN_LENGTH: 1_000,
		sqlite3.LIMIT_VARIABLE_NUMBER:     250,
		sqlite3.LIMIT_ATTACHED:            0,
		sqlite3.LIMIT_WORKER_THREADS:      0,
	} {
		conn.Limit(id, most)
	}
	conn.HardHeapLimit(mostMemory)
	return conn.Exec(setup)
}

// authorize lets reading pass. Functions are allowed by name only where they
// could reach beyond the database; SQLite as it is built here has none of those,
// and a list of the good ones would age.
func authorize(action sqlite3.AuthorizerActionCode, _, name, _, _ string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_READ, sqlite3.AUTH_RECURSIVE:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_FUNCTION:
		switch strings.ToLower(name) {
		case "load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "fsdir", "zipfile":
			return sqlite3.AUTH_DENY
		}
		return sqlite3.AUTH_OK
	}
	return sqlite3.AUTH_DENY
}

// trust lifts the authorizer for a statement of this package's own; what it
// returns puts it back.
func trust(conn *sqlite3.Conn) func() {
	_ = conn.SetAuthorizer(nil) // it only stores a function
	return func() { _ = conn.SetAuthorizer(authorize) }
}

// bind gives a parameter its value.
func bind(stmt *sqlite3.Stmt, i int, value any) error {
	switch v := value.(type) {
	case nil:
		return stmt.BindNull(i)
	case bool:
		return stmt.BindBool(i, v)
	case string:
		return stmt.BindText(i, v)
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return stmt.BindInt64(i, n)
		}
		f, err := v.Float64()
		if err != nil {
			return refuse("params[%d]: %s is too large a number", i-1, v)
		}
		return stmt.BindFloat(i, f)
	}
	return refuse("params[%d] is neither a text, a number, true, false nor null", i-1)
}

// rowJSON is the current row as a JSON array. A row that takes more than most
// bytes is left off, as soon as that shows: a short query can ask for a thousand
// values of a megabyte each.
func rowJSON(stmt *sqlite3.Stmt, most int) (row []byte, whole bool, err error) {
	row = []byte{'['}
	for i := range stmt.ColumnCount() {
		if len(row) > most {
			return nil, false, nil
		}
		if i > 0 {
			row = append(row, ',')
		}
		switch stmt.ColumnType(i) {
		case sqlite3.INTEGER:
			row = strconv.AppendInt(row, stmt.ColumnInt64(i), 10)
		case sqlite3.FLOAT:
			f := stmt.ColumnFloat(i)
			if math.IsInf(f, 0) || math.IsNaN(f) {
				row = append(row, "null"...)
				continue
			}
			b, err := json.Marshal(f)
			if err != nil {
				return nil, false, fmt.Errorf("write a number: %w", err)
			}
			row = append(row, b...)
		case sqlite3.TEXT:
			if len(stmt.ColumnRawText(i)) > most-len(row) {
				return nil, false, nil
			}
			b, err := jsonText(stmt.ColumnText(i))
			if err != nil {
				return nil, false, err
			}
			row = append(row, b...)
		case sqlite3.BLOB:
			row = fmt.Appendf(row, `"(%d bytes that are not text)"`, len(stmt.ColumnRawBlob(i)))
		default:
			row = append(row, "null"...)
		}
	}
	row = append(row, ']')
	return row, len(row) <= most, nil
}
