package fakecloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is a failure to order: what happens, to which requests, how often.
type Fault struct {
	ID      string `json:"id,omitempty"`      // given by the stand-in
	Service string `json:"service,omitempty"` // one of [services]; empty: any
	Match   Match  `json:"match,omitzero"`
	Kind    Kind   `json:"kind"`
	Count   int    `json:"count,omitempty"`  // how many requests it hits; 0: all, until it is taken back
	ForMS   int64  `json:"for_ms,omitempty"` // for how long from now; 0: for ever

	RetryAfter  float64 `json:"retry_after,omitempty"`  // seconds, of 429 and 500
	AfterChunks int     `json:"after_chunks,omitempty"` // content chunks that a stream sends first
	DelayMS     int64   `json:"delay_ms,omitempty"`     // slow: before the answer and before each chunk

	Fired int `json:"fired,omitempty"` // how often it happened so far

	until time.Time
	seen  int // requests that matched, whether they were hit or not
}

// Match says which requests of a service are meant; members that are zero do
// not restrict.
type Match struct {
	Contains string `json:"contains,omitempty"` // in the body, the path or the ids; a company's name
	Model    string `json:"model,omitempty"`
	Op       string `json:"op,omitempty"`    // chat, responses, messages, converse, generate, embed, count; a service's own, such as PutItem
	Nth      int    `json:"nth,omitempty"`   // only the nth of those, from 1
	After    int    `json:"after,omitempty"` // not the first so many
}

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Those that need a stream hit an unstreamed answer in the
// nearest way: its body breaks off, hangs or is not JSON. At a service "cut" and
// "500_after" happen after the work was done, the others before.
const (
	Refuse     Kind = "refuse"      // the connection is closed before any header, nothing is done
	TooMany    Kind = "429"         // throttled
	ServerFail Kind = "500"         // failed, nothing is done
	Slow       Kind = "slow"        // everything takes DelayMS longer
	Stall      Kind = "stall"       // sends no more, but keeps the connection
	CutOff     Kind = "cut"         // the connection is closed in mid-answer
	Garbage    Kind = "garbage"     // a frame or body that is not JSON, then the connection's end
	ErrorEvent Kind = "error_event" // the format's own error in mid-stream
	NoEnd      Kind = "no_end"      // the stream ends in good order but without its proper end
	FailAfter  Kind = "500_after"   // everything was done and is billed, and the answer is an error
)

var kinds = map[Kind]bool{Refuse: true, TooMany: true, ServerFail: true, Slow: true, Stall: true,
	CutOff: true, Garbage: true, ErrorEvent: true, NoEnd: true, FailAfter: true}

// services are the names by which faults are ordered and the log tells services apart.
var services = []string{
	"openai", "azure", "anthropic", "bedrock", "gemini", "vertex",
	"s3", "dynamodb", "sns", "sqs", "lambda", "sts", "secretsmanager", "ssm", "athena",
	"blob", "cosmos", "tables", "servicebus", "eventgrid", "storagequeue", "functions", "keyvault",
	"gcs", "firestore", "pubsub", "bigquery", "run", "secretmanager", "iamcredentials",
}

// faults are those in force. The first that matches a request hits it.
type faults struct {
	mu    sync.Mutex
	list  []*Fault
	made  int
	calmd chan struct{} // closed when all faults are taken back: stalls end
}

func (fs *faults) order(f Fault, now time.Time) (string, error) {
	if !kinds[f.Kind] {
		return "", fmt.Errorf("order a fault: kind %q is not one of refuse, 429, 500, slow, stall, cut, garbage, error_event, no_end, 500_after", f.Kind)
	}
	if f.Service != "" && !slices.Contains(services, f.Service) {
		return "", fmt.Errorf("order a fault: service %q is not one of %s", f.Service, strings.Join(services, ", "))
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.made++
	f.ID, f.Fired, f.seen = "fault-"+strconv.Itoa(fs.made), 0, 0
	if f.ForMS > 0 {
		f.until = now.Add(time.Duration(f.ForMS) * time.Millisecond)
	}
	fs.list = append(fs.list, &f)
	return f.ID, nil
}

// hit finds the fault that befalls a request, if one does, and how a stall that
// it causes may end.
func (fs *faults) hit(req faultRequest, now time.Time) (*Fault, <-chan struct{}) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var found *Fault
	for _, f := range fs.list {
		if !f.means(req, now) {
			continue
		}
		f.seen++ // counted even where an earlier fault hits, so that "the third" means the third
		switch {
		case found != nil,
			f.Count > 0 && f.Fired >= f.Count,
			f.Match.Nth > 0 && f.seen != f.Match.Nth,
			f.seen <= f.Match.After:
			continue
		}
		f.Fired++
		hit := *f
		found = &hit
	}
	if fs.calmd == nil {
		fs.calmd = make(chan struct{})
	}
	return found, fs.calmd
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = nil
	if fs.calmd != nil {
		close(fs.calmd)
		fs.calmd = nil
	}
}

// faultRequest is what a fault may ask about a request.
type faultRequest struct {
	service, op, model, path, ids string
	body                          []byte
}

func (f *Fault) means(r faultRequest, now time.Time) bool {
	m := f.Match
	return (f.Service == "" || f.Service == r.service) &&
		(m.Op == "" || m.Op == r.op) &&
		(m.Model == "" || m.Model == r.model) &&
		(f.until.IsZero() || now.Before(f.until)) &&
		(m.Contains == "" || bytes.Contains(r.body, []byte(m.Contains)) ||
			strings.Contains(r.path, m.Contains) || strings.Contains(r.ids, m.Contains))
}

func (s *Server) orderFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		http.Error(w, "read the fault: "+err.Error(), http.StatusBadRequest)
		return
	}
	id, err := s.Order(f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]string{"id": id})
}

func (s *Server) listFaults(w http.ResponseWriter, _ *http.Request) {
	s.faults.mu.Lock()
	list := []Fault{}
	for _, f := range s.faults.list {
		list = append(list, *f)
	}
	s.faults.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"faults": list})
}

func (s *Server) clearFaults(w http.ResponseWriter, _ *http.Request) {
	s.Clear()
	w.WriteHeader(http.StatusNoContent)
}

// sleep waits for d, or until the client is gone.
func sleep(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// retryAfter is the header that says when to come again.
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

// hangUp closes the connection: before any header it looks like a refusal,
// later like a cut.
func hangUp() { panic(http.ErrAbortHandler) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone, and nothing is left to tell it
}
