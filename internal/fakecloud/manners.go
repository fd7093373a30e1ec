package fakecloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Manner is how a model service, or one model of it, behaves until it is told
// otherwise. What is zero is as without a manner.
type Manner struct {
	Service   string    `json:"service"`             // one of the model services
	Model     string    `json:"model,omitempty"`     // empty: all models that have no manner of their own, together
	Limits    *Limits   `json:"limits,omitempty"`    // how much it takes
	Speed     *Speed    `json:"speed,omitempty"`     // how fast it is
	Continues Continues `json:"continues,omitempty"` // what it makes of a request to go on with an answer
	Prefill   *bool     `json:"prefill,omitempty"`   // whether it goes on with an answer that the request has begun
	HangUp    HangUp    `json:"hang_up,omitempty"`   // what it bills when the client leaves
	Replica   *Replica  `json:"replica,omitempty"`   // what the machine of one's own says of itself; service vllm only
}

// Limits are what a service takes: token buckets, full at first and filled again evenly
// in the course of a window. A request takes one, and its tokens: the whole prompt and
// the whole answer, which the stand-in knows beforehand. One that is refused takes
// nothing. What is zero is not limited.
type Limits struct {
	Requests   int64 `json:"requests,omitempty"`
	Tokens     int64 `json:"tokens,omitempty"`     // of prompt and answer
	Input      int64 `json:"input,omitempty"`      // tokens of the prompt, where a service counts them apart
	Output     int64 `json:"output,omitempty"`     // and of the answer
	Concurrent int   `json:"concurrent,omitempty"` // requests at once
	Queue      int   `json:"queue,omitempty"`      // how many more wait instead of being refused, as at vLLM
	WindowMS   int64 `json:"window_ms,omitempty"`  // 0 is a minute
}

// Speed is how fast a service answers. With n requests under way at once, everything
// takes 1 + Load × (n-1) times as long: a brown-out under load.
type Speed struct {
	HeadersMS       float64 `json:"headers_ms,omitempty"` // before the headers
	FirstMS         float64 `json:"first_ms,omitempty"`   // between them and the first content
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	Load            float64 `json:"load,omitempty"`
}

// HangUp is what happens to an answer whose client leaves.
type HangUp string

// The ways to take it.
const (
	Stops   HangUp = "stop"     // the model stops; what was sent is billed
	BillAll HangUp = "bill_all" // the model goes on; the whole answer is billed
)

// manners are those in force, with what each needs to know while it is.
type manners struct {
	mu     sync.Mutex
	places map[[2]string]*place // by service and model
}

// place is where requests come to that are limited together, and wait for each other.
type place struct {
	mu      *sync.Mutex // of all places
	manner  Manner
	told    bool // somebody said how it behaves
	buckets [len(buckets)]bucket
	running int
	waiting []chan struct{} // who waits to run, in order
	gauges
}

// at is the place of a model's requests, and how it behaves now.
func (m *manners) at(service, model string) (*place, Manner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.places[[2]string{service, model}]
	if p == nil || !p.told {
		p = m.place(service, "")
	}
	return p, p.manner
}

func (m *manners) place(service, model string) *place {
	if m.places == nil {
		m.places = map[[2]string]*place{}
	}
	at := [2]string{service, model}
	if m.places[at] == nil {
		m.places[at] = &place{mu: &m.mu, manner: Manner{Service: service, Model: model}}
	}
	return m.places[at]
}

