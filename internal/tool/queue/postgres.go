package queue

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// postgresQueue is a table of PostgreSQL. A message keeps the command that sent it, and
// its row stays, without its body, when it has been acknowledged: so the table
// remembers for ever. Rows of `done` that nobody will ask for again may be deleted.
type postgresQueue struct {
	config *pgxpool.Config
	table  string // quoted
	write  bool

	mu     sync.Mutex
	pool   *pgxpool.Pool // nil until it is needed
	closed bool
}

// postgresMost is how large a body may be, by our own choice.
const postgresMost = 1 << 20

var postgresTable = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,50}\.)?[a-z_][a-z0-9_]{0,50}$`)

func openPostgres(u *resource.URL) (Queue, error) {
	table := u.Options["table"]
	u.Show("postgres://" + u.Host[strings.LastIndex(u.Host, "@")+1:] + "/" + u.Path + "?table=" + table) // options may hold a password, too
	if !postgresTable.MatchString(table) {
		return nil, fmt.Errorf("table=%s: name the table, in small letters, such as table=jobs", table)
	}
	at, err := url.Parse(u.Raw)
	if err != nil {
		return nil, errors.New("write it as postgres://${PGUSER}:${PGPASSWORD}@host:5432/database?table=jobs")
	}
	query := at.Query()
	query.Del("table")
	if !query.Has("sslmode") && os.Getenv("PGSSLMODE") == "" {
		query.Set("sslmode", protection(at.Hostname()))
	}
	at.RawQuery = query.Encode()
	config, err := pgxpool.ParseConfig(at.String())
	if err != nil { // its words repeat the address
		return nil, errors.New("PostgreSQL's driver cannot read the address or one of its options: write it as postgres://${PGUSER}:${PGPASSWORD}@host:5432/database?table=jobs&sslmode=verify-full")
	}
	config.MaxConns = 4
	config.ConnConfig.RuntimeParams["application_name"] = "skein"
	return &postgresQueue{config: config, table: pgx.Identifier(strings.Split(table, ".")).Sanitize(), write: u.Write}, nil
}

// protection is how a connection is protected where the URL does not say: not on this
// machine, and else without a way back to none, which the driver's own default has.
func protection(host string) string {
	ip := net.ParseIP(host)
	switch {
	case host == "", host == "localhost", strings.HasPrefix(host, "/"), ip != nil && ip.IsLoopback():
		return "disable"
	case strings.HasSuffix(host, ".postgres.database.azure.com"):
		return "verify-full"
	}
	return "require"
}

// closed is the error of a queue that is used after its end.
func closed(doing string) error {
	return &effect.Error{Outcome: effect.NotDone, Message: doing + ": the queue is closed"}
}

// use gives the pool, and makes the table where it is missing and may be written to.
func (q *postgresQueue) use(ctx context.Context, doing string) (*pgxpool.Pool, error) {
	if ctx.Err() != nil {
		return nil, effect.Ended(ctx, effect.NotDone, doing)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, closed(doing)
	case q.pool != nil:
		return q.pool, nil
	}
	// The pool outlives the request that needs it first.
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), q.config)
	if err != nil {
		return nil, q.failed(ctx, doing, effect.NotDone, err)
	}
	if q.write {
		if _, err := pool.Exec(ctx, q.schema()); err != nil && !madeMeanwhile(err) {
			pool.Close()
			return nil, q.failed(ctx, doing, effect.NotDone, err)
		}
	}
	q.pool = pool
	return pool, nil
}

func (q *postgresQueue) schema() string {
	return `CREATE TABLE IF NOT EXISTS ` + q.table + ` (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		command text NOT NULL UNIQUE,
		body text NOT NULL,
		sent timestamptz NOT NULL DEFAULT clock_timestamp(),
		visible timestamptz NOT NULL DEFAULT clock_timestamp(),
		times integer NOT NULL DEFAULT 0,
		receipt text,
		done timestamptz)`
}

// madeMeanwhile says that somebody else made the table at the same time.
func madeMeanwhile(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "23505" || pg.Code == "42P07")
}

func (q *postgresQueue) Send(ctx context.Context, m Message, command string) (sent Sent, err error) {
	const doing = "send the message"
	if strings.ContainsRune(m.Body, 0) {
		return Sent{}, &effect.Error{Outcome: effect.Refused, Message: doing + ": a text in PostgreSQL holds no character of value zero: leave it out"}
	}
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		pool, err := q.use(ctx, doing)
		if err != nil {
			return err
		}
		var id int64
		err = pool.QueryRow(ctx, `WITH new AS (INSERT INTO `+q.table+` (command, body) VALUES ($1, $2) ON CONFLICT (command) DO NOTHING RETURNING id)
			SELECT id, false FROM new UNION ALL SELECT id, true FROM `+q.table+` WHERE command = $1 LIMIT 1`, command, m.Body).Scan(&id, &sent.Repeat)
		count(ctx, price.MeterSends, price.MeterBytesSent, int64(len(m.Body)), err)
		if errors.Is(err, pgx.ErrNoRows) {
			// Another try of the same command is being committed just now.
			return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the same command is being carried out elsewhere", Cause: err}
		}
		if err != nil {
			return q.failed(ctx, doing, effect.Unknown, err)
		}
		sent.ID = fmt.Sprint(id)
		return nil
	})
	return sent, err
}

// count counts one statement: for certain where the server answered it.
func count(ctx context.Context, meter, bytes price.Meter, size int64, err error) {
	source := price.Counted
	var pg *pgconn.PgError
	var dial *pgconn.ConnectError
	switch {
	case errors.As(err, &dial), err != nil && pgconn.SafeToRetry(err):
		return // never sent
	case err != nil && !errors.As(err, &pg) && !errors.Is(err, pgx.ErrNoRows):
		source = price.Estimated
	}
	m := effect.MeterFrom(ctx)
	m.Count(meter, 1, source)
	m.Count(bytes, size, source)
}

func (q *postgresQueue) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Keyed, Basis: "a unique column holds the command's id; the row stays when the message is acknowledged"}
}

func (q *postgresQueue) Limits() Limits { return Limits{Bytes: postgresMost} }

func (q *postgresQueue) Bound(size int) []price.Reading {
	return []price.Reading{{Meter: price.MeterSends, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * int64(size), Source: price.Counted}}
}

func (q *postgresQueue) Check(ctx context.Context) error {
	const doing = "look at the table"
	pool, err := q.use(ctx, doing)
	if err != nil {
		return err
	}
	if _, err = pool.Exec(ctx, `SELECT id, command, body, sent, visible, times, receipt, done FROM `+q.table+` LIMIT 0`); err != nil {
		return q.failed(ctx, doing, effect.NotDone, err)
	}
	return nil
}

// failed is the error of a statement; outcome says what is known where no answer came.
func (q *postgresQueue) failed(ctx context.Context, doing string, outcome effect.Outcome, err error) error {
	var pg *pgconn.PgError
	var dial *pgconn.ConnectError
	switch {
	case errors.As(err, &pg) && !errors.As(err, &dial) && vague(pg):
		// What ended the connection may have come after the statement was done.
	case errors.As(err, &pg):
		e := &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: the database says: %.300s", doing, pg.Message), Cause: err}
		switch {
		case pg.Code == "42P01":
			e.Message = doing + ": there is no table " + q.table + "; whoever sends to it makes it"
		case pg.Code == "42501":
			e.Message = doing + ": the user lacks the privilege on the table " + q.table
		case strings.HasPrefix(pg.Code, "28"), pg.Code == "3D000":
			e.Message = doing + ": the database does not let this user in"
			e.Cause = nil // it names user and host
		case pg.Code == "25006":
			e.Outcome, e.Retry, e.Message = effect.NotDone, true, doing+": the database takes no changes now: it is a replica, or switched to reading only"
		case strings.HasPrefix(pg.Code, "40"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57"), pg.Code == "55P03":
			e.Outcome, e.Retry = effect.NotDone, true // rolled back, full, shutting down
		}
		return e
	case ctx.Err() != nil:
		if pgconn.SafeToRetry(err) {
			outcome = effect.NotDone
		}
		return effect.Ended(ctx, outcome, doing)
	case err != nil && strings.Contains(err.Error(), "server refused TLS connection"):
		return &effect.Error{Outcome: effect.NotDone, Message: doing + ": the database offers no TLS: set it up there, or write sslmode=disable where a password may go unprotected"}
	case errors.As(err, &dial), pgconn.SafeToRetry(err), outcome == effect.NotDone:
		e := effect.Unreachable(doing, err)
		e.Cause = nil // it names user and host
		return e
	}
	return &effect.Error{Outcome: outcome, Retry: true, Message: doing + ": the database gave no answer", Cause: err}
}

// vague says of an error that it is the connection's and not the statement's: the server
// or something between has given it up, or says itself that nobody knows.
func vague(pg *pgconn.PgError) bool {
	return pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC" || pg.Severity == "FATAL" || strings.HasPrefix(pg.Code, "08") || pg.Code == "40003"
}

func (q *postgresQueue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.pool != nil {
		q.pool.Close()
	}
	return nil
}
