package fakecloud

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/aws"
	"github.com/skein-run/skein/internal/fakecloud/azure"
	"github.com/skein-run/skein/internal/fakecloud/gcp"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// clouds mounts the stand-ins of the clouds' services, each below an address of its
// own: /cloud/aws, /cloud/azure, /cloud/gcp.
func (s *Server) mountClouds(mux *http.ServeMux) {
	for name, c := range map[string]standin.Cloud{
		"aws": aws.New(s.opts.Resources), "azure": azure.New(s.opts.Resources), "gcp": gcp.New(s.opts.Resources),
	} {
		prefix := "/cloud/" + name
		serve := func(w http.ResponseWriter, r *http.Request) { s.cloud(w, r, c, prefix) }
		mux.HandleFunc(prefix, serve) // the SDKs that know an operation by a header ask the address itself
		mux.HandleFunc(prefix+"/", serve)
		if name == "gcp" { // Google's storage client uploads at the root of the host, whatever path its endpoint has
			mux.HandleFunc("/upload/storage/v1/", func(w http.ResponseWriter, r *http.Request) { serve(w, above(r, prefix)) })
		}
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
			came(&failed, 0)
			s.answerService(w, failed, base)
			return
		}
		if s.failBefore(w, r, fault, calm, base) {
			return
		}
		out := asOutcome(c.Do(req))
		s.broken(w, r, fault, out, base)
		return
	}
	s.answerCloud(w, c.Do(req), base)
}

// broken sends the answer as the fault has it, and logs of its body what was sent. Of
// a read that is cut off half comes; of everything else nothing.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, f *Fault, out outcome, base Line) {
	good := out.status/100 == 2 && out.status != http.StatusNoContent && r.Method != http.MethodHead
	switch f.Kind {
	case CutOff, NoEnd:
		half := 0
		if good && !out.line.Done && !out.line.Duplicate {
			half = len(out.body) / 2
		}
		came(&out, half)
		s.log.write(out.merge(base).with("request", out.status))
		if half > 0 {
			out.header = joined(out.header, map[string]string{"Content-Length": strconv.Itoa(len(out.body))})
			send(w, out.status, out.header, out.body[:half])
			_ = http.NewResponseController(w).Flush()
		}
		hangUp()
	case Garbage:
		if r.Method != http.MethodHead {
			out.body = []byte("\x00<html>{\"item\": garbage")
		}
		if came(&out, 0); good {
			came(&out, len(out.body))
		}
		s.answerService(w, out, base)
	default:
		s.answerService(w, out, base)
	}
}

// came says of an answer how many bytes of its body were sent.
func came(out *outcome, n int) {
	readings := maps.Clone(out.line.Readings)
	if n == 0 {
		delete(readings, string(price.MeterBytesRead))
	} else if readings == nil {
		readings = map[string]int64{string(price.MeterBytesRead): int64(n)}
	} else {
		readings[string(price.MeterBytesRead)] = int64(n)
	}
	out.line.Readings = readings
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

// above is r as it would be below an address.
func above(r *http.Request, prefix string) *http.Request {
	c := r.Clone(r.Context())
	c.URL.Path = prefix + r.URL.Path
	if r.URL.RawPath != "" {
		c.URL.RawPath = prefix + r.URL.RawPath
	}
	return c
}

// below is r as a cloud sees it, at its own address.
func below(r *http.Request, prefix string) *http.Request {
	c := r.Clone(r.Context())
	c.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/")
	c.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, prefix)
	return c
}
