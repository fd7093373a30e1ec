package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/skein-run/skein/internal/auth"
)

// Base is where the API is served.
const Base = "/api/v1"

// Guard says who sent a request; *[auth.Guard] is one.
type Guard interface {
	Check(r *http.Request) (*auth.Principal, error)
}

const (
	maxBody     = 4 << 20
	bodyTimeout = 30 * time.Second
)

// Handler serves s below [Base].
func Handler(s Service, g Guard, version string) http.Handler {
	mux := http.NewServeMux()
	register(humago.NewWithPrefix(mux, Base, describe(version)), s)
	return &handler{mux: mux, guard: g}
}

type handler struct {
	mux   *http.ServeMux
	guard Guard
}

// describe is what the OpenAPI document says of the API as a whole.
func describe(version string) huma.Config {
	c := huma.DefaultConfig("Skein", version)
	c.Info.Description = "Runs, calls, bills, budgets and keys. Every verb of the command line is here."
	c.Servers = []*huma.Server{{URL: Base}}
	c.DocsPath, c.SchemasPath = "", "" // the document is enough, and its pages would load scripts from elsewhere
	c.CreateHooks = nil
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "A key of Skein, sk-skein-…"},
	}
	c.Security = []map[string][]string{{"key": {}}}
	return c
}

// schemaName tells types of the same name in several packages apart.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if pkg := path.Base(t.PkgPath()); t.Name() != "" && pkg != "." && pkg != "api" && pkg != "huma" && pkg != "v2" {
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == Base+"/openapi.json" {
		h.mux.ServeHTTP(w, r)
		return
	}
	p, err := h.guard.Check(r)
	if err != nil {
		status := http.StatusUnauthorized
		if errors.Is(err, auth.ErrForeign) {
			status = http.StatusForbidden
		}
		writeProblem(w, &Error{Status: status, Message: err.Error()})
		return
	}
	asked := r
	r = r.WithContext(withWelcome(auth.With(r.Context(), p), func() bool {
		_, err := h.guard.Check(asked)
		return err == nil
	}))
	if r.Body != nil && r.Body != http.NoBody {
		if e := readWhole(w, r); e != nil {
			writeProblem(w, e)
			return
		}
	}
	if _, pattern := h.mux.Handler(r); pattern == "" {
		h.unknown(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// unknown answers for paths and methods that are not there; the mux would do so
// in plain text.
func (h *handler) unknown(w http.ResponseWriter, r *http.Request) {
	rec := &statusOnly{header: http.Header{}}
	h.mux.ServeHTTP(rec, r)
	if rec.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", rec.header.Get("Allow"))
		writeProblem(w, &Error{Status: rec.status, Message: r.URL.Path + " does not take " + r.Method, Mend: "it takes " + rec.header.Get("Allow")})
		return
	}
	writeProblem(w, &Error{Status: http.StatusNotFound, Message: "there is no " + r.URL.Path, Mend: Base + "/openapi.json describes what there is"})
}

type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }

// readWhole reads a body within a time. The deadline is taken back afterwards:
// it would otherwise end the request's context while the answer is made. It stays
// where the body is refused: the server may still wait for the rest of it.
func readWhole(w http.ResponseWriter, r *http.Request) *Error {
	tooLarge := &Error{Status: http.StatusRequestEntityTooLarge, Field: "body", Message: "it is larger than 4 MiB", Mend: "send it in parts"}
	if r.ContentLength > maxBody {
		return tooLarge
	}
	rc := http.NewResponseController(w)
	bounded := rc.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return &Error{Status: http.StatusBadRequest, Field: "body", Message: "it did not arrive whole: " + err.Error()}
	case len(b) > maxBody:
		return tooLarge
	}
	if bounded {
		_ = rc.SetReadDeadline(time.Time{}) // a connection that has gone needs none
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return nil
}
