package sqldb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// postgres is a PostgreSQL server, or one that speaks its protocol: Aurora, Cloud
// SQL, Azure's. It is spoken to below the drivers' comforts, since values have to
// come as the server writes them.
type postgres struct {
	config  *pgconn.Config
	pool    *pool[*pgLine]
	leaving sync.WaitGroup // connections that are being closed
	server
}

// pgLine is one connection, where there is one.
type pgLine struct {
	conn    *pgconn.PgConn
	traffic *traffic
	used    time.Time
}

var pgDialect = &dialect{name: "PostgreSQL", dollars: true, nested: true,
	param: func(n int) string { return "$" + strconv.Itoa(n) }}

var pgOptions = []string{"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "search_path", "effects", "region"}

func openPostgres(u *resource.URL) (DB, error) {
	s, err := serverOf(u, "5432")
	if err != nil {
		return nil, err
	}
	q := url.Values{"sslmode": {s.tls}}
	for _, name := range pgOptions[1:5] {
		if v := u.Option(name, ""); v != "" {
			q.Set(name, v)
		}
	}
	to := url.URL{Scheme: "postgres", User: s.user, Host: s.host, Path: "/" + u.Path, RawQuery: q.Encode()}
	config, err := pgconn.ParseConfig(to.String())
	if err != nil {
		var inner *pgconn.ParseConfigError
		if errors.As(err, &inner) && errors.Unwrap(inner) != nil { // without the URL, which has the password
			err = errors.Unwrap(inner)
		}
		return nil, fmt.Errorf("read the address: %w", err)
	}
	config.ConnectTimeout = 10 * time.Second
	config.MaxProtocolMessageBodyLen = 16 << 20
	config.RuntimeParams = map[string]string{"application_name": "skein", "client_encoding": "UTF8", "standard_conforming_strings": "on",
		"datestyle": "ISO", "timezone": "UTC", "intervalstyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1"}
	if !u.Write {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	if path := u.Option("search_path", ""); path != "" {
		config.RuntimeParams["search_path"] = path
	}
	p := &postgres{config: config, server: s}
	p.pool = newPool(func() *pgLine { return &pgLine{traffic: &traffic{}} }, func(l *pgLine) error { p.drop(l); return nil })
	if u.Write {
		return &pgWriter{p}, nil
	}
	return p, nil
}

// use does something with a connection of its own, which may read so many bytes.
func (p *postgres) use(ctx context.Context, most int64, doing string, do func(*pgconn.PgConn) error) error {
	l, err := p.pool.take(ctx, doing)
	if err != nil {
		return err
	}
	defer func() { p.pool.give(l) }()
	l.traffic.hold(ctx, most)
	defer func() { l.traffic.release() }() // of the connection that it has then
	if l.conn != nil && time.Since(l.used) > time.Second && l.conn.Ping(ctx) != nil {
		p.drop(l)
		l.traffic.hold(ctx, most)
	}
	if l.conn == nil {
		config := p.config.Copy()
		config.DialFunc = l.traffic.dial
		if l.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
			l.conn = nil
			return p.unreachable(ctx, doing, err)
		}
	}
	err = do(l.conn)
	l.used = time.Now()
	if l.conn.IsClosed() || l.conn.TxStatus() != 'I' || ctx.Err() != nil {
		// After the end of ctx a request to cancel may still be on its way, which must
		// not meet the next statement.
		p.drop(l)
	}
	return err
}

// drop closes a connection. What still comes over it counts for nobody.
func (p *postgres) drop(l *pgLine) {
	c := l.conn
	l.conn = nil
	l.traffic.release()
	l.traffic = &traffic{}
	if c == nil {
		return
	}
	p.leaving.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Close(ctx) // it is given up
		<-c.CleanupDone()
	})
}

// Query declares a cursor in a transaction that can only read, and fetches from it:
// PostgreSQL makes cursors of queries only, so whatever else the text is, it is
// refused before it runs.
func (p *postgres) Query(ctx context.Context, source string, params []any, limits Limits) (rows Rows, err error) {
	st, err := pgDialect.readable(source, params, "select", "with", "values", "table")
	if err != nil {
		return rows, err
	}
	rows, err = p.query(ctx, st, params, limits)
	effect.MeterFrom(ctx).Count(price.MeterRows, int64(len(rows.Rows)), price.Counted)
	return rows, err
}

