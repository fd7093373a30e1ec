package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/llm"
)

// admit answers what can be answered before the body is read. The principal is nil
// where a signature covers the body.
func (g *Gateway) admit(w http.ResponseWriter, r *http.Request, method string) (*auth.Principal, *llm.Error) {
	if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
		w.Header().Set("Allow", method)
		return nil, &llm.Error{
			Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusMethodNotAllowed,
			Message: cut(r.URL.Path) + " takes " + method + ", not " + cut(r.Method),
		}
	}
	p, err := g.c.Guard.Check(r)
	if _, can := g.c.Guard.(Signed); can && errors.Is(err, auth.ErrSigned) {
		if method == http.MethodPost {
			err = nil
		} else {
			return g.admitSigned(w, r, nil)
		}
	}
	if err != nil {
		return nil, unauthorized(w, err)
	}
	if g.c.Health != nil && g.c.Health.Draining() {
		w.Header().Set("Connection", "close") // its next request is somebody else's; by HTTP/2 this is a GOAWAY
		return nil, &llm.Error{
			Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: http.StatusServiceUnavailable,
			RetryAfter: time.Second, Message: "Skein is shutting down; try again",
		}
	}
	return p, nil
}

// admitSigned says who signed the request, whose body was read.
func (g *Gateway) admitSigned(w http.ResponseWriter, r *http.Request, body []byte) (*auth.Principal, *llm.Error) {
	p, err := g.c.Guard.(Signed).CheckSigned(r, body)
	if err != nil {
		return nil, unauthorized(w, err)
	}
	return p, nil
}

func unauthorized(w http.ResponseWriter, err error) *llm.Error {
	e := &llm.Error{Class: llm.Unauthorized, Blame: llm.BlameKey, Billed: llm.BilledNo, Status: http.StatusUnauthorized, Message: err.Error()}
	if errors.Is(err, auth.ErrForeign) {
		e.Class, e.Status = llm.Forbidden, http.StatusForbidden
	} else {
		w.Header().Set("Www-Authenticate", "Bearer")
	}
	return e
}
