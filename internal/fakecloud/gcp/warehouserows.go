package gcp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

func (w *warehouse) collect(stmt *sqlite3.Stmt, job *queryJob) *refusal {
	before := w.conn.TotalChanges()
	var first []sqlite3.Datatype
	for stmt.Step() {
		row := resultRow{F: make([]cell, stmt.ColumnCount())}
		for i := range row.F {
			kind := stmt.ColumnType(i)
			if len(first) <= i {
				first = append(first, kind)
			} else if first[i] == sqlite3.NULL {
				first[i] = kind
			}
			row.F[i].V = cellText(stmt, i, kind)
		}
		job.rows = append(job.rows, row)
	}
	if err := stmt.Err(); err != nil {
		return w.wrong(err)
	}
	job.schema = schemaOf(stmt, first)
	for i, f := range job.schema {
		for _, row := range job.rows {
			if v := row.F[i].V; v != nil && f.Type == "BOOLEAN" {
				*v = map[string]string{"0": "false", "1": "true"}[*v]
			}
		}
	}
	if job.dml {
		job.affected = w.conn.TotalChanges() - before
	}
	return nil
}

// cellText is a value as BigQuery writes all of them: as text.
func cellText(stmt *sqlite3.Stmt, i int, kind sqlite3.Datatype) *string {
	var text string
	switch kind {
	case sqlite3.NULL:
		return nil
	case sqlite3.FLOAT:
		text = strconv.FormatFloat(stmt.ColumnFloat(i), 'g', -1, 64)
		if !strings.ContainsAny(text, ".eIN") {
			text += ".0"
		}
	default:
		text = stmt.ColumnText(i)
	}
	return &text
}

// schemaOf names the columns of a result with their types: those that they were made
// with, or else those of the first values.
func schemaOf(stmt *sqlite3.Stmt, first []sqlite3.Datatype) []field {
	fields := []field{}
	for i := range stmt.ColumnCount() {
		f := field{Name: stmt.ColumnName(i), Mode: "NULLABLE", Type: "STRING"}
		switch kind, _, _ := strings.Cut(strings.ToUpper(stmt.ColumnDeclType(i)), "("); kind {
		case "BOOL", "BOOLEAN":
			f.Type = "BOOLEAN"
		case "DATE", "DATETIME", "NUMERIC":
			f.Type = kind
		case "DECIMAL":
			f.Type = "NUMERIC"
		case "REAL", "FLOAT", "DOUBLE", "FLOAT64":
			f.Type = "FLOAT"
		case "INT", "INTEGER", "BIGINT", "INT64":
			f.Type = "INTEGER"
		case "":
			if i < len(first) && first[i] == sqlite3.INTEGER {
				f.Type = "INTEGER"
			}
			if i < len(first) && first[i] == sqlite3.FLOAT {
				f.Type = "FLOAT"
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// bind gives a statement its parameters, each of which has to be there.
func bind(stmt *sqlite3.Stmt, parameters []queryParameter) error {
	for i := 1; i <= stmt.BindCount(); i++ {
		name := strings.TrimPrefix(stmt.BindName(i), "@")
		at := slices.IndexFunc(parameters, func(p queryParameter) bool { return strings.EqualFold(p.Name, name) && name != "" })
		if name == "" {
			at = i - 1
		}
		if at < 0 || at >= len(parameters) {
			return fmt.Errorf("query parameter %q not found", stmt.BindName(i))
		}
		if err := bindOne(stmt, i, parameters[at]); err != nil {
			return err
		}
	}
	return nil
}

func bindOne(stmt *sqlite3.Stmt, i int, p queryParameter) error {
	v := p.ParameterValue.Value
	if v == nil {
		return stmt.BindNull(i)
	}
	fail := func(err error) error {
		return fmt.Errorf("the value %q of a parameter is no %s: %w", *v, p.ParameterType.Type, err)
	}
	switch p.ParameterType.Type {
	case "INT64", "INTEGER":
		n, err := strconv.ParseInt(*v, 10, 64)
		if err != nil {
			return fail(err)
		}
		return stmt.BindInt64(i, n)
	case "FLOAT64", "FLOAT":
		f, err := strconv.ParseFloat(*v, 64)
		if err != nil {
			return fail(err)
		}
		return stmt.BindFloat(i, f)
	case "BOOL", "BOOLEAN":
		b, err := strconv.ParseBool(*v)
		if err != nil {
			return fail(err)
		}
		return stmt.BindBool(i, b)
	case "STRING", "DATE", "DATETIME", "TIMESTAMP", "TIME", "NUMERIC", "BIGNUMERIC":
		return stmt.BindText(i, *v)
	}
	return fmt.Errorf("parameters of the type %q are not served here", p.ParameterType.Type)
}
