package cred

import (
	"context"
	"errors"
	"sync"
	"time"
)

// fresh holds a value that expires. It is renewed some time before, in the
// background, while the old one is still given out; only where there is none do
// requests wait, all for the same renewal.
//
//	fetched            early             expires
//	|------ given out ---|-- given out, --|-- waited for
//	                     |   one renewal  |
type fresh[T any] struct {
	// fetch gets a value and the time when it expires; zero: never.
	fetch func(ctx context.Context) (T, time.Time, error)
	now   func() time.Time

	ctx  context.Context // of renewals; ends at close
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu struct {
		sync.Mutex
		value   T
		have    bool
		expires time.Time
		fetched time.Time
		flight  *flight[T] // under way
		again   time.Time  // no other renewal before
		err     error      // the last renewal's
		closed  bool
	}
}

type flight[T any] struct {
	done  chan struct{}
	value T
	err   error
}

const (
	// early is how long before its end a value is renewed. The clouds' own caches give
	// out a token for the last time about five minutes before it ends.
	early = 4 * time.Minute
	// slack is what a request may take from here to the service, clocks included.
	slack = 10 * time.Second
	// pause is between renewals that brought nothing new, or failed.
	pause = 20 * time.Second
	// failPause is how long a failure is told again before another try, where there is
	// nothing to give out: a crowd of requests is one question, too.
	failPause = time.Second
	// fetchTimeout bounds a renewal. A chain may have to try several places.
	fetchTimeout = 45 * time.Second
)

var errClosed = errors.New("the provider is closed")

func newFresh[T any](fetch func(context.Context) (T, time.Time, error)) *fresh[T] {
	f := &fresh[T]{fetch: fetch, now: time.Now}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// get is a value that is good now.
func (f *fresh[T]) get(ctx context.Context) (T, error) {
	f.mu.Lock()
	now := f.now()
	if f.good(now) {
		v := f.mu.value
		if !f.mu.expires.IsZero() && now.After(f.mu.expires.Add(-early)) && !now.Before(f.mu.again) {
			f.renew(now)
		}
		f.mu.Unlock()
		return v, nil
	}
	var none T
	if f.mu.flight == nil {
		if f.mu.err != nil && now.Before(f.mu.again) {
			err := f.mu.err
			f.mu.Unlock()
			return none, err
		}
		f.renew(now)
	}
	under := f.mu.flight
	f.mu.Unlock()
	if under == nil {
		return none, errClosed
	}
	select {
	case <-under.done:
		return under.value, under.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// good is whether there is a value to give out. The lock is held.
func (f *fresh[T]) good(now time.Time) bool {
	return f.mu.have && (f.mu.expires.IsZero() || now.Before(f.mu.expires.Add(-slack)))
}

// renew begins a renewal, unless one is under way. The lock is held.
func (f *fresh[T]) renew(now time.Time) {
	if f.mu.flight != nil || f.mu.closed {
		return
	}
	under := &flight[T]{done: make(chan struct{})}
	f.mu.flight, f.mu.again = under, now.Add(pause)
	f.wg.Go(func() {
		ctx, cancel := context.WithTimeout(f.ctx, fetchTimeout)
		defer cancel()
		v, expires, err := f.fetch(ctx)
		under.value, under.err = v, err
		f.mu.Lock()
		defer f.mu.Unlock()
		now := f.now()
		f.mu.flight, f.mu.err = nil, err
		switch {
		case err == nil:
			f.mu.value, f.mu.have, f.mu.expires, f.mu.fetched = v, true, expires, now
		case !f.good(now):
			f.mu.again = now.Add(failPause)
		}
		close(under.done)
	})
}

// forget lets go of a value that was refused, unless it is a new one: then asking
// again would bring the same.
func (f *fresh[T]) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.have && f.now().Sub(f.mu.fetched) > pause {
		f.mu.have, f.mu.err, f.mu.again = false, nil, time.Time{}
	}
}

func (f *fresh[T]) close() error {
	f.mu.Lock()
	f.mu.closed = true
	f.mu.Unlock()
	f.stop()
	f.wg.Wait()
	return nil
}
