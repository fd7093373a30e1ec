package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// mostOutline is how much of the tables' outline stands in a description, which
// is sent with every call of a model. The whole is one operation away.
const mostOutline = 1500

// outlineTime is how long a tool may look for it when it is opened: two seconds, less
// what a driver takes to let go of a server that is silent.
const outlineTime = 1400 * time.Millisecond

func openSQL(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	db, u, _, err := resource.Open("sql", rawURL, opts, sqldb.Drivers())
	if err != nil {
		return nil, err
	}
	lim := spec.Limits
	t := &operated{resource: resourceOf(name, "sql", u, spec.PricedAs), check: db.Check, close: db.Close}
	t.add(Operation{
		Name: name + "_query",
		Description: describe(spec, fmt.Sprintf("Runs one %s SELECT statement, read only; at most %d rows come back. "+
			"Write ? for each value and give the values in params.%s", db.Dialect(), lim.Rows, outline(db, lim, name))),
		Schema: schema(`{"type":"object","additionalProperties":false,"required":["query"],"properties":{
			"query":{"type":"string","minLength":1,"maxLength":20000,"description":"one SELECT statement"},
			"params":{"type":"array","maxItems":250,"items":{"type":["string","number","boolean","null"]},"description":"the values of the ?s, in order"}}}`),
		Class: agent.Read, Basis: db.Basis(), Timeout: lim.Timeout, MaxResult: lim.MaxResult,
		Bound: db.Bound(sqldb.Limits{Rows: lim.Rows, Bytes: lim.MaxResult}),
	}, func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
		return queryDB(ctx, db, args, lim)
	})
	t.add(Operation{
		Name:        name + "_schema",
		Description: describe(spec, "Describes the tables and their columns."),
		Schema:      schema(`{"type":"object","additionalProperties":false,"properties":{}}`),
		Class:       agent.Read, Basis: db.Basis(), Timeout: lim.Timeout, MaxResult: lim.MaxResult,
		Bound: db.TablesBound(),
	}, func(ctx context.Context, _ json.RawMessage, _ string) (Result, error) {
		return describeDB(ctx, db, name, lim)
	})
	if x, ok := db.(sqldb.Executor); ok && opts.Write {
		t.add(execOperation(name, spec, db, x))
	}
	return t, nil
}

func queryDB(ctx context.Context, db sqldb.DB, args json.RawMessage, lim Limits) (Result, error) {
	var in struct {
		Query  string
		Params []any
	}
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.UseNumber() // a float would lose digits of large integers
	if err := dec.Decode(&in); err != nil {
		return Result{}, refuse("the arguments cannot be read: %v", err)
	}
	rows, err := db.Query(ctx, in.Query, in.Params, sqldb.Limits{Rows: lim.Rows, Bytes: lim.MaxResult})
	if err != nil {
		return Result{}, err
	}
	columns, err := plainJSON(rows.Columns)
	if err != nil {
		return Result{}, err
	}
	if len(columns)+2*noteRoom > lim.MaxResult {
		return Result{}, refuse("the result's %d columns are too many to be shown: name the columns that you need", len(rows.Columns))
	}
	return listing(fmt.Sprintf(`{"columns":%s,"rows":`, columns), rows.Rows, rows.More,
		"there are more rows: narrow the query, add them up in it, or use LIMIT and OFFSET", lim.MaxResult), nil
}

func describeDB(ctx context.Context, db sqldb.DB, name string, lim Limits) (Result, error) {
	tables, err := db.Tables(ctx)
	if err != nil {
		return Result{}, err
	}
	items := make([][]byte, len(tables))
	for i := range tables {
		if items[i], err = plainJSON(tables[i]); err != nil {
			return Result{}, err
		}
	}
	return listing(`{"tables":`, items, false, "ask the database itself for others with "+name+"_query", lim.MaxResult), nil
}

// outline is the tables in a few words, for a description; nothing where they
// cannot be read now, since the schema operation says it later.
func outline(db sqldb.DB, lim Limits, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), min(lim.Timeout, outlineTime))
	defer cancel()
	tables, err := db.Tables(ctx)
	if err != nil {
		return fmt.Sprintf(" %s_schema describes the tables.", name)
	}
	var b strings.Builder
	b.WriteString(" The tables are:")
	for _, t := range tables {
		var columns []string
		for _, c := range t.Columns {
			columns = append(columns, strings.TrimSpace(c.Name+" "+c.Type))
		}
		line := fmt.Sprintf("\n%s(%s)", t.Name, strings.Join(columns, ", "))
		if b.Len()+len(line) > mostOutline {
			fmt.Fprintf(&b, "\nand others; %s_schema describes them all", name)
			break
		}
		b.WriteString(line)
	}
	return b.String()
}
