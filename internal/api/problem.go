package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// problem is e as RFC 9457 has it.
func problem(e *Error) *huma.ErrorModel {
	p := &huma.ErrorModel{Status: e.Status, Title: http.StatusText(e.Status), Detail: e.Error()}
	if e.Field != "" {
		p.Errors = []*huma.ErrorDetail{{Location: e.Field, Message: e.Message}}
	}
	return p
}

// refused is err as huma wants it from a handler.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return problem(asError(err))
}

func writeProblem(w http.ResponseWriter, e *Error) {
	b, err := json.Marshal(problem(e))
	if err != nil {
		panic("api: encoding a problem: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(b) // a client that has gone needs no answer
}

// readProblem is the error that an answer tells of.
func readProblem(status int, body []byte) *Error {
	var p huma.ErrorModel
	if err := json.Unmarshal(body, &p); err != nil || p.Detail == "" {
		return &Error{Status: status, Message: "Skein answered " + http.StatusText(status)}
	}
	e := &Error{Status: status, Message: p.Detail}
	for _, d := range p.Errors {
		if d == nil || d.Location == "" {
			continue
		}
		e.Field = d.Location
		if rest, ours := strings.CutPrefix(p.Detail, d.Location+": "); ours {
			e.Message = rest // with the mend
		} else {
			e.Message = d.Message
		}
		break
	}
	return e
}
