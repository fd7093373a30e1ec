package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// msSQL is SQL Server and Azure SQL.
type msSQL struct {
	config msdsn.Config
	token  func(context.Context) (string, error) // of Entra; nil where the URL has a user
}

var msDialect = &dialect{name: "Transact-SQL", brackets: true, nested: true, sigils: true, ascii: true,
	param: func(n int) string { return "@p" + strconv.Itoa(n) }}

const msScope = "https://database.windows.net/.default"

func openMSSQL(u *resource.URL) (DB, error) {
	s, err := serverOf(u, "1433")
	if err != nil {
		return nil, err
	}
	if s.host == "" || u.Path == "" {
		return nil, errors.New("host and database must be stated: write sqlserver://user:password@host:1433/database")
	}
	q := url.Values{"database": {u.Path}, "app name": {"skein"}, "dial timeout": {"10"}, "encrypt": {"true"}}
	switch s.tls {
	case "disable":
		q.Set("encrypt", "disable")
	case "require":
		q.Set("TrustServerCertificate", "true")
	case "verify-ca":
		return nil, errors.New("sslmode: verify-ca is PostgreSQL's: write verify-full")
	}
	if roots := u.Option("sslrootcert", ""); roots != "" && s.tls == "verify-full" {
		q.Set("certificate", roots)
	}
	if !u.Write {
		q.Set("ApplicationIntent", "ReadOnly")
	}
	at := url.URL{Scheme: "sqlserver", User: s.user, Host: s.host, RawQuery: q.Encode()}
	config, err := msdsn.Parse(at.String())
	if err != nil {
		return nil, errors.New("the address cannot be read: write sqlserver://user:password@host:1433/database")
	}
	m := &msSQL{config: config}
	if s.user == nil {
		credential, err := u.Session.Azure()
		if err != nil {
			return nil, fmt.Errorf("without a user in the URL, Entra says who we are: %w", err)
		}
		m.token = func(ctx context.Context) (string, error) {
			var t azcore.AccessToken
			t, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{msScope}})
			return t.Token, err
		}
	}
	db := newStdSQL(s, m)
	if u.Write {
		return &stdWriter{db, msWrites}, nil
	}
	return db, nil
}

func (m *msSQL) dialect() *dialect { return msDialect }

func (m *msSQL) connector(t *traffic) driver.Connector {
	c := mssql.NewConnectorConfig(m.config)
	if m.token != nil {
		var err error
		if c, err = mssql.NewSecurityTokenConnector(m.config, m.token); err != nil {
			return failing{err}
		}
	}
	c.Dialer = dialer{t}
	return c
}

// dialer is a traffic as the driver takes one.
type dialer struct{ t *traffic }

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d.t.dial(ctx, network, address)
}

// SQL Server has no transaction that can only read, and its statements follow each
// other without a sign between them. So a query may hold no word that another
// statement begins with, which are all reserved and stand in [ ] where they are names;
// and its transaction is rolled back. The database's user should have db_datareader
// and nothing else.
const (
	msWords = "add alter authorization backup begin break browse bulk checkpoint close commit continue create cursor dbcc deallocate declare deny " +
		"drop dump errlvl exec execute exit file goto grant holdlock if insert kill lineno load merge offsets open openquery opendatasource openrowset " +
		"plan print proc procedure raiserror readtext reconfigure replication restore return revert revoke rollback save securityaudit set setuser shutdown " +
		"statistics textsize tran transaction trigger truncate tsequal updatetext use waitfor while writetext into update delete receive send"
	msData = "insert update delete merge into set"
	// Locks that others wait for, until the query is over.
	msLocks = " updlock xlock tablock tablockx paglock repeatableread serializable"
)

var (
	msReads  = set(msWords + msLocks)
	msChange = set(msWords, strings.Fields(msData)...)
)

func (m *msSQL) judge(st *statement, write bool) error {
	words := msReads
	if write {
		words = msChange
	}
	if err := st.forbid(words); err != nil {
		return err
	}
	for i, t := range st.tokens {
		if t.is("next") && i+1 < len(st.tokens) && st.tokens[i+1].is("value") {
			return refuse("NEXT VALUE FOR is not allowed: a sequence counts up for ever")
		}
		if t.is("set") && i+2 < len(st.tokens) && !st.tokens[i+2].is(strings.Split("=.+-*/%&^|", "")...) {
			return refuse("SET %s is not allowed: a statement changes data, and no settings", strings.ToUpper(st.tokens[i+1].text))
		}
		if t.kind == word && strings.HasPrefix(t.text, "@p") {
			return refuse("write ? for each value, not %s", t.text)
		}
	}
	return nil
}

