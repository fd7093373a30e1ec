package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// warehouse is the datasets of a project in memory, each a schema of one database.
type warehouse struct {
	project  string
	datasets []string
	conn     *sqlite3.Conn
}

func (s *bigQuery) warehouse(project string) (*warehouse, error) {
	if w := s.projects[project]; w != nil {
		return w, nil
	}
	conn, err := sqlite3.Open(":memory:")
	if err != nil {
		return nil, fmt.Errorf("open a database: %w", err)
	}
	w := &warehouse{project: project, datasets: s.datasetNames(), conn: conn}
	for _, name := range w.datasets {
		if err := w.fill(name, s.resources.Datasets[name]); err != nil {
			return nil, errors.Join(fmt.Errorf("fill the dataset %s: %w", name, err), conn.Close())
		}
	}
	s.projects[project] = w
	return w, nil
}

// fill runs a dataset's statements, which name no schema, and moves what they made into
// the schema of the dataset's name.
func (w *warehouse) fill(name, statements string) error {
	if err := w.conn.Exec(statements); err != nil {
		return err
	}
	tables, err := w.texts("SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name")
	if err != nil {
		return err
	}
	move := []string{"ATTACH ':memory:' AS " + sqlite3.QuoteIdentifier(name)}
	for _, t := range tables {
		to, from := sqlite3.QuoteIdentifier(name)+"."+sqlite3.QuoteIdentifier(t[0]), "main."+sqlite3.QuoteIdentifier(t[0])
		// SQLite writes the beginning of what it keeps always in the same way.
		columns := t[1][strings.IndexByte(t[1], '('):]
		move = append(move, "CREATE TABLE "+to+columns, "INSERT INTO "+to+" SELECT * FROM "+from, "DROP TABLE "+from)
	}
	return w.conn.Exec(strings.Join(move, ";"))
}

// texts are the rows of a query as texts.
func (w *warehouse) texts(query string) (rows [][]string, err error) {
	stmt, _, err := w.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for stmt.Step() {
		row := make([]string, stmt.ColumnCount())
		for i := range row {
			row[i] = stmt.ColumnText(i)
		}
		rows = append(rows, row)
	}
	return rows, stmt.Err()
}

// touched is what a statement reads, by table, and whether it changes something.
type touched struct {
	columns map[tableName]map[string]bool
	changes bool
}

type tableName struct{ dataset, table string }

// authorize lets a statement read and change tables of datasets, and no more.
func (t *touched) authorize(action sqlite3.AuthorizerActionCode, first, second, schema, _ string) sqlite3.AuthorizerReturnCode {
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_FUNCTION, sqlite3.AUTH_RECURSIVE:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_INSERT, sqlite3.AUTH_UPDATE, sqlite3.AUTH_DELETE:
		t.changes = true
	case sqlite3.AUTH_READ:
	default:
		return sqlite3.AUTH_DENY
	}
	if strings.HasPrefix(first, "sqlite_") {
		return sqlite3.AUTH_DENY
	}
	name := tableName{schema, first}
	if t.columns[name] == nil {
		t.columns[name] = map[string]bool{}
	}
	if action == sqlite3.AUTH_READ && second != "" {
		t.columns[name][second] = true
	}
	return sqlite3.AUTH_OK
}

const (
	megabyte    = 1 << 20
	leastBilled = 10 * megabyte // of each table
	mostRunning = 10 * time.Second
)

