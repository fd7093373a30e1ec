// Package sqldb asks SQL databases questions, and changes their data. A [DB] is one
// database with its driver; an [Executor] is one that is written to; [Drivers] is the
// table of them.
//
// The text of a query comes from a model, so it is never trusted: a driver reads
// only, by what the database itself enforces, runs one statement at a time, and stops
// it at its limits, also at the server. Values are parameters, written as ? everywhere.
// What is changed is changed in one transaction with a row of the effects table, which
// keeps the command's id.
//
// Servers that are spoken to over a connection count what goes over it; services that
// are asked over HTTP and bill by what a query reads count what they say.
package sqldb

import (
	"context"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/resource"
)

// DB is a database that can be read. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type DB interface {
	// Query runs one statement that only reads, with its parameters: texts,
	// json.Numbers, bools and nils.
	Query(ctx context.Context, text string, params []any, limits Limits) (Rows, error)
	// Tables describes what can be queried.
	Tables(ctx context.Context) ([]Table, error)
	// Dialect is the SQL that it speaks, as a model knows it: "SQLite".
	Dialect() string
	// Basis says what keeps a query from writing.
	Basis() string
	// Bound is the most that one query can consume, with so many rows and bytes of
	// result; nil where nothing bounds it.
	Bound(limits Limits) []price.Reading
	// TablesBound is the most that Tables can consume; nil where nothing bounds it.
	TablesBound() []price.Reading
	// Check is a read that costs next to nothing.
	Check(ctx context.Context) error
	Close() error
}

// Executor is a DB that can be written to. Statements run in one transaction,
// together with a row of the effects table that keeps the command's id and what came
// of it: keyed for ever.
type Executor interface {
	// Exec runs statements that change data, all or none. Where the command has been
	// done before, it gives what came of it then.
	Exec(ctx context.Context, statements []Statement, command string) (Executed, error)
	// ExecBound is the most that one Exec can consume.
	ExecBound() []price.Reading
	// ExecBasis says what the keyed effect of Exec rests on.
	ExecBasis() string
	// EffectsTable is the statement that makes the effects table, for people; "" where
	// the driver makes it by itself.
	EffectsTable() string
}

// Statement is one statement with its parameters.
type Statement struct {
	Text   string `json:"statement"`
	Params []any  `json:"params"` // texts, json.Numbers, bools and nils
}

// Executed is how an Exec ended.
type Executed struct {
	Repeat bool    // it had been done before, by the same command
	Rows   []int64 // changed by each statement
}

// Limits bound a query's result.
type Limits struct {
	Rows  int
	Bytes int // of the rows as JSON
}

// Rows is a query's result.
type Rows struct {
	Columns []string
	Rows    [][]byte // each a JSON array
	More    bool     // the result was cut at a limit
}

// Table describes a table or view.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

// Column describes a column.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

// serverOptions are those of every database server.
var serverOptions = []string{"sslmode", "sslrootcert", "effects", "region"}

// Drivers is every driver of SQL databases.
func Drivers() []resource.Driver[DB] {
	return []resource.Driver[DB]{
		{Scheme: "postgres", Service: "local/postgres", Form: "postgres://user:password@host:5432/database", Options: pgOptions, Open: openPostgres},
		{Scheme: "mysql", Service: "local/mysql", Form: "mysql://user:password@host:3306/database", Options: serverOptions, Open: openMySQL},
		{Scheme: "sqlserver", Service: "local/sqlserver", Form: "sqlserver://user:password@host:1433/database", Options: serverOptions, Open: openMSSQL},
		{Scheme: "athena", Service: "aws/athena", Form: "athena://database?region=us-east-1&workgroup=primary&output=s3://bucket/prefix/", Options: athenaOptions, Open: openAthena, Grants: athenaGrants},
		{Scheme: "bigquery", Service: "gcp/bigquery", Form: "bigquery://project/dataset", Options: []string{"region", "endpoint", "most_scanned"}, Open: openBigQuery, Grants: bqGrants},
		{Scheme: "sqlite", Service: "local/sqlite", Form: "sqlite:path", Options: []string{"effects"}, Open: openSQLite},
	}
}
