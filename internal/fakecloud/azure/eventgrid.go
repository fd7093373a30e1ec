package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// eventGrid takes events for custom topics whose schema is CloudEvents 1.0. It
// remembers nothing: what is published twice is delivered twice.
// https://learn.microsoft.com/azure/event-grid/cloud-event-schema
type eventGrid struct {
	resources standin.Resources
	ids       *ids
}

func newEventGrid(r standin.Resources, ids *ids) *eventGrid { return &eventGrid{r, ids} }

const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"
	mostEvents = 1 << 20
)

func (s *eventGrid) locate(r *standin.Request, path []string) place {
	p := place{name: unescaped(path[0])}
	p.resource, p.scope = p.name, "eventgrid/"+p.name
	if len(path) == 3 && path[1] == "api" && path[2] == "events" && r.Method == http.MethodPost {
		p.op = "PublishEvents"
		n := int64(1)
		if events, bad := eventsOf(r); bad == nil {
			n = 0
			for _, e := range events {
				n += started(len(e), messageUnit)
			}
		}
		p.charged(price.MeterPublishes, n)
	}
	return p
}

func (s *eventGrid) admit(r *standin.Request) (string, *refusal) {
	if token, ok := bearer(r); ok {
		return token, nil
	}
	if r.Header.Get("aeg-sas-key") != "" || r.Header.Get("aeg-sas-token") != "" {
		return "key", nil
	}
	return "", &refusal{status: http.StatusUnauthorized, code: "Unauthorized",
		message: "Request must contain one of the following authorization signature: aeg-sas-token, aeg-sas-key, Authorization."}
}

func (s *eventGrid) forbid(*standin.Request, place) refusal {
	return refusal{status: http.StatusForbidden, code: "Forbidden",
		message: "The principal associated with access token presented with the incoming request does not have permission to send data."}
}

func (s *eventGrid) fail(_ *standin.Request, f refusal) standin.Outcome {
	if f.code == throttled {
		f.code, f.message = "TooManyRequests", "The request was throttled. Retry after some time."
	}
	id := guid(s.ids.next())
	out := jsonError(f.status, f.code, f.message+" Report '"+id+"' to our forums for assistance or raise a support ticket.")
	out.Header["x-ms-request-id"] = id
	return out
}

// eventsOf are the events of a request, each as it came.
func eventsOf(r *standin.Request) ([]json.RawMessage, *refusal) {
	wrong := &refusal{status: http.StatusBadRequest, code: "BadRequest"}
	body := bytes.TrimSpace(r.Body)
	switch kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) {
	case oneEvent:
		if len(body) == 0 || body[0] != '{' || !json.Valid(body) {
			wrong.message = "The body is not one event in JSON."
			return nil, wrong
		}
		return []json.RawMessage{body}, nil
	case manyEvents:
		var events []json.RawMessage
		if err := json.Unmarshal(body, &events); err != nil || len(events) == 0 {
			wrong.message = "The body is not a list of events in JSON."
			return nil, wrong
		}
		return events, nil
	default:
		wrong.status, wrong.code = http.StatusUnsupportedMediaType, "UnsupportedMediaType"
		wrong.message = "The topic takes CloudEvents 1.0 as " + oneEvent + " or " + manyEvents + "."
		return nil, wrong
	}
}

func (s *eventGrid) do(r *standin.Request, p place) standin.Outcome {
	switch {
	case r.URL.Query().Get("api-version") == "":
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "BadRequest", message: "The api-version query parameter is missing. The supported version is 2018-01-01."})
	case !slices.ContainsFunc(s.resources.Topics, func(t string) bool { n, _ := standin.Named(t); return n == p.name }):
		return s.fail(r, refusal{status: http.StatusNotFound, code: "NotFound", message: "There is no topic " + p.name + "."})
	case len(r.Body) > mostEvents:
		return s.fail(r, refusal{status: http.StatusRequestEntityTooLarge, code: "PayloadTooLarge", message: "The maximum size (1048576) has been exceeded."})
	}
	events, bad := eventsOf(r)
	if bad != nil {
		return s.fail(r, *bad)
	}
	out := standin.Outcome{Status: http.StatusOK, Header: map[string]string{"x-ms-request-id": guid(s.ids.next())}, Done: true, Bytes: int64(len(r.Body))}
	for _, raw := range events {
		e, err := readEvent(raw)
		if err != nil {
			return s.fail(r, refusal{status: http.StatusBadRequest, code: "BadRequest", message: err.Error()})
		}
		if out.Message == "" {
			out.Message, out.Subject = e.ID, e.Subject
		}
	}
	return out
}

type cloudEvent struct {
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	SpecVersion string          `json:"specversion"`
	Subject     string          `json:"subject"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
	DataBase64  *string         `json:"data_base64"`
}

func readEvent(raw []byte) (*cloudEvent, error) {
	var e cloudEvent
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, fmt.Errorf("the event is not a CloudEvent in JSON: %w", err)
	}
	switch {
	case e.SpecVersion != "1.0":
		return nil, fmt.Errorf("the specversion %q of an event is not 1.0", e.SpecVersion)
	case e.ID == "", e.Source == "", e.Type == "":
		return nil, fmt.Errorf("an event lacks one of id, source and type")
	case e.DataBase64 != nil && e.Data != nil:
		return nil, fmt.Errorf("an event has data and data_base64")
	}
	if e.Time != "" {
		if _, err := time.Parse(time.RFC3339, e.Time); err != nil {
			return nil, fmt.Errorf("the time of an event is not in RFC 3339 form")
		}
	}
	return &e, nil
}
