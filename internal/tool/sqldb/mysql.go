package sqldb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// mySQL is MySQL and MariaDB, and what speaks their protocol.
type mySQL struct{ config *mysql.Config }

var myDialect = &dialect{name: "MySQL", backslash: true, texts: true, backtick: true, hash: true, dashBlank: true, ascii: true}

func openMySQL(u *resource.URL) (DB, error) {
	s, err := serverOf(u, "3306")
	if err != nil {
		return nil, err
	}
	if s.host == "" {
		return nil, errors.New("the host is missing: write mysql://user:password@host:3306/database")
	}
	if u.Path == "" {
		return nil, errors.New("the database is missing: write mysql://user:password@host:3306/database")
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", s.host, u.Path
	if s.user != nil {
		c.User = s.user.Username()
		c.Passwd, _ = s.user.Password()
	}
	if c.TLS, err = tlsConfig(s, u.Option("sslrootcert", "")); err != nil {
		return nil, err
	}
	// How the text of a statement is read depends on the session's sql_mode, so that is
	// stated: the defaults of MySQL 8.
	c.Params = map[string]string{"time_zone": "'+00:00'",
		"sql_mode": "'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"}
	c.Collation = "utf8mb4_general_ci"
	c.Timeout = 10 * time.Second
	c.MaxAllowedPacket = 16 << 20
	c.Logger = quiet{}
	db := newStdSQL(s, &mySQL{c})
	if u.Write {
		return &stdWriter{db, myWrites}, nil
	}
	return db, nil
}

// quiet is a driver's logger: what it has to say comes as an error too.
type quiet struct{}

func (quiet) Print(v ...any) { slog.Debug("mysql", slog.String("said", fmt.Sprint(v...))) }

// tlsConfig is how a connection is protected; nil is not at all.
func tlsConfig(s server, roots string) (*tls.Config, error) {
	if s.tls == "disable" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(s.host)
	if err != nil {
		return nil, fmt.Errorf("read the host: %w", err)
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if roots != "" {
		pem, err := os.ReadFile(roots)
		if err != nil {
			return nil, fmt.Errorf("sslrootcert: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("sslrootcert: %s holds no certificate", roots)
		}
	}
	switch s.tls {
	case "require":
		c.InsecureSkipVerify = true // as asked for: whoever answers is not who, only unheard by others
	case "verify-ca":
		return nil, errors.New("sslmode: verify-ca is PostgreSQL's: write verify-full")
	}
	return c, nil
}

func (m *mySQL) dialect() *dialect { return myDialect }

func (m *mySQL) connector(t *traffic) driver.Connector {
	c := m.config.Clone()
	c.DialFunc = t.dial
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return failing{err}
	}
	return connector
}

// failing is a connector of a configuration that the driver refuses.
type failing struct{ err error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (f failing) Driver() driver.Driver                        { return mysql.MySQLDriver{} }

// A transaction that can only read does not keep MySQL from writing files, which INTO
// does, nor from reading them, holding locks beyond its end and counting sequences up.
var (
	myFiles     = set("outfile dumpfile")
	myReads     = set("into lock outfile dumpfile")
	myFunctions = set("load_file get_lock release_lock release_all_locks is_free_lock master_pos_wait source_pos_wait wait_for_executed_gtid_set " +
		"nextval setval lastval sys_exec sys_eval sys_set benchmark")
)

func (m *mySQL) judge(st *statement, write bool) error {
	words := myReads
	if write {
		words = myFiles
	}
	if err := st.forbid(words); err != nil {
		return err
	}
	for _, name := range st.called() {
		if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7e }) {
			// Servers compare such names as people do, without accents.
			return refuse("the function %s is not called: its name has other letters than a to z", name)
		}
		if myFunctions[strings.ToLower(name)] {
			return refuse("the function %s is not allowed: it does more than to compute", name)
		}
	}
	for i, t := range st.tokens[:len(st.tokens)-1] {
		next := st.tokens[i+1]
		switch {
		case !write && t.is("for") && next.is("update", "share"):
			return refuse("a query locks nothing: leave FOR %s out", strings.ToUpper(next.text))
		case t.is("next", "previous") && next.is("value"):
			return refuse("the values of sequences are not for statements")
		case t.is(":") && next.is("="):
			return refuse("a statement sets no variables")
		}
	}
	return nil
}

// begin states the session's limits, in the words of its kind of server, and begins
// the transaction.
func (m *mySQL) begin(ctx context.Context, l *stdLine, c *sql.Conn, rows int) (*sql.Tx, error) {
	var id int64
	var version string
	if err := c.QueryRowContext(ctx, "SELECT CONNECTION_ID(), VERSION()").Scan(&id, &version); err != nil {
		return nil, err
	}
	l.id, l.maria = id, strings.Contains(version, "MariaDB")
	left := time.Minute
	if end, ok := ctx.Deadline(); ok {
		left = max(time.Until(end), 2*time.Millisecond)
	}
	limit := "max_execution_time = " + strconv.FormatInt(left.Milliseconds(), 10)
	if l.maria {
		limit = fmt.Sprintf("max_statement_time = %d.%03d", left.Milliseconds()/1000, left.Milliseconds()%1000)
	}
	if rows > 0 {
		limit += ", sql_select_limit = " + strconv.Itoa(rows)
	} else {
		limit += ", sql_select_limit = DEFAULT"
	}
	if _, err := c.ExecContext(ctx, "SET SESSION "+limit+", innodb_lock_wait_timeout = "+strconv.Itoa(max(1, int(left.Seconds())))); err != nil {
		return nil, err
	}
	return c.BeginTx(ctx, &sql.TxOptions{ReadOnly: rows > 0})
}

// stopped ends the statement at the server, which does not look whether anybody still
// listens. It has a second, and only the server's own time limit where that fails.
func (m *mySQL) stopped(ctx context.Context, l *stdLine) {
	if l.id == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	t := &traffic{}
	t.hold(ctx, handshake)
	db := sql.OpenDB(m.connector(t))
	if _, err := db.ExecContext(ctx, "KILL QUERY "+strconv.FormatInt(l.id, 10)); err != nil {
		slog.Debug("a statement could not be cancelled", slog.Any("error", err))
	}
	_ = db.Close()
}

func (m *mySQL) columns() string {
	return `SELECT c.table_name, c.column_name, c.column_type FROM information_schema.columns c
		WHERE c.table_schema = DATABASE() ORDER BY c.table_name, c.ordinal_position`
}

func (m *mySQL) basis() string {
	return "a READ ONLY transaction that is rolled back, one prepared statement that begins with SELECT or WITH and has no INTO"
}

// value appends a value as JSON. The driver gives texts where MySQL has decimals and
// dates, so nothing is lost on the way.
func (m *mySQL) value(b []byte, v any, typeName string) ([]byte, error) {
	raw, ok := v.([]byte)
	if !ok {
		return plainValue(b, v)
	}
	if raw == nil {
		return append(b, "null"...), nil
	}
	switch typeName {
	case "DECIMAL", "INT", "UNSIGNED INT", "BIGINT", "UNSIGNED BIGINT", "DOUBLE", "FLOAT":
		return appendNumber(b, raw)
	case "JSON":
		return appendJSON(b, raw)
	case "DATETIME", "TIMESTAMP":
		return appendText(b, moment(string(raw), typeName == "TIMESTAMP"))
	case "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY", "VARBINARY", "BIT", "GEOMETRY", "VECTOR":
		return appendBytes(b, raw), nil
	}
	return appendText(b, string(raw))
}

// plainValue appends what database/sql gives where it is no text.
func plainValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case float32:
		return appendNumber(b, strconv.AppendFloat(nil, float64(v), 'g', -1, 32))
	case float64:
		return appendNumber(b, strconv.AppendFloat(nil, v, 'g', -1, 64))
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendText(b, v)
	}
	return b, fmt.Errorf("a value of the type %T", v)
}

