package sqldb

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Functions can do anything, whatever the transaction, and PostgreSQL's own can end
// other sessions, read and write the server's files and open connections. Those are
// volatile, as is what a user defines without saying more. A function that is stable
// or immutable cannot write: that PostgreSQL enforces. So only these are called, and
// the volatile ones here, which change nothing.
const (
	pgRead  = "random,random_normal,clock_timestamp,timeofday,gen_random_uuid,uuidv4,uuidv7,uuid_generate_v4,pg_sleep,pg_size_bytes,pg_relation_size,pg_table_size,pg_indexes_size,pg_total_relation_size,pg_database_size,pg_tablespace_size,pg_column_size"
	pgWrite = pgRead + ",nextval,currval,lastval"
)

// No function has such a name: these are reserved, and need not be looked up.
var pgNoFunctions = set("in and or not as on using where any all some select from union except intersect then else when having limit offset array case cast with into returning group order distinct lateral")

// pgRunners run a text as a query though they are known as stable, which keeps that from
// writing and from nothing else: https://www.postgresql.org/docs/current/tablefunc.html
var pgRunners = set("crosstab crosstab2 crosstab3 crosstab4 crosstabn connectby xpath_table")

// pgNames are names as an array of PostgreSQL's.
func pgNames(names []string) []byte {
	b := []byte("{")
	for _, name := range names {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)+`"`...)
	}
	return append(b, '}')
}

// pgHarmless refuses a statement that calls a function which may do something. A name
// behind a full stop calls the function of one argument that is called so, where the value
// before it has no such column: ('/etc/passwd').pg_read_file.
func pgHarmless(ctx context.Context, c *pgconn.PgConn, st *statement, allowed string) error {
	called, dotted := slices.DeleteFunc(st.called(), func(name string) bool { return pgNoFunctions[name] }), st.dotted()
	for _, name := range slices.Concat(called, dotted) {
		if pgRunners[lower(name)] {
			return refuse("the function %s runs a text as a query, which nobody has looked at", name)
		}
	}
	if len(called)+len(dotted) == 0 {
		return nil
	}
	const which = `SELECT proname, proname = ANY($1::pg_catalog.name[]) FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND NOT proname = ANY($2::pg_catalog.name[])
		AND (proname = ANY($1::pg_catalog.name[]) OR proname = ANY($3::pg_catalog.name[]) AND pronargs > 0 AND pronargs - pronargdefaults <= 1) ORDER BY 2 DESC, 1 LIMIT 1`
	r := c.ExecParams(ctx, which, [][]byte{pgNames(called), []byte("{" + allowed + "}"), pgNames(dotted)}, nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return r.Err
	case len(r.Rows) > 0 && string(r.Rows[0][1]) == "t":
		return refuse("the function %s may change something: only functions that the database knows as STABLE or IMMUTABLE are called", r.Rows[0][0])
	case len(r.Rows) > 0:
		return refuse("%s behind a full stop may call the function of that name, which may change something: where a column is meant, write it without what stands before it", r.Rows[0][0])
	}
	return nil
}

// pgChanges refuses a change of what does not keep to the transaction: a view through
// which settings of the session are changed, beyond the transaction and for whoever has
// the connection next, and tables that another server keeps, which commits on its own.
func pgChanges(ctx context.Context, c *pgconn.PgConn, st *statement) error {
	for _, t := range st.tokens {
		if t.names() && lower(t.text) == "pg_settings" {
			return refuse("pg_settings is not for statements that change data: settings are not changed")
		}
	}
	target := st.target()
	if target == "" {
		return nil // it is no statement that the database takes
	}
	const foreign = `WITH RECURSIVE t(oid) AS (SELECT pg_catalog.to_regclass($1)::pg_catalog.oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i, t WHERE i.inhparent = t.oid)
		SELECT c.relname FROM t, pg_catalog.pg_class c WHERE c.oid = t.oid AND c.relkind = 'f' LIMIT 1`
	r := c.ExecParams(ctx, foreign, [][]byte{[]byte(target)}, nil, nil, nil).Read()
	switch {
	case r.Err != nil:
		return r.Err
	case len(r.Rows) > 0:
		return refuse("the table %s is kept by another server, which does not take its change back with the others: it cannot be written to", r.Rows[0][0])
	}
	return nil
}

// target is the name of the table that a statement changes, with its parts in quotes.
func (s *statement) target() string {
	at := 1
	for at < len(s.tokens) && s.tokens[at].is("into", "from", "only") {
		at++
	}
	var parts []string
	for ; at < len(s.tokens) && s.tokens[at].names(); at += 2 {
		parts = append(parts, `"`+strings.ReplaceAll(s.tokens[at].text, `"`, `""`)+`"`)
		if at+1 == len(s.tokens) || !s.tokens[at+1].is(".") {
			break
		}
	}
	return strings.Join(parts, ".")
}
