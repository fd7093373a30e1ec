package fakecloud

import (
	"math"
	"net/http"
	"slices"
	"time"
)

// bucket is what is left of a limit.
type bucket struct {
	level float64
	at    time.Time // when it was so
}

// buckets are the limits that a service counts with.
var buckets = [...]struct {
	name  string
	limit func(*Limits) int64
	need  func(prompt, answer int64) int64
}{
	{"requests", func(l *Limits) int64 { return l.Requests }, func(int64, int64) int64 { return 1 }},
	{"tokens", func(l *Limits) int64 { return l.Tokens }, func(p, a int64) int64 { return p + a }},
	{"input", func(l *Limits) int64 { return l.Input }, func(p, _ int64) int64 { return p }},
	{"output", func(l *Limits) int64 { return l.Output }, func(_, a int64) int64 { return a }},
}

func (l *Limits) window() time.Duration {
	if l.WindowMS == 0 {
		return time.Minute
	}
	return time.Duration(l.WindowMS) * time.Millisecond
}

// fill lets time pass for a bucket.
func (b *bucket) fill(limit int64, window time.Duration, now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.level = min(float64(limit), b.level+float64(limit)*float64(d)/float64(window))
		b.at = now
	}
}

// after is the time until a bucket has n.
func (b *bucket) after(n, limit int64, window time.Duration) time.Duration {
	missing := float64(n) - b.level
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(limit) * float64(window)))
}

// exceeded is a limit that a request ran into.
type exceeded struct {
	name        string // of the bucket, or "concurrent"
	limit, used int64
	need        int64
	after       time.Duration // when there would be enough; 0 where there never will
}

// Quota is what was left at a service when a request was admitted, and how many were
// being answered then; -1 is not limited.
type Quota struct {
	Requests int64 `json:"requests"`
	Tokens   int64 `json:"tokens"`
	Input    int64 `json:"input"`
	Output   int64 `json:"output"`
	InFlight int   `json:"in_flight"`
}

// admit takes what an answer needs, or answers why it cannot be taken. It waits where
// others are answered first.
func (x *exchange) admit(prompt, answer int64) bool {
	if e := x.takeSeat(); e != nil {
		return x.limited(e)
	}
	p, l := x.place, x.manner.Limits
	if l == nil {
		return x.heads()
	}
	now := x.opts.Now()
	p.mu.Lock()
	var over *exceeded
	for i, b := range buckets {
		limit, need := b.limit(l), b.need(prompt, answer)
		if limit == 0 {
			continue
		}
		p.buckets[i].fill(limit, l.window(), now)
		if wait := p.buckets[i].after(need, limit, l.window()); wait > 0 && (over == nil || wait > over.after) {
			over = &exceeded{b.name, limit, limit - int64(p.buckets[i].level), need, wait}
			if need > limit {
				over.after = 0
			}
		}
	}
	var left [len(buckets)]int64
	for i, b := range buckets {
		left[i] = -1
		if limit := b.limit(l); limit > 0 {
			if over == nil {
				p.buckets[i].level -= float64(b.need(prompt, answer))
			}
			left[i] = int64(p.buckets[i].level)
		}
	}
	x.base.Quota = &Quota{left[0], left[1], left[2], left[3], p.running}
	p.mu.Unlock()
	if over != nil {
		x.leave()
		return x.limited(over)
	}
	return x.heads()
}

// heads is the time before the headers; it reports whether the client is still there.
func (x *exchange) heads() bool {
	if x.manner.Speed != nil {
		x.takes(x.manner.Speed.HeadersMS)
	}
	if x.manner.Speed != nil && x.r.Context().Err() != nil {
		x.over(ClientGone, nil, 0, 0, "")
		return false
	}
	return true
}

// takeSeat waits until there is room to be answered in.
func (x *exchange) takeSeat() *exceeded {
	p := x.place
	p.mu.Lock()
	if l := p.manner.Limits; l != nil && l.Concurrent > 0 && p.running >= l.Concurrent {
		if len(p.waiting) >= l.Queue {
			e := &exceeded{name: "concurrent", limit: int64(l.Concurrent), used: int64(p.running), need: 1}
			p.mu.Unlock()
			return e
		}
		turn := make(chan struct{})
		p.waiting = append(p.waiting, turn)
		p.mu.Unlock()
		select {
		case <-turn: // whoever called has counted this one already
		case <-x.r.Context().Done():
			p.mu.Lock()
			i := slices.Index(p.waiting, turn)
			if i >= 0 {
				p.waiting = slices.Delete(p.waiting, i, i+1)
			}
			p.mu.Unlock()
			if i < 0 { // it was called just now
				x.seated = true
				x.leave()
			}
			x.over(ClientGone, nil, 0, 0, "")
			hangUp()
		}
		x.seated = true
		return nil
	}
	p.running++
	p.mu.Unlock()
	x.seated = true
	return nil
}

// seat calls those who wait, as far as there is room; p.mu is held.
func (p *place) seat() {
	for len(p.waiting) > 0 && (p.manner.Limits == nil || p.manner.Limits.Concurrent == 0 || p.running < p.manner.Limits.Concurrent) {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
		p.running++
	}
}

// leave gives up what a request holds while it is answered. It may be called again.
func (x *exchange) leave() {
	if !x.seated {
		return
	}
	x.seated = false
	p := x.place
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.kept -= x.kept
	p.seat()
}

// limited refuses a request that ran into a limit.
func (x *exchange) limited(over *exceeded) bool {
	e := overLimit(x.base.Service, x.base.Model, over)
	if over.name == "concurrent" && x.base.Service == "vllm" {
		e = &apiError{status: http.StatusServiceUnavailable, kind: "ServiceUnavailableError", message: "Too many requests are waiting to be processed."}
	}
	x.base.Ended, x.base.Limit = Refused, over.name
	x.log.write(x.base.with("end", e.status))
	x.fail(e)
	return false
}
