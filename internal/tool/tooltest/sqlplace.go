package tooltest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/tool/sqldb"
)

// sqlKind is what differs between kinds of databases in the suite.
type sqlKind struct {
	network bool
	place   func(*testing.T) *sqlPlace
	types   []sqlCase
	refused []sqlCase
	writes  func(dir string) []string
	many    string   // counts from 1 to 100,000
	wide    string   // a row that is larger than a result may be
	wider   string   // and one that no connection takes
	greedy  []string // queries that take too much memory
	endless string
	nobody  string // the URL of a server that is not there

	effects string // the statement that makes the effects table
	upsert  string
	begin   string // what is sent when a transaction begins, and when it is committed
	lost    []byte // an answer to a commit of something between, which has lost the server's
	commit  string
	ddl     []string // statements that exec refuses
	// special is what only this kind of database can do wrong.
	special func(t *testing.T, x sqldb.Executor, p *sqlPlace)
}

// sqlPlace is a database with `history`, five years of two companies, and a view of it.
type sqlPlace struct {
	url  string
	wire *wire // between it and the driver
	// do and ask reach it by its vendor's driver, past ours.
	do  func(t *testing.T, text string)
	ask func(t *testing.T, text string) string
	// running waits until a statement runs that ours began, or until none does.
	running func(t *testing.T, want bool)
	// hold runs a statement in a transaction that stays open until it is released.
	hold func(t *testing.T, text string) (release func())
}

func (p *sqlPlace) dump(t *testing.T) string {
	return p.ask(t, "SELECT company, year, revenue FROM history ORDER BY company, year")
}

// sqlWorld is the kind of database that a scheme opens.
func sqlWorld(t *testing.T, scheme string) *sqlKind {
	t.Helper()
	switch scheme {
	case "sqlite":
		return sqliteKind()
	case "postgres":
		return postgresKind(sqlAddress(t, "SKEIN_TEST_POSTGRES", "postgres"))
	case "mysql":
		return mysqlKind(sqlAddress(t, "SKEIN_TEST_MYSQL", "mysql"))
	case "sqlserver":
		return mssqlKind(sqlAddress(t, "SKEIN_TEST_MSSQL", "mssql"))
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to sqlWorld", scheme)
	return nil
}

func sqlAddress(t *testing.T, variable, name string) *url.URL {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		t.Skipf("%s is not set: python3 test/clouds/run.py %s -- go test … starts one", variable, name)
	}
	u, err := url.Parse(v)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return u
}

// stdPlace is a place that is reached by database/sql.
func stdPlace(t *testing.T, db *sql.DB) *sqlPlace {
	t.Cleanup(func() { _ = db.Close() })
	p := &sqlPlace{}
	p.hold = func(t *testing.T, text string) func() {
		t.Helper()
		tx, err := db.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(context.Background(), text); err != nil {
			t.Fatal(err)
		}
		return func() { _ = tx.Rollback() }
	}
	p.do = func(t *testing.T, text string) {
		t.Helper()
		if _, err := db.ExecContext(context.Background(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	p.ask = func(t *testing.T, text string) string {
		t.Helper()
		rows, err := db.QueryContext(context.Background(), text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer func() { _ = rows.Close() }()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		var b strings.Builder
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				fmt.Fprintf(&b, "%s|", v)
			}
			b.WriteByte('\n')
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return b.String()
	}
	return p
}

// eventually asks until the answer is the wanted one.
func sqlEventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(end) {
			t.Errorf("%s: not after 10 s", what)
			return
		}
	}
}

var databases int

// freshName is a name that no other run uses.
func freshName() string {
	databases++
	return fmt.Sprintf("skein_%d_%d", os.Getpid(), databases)
}