// myKnown reads MySQL's numbers: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
// and MariaDB's from 1900 on: https://mariadb.com/kb/en/mariadb-error-code-reference/
func myKnown(err error) *effect.Error {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return nil
	}
	as := func(outcome effect.Outcome, retry bool, message string) *effect.Error {
		return &effect.Error{Outcome: outcome, Retry: retry, Message: message, Cause: e}
	}
	in := func(numbers ...uint16) bool { return slices.Contains(numbers, e.Number) }
	switch {
	case in(1792, 1290, 1836):
		return as(effect.Refused, false, "the query would change the database: only SELECT is allowed ("+e.Message+")")
	case in(3024, 1969, 1317, 1028):
		return as(effect.NotDone, false, "the statement took longer than its limit, and the server stopped it")
	case in(1213, 1205, 3572, 1020):
		return as(effect.NotDone, true, "the transaction met another one: "+e.Message)
	case in(1040, 1203, 1226, 1053, 1927, 1158, 1159, 1160, 1161):
		return as(effect.NotDone, true, "the database server cannot serve us now: "+e.Message)
	case in(1044, 1045, 1049, 1130, 1698):
		return as(effect.Refused, false, "the database server does not let us in: "+e.Message)
	case in(1142, 1143, 1227, 1370):
		return as(effect.Refused, false, "a permission is missing: "+e.Message)
	}
	return as(effect.Refused, false, "the query failed: "+e.Message)
}
