package aws

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// mostRunning is how long a query may take.
const mostRunning = 10 * time.Second

// run executes the query on a database of its own, filled for it, and keeps what came
// out of it.
func (q *athenaQuery) run(ctx context.Context, databases map[string]string) {
	name := q.in.QueryExecutionContext.Database
	statements, ok := databases[name]
	if !ok {
		q.failure = "SCHEMA_NOT_FOUND: line 1:1: Schema '" + name + "' does not exist; there are " + databaseNames(databases)
		return
	}
	text, err := q.filled()
	if err == nil {
		err = q.execute(ctx, statements, text)
	}
	if err != nil {
		q.failure, q.columns, q.rows = "SYNTAX_ERROR: "+err.Error(), nil, nil
	}
}

func (q *athenaQuery) execute(ctx context.Context, statements, text string) (err error) {
	conn, err := sqlite3.Open(":memory:")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Exec(statements); err != nil {
		return err
	}
	if q.scanned, err = pages(conn); err != nil {
		return err
	}
	stmt, tail, err := conn.Prepare(text)
	if err != nil {
		return err
	}
	if stmt == nil {
		return errors.New("mismatched input '<EOF>'")
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	if !stmt.ReadOnly() || stmt.ColumnCount() == 0 {
		return errors.New("only queries that read are here")
	}
	if strings.Trim(tail, "; \t\r\n") != "" {
		return invalid("Only one sql statement is allowed")
	}
	ctx, cancel := context.WithTimeout(ctx, mostRunning)
	defer cancel()
	conn.SetInterrupt(ctx)
	return q.collect(stmt)
}

// pages is the size of the database, all of which a query is taken to read.
func pages(conn *sqlite3.Conn) (n int64, err error) {
	stmt, _, err := conn.Prepare("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	if stmt.Step() {
		n = stmt.ColumnInt64(0)
	}
	return n, stmt.Err()
}

// collect takes all rows. A column has the type of its first value.
func (q *athenaQuery) collect(stmt *sqlite3.Stmt) error {
	for i := range stmt.ColumnCount() {
		q.columns = append(q.columns, column{Name: strings.ToLower(stmt.ColumnName(i))})
	}
	for stmt.Step() {
		r := make([]*string, len(q.columns))
		for i := range r {
			kind := map[sqlite3.Datatype]string{sqlite3.INTEGER: "bigint", sqlite3.FLOAT: "double", sqlite3.TEXT: "varchar",
				sqlite3.BLOB: "varbinary"}[stmt.ColumnType(i)]
			if kind == "" {
				continue // a value that is null has no text
			}
			if q.columns[i].Type == "" {
				q.columns[i].Type = kind
			}
			text := stmt.ColumnText(i)
			r[i] = &text
		}
		q.rows = append(q.rows, r)
	}
	for i := range q.columns {
		if q.columns[i].Type == "" {
			q.columns[i].Type = "varchar"
		}
	}
	return stmt.Err()
}

// literal is what a parameter may be: it takes the place of a question mark as it is,
// so a text has its quotes with it.
var literal = regexp.MustCompile(`(?is)^(?:'(?:[^']|'')*'|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null)$`)

// filled is the query with its parameters in their places.
func (q *athenaQuery) filled() (string, error) {
	var b strings.Builder
	var quote rune
	next := 0
	for _, r := range q.in.QueryString {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '?' && next < len(q.in.ExecutionParameters):
			p := q.in.ExecutionParameters[next]
			if !literal.MatchString(p) {
				return "", errors.New("the execution parameter " + p + " is not a literal: texts are in single quotes")
			}
			b.WriteString(p)
			next++
			continue
		case r == '?':
			return "", invalid("Incorrect number of parameters: there are more question marks than parameters")
		}
		b.WriteRune(r)
	}
	if next != len(q.in.ExecutionParameters) {
		return "", invalid("Incorrect number of parameters: there are fewer question marks than parameters")
	}
	return b.String(), nil
}