// begin limits the rows and the wait for locks, and begins the transaction. The time
// ends with ctx, at which the driver tells the server to stop.
func (m *msSQL) begin(ctx context.Context, _ *stdLine, c *sql.Conn, rows int) (*sql.Tx, error) {
	left := time.Minute
	if end, ok := ctx.Deadline(); ok {
		left = max(time.Until(end), time.Millisecond)
	}
	settings := fmt.Sprintf("SET XACT_ABORT ON; SET ROWCOUNT %d; SET LOCK_TIMEOUT %d", rows, left.Milliseconds())
	if _, err := c.ExecContext(ctx, settings); err != nil {
		return nil, err
	}
	return c.BeginTx(ctx, nil)
}

// stopped has nothing to do: the driver itself sends the server an attention.
func (m *msSQL) stopped(context.Context, *stdLine) {}

func (m *msSQL) columns() string {
	return `SELECT CASE WHEN c.TABLE_SCHEMA = SCHEMA_NAME() THEN c.TABLE_NAME ELSE c.TABLE_SCHEMA + '.' + c.TABLE_NAME END, c.COLUMN_NAME, c.DATA_TYPE
		FROM INFORMATION_SCHEMA.COLUMNS c ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION`
}

func (m *msSQL) basis() string {
	return "SQL Server has no read-only transactions: a guard lets one SELECT pass, in a transaction that is rolled back; give the user db_datareader only"
}

// value appends a value as JSON. Moments come as time.Time, numbers with a fraction as
// texts.
func (m *msSQL) value(b []byte, v any, typeName string) ([]byte, error) {
	switch v := v.(type) {
	case time.Time:
		switch typeName {
		case "DATE":
			return appendText(b, v.Format(time.DateOnly))
		case "TIME":
			return appendText(b, v.Format("15:04:05.9999999"))
		case "DATETIMEOFFSET":
			return appendText(b, v.Format(time.RFC3339Nano))
		}
		return appendText(b, v.Format("2006-01-02T15:04:05.9999999")) // without a zone, as it is kept
	case []byte:
		switch typeName {
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY":
			return appendNumber(b, v)
		case "UNIQUEIDENTIFIER":
			var id mssql.UniqueIdentifier
			if err := id.Scan(v); err != nil {
				return b, fmt.Errorf("read an identifier: %w", err)
			}
			return appendText(b, id.String())
		}
		if v == nil {
			return append(b, "null"...), nil
		}
		return appendBytes(b, v), nil
	}
	return plainValue(b, v)
}

// msKnown reads SQL Server's numbers: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
func msKnown(err error) *effect.Error {
	var e mssql.Error
	if !errors.As(err, &e) {
		return nil
	}
	as := func(outcome effect.Outcome, retry bool, message string) *effect.Error {
		return &effect.Error{Outcome: outcome, Retry: retry, Message: message, Cause: err}
	}
	in := func(numbers ...int32) bool { return slices.Contains(numbers, e.Number) }
	switch {
	case in(1205, 1222, 3960):
		return as(effect.NotDone, true, "the transaction met another one: "+e.Message)
	case in(40197, 40501, 40613, 49918, 49919, 49920, 10928, 10929, 17187):
		return as(effect.NotDone, true, "the database server cannot serve us now: "+e.Message)
	case in(18456, 18452, 4060, 40615, 18450):
		return as(effect.Refused, false, "the database server does not let us in: "+e.Message)
	case in(229, 230, 262, 297, 300):
		return as(effect.Refused, false, "a permission is missing: "+e.Message)
	}
	return as(effect.Refused, false, "the query failed: "+e.Message)
}

var msWrites = &writes{
	first: []string{"insert", "update", "delete", "merge"},
	quote: func(name string) string { return "[" + name + "]" },
	create: func(table string) string {
		return fmt.Sprintf("CREATE TABLE %s (command varchar(%d) COLLATE Latin1_General_BIN2 PRIMARY KEY, at datetimeoffset NOT NULL, [rows] nvarchar(max) NOT NULL)", table, mostCommand)
	},
	claim:   "INSERT INTO %s (command, at, [rows]) VALUES (@p1, SYSDATETIMEOFFSET(), '')",
	keep:    "UPDATE %s SET [rows] = @p1 WHERE command = @p2",
	earlier: "SELECT [rows] FROM %s WHERE command = @p1",
	look:    "SELECT command, at, [rows] FROM %s WHERE command = ''",
	taken:   []int{2627, 2601},
	missing: []int{208, 207},
	undone:  []int{547, 1205, 3902, 3930, 3960, 3998},
	basis:   "one transaction with the command's id as the primary key of %s, for ever",
}
