package fakecloud

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/price"
)

const maxBody = 32 << 20

// outcome is what a service did and how it answers. It is made under the
// service's lock, logged, and only then sent, so that nobody can see an answer
// that the log does not hold.
type outcome struct {
	line   Line
	status int
	header map[string]string
	body   []byte
}

// requestMeters count a request that the service has dealt with, whatever the
// answer. What it moved or changed is counted by its handler.
var requestMeters = map[string]price.Meter{
	"objects.list": price.MeterList, "objects.get": price.MeterGet, "objects.put": price.MeterPut,
	"table.put": price.MeterWrites, "table.get": price.MeterReads, "table.scan": price.MeterReads,
}

// handler does one request's work on the service's state.
type handler func(r *http.Request, body []byte) outcome

// service wraps a handler with what all services share: ids, faults, log.
func (s *Server) service(name, op string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		command, effect := r.Header.Get("X-Skein-Command"), r.Header.Get("X-Skein-Effect")
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			status := http.StatusBadRequest // the client went away, or sent too much
			if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
				status = http.StatusRequestEntityTooLarge
			}
			s.answerService(w, outcome{status: status, body: problem("read the body: " + err.Error())},
				Line{Service: name, Op: op, Command: command, Effect: effect})
			return
		}
		fault, calm := s.faults.hit(faultRequest{service: name, op: op, path: r.URL.RequestURI(),
			ids: command + " " + effect, body: body}, s.opts.Now())
		base := Line{Service: name, Op: op, Command: command, Effect: effect, Resource: resourceOf(r)}
		if fault != nil {
			base.Fault, base.FaultID = string(fault.Kind), fault.ID
			if s.failBefore(w, r, fault, calm, base) {
				return
			}
		}
		if meter := requestMeters[name+"."+op]; meter != "" {
			base.Readings = map[string]int64{string(meter): 1}
		}
		out := h(r, body)
		if fault != nil {
			s.failAfter(w, fault, out, base)
			return
		}
		s.answerService(w, out, base)
	}
}

// failBefore makes the faults that come before the work; it reports whether the
// request is over.
func (s *Server) failBefore(w http.ResponseWriter, r *http.Request, f *Fault, calm <-chan struct{}, base Line) bool {
	switch f.Kind {
	case Refuse:
		s.log.write(base.with("request", 0))
		hangUp()
	case TooMany:
		s.answerService(w, outcome{status: http.StatusTooManyRequests, header: retryAfter(f),
			body: problem("too many requests, slow down")}, base)
		return true
	case ServerFail, ErrorEvent:
		s.answerService(w, outcome{status: http.StatusInternalServerError, header: retryAfter(f),
			body: problem("we had an internal error, nothing was done")}, base)
		return true
	case Slow:
		sleep(r, time.Duration(f.DelayMS)*time.Millisecond)
		return false
	case Stall:
		s.log.write(base.with("request", 0))
		select {
		case <-calm:
		case <-r.Context().Done():
		}
		hangUp()
	}
	return false
}

// failAfter makes the faults that come when the work is done: the log says that
// it was, and the client does not hear it.
func (s *Server) failAfter(w http.ResponseWriter, f *Fault, out outcome, base Line) {
	if out.line.Readings != nil && base.Op == "get" && f.Kind != Slow {
		// Of a read only what was sent counts.
		n := 0
		if f.Kind == CutOff || f.Kind == NoEnd {
			n = len(out.body) / 2
		}
		if _, ok := out.line.Readings[string(price.MeterBytesRead)]; ok {
			out.line.Readings[string(price.MeterBytesRead)], out.line.Bytes = int64(n), int64(n)
		}
	}
	switch f.Kind {
	case FailAfter:
		s.log.write(out.merge(base).with("request", http.StatusInternalServerError))
		send(w, http.StatusInternalServerError, retryAfter(f), problem("we had an internal error"))
	case CutOff, NoEnd:
		s.log.write(out.merge(base).with("request", out.status))
		if len(out.body) > 1 && base.Op == "get" { // a read breaks off in its middle
			w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
			w.WriteHeader(out.status)
			_, _ = w.Write(out.body[:len(out.body)/2])
			_ = http.NewResponseController(w).Flush()
		}
		hangUp()
	case Garbage:
		s.log.write(out.merge(base).with("request", out.status))
		send(w, out.status, out.header, []byte("\x00<html>{\"item\": garbage"))
	default:
		s.answerService(w, out, base)
	}
}

func (s *Server) answerService(w http.ResponseWriter, out outcome, base Line) {
	s.log.write(out.merge(base).with("request", out.status))
	send(w, out.status, out.header, out.body)
}

func send(w http.ResponseWriter, status int, header map[string]string, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	for k, v := range header {
		if strings.HasPrefix(k, "x-amz-meta-") { // whose names clients of S3 take as they come
			w.Header()[k] = []string{v}
			continue
		}
		w.Header().Set(k, v)
	}
	if w.Header().Get("Content-Length") == "" { // the answer to HEAD says how long another would be
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; the log has what was done
}

// merge adds what the request is known by to what was done.
func (o outcome) merge(base Line) Line {
	ln := o.line
	ln.Service, ln.Op, ln.Command, ln.Effect = base.Service, base.Op, base.Command, base.Effect
	ln.Fault, ln.FaultID = base.Fault, base.FaultID
	if ln.Resource == "" {
		ln.Resource = base.Resource
	}
	readings := maps.Clone(base.Readings)
	if readings == nil {
		readings = ln.Readings
	} else {
		maps.Copy(readings, ln.Readings)
	}
	ln.Readings = readings
	return ln
}

func (ln Line) with(event string, status int) Line {
	ln.Event, ln.Status = event, status
	return ln
}

func resourceOf(r *http.Request) string {
	for _, kind := range []string{"bucket", "table", "topic"} {
		if name := r.PathValue(kind); name != "" {
			if key := r.PathValue("key"); key != "" {
				return name + "/" + key
			}
			return name
		}
	}
	return ""
}

func retryAfter(f *Fault) map[string]string {
	if f.RetryAfter <= 0 {
		return nil
	}
	seconds := int64(f.RetryAfter)
	if float64(seconds) < f.RetryAfter {
		seconds++ // the header has whole seconds: late is safe, early is not
	}
	return map[string]string{"Retry-After": strconv.FormatInt(seconds, 10)}
}

func problem(message string) []byte { return mustJSON(map[string]string{"error": message}) }

// started is n in whole units of size, a part of one counting as one, and never
// less than one: how cloud services count requests by size.
func started(n, size int) int64 { return int64(max(1, (n+size-1)/size)) }
