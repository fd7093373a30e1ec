package sqldb

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// server is what drivers of database servers have in common: where it is, and how
// the connection is protected.
type server struct {
	host    string // with its port
	user    *url.Userinfo
	tls     string // disable, require, verify-ca or verify-full
	effects string // the effects table's name
}

// How a server's URL says that a connection is protected: as PostgreSQL does, for
// all of them.
var tlsModes = []string{"disable", "require", "verify-ca", "verify-full"}

var tableName = regexp.MustCompile(`^([a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,62}$`)

// serverOf reads the parts of a server's URL, and finds out whose service it is.
func serverOf(u *resource.URL, port string) (server, error) {
	s := server{effects: u.Option("effects", "skein_effects")}
	if !tableName.MatchString(s.effects) {
		return s, fmt.Errorf("effects: %q is not the name of a table: use a-z, 0-9 and _", s.effects)
	}
	host := u.Host
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		var userinfo string
		userinfo, host = host[:at], host[at+1:]
		parsed, err := url.Parse("x://" + userinfo + "@h")
		if err != nil {
			return s, errors.New("the user and password are not well escaped: write %40 for @, %3A for :, %2F for /")
		}
		s.user = parsed.User
	}
	if host == "" && u.Option("host", "") == "" {
		return s, fmt.Errorf("the host is missing: write %s://user:password@host:%s/database", u.Scheme, port)
	}
	if host == "" {
		s.tls = "disable"
		return s, nil // a socket of this machine
	}
	parsed, err := url.Parse("x://" + host)
	if err != nil || parsed.Hostname() == "" {
		return s, fmt.Errorf("%q is not a host", host)
	}
	name := parsed.Hostname()
	if parsed.Port() != "" {
		port = parsed.Port()
	}
	s.host = net.JoinHostPort(name, port)
	ip := net.ParseIP(name)
	local := name == "localhost" || ip != nil && ip.IsLoopback()
	var verified bool // its certificates are signed by those whom everybody trusts
	u.Service, verified = serviceOf(u, name)
	switch s.tls = u.Option("sslmode", ""); {
	case s.tls == "" && local:
		s.tls = "disable"
	case s.tls == "" && (verified || u.Option("sslrootcert", "") != ""):
		s.tls = "verify-full"
	case s.tls == "":
		s.tls = "require"
	case !slices.Contains(tlsModes, s.tls):
		return s, fmt.Errorf("sslmode: %q is not one of %s", s.tls, strings.Join(tlsModes, ", "))
	}
	return s, nil
}

// serviceOf finds a server's price card by its host's name, where a cloud's service
// shows by it.
func serviceOf(u *resource.URL, host string) (service string, verified bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, suffix := range []string{".rds.amazonaws.com", ".rds.amazonaws.com.cn"} {
		if rest, ok := strings.CutSuffix(host, suffix); ok {
			return "aws/rds/" + u.Option("region", rest[strings.LastIndexByte(rest, '.')+1:]), false
		}
	}
	for _, suffix := range []string{".postgres.database.azure.com", ".mysql.database.azure.com", ".database.windows.net"} {
		if strings.HasSuffix(host, suffix) {
			region := u.Session.Options().Azure.Region
			return "azure/sql/" + u.Option("region", defaulted(region, "unknown")), true
		}
	}
	return u.Service, false
}

func defaulted(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// unreachable is the error of a connection that was not made.
func (s *server) unreachable(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	if e := told(err); e != nil {
		e.Outcome = effect.NotDone
		return e
	}
	return &effect.Error{Outcome: effect.NotDone, Retry: true, Cause: err,
		Message: fmt.Sprintf("the database server %s cannot be reached%s", defaulted(s.host, "on this machine"), whyNot(err))}
}

// whyNot is what can be said of why no connection was made, for messages.
func whyNot(err error) string {
	var host *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &host) && host.IsNotFound:
		return ": there is no host of that name"
	case errors.As(err, &certificate):
		return ": its certificate is not trusted: " + certificate.Err.Error() + " (sslrootcert names the certificates that are)"
	case errors.Is(err, mysql.ErrNoTLS), strings.Contains(err.Error(), "server refused TLS connection"):
		return ": it offers no TLS: set that up there, or write sslmode=disable where a password may go unprotected"
	}
	return ""
}

// meaning says what an error of a statement means. Whatever it is, nothing was done:
// a transaction that is not committed is none.
func (s *server) meaning(ctx context.Context, doing string, err error) error {
	var known *effect.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	if e := told(err); e != nil {
		return e
	}
	return s.brokeDuring(doing, err)
}

// brokeDuring is the error of a connection that ended before a statement did.
func (s *server) brokeDuring(doing string, err error) error {
	if tooLarge(err) {
		return refuse("the answer to %s is larger than it may be", doing)
	}
	return &effect.Error{Outcome: effect.NotDone, Retry: true, Cause: err,
		Message: fmt.Sprintf("the connection to the database server %s broke during %s", defaulted(s.host, "on this machine"), doing)}
}

// tooLarge reports whether a connection ended because more came than may be read.
func tooLarge(err error) bool {
	return errors.Is(err, errTooMuch) || errors.As(err, new(*pgproto3.ExceededMaxBodyLenErr))
}

// Bound is the most that one query can consume.
func (*server) Bound(limits Limits) []price.Reading { return queryBound(limits) }

// TablesBound is the most that one look at the tables can consume.
func (*server) TablesBound() []price.Reading {
	b := queryBound(tablesLimits)
	return slices.DeleteFunc(b, func(r price.Reading) bool { return r.Meter == price.MeterRows })
}

// tablesLimits is how much of a schema is read.
var tablesLimits = Limits{Rows: 4000, Bytes: 512 << 10}

// tablesOf makes tables of rows with table, column and type, without the effects table.
func tablesOf(rows Rows, effects string) ([]Table, error) {
	var tables []Table
	for _, row := range rows.Rows {
		var c [3]string
		if err := json.Unmarshal(row, &c); err != nil {
			return nil, fmt.Errorf("read the tables: %w", err)
		}
		if c[0] == effects {
			continue
		}
		if len(tables) == 0 || tables[len(tables)-1].Name != c[0] {
			tables = append(tables, Table{Name: c[0]})
		}
		t := &tables[len(tables)-1]
		t.Columns = append(t.Columns, Column{c[1], c[2]})
	}
	return tables, nil
}

// rowList makes rows of values, within limits.
type rowList struct {
	limits Limits
	rows   *Rows
	size   int
	err    error
}

// add appends a row of n values; where it does not fit, that ends the list.
func (l *rowList) add(n int, value func(i int, b []byte) ([]byte, error)) {
	if len(l.rows.Rows) == l.limits.Rows {
		l.rows.More = true
		return
	}
	row := []byte{'['}
	for i := range n {
		if i > 0 {
			row = append(row, ',')
		}
		var err error
		if row, err = value(i, row); err != nil {
			l.err = errors.Join(l.err, err)
			row = append(row, "null"...)
		}
		if l.size+len(row) > l.limits.Bytes {
			l.rows.More = true
			return
		}
	}
	row = append(row, ']')
	if l.size += len(row); l.size > l.limits.Bytes {
		l.rows.More = true
		return
	}
	l.rows.Rows = append(l.rows.Rows, row)
}
