package fakecloud

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/aws"
	"github.com/skein-run/skein/internal/fakecloud/azure"
	"github.com/skein-run/skein/internal/fakecloud/gcp"
	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// clouds mounts the stand-ins of the clouds' services, each below an address of its
// own: /cloud/aws, /cloud/azure, /cloud/gcp.
func (s *Server) mountClouds(mux *http.ServeMux) {
	for name, c := range map[string]standin.Cloud{
		"aws": aws.New(s.opts.Resources), "azure": azure.New(s.opts.Resources), "gcp": gcp.New(s.opts.Resources),
	} {
		prefix := "/cloud/" + name
		mux.HandleFunc(prefix+"/", func(w http.ResponseWriter, r *http.Request) { s.cloud(w, r, c, prefix) })
	}
}

// cloud answers one request to a service of a cloud, with what all services share:
// ids, faults, log.
func (s *Server) cloud(w http.ResponseWriter, r *http.Request, c standin.Cloud, prefix string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	effect, command := standin.Effect(r)
	base := Line{Command: command, Effect: effect}
	req := &standin.Request{Request: below(r, prefix), Body: body, Address: "http://" + r.Host + prefix, Now: s.opts.Now()}
	base.Service, base.Op, base.Resource = c.Route(req)
	if err != nil {
		status := http.StatusBadRequest // the client went away, or sent too much
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		s.answerCloud(w, c.Fail(req, status, "EntityTooLarge", "read the body: "+err.Error()), base)
		return
	}
	fault, calm := s.faults.hit(faultRequest{service: base.Service, op: base.Op, path: r.URL.RequestURI(),
		ids: command + " " + effect, body: body}, s.opts.Now())
	if fault != nil {
		base.Fault, base.FaultID = string(fault.Kind), fault.ID
		fail := func(status int, code, message string) outcome {
			out := asOutcome(c.Fail(req, status, code, message))
			out.header = joined(out.header, retryAfter(fault))
			return out
		}
		switch fault.Kind {
		case TooMany:
			s.answerService(w, fail(http.StatusTooManyRequests, "ThrottlingException", "slow down"), base)
			return
		case ServerFail, ErrorEvent:
			s.answerService(w, fail(http.StatusInternalServerError, "InternalError", "we had an internal error, nothing was done"), base)
			return
		case FailAfter:
			out := asOutcome(c.Do(req))
			failed := fail(http.StatusInternalServerError, "InternalError", "we had an internal error")
			failed.line = out.line
			s.answerService(w, failed, base)
			return
		}
		if s.failBefore(w, r, fault, calm, base) {
			return
		}
		out := asOutcome(c.Do(req))
		s.failAfter(w, fault, out, base)
		return
	}
	s.answerCloud(w, c.Do(req), base)
}

func (s *Server) answerCloud(w http.ResponseWriter, out standin.Outcome, base Line) {
	s.answerService(w, asOutcome(out), base)
}

func asOutcome(o standin.Outcome) outcome {
	return outcome{status: o.Status, header: o.Header, body: o.Body, line: Line{
		Readings: o.Readings, Resource: o.Resource, Bytes: o.Bytes, Done: o.Done, Duplicate: o.Duplicate,
		Message: o.Message, Subject: o.Subject,
	}}
}

func joined(a, b map[string]string) map[string]string {
	a = maps.Clone(a)
	if a == nil {
		a = map[string]string{}
	}
	maps.Copy(a, b)
	return a
}

// below is r as a cloud sees it, at its own address.
func below(r *http.Request, prefix string) *http.Request {
	c := r.Clone(r.Context())
	c.URL.Path = strings.TrimPrefix(r.URL.Path, prefix)
	c.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, prefix)
	return c
}
