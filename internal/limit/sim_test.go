package limit_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// provider is a stand-in that limits calls, on the virtual clock: it says whether it
// accepts one, and what its headers tell.
type provider struct {
	calls, tokens int64         // limits of a minute; 0: none
	inFlight      int           // limit; 0: none
	refills       bool          // evenly; else in windows of a minute
	sliding       bool          // in the minute before
	headers       bool          // tell what is left
	retryAfter    time.Duration // of a refusal; 0: it does not say

	usedCalls, usedTokens int64 // aligned: of the window
	window                int64
	fullCalls, fullTokens time.Time
	log                   []modelCall
	running               int
}

func (p *provider) used(now time.Time) (calls, tokens int64) {
	switch {
	case p.sliding:
		for len(p.log) > 0 && now.Sub(p.log[0].at) >= time.Minute {
			p.log = p.log[1:]
		}
		for _, c := range p.log {
			calls++
			tokens += c.tokens
		}
		return calls, tokens
	case p.refills:
		of := func(full time.Time, most int64) int64 {
			return int64(max(full.Sub(now), 0)) * most / int64(time.Minute)
		}
		return of(p.fullCalls, p.calls), of(p.fullTokens, p.tokens)
	}
	if w := int64(now.Sub(epoch) / time.Minute); w != p.window {
		p.window, p.usedCalls, p.usedTokens = w, 0, 0
	}
	return p.usedCalls, p.usedTokens
}

func (p *provider) accept(tokens int64, now time.Time) bool {
	calls, sum := p.used(now)
	if p.calls > 0 && calls >= p.calls || p.tokens > 0 && sum+tokens > p.tokens || p.inFlight > 0 && p.running >= p.inFlight {
		return false
	}
	p.running++
	p.usedCalls++
	p.usedTokens += tokens
	p.log = append(p.log, modelCall{at: now, tokens: tokens})
	later := func(full *time.Time, n, most int64) {
		if most > 0 {
			if full.Before(now) {
				*full = now
			}
			*full = full.Add(time.Duration(n * int64(time.Minute) / most))
		}
	}
	later(&p.fullCalls, 1, p.calls)
	later(&p.fullTokens, tokens, p.tokens)
	return true
}

func (p *provider) tell(now time.Time) (r limit.Reported) {
	if !p.headers {
		return r
	}
	calls, tokens := p.used(now)
	of := func(most, used int64, full time.Time) limit.Bucket {
		b := limit.Bucket{Limit: most, Remaining: most - used, Known: most > 0, Reset: time.Minute - now.Sub(epoch)%time.Minute}
		if p.refills {
			b.Reset = max(full.Sub(now), 0)
		}
		return b
	}
	r.Requests, r.Tokens = of(p.calls, calls, p.fullCalls), of(p.tokens, tokens, p.fullTokens)
	return r
}

const warm = 5 * time.Minute

type event struct {
	at  time.Time
	seq int
	do  func(now time.Time)
}

// play has so many workers call a provider as fast as a group lets them, for an hour.
// What it counts is from the fifth minute on: by then it has been learned.
func play(p *provider, workers int, took func(*rand.Rand) time.Duration, seed uint64) (accepted, refused int) {
	var g limit.Group
	chance := rand.New(rand.NewPCG(seed, 1))
	var events []event
	seq := 0
	at := func(t time.Time, do func(time.Time)) {
		seq++
		e := event{t, seq, do}
		i, _ := slices.BinarySearchFunc(events, e, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), a.seq-b.seq) })
		events = slices.Insert(events, i, e)
	}
	idle := workers
	draw := func() int64 { return 500 + chance.Int64N(1500) }
	next := draw() // whoever is first waits, whatever its size
	var woken time.Time
	var start func(now time.Time)
	start = func(now time.Time) {
		for idle > 0 {
			estimate := next
			ok, until, _ := g.Room(estimate, now)
			if !ok {
				if !until.IsZero() && (woken.IsZero() || !woken.After(now) || until.Before(woken)) {
					woken = until
					at(until, start)
				}
				return
			}
			idle--
			next = draw()
			g.Take(estimate, now)
			began := now
			at(now.Add(20*time.Millisecond), func(now time.Time) {
				ok, told := p.accept(estimate, now), p.tell(now)
				if !ok {
					at(now.Add(20*time.Millisecond), func(now time.Time) {
						if now.Sub(epoch) > warm {
							refused++
						}
						idle++
						g.Done(now.Sub(began), estimate, 0, now)
						g.Report(told, now)
						g.TooMany(p.retryAfter, now)
						start(now)
					})
					return
				}
				if now.Sub(epoch) > warm {
					accepted++
				}
				at(now.Add(480*time.Millisecond), func(now time.Time) {
					told.Took = now.Sub(began)
					g.Report(told, now)
					start(now)
				})
				at(now.Add(480*time.Millisecond+took(chance)), func(now time.Time) {
					p.running--
					idle++
					g.Done(now.Sub(began), estimate, estimate-chance.Int64N(estimate/2), now)
					g.Clear()
					start(now)
				})
			})
		}
	}
	start(epoch)
	for len(events) > 0 && events[0].at.Sub(epoch) < time.Hour {
		e := events[0]
		events = events[1:]
		e.do(e.at)
	}
	return accepted, refused
}

