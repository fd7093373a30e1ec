package sqldb

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/tool/effect"
)

// told is the meaning of an error that a server of any kind told; nil where it told none.
func told(err error) *effect.Error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pgKnown(pg)
	}
	if e := myKnown(err); e != nil {
		return e
	}
	return msKnown(err)
}

// pgKnown reads PostgreSQL's codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
func pgKnown(e *pgconn.PgError) *effect.Error {
	refused := func(message string) *effect.Error {
		return &effect.Error{Outcome: effect.Refused, Message: message, Cause: e}
	}
	later := func(message string) *effect.Error {
		return &effect.Error{Outcome: effect.NotDone, Retry: true, Message: message, Cause: e}
	}
	switch e.Code {
	case "25006":
		return refused("the query would change the database: only SELECT is allowed (" + e.Message + ")")
	case "57014":
		return &effect.Error{Outcome: effect.NotDone, Message: "the statement took longer than its limit, and the server stopped it", Cause: e}
	case "40001", "40P01":
		return later("the transaction met another one: " + e.Message)
	case "55P03":
		return later("a row or table is locked by another transaction")
	case "53300", "57P03":
		return later("the database server has no connection free: " + e.Message)
	case "57P01", "57P02", "57P04":
		return later("the database server ended the connection: " + e.Message)
	case "28P01", "28000", "3D000":
		return refused("the database server does not let us in: " + e.Message)
	case "42501":
		return refused("a permission is missing: " + e.Message)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "53":
		return later("the database server is short of something: " + e.Message)
	case "08":
		return later("the connection to the database broke: " + e.Message)
	}
	message := "the query failed: " + e.Message
	if e.Detail != "" {
		message += ". " + e.Detail
	}
	if e.Hint != "" {
		message += " (" + strings.TrimSuffix(e.Hint, ".") + ")"
	}
	return refused(message)
}
