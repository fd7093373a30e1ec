package fakecloud

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// faults are those in force. The first that matches a request hits it.
type faults struct {
	mu    sync.Mutex
	list  []*Fault
	made  int
	calmd chan struct{} // closed when all faults are taken back: stalls end
}

func (fs *faults) order(f Fault, now time.Time) (string, error) {
	if err := f.check(); err != nil {
		return "", err
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
			f.seen <= f.Match.After,
			f.Every > 1 && (f.seen-f.Match.After-1)%f.Every != 0:
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
	cloud                         bool // it is for a service of a cloud, not for a model
}

func (f *Fault) means(r faultRequest, now time.Time) bool {
	m := f.Match
	return (f.Service == "" || f.Service == r.service) &&
		(!r.cloud || slices.Contains(anywhere, f.Kind)) &&
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