// TestLimitsAreUsedAndRespected: a provider that limits, and more who want to call
// than it takes. Nearly all that it allows is used, and hardly anything is refused.
func TestLimitsAreUsedAndRespected(t *testing.T) {
	short := func(r *rand.Rand) time.Duration { return time.Second + time.Duration(r.Int64N(int64(4*time.Second))) }
	long := func(r *rand.Rand) time.Duration {
		return 10*time.Second + time.Duration(r.Int64N(int64(30*time.Second)))
	}
	for _, c := range []struct {
		name    string
		p       provider
		workers int
		took    func(*rand.Rand) time.Duration
		could   int     // calls that the provider would accept in an hour; 55 minutes count
		used    float64 // at least
		refused float64 // of what it accepted, at most
	}{
		{"windows in headers", provider{calls: 100, headers: true}, 50, short, 6000, 0.95, 0.01},
		{"windows in headers, long calls", provider{calls: 100, headers: true}, 80, long, 6000, 0.95, 0.01},
		{"windows of tokens in headers", provider{tokens: 250_000, headers: true}, 50, short, 12_000, 0.95, 0.01},
		{"a refilling bucket in headers", provider{calls: 100, refills: true, headers: true}, 50, short, 6000, 0.9, 0.01},
		{"a refilling bucket of tokens in headers", provider{tokens: 250_000, refills: true, headers: true}, 50, short, 12_000, 0.9, 0.01},
		{"windows, and nothing is said", provider{calls: 100}, 50, short, 6000, 0.8, 0.02},
		{"a sliding minute, and nothing is said", provider{calls: 100, sliding: true}, 50, short, 6000, 0.8, 0.02},
		{"a sliding minute of tokens, and nothing is said", provider{tokens: 250_000, sliding: true}, 50, short, 12_000, 0.8, 0.02},
		{"a refilling bucket, and nothing is said", provider{calls: 100, refills: true}, 50, short, 6000, 0.8, 0.03},
		{"a sliding minute and Retry-After", provider{calls: 100, sliding: true, retryAfter: 10 * time.Second}, 50, short, 6000, 0.8, 0.02},
		{"eight at a time, and nothing is said", provider{inFlight: 8}, 50, short, 8 * 3600 * 10 / 35, 0.8, 0.02},
		{"eight at a time for long, and nothing is said", provider{inFlight: 8}, 50, long, 8 * 3600 * 10 / 255, 0.8, 0.02},
	} {
		t.Run(c.name, func(t *testing.T) {
			could := c.could * 55 / 60
			for seed := range uint64(2) {
				p := c.p
				accepted, refused := play(&p, c.workers, c.took, seed)
				told := fmt.Sprintf("seed %d: %d of %d calls (%.1f %%), %d refused (%.2f %%)", seed, accepted, could,
					100*float64(accepted)/float64(could), refused, 100*float64(refused)/float64(accepted))
				t.Log(told)
				if float64(accepted) < c.used*float64(could) || float64(refused) > c.refused*float64(accepted) {
					t.Error(told)
				}
			}
		})
	}
}