// set changes what the new manner says, and lets the rest be.
func (m *manners) set(n Manner, now time.Time) error {
	switch {
	case !slices.Contains(modelServices, n.Service):
		return fmt.Errorf("set a manner: service %q is not one of %s", n.Service, strings.Join(modelServices, ", "))
	case n.Continues != "" && !slices.Contains(continuations, n.Continues):
		return fmt.Errorf("set a manner: continues %q is not one of %s", n.Continues, listed(continuations))
	case n.HangUp != "" && n.HangUp != Stops && n.HangUp != BillAll:
		return fmt.Errorf("set a manner: hang_up %q is not one of %s, %s", n.HangUp, Stops, BillAll)
	case n.Replica != nil && n.Service != "vllm":
		return fmt.Errorf("set a manner: %s is no machine of one's own: only vllm has a replica", n.Service)
	case n.Replica != nil && n.Replica.Engine != "" && engines[n.Replica.Engine] == nil:
		return fmt.Errorf("set a manner: engine %q is not one of llamacpp, sglang, vllm", n.Replica.Engine)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.place(n.Service, n.Model)
	p.told = true
	if n.Limits != nil {
		p.manner.Limits = n.Limits
		for i, b := range buckets {
			p.buckets[i] = bucket{level: float64(b.limit(n.Limits)), at: now}
		}
		p.seat() // there may be more room
	}
	if n.Speed != nil {
		p.manner.Speed = n.Speed
	}
	if n.Continues != "" {
		p.manner.Continues = n.Continues
	}
	if n.Prefill != nil {
		p.manner.Prefill = n.Prefill
	}
	if n.HangUp != "" {
		p.manner.HangUp = n.HangUp
	}
	if n.Replica != nil {
		p.manner.Replica = n.Replica
	}
	return nil
}

// forget lets everything behave as at first. Who waits may run.
func (m *manners) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, p := range m.places {
		p.manner, p.told = Manner{Service: at[0], Model: at[1]}, false
		p.seat()
	}
}

func (m *manners) list() []Manner {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []Manner{}
	for _, p := range m.places {
		if p.told {
			out = append(out, p.manner)
		}
	}
	slices.SortFunc(out, func(a, b Manner) int { return strings.Compare(a.Service+" "+a.Model, b.Service+" "+b.Model) })
	return out
}

// Behave makes a service, or one model of it, behave in a manner; what a second one does
// not say stays as it was.
func (s *Server) Behave(m Manner) error { return s.manners.set(m, s.opts.Now()) }

// Forget takes all manners back.
func (s *Server) Forget() { s.manners.forget() }

func (s *Server) setManner(w http.ResponseWriter, r *http.Request) {
	var m Manner
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		http.Error(w, "read the manner: "+err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.Behave(m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) listManners(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"manners": s.manners.list()})
}

func (s *Server) forgetManners(w http.ResponseWriter, _ *http.Request) {
	s.Forget()
	w.WriteHeader(http.StatusNoContent)
}

// slower is how many times as long everything takes under the load that there is.
func (x *exchange) slower() float64 {
	x.place.mu.Lock()
	defer x.place.mu.Unlock()
	return 1 + x.manner.Speed.Load*float64(max(x.place.running-1, 0))
}

func (x *exchange) takes(ms float64) {
	if ms > 0 {
		sleep(x.r, time.Duration(ms*x.slower()*float64(time.Millisecond)))
	}
}

// begins is the time before the first content.
func (x *exchange) begins() {
	if x.manner.Speed != nil {
		x.takes(x.manner.Speed.FirstMS)
	}
}

// paces is the time before a piece.
func (x *exchange) paces(p piece) {
	pace := x.opts.Pace
	if x.fault != nil && x.paced >= x.fault.AfterChunks {
		pace += x.delay()
	}
	x.paced++
	sleep(x.r, pace)
	x.talks(textTokens(len(p.text)))
}

func (x *exchange) talks(tokens int64) {
	if x.manner.Speed != nil && x.manner.Speed.TokensPerSecond > 0 {
		x.takes(float64(tokens) * 1000 / x.manner.Speed.TokensPerSecond)
	}
}

// slowly is the time of an answer that is no stream.
func (x *exchange) slowly(u *Usage) {
	x.begins()
	x.talks(u.Output + u.Reasoning)
	if x.struck(Pause) {
		x.waits(x.fault.delay(0))
	}
}
