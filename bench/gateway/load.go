package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// sample is what one shape at one target in one round showed.
type sample struct {
	calls    int
	took     time.Duration
	cpu      time.Duration   // of the measured process, for all calls
	latency  []time.Duration // of each call, sorted
	first    []time.Duration // until its first bytes, sorted
	resident int64
	broken   int
	err      error // the first answer that was not whole
}

// tally is what one connection saw.
type tally struct {
	latency, first []time.Duration
	broken         int
	err            error
}

// enough broken answers on one connection: there is nothing to measure.
const enough = 20

// note books one call.
func (t *tally) note(begun, first, end time.Time, err error) {
	if err != nil {
		t.broken++
		if t.err == nil {
			t.err = err
		}
		return
	}
	t.latency = append(t.latency, end.Sub(begun))
	t.first = append(t.first, first.Sub(begun))
}

// closed sends calls over every connection, each as soon as the last has been
// answered, until the span is over and all have their answers.
func closed(ctx context.Context, callers []*caller, s *shape, request []byte, span time.Duration) sample {
	begun := time.Now()
	end := begun.Add(span)
	tallies := make([]tally, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		t := &tallies[i]
		all.Go(func() {
			for now := time.Now(); now.Before(end) && ctx.Err() == nil && t.broken < enough; {
				first, err := c.call(s, request)
				done := time.Now()
				t.note(now, first, done, err)
				now = done
			}
		})
	}
	all.Wait()
	return gather(tallies, time.Since(begun))
}

// rated sends calls at a constant rate, whether or not earlier ones have been
// answered. Latency counts from when a call was due, so that a stall shows in
// every call that it delayed. Calls wait where all connections are taken.
func rated(ctx context.Context, callers []*caller, s *shape, request []byte, span time.Duration) sample {
	begun := time.Now()
	due := make(chan time.Time, s.rate) // a second of backlog; then the clock waits, which shows as well
	tallies := make([]tally, len(callers))
	var all sync.WaitGroup
	for i, c := range callers {
		t := &tallies[i]
		all.Go(func() {
			for at := range due {
				first, err := c.call(s, request)
				t.note(at, first, time.Now(), err)
			}
		})
	}
	step := time.Second / time.Duration(s.rate)
	for at := begun; at.Before(begun.Add(span)) && ctx.Err() == nil; at = at.Add(step) {
		time.Sleep(time.Until(at))
		due <- at
	}
	close(due)
	all.Wait()
	return gather(tallies, time.Since(begun))
}

func gather(tallies []tally, took time.Duration) sample {
	r := sample{took: took}
	for i := range tallies {
		t := &tallies[i]
		r.latency = append(r.latency, t.latency...)
		r.first = append(r.first, t.first...)
		r.broken += t.broken
		if r.err == nil {
			r.err = t.err
		}
	}
	slices.Sort(r.latency)
	slices.Sort(r.first)
	r.calls = len(r.latency)
	return r
}
