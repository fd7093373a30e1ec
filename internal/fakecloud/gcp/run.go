package gcp

import (
	"fmt"
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// functions are Cloud Run services that need a caller's identity. One that fails answers
// 500, in the words of the Functions Framework.
// https://cloud.google.com/run/docs/authenticating/service-to-service
type functions struct {
	resources standin.Resources
	ids       *ids
}

func newFunctions(r standin.Resources, ids *ids) *functions { return &functions{r, ids} }

func (s *functions) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) < 2 || path[0] != "run" {
		return place{}, false
	}
	p := place{name: path[1], resource: path[1], scope: "run/" + path[1]}
	if (len(path) == 2 || len(path) == 3 && path[2] == "") && (r.Method == http.MethodPost || r.Method == http.MethodGet) {
		p.op = "Invoke"
		p.charge(price.MeterInvocations, 1)
	}
	return p, true
}

// fail is an error in the page that stands before every service.
func (s *functions) fail(_ *standin.Request, f refusal) standin.Outcome {
	header := map[string]string{"Content-Type": "text/html; charset=UTF-8"}
	if f.status == http.StatusUnauthorized {
		header["WWW-Authenticate"] = `Bearer error="invalid_token" error_description="The access token could not be verified"`
	}
	text := http.StatusText(f.status)
	return standin.Outcome{Status: f.status, Header: header, Body: fmt.Appendf(nil, "<html><head>\n<title>%d %s</title>\n</head>\n<body>\n<h1>Error: %s</h1>\n</body></html>\n", f.status, text, text)}
}

func (s *functions) do(r *standin.Request, p place) standin.Outcome {
	f := s.resources.Functions[p.name]
	if f == nil {
		return s.fail(r, notFound(""))
	}
	body, err := f(r.Body)
	out := standin.Outcome{Status: http.StatusOK, Header: map[string]string{"Content-Type": "application/json"}, Body: body}
	if err != nil {
		out = standin.Outcome{Status: http.StatusInternalServerError, Header: map[string]string{"Content-Type": "text/plain; charset=utf-8", "Function-Status": "error"},
			Body: []byte("Internal Server Error")}
	}
	out.Done, out.Bytes, out.Message = true, int64(len(r.Body)), fmt.Sprintf("%024d", s.ids.next())
	return out
}