// cost is how many bytes the columns have that are read, and how many are billed.
// https://cloud.google.com/bigquery/pricing#on_demand_pricing
func (w *warehouse) cost(t *touched) (processed, billed int64, err error) {
	for name, columns := range t.columns {
		sums := []string{}
		for c := range columns {
			q := sqlite3.QuoteIdentifier(c)
			sums = append(sums, "total(CASE typeof("+q+") WHEN 'null' THEN 0 WHEN 'integer' THEN 8 WHEN 'real' THEN 8 ELSE 2 + length(CAST("+q+" AS BLOB)) END)")
		}
		if len(sums) == 0 {
			continue
		}
		rows, err := w.texts("SELECT CAST(" + strings.Join(sums, " + ") + " AS INTEGER) FROM " + sqlite3.QuoteIdentifier(name.dataset) + "." + sqlite3.QuoteIdentifier(name.table))
		if err != nil {
			return 0, 0, err
		}
		n, err := strconv.ParseInt(rows[0][0], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		processed += n
		billed += max(leastBilled, (n+megabyte-1)/megabyte*megabyte)
	}
	return processed, billed, nil
}

var inBackquotes = regexp.MustCompile("`[^`]*`")

// local is a query with its tables called as SQLite has them: without their project.
func (w *warehouse) local(query string) string {
	query = inBackquotes.ReplaceAllStringFunc(query, func(s string) string {
		parts := strings.Split(strings.Trim(s, "`"), ".")
		if len(parts) > 1 && parts[0] == w.project {
			parts = parts[1:]
		}
		return "`" + strings.Join(parts, "`.`") + "`"
	})
	query = strings.ReplaceAll(query, "`"+w.project+"`.", "")
	for _, d := range w.datasets {
		query = strings.ReplaceAll(query, w.project+"."+d+".", d+".")
	}
	return query
}

// run runs a job's query unless it would be billed more than limit, where that is not 0.
func (w *warehouse) run(ctx context.Context, job *queryJob, limit int64, allowed func(dataset string) bool) *refusal {
	if d := job.in.DefaultDataset.DatasetID; d != "" && !slices.Contains(w.datasets, d) {
		f := notFound("Not found: Dataset " + w.project + ":" + d + " was not found in location EU")
		return &f
	}
	ctx, cancel := context.WithTimeout(ctx, mostRunning)
	defer cancel()
	w.conn.SetInterrupt(ctx)
	defer w.conn.SetInterrupt(context.Background())
	t := &touched{columns: map[tableName]map[string]bool{}}
	if err := w.conn.SetAuthorizer(t.authorize); err != nil {
		return w.wrong(err)
	}
	stmt, tail, err := w.conn.Prepare(w.local(job.in.Query))
	_ = w.conn.SetAuthorizer(nil) // what follows is our own
	if err != nil {
		return w.wrong(err)
	}
	if stmt == nil {
		return w.wrong(errors.New("there is no statement"))
	}
	defer stmt.Close()
	if strings.Trim(tail, "; \t\r\n") != "" {
		return w.wrong(errors.New("there is more than one statement"))
	}
	for name := range t.columns {
		if name.dataset != job.in.DefaultDataset.DatasetID && qualified(job.in.Query, name.dataset) < 0 {
			f := invalidQuery(fmt.Sprintf("Table %q must be qualified with a dataset (e.g. dataset.table).", name.table))
			return &f
		}
		if !allowed(name.dataset) {
			return &refusal{status: http.StatusForbidden, code: "PERMISSION_DENIED", reason: "accessDenied",
				message: "Access Denied: Table " + w.project + ":" + name.dataset + "." + name.table + ": User does not have permission to query table " + name.table + ", or perhaps it does not exist."}
		}
	}
	if job.processed, job.billed, err = w.cost(t); err != nil {
		return w.wrong(err)
	}
	if limit > 0 && job.billed > limit {
		return &refusal{status: http.StatusBadRequest, code: "INVALID_ARGUMENT", reason: "bytesBilledLimitExceeded",
			message: fmt.Sprintf("Query exceeded limit for bytes billed: %d. %d or higher required.", limit, job.billed)}
	}
	if err := bind(stmt, job.in.QueryParameters); err != nil {
		return w.wrong(err)
	}
	job.dml = t.changes
	if job.in.DryRun {
		job.schema = schemaOf(stmt, nil)
		return nil
	}
	return w.collect(stmt, job)
}

var noTable = regexp.MustCompile(`no such table: (\S+)`)

// wrong is what BigQuery says of what SQLite does.
func (w *warehouse) wrong(err error) *refusal {
	if m := noTable.FindStringSubmatch(err.Error()); m != nil {
		f := notFound("Not found: Table " + w.project + ":" + m[1] + " was not found in location EU")
		return &f
	}
	f := invalidQuery("Syntax error: " + strings.TrimPrefix(err.Error(), "sqlite3: SQL logic error: "))
	return &f
}
