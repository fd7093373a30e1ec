package cred

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source gives numbered tokens that are good for an hour.
type source struct {
	calls atomic.Int64
	takes time.Duration
	fails atomic.Bool
}

func (s *source) fetch(ctx context.Context) (int64, time.Time, error) {
	n := s.calls.Add(1)
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return 0, time.Time{}, ctx.Err()
	}
	if s.fails.Load() {
		return 0, time.Time{}, errors.New("not now")
	}
	return n, time.Now().Add(time.Hour), nil
}

func TestACrowdIsOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: time.Second}
		f := newFresh(s.fetch)
		defer f.close()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if v, err := f.get(t.Context()); v != 1 || err != nil {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		wg.Wait()
		if n := s.calls.Load(); n != 1 {
			t.Errorf("%d renewals for a crowd", n)
		}
	})
}

func TestRenewalIsOffTheHotPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: 2 * time.Second}
		f := newFresh(s.fetch)
		defer f.close()
		get := func() int64 {
			start := time.Now()
			v, err := f.get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); v > 1 && d > 0 {
				t.Errorf("a request waited %s for a renewal", d)
			}
			return v
		}
		get()
		time.Sleep(50 * time.Minute)
		if get() != 1 || s.calls.Load() != 1 {
			t.Error("renewed long before the end")
		}
		time.Sleep(8 * time.Minute) // two minutes before the end
		if get() != 1 {
			t.Error("the old one was not given out while it is good")
		}
		synctest.Wait()
		time.Sleep(3 * time.Second)
		if get() != 2 {
			t.Error("it was not renewed in the background")
		}
	})
}

func TestAFailedRenewalKeepsWhatIsGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		f := newFresh(s.fetch)
		defer f.close()
		if _, err := f.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.fails.Store(true)
		time.Sleep(57 * time.Minute)
		for range 10 {
			if v, err := f.get(t.Context()); v != 1 || err != nil {
				t.Fatalf("got %d, %v while the old one is good", v, err)
			}
			synctest.Wait()
		}
		if n := s.calls.Load(); n != 2 {
			t.Errorf("%d tries in no time", n)
		}
		time.Sleep(3 * time.Minute) // it has ended
		if _, err := f.get(t.Context()); err == nil {
			t.Error("an ended one was given out")
		}
		before := s.calls.Load()
		for range 10 {
			_, _ = f.get(t.Context())
		}
		if n := s.calls.Load(); n != before {
			t.Errorf("a failure was asked for again %d times within a second", n-before)
		}
		s.fails.Store(false)
		time.Sleep(2 * time.Second)
		if _, err := f.get(t.Context()); err != nil {
			t.Errorf("it did not come back: %v", err)
		}
	})
}

func TestARefusedOneIsHadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		f := newFresh(s.fetch)
		defer f.close()
		_, _ = f.get(t.Context())
		f.forget() // too new: the same would come
		if v, _ := f.get(t.Context()); v != 1 {
			t.Error("a new one was let go of")
		}
		time.Sleep(time.Minute)
		f.forget()
		if v, _ := f.get(t.Context()); v != 2 {
			t.Error("a refused one was given out again")
		}
	})
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{takes: time.Minute}
		f := newFresh(s.fetch)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := f.close(); err != nil { // and ends the renewal
			t.Error(err)
		}
		if _, err := f.get(t.Context()); err == nil {
			t.Error("a closed one gives")
		}
	})
}