func (p *postgres) query(ctx context.Context, st *statement, params []any, limits Limits) (rows Rows, err error) {
	const doing = "the query"
	err = effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return p.use(ctx, readMost(limits), doing, func(c *pgconn.PgConn) error {
			rows, err = pgQuery(ctx, c, st, params, limits)
			return p.meaning(ctx, doing, err)
		})
	})
	return rows, err
}

func pgQuery(ctx context.Context, c *pgconn.PgConn, st *statement, params []any, limits Limits) (rows Rows, err error) {
	if err := pgBegin(ctx, c, "BEGIN READ ONLY"); err != nil {
		return rows, err
	}
	defer func() {
		if !c.IsClosed() {
			_, end := c.Exec(ctx, "ROLLBACK").ReadAll()
			if err == nil && len(rows.Rows) == 0 {
				err = end
			}
		}
	}()
	if err := pgHarmless(ctx, c, st, pgRead); err != nil {
		return rows, err
	}
	effect.MeterFrom(ctx).Count(price.MeterQueries, 1, price.Counted)
	values, types := pgParams(params)
	if _, err := c.ExecParams(ctx, "DECLARE skein NO SCROLL CURSOR FOR "+st.text, values, types, nil, nil).Close(); err != nil {
		return rows, err
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	r := c.ExecParams(stop, "FETCH FORWARD "+strconv.Itoa(limits.Rows+1)+" FROM skein", nil, nil, nil, nil)
	columns := r.FieldDescriptions()
	for _, f := range columns {
		rows.Columns = append(rows.Columns, f.Name)
	}
	list := rowList{limits: limits, rows: &rows}
	for !rows.More && r.NextRow() {
		values := r.Values()
		list.add(len(values), func(i int, b []byte) ([]byte, error) { return pgJSON(b, columns[i].DataTypeOID, values[i]) })
	}
	if rows.More && (len(rows.Rows) < limits.Rows || r.NextRow()) {
		cancel() // the rest is not wanted
		_, _ = r.Close()
		return rows, nil
	}
	_, err = r.Close()
	if tooLarge(err) {
		rows.More = true
		return rows, nil
	}
	return rows, errors.Join(list.err, err)
}

// pgBegin begins a transaction whose statements end when ctx does, whether or not
// the server hears of it.
func pgBegin(ctx context.Context, c *pgconn.PgConn, begin string) error {
	left := time.Minute
	if end, ok := ctx.Deadline(); ok {
		left = max(time.Until(end), time.Millisecond)
	}
	_, err := c.Exec(ctx, fmt.Sprintf("%s; SET LOCAL statement_timeout = %d", begin, max(1, left.Milliseconds()))).ReadAll()
	return err
}

const pgColumns = `SELECT CASE WHEN c.table_schema = current_schema() THEN c.table_name ELSE c.table_schema || '.' || c.table_name END, c.column_name, c.data_type
	FROM information_schema.columns c WHERE c.table_schema NOT IN ('pg_catalog', 'information_schema')
	ORDER BY c.table_schema <> current_schema(), c.table_schema, c.table_name, c.ordinal_position`

// Tables describes what the user may see of the database.
func (p *postgres) Tables(ctx context.Context) ([]Table, error) {
	st, err := pgDialect.lex(pgColumns)
	if err != nil {
		return nil, err
	}
	rows, err := p.query(ctx, st, nil, tablesLimits)
	if err != nil {
		return nil, err
	}
	return tablesOf(rows, p.effects)
}

func (p *postgres) Dialect() string { return pgDialect.name }

func (p *postgres) Basis() string {
	return "a cursor in a READ ONLY transaction that is rolled back; functions only where the database knows them as stable or immutable"
}

func (p *postgres) Check(ctx context.Context) error {
	_, err := p.Query(ctx, "SELECT 1", nil, Limits{Rows: 1, Bytes: 100})
	return err
}

func (p *postgres) Close() error {
	err := p.pool.close()
	p.leaving.Wait()
	return err
}
