package azure

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// functions are Functions that HTTP requests start, with the level "function": a key
// has to be brought. A function that fails answers 500 and no more, as one does whose
// exception nobody has caught. The address of the app itself answers whoever asks.
// https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
type functions struct {
	resources standin.Resources
	ids       *ids
}

func newFunctions(r standin.Resources, ids *ids) *functions { return &functions{r, ids} }

func (s *functions) locate(r *standin.Request, path []string) place {
	p := place{account: unescaped(path[0]), scope: "functions/" + unescaped(path[0])}
	if len(path) < 3 && strings.Join(path[1:], "") == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		p.op = "GetApp"
	}
	if len(path) == 3 && path[1] == "api" && path[2] != "" && (r.Method == http.MethodPost || r.Method == http.MethodGet) {
		p.op, p.name = "Invoke", unescaped(path[2])
		p.resource, p.scope = p.name, p.scope+"/"+p.name
		p.charged(price.MeterInvocations, 1)
	}
	return p
}

func (s *functions) admit(r *standin.Request) (string, *refusal) {
	if token, ok := bearer(r); ok {
		return token, nil
	}
	app := len(strings.Split(strings.Trim(r.URL.Path, "/"), "/")) < 3
	if r.Header.Get("x-functions-key") != "" || r.URL.Query().Get("code") != "" || app {
		return "key", nil
	}
	return "", &refusal{status: http.StatusUnauthorized}
}

func (s *functions) forbid(*standin.Request, place) refusal {
	return refusal{status: http.StatusForbidden}
}

// fail has no body, since the host has none for what it refuses.
func (s *functions) fail(_ *standin.Request, f refusal) standin.Outcome {
	return standin.Outcome{Status: f.status, Header: joined(f.header, map[string]string{"Content-Type": "text/plain; charset=utf-8"})}
}

func (s *functions) do(r *standin.Request, p place) standin.Outcome {
	if p.op == "GetApp" {
		return standin.Outcome{Status: http.StatusOK, Header: map[string]string{"Content-Type": "text/html"}, Body: []byte("<html><body>Your Functions app is up and running</body></html>")}
	}
	f := s.resources.Functions[p.name]
	if f == nil {
		return s.fail(r, refusal{status: http.StatusNotFound})
	}
	answer, err := f(r.Body)
	out := standin.Outcome{Status: http.StatusOK, Header: map[string]string{"Content-Type": jsonType + "; charset=utf-8"}, Body: answer}
	if err != nil {
		out = s.fail(r, refusal{status: http.StatusInternalServerError})
	}
	out.Done, out.Bytes, out.Message = true, int64(len(r.Body)), guid(s.ids.next())
	return out
}
