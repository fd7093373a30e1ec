package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/store"
)

// Error is a refusal that its reader can act on.
type Error struct {
	Status  int    // as HTTP has it
	Field   string // which member or parameter is meant: "body.agent", "query.from"
	Message string // what is wrong
	Mend    string // what would be right, or what to do next
}

func (e *Error) Error() string {
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Mend != "" {
		s += "; " + e.Mend
	}
	return s
}

func notFound(what, id, mend string) *Error {
	return &Error{Status: http.StatusNotFound, Field: "path.id", Message: fmt.Sprintf("there is no %s %q", what, id), Mend: mend}
}

// asError is err as something to tell: the errors of other rooms whose meaning is
// known get their status, and what nobody foresaw is our fault.
func asError(err error) *Error {
	var known *Error
	var field *auth.FieldError
	var model *llm.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &field):
		return &Error{Status: http.StatusUnprocessableEntity, Field: "body." + field.Field, Message: field.Message}
	case errors.Is(err, auth.ErrNoKey):
		return &Error{Status: http.StatusNotFound, Field: "path.id", Message: err.Error()}
	case errors.Is(err, auth.ErrRepeated):
		return &Error{Status: http.StatusConflict, Field: "header.Idempotency-Key", Message: err.Error()}
	case errors.As(err, &model):
		return &Error{Status: statusOf(model), Field: model.Param, Message: model.Message}
	case errors.Is(err, store.ErrReadOnly):
		return &Error{Status: http.StatusServiceUnavailable, Message: err.Error(), Mend: "the process that owns the data directory can write it"}
	case errors.Is(err, store.ErrNoRoom), errors.Is(err, store.ErrClosed):
		return &Error{Status: http.StatusServiceUnavailable, Message: err.Error(), Mend: "free the disk or mend its permissions, then try again"}
	case errors.Is(err, store.ErrFenced), errors.Is(err, store.ErrConflict):
		return &Error{Status: http.StatusConflict, Message: err.Error(), Mend: "look again (skein show) and repeat it if it still makes sense"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusServiceUnavailable, Message: "the request ended before its answer: " + err.Error(), Mend: "try again"}
	}
	return &Error{Status: http.StatusInternalServerError, Message: err.Error()}
}

func statusOf(e *llm.Error) int {
	if e.Status >= 400 {
		return e.Status
	}
	switch e.Class {
	case llm.BadRequest:
		return http.StatusUnprocessableEntity
	case llm.NotFound:
		return http.StatusNotFound
	case llm.OverBudget:
		return http.StatusPaymentRequired
	case llm.Busy, llm.Overloaded:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
