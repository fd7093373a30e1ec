package fakecloud

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

const maxBody = 32 << 20

// visit is one request to a service of a cloud, with what all services share: ids,
// faults, log. It is answered once, and what was done is in the log before the answer
// leaves, so that nobody can see an answer that the log does not hold.
type visit struct {
	log   *Log
	w     http.ResponseWriter
	cloud standin.Cloud
	req   *standin.Request
	line  Line // what is known of it before it is dealt with
	fault *Fault
}

// visit answers one request to a cloud whose address is prefix.
func (s *Server) visit(w http.ResponseWriter, r *http.Request, c standin.Cloud, prefix string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	v := &visit{log: s.log, w: w, cloud: c,
		req: &standin.Request{Request: below(r, prefix), Body: body, Address: "http://" + r.Host + prefix, Now: s.opts.Now()}}
	v.line.Effect, v.line.Command = standin.Effect(r)
	v.line.Service, v.line.Op, v.line.Resource = c.Route(v.req)
	if err != nil {
		status := http.StatusBadRequest // the client went away, or sent too much
		if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		v.answer(c.Fail(v.req, status, "EntityTooLarge", "read the body: "+err.Error()))
		return
	}
	fault, calm := s.faults.hit(faultRequest{cloud: true, service: v.line.Service, op: v.line.Op, path: r.URL.RequestURI(),
		ids: v.line.Command + " " + v.line.Effect, body: body}, s.opts.Now())
	if fault == nil {
		v.answer(c.Do(v.req))
		return
	}
	v.fault, v.line.Fault, v.line.FaultID = fault, string(fault.Kind), fault.ID
	v.suffer(calm)
}

// suffer makes the request's fault happen.
func (v *visit) suffer(calm <-chan struct{}) {
	switch v.fault.Kind {
	case Refuse:
		v.write(standin.Outcome{})
		hangUp()
	case Stall:
		v.write(standin.Outcome{})
		select {
		case <-calm:
		case <-v.req.Context().Done():
		}
		hangUp()
	case TooMany:
		v.answer(v.failed(http.StatusTooManyRequests, "ThrottlingException", "slow down"))
	case ServerFail, ErrorEvent:
		v.answer(v.failed(http.StatusInternalServerError, "InternalError", "we had an internal error, nothing was done"))
	case FailAfter:
		out, failed := v.cloud.Do(v.req), v.failed(http.StatusInternalServerError, "InternalError", "we had an internal error")
		out.Status, out.Header, out.Body = failed.Status, failed.Header, failed.Body
		came(&out, 0)
		v.answer(out)
	case CutOff, NoEnd:
		v.breakOff(v.cloud.Do(v.req))
	case Garbage:
		out := v.cloud.Do(v.req)
		whole := v.hasBody(&out)
		if v.req.Method != http.MethodHead {
			out.Body = []byte("\x00<html>{\"item\": garbage")
		}
		if came(&out, 0); whole {
			came(&out, len(out.Body))
		}
		v.answer(out)
	case Slow:
		sleep(v.req.Request, time.Duration(v.fault.DelayMS)*time.Millisecond)
		v.answer(v.cloud.Do(v.req))
	}
}

// failed is the fault's error in the service's own form.
func (v *visit) failed(status int, code, message string) standin.Outcome {
	out := v.cloud.Fail(v.req, status, code, message)
	out.Header = joined(out.Header, retryAfter(v.fault))
	return out
}

// hasBody reports whether an answer is a success whose body a client counts.
func (v *visit) hasBody(out *standin.Outcome) bool {
	return out.Status/100 == 2 && out.Status != http.StatusNoContent && v.req.Method != http.MethodHead
}

// breakOff closes the connection in the middle: of a read half comes, of everything
// else nothing.
func (v *visit) breakOff(out standin.Outcome) {
	half := 0
	if v.hasBody(&out) && !out.Done && !out.Duplicate {
		half = len(out.Body) / 2
	}
	came(&out, half)
	v.write(out)
	if half > 0 {
		out.Header = joined(out.Header, map[string]string{"Content-Length": strconv.Itoa(len(out.Body))})
		send(v.w, out.Status, out.Header, out.Body[:half])
		_ = http.NewResponseController(v.w).Flush()
	}
	hangUp()
}

// answer logs what was done and sends the answer.
func (v *visit) answer(out standin.Outcome) {
	v.write(out)
	send(v.w, out.Status, out.Header, out.Body)
}

// write logs what was done. The log of a request without an answer has no status.
func (v *visit) write(out standin.Outcome) {
	ln := v.line.with("request", out.Status)
	ln.Readings, ln.Bytes, ln.Done, ln.Duplicate = out.Readings, out.Bytes, out.Done, out.Duplicate
	ln.Message, ln.Subject = out.Message, out.Subject
	if out.Resource != "" {
		ln.Resource = out.Resource
	}
	v.log.write(ln)
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

// came says of an answer how many bytes of its body were sent.
func came(out *standin.Outcome, n int) {
	readings := maps.Clone(out.Readings)
	if n == 0 {
		delete(readings, string(price.MeterBytesRead))
	} else if readings == nil {
		readings = map[string]int64{string(price.MeterBytesRead): int64(n)}
	} else {
		readings[string(price.MeterBytesRead)] = int64(n)
	}
	out.Readings = readings
}
