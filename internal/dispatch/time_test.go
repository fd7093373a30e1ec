package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
)

// TestSilenceIsNotWaitedOut: a deployment that says nothing before its first content
// gets its limit, and then the next one answers.
func TestSilenceIsNotWaitedOut(t *testing.T) {
	for _, f := range []fault{stall, stallPrelude} {
		t.Run(string(f), func(t *testing.T) {
			pairs(func(client, first, second llm.Format, stream bool) {
				t.Run(name(client, first, second, stream), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						start := time.Now()
						b := newBench(t, nil, newMemory(t, first, f), newMemory(t, second, none))
						o := b.call(t, t.Context(), client, request(client, stream, ""), nil)
						b.wasSeamless(t, o, f, client, stream)
						want := 90 * time.Second // the limit of a first content
						if !stream {
							want = 5 * time.Minute // half of the deadline
						}
						if took := time.Since(start); took != want {
							t.Errorf("the second deployment was asked after %s, not %s", took, want)
						}
						if got := o.rec.Attempts[0].Outcome; got != string(llm.TimedOut) {
							t.Errorf("the first attempt ended with %s", got)
						}
					})
				})
			})
		})
	}
}

// TestSilenceAfterContentEndsTheCall after the limit between events.
func TestSilenceAfterContentEndsTheCall(t *testing.T) {
	pairs(func(client, first, second llm.Format, stream bool) {
		if !stream || second != first {
			return
		}
		t.Run(name(client, first, second, stream), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				b := newBench(t, nil, newMemory(t, first, stallContent), newMemory(t, second, none))
				o := b.call(t, t.Context(), client, request(client, stream, ""), nil)
				b.brokeInTheOpen(t, o, stallContent, client)
				if took := time.Since(start); took != time.Minute {
					t.Errorf("the call ended after %s", took)
				}
			})
		})
	})
}

// TestHeadersGoOutWhileNothingCanBeShown: after prelude_wait the client is told that
// its call lives, in its own format, and the next deployment can still take over.
func TestHeadersGoOutWhileNothingCanBeShown(t *testing.T) {
	for _, client := range []llm.Format{llm.Chat, llm.Messages} {
		t.Run(string(client), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil, newMemory(t, client, stallPrelude), newMemory(t, client, none))
				var opened time.Duration
				start := time.Now()
				o := b.call(t, t.Context(), client, request(client, true, ""), func(_ *dispatch.Call, s *sink) {
					s.onFrame = func() error {
						if opened == 0 {
							opened = time.Since(start)
						}
						return nil
					}
				})
				b.wasSeamless(t, o, stallPrelude, client, true)
				if opened != 5*time.Second {
					t.Errorf("the first sign of life came after %s", opened)
				}
				if o.frames < 9 { // every 10 s up to 90 s, then the answer
					t.Errorf("%d frames", o.frames)
				}
			})
		})
	}
}

// TestAFailureAfterHeadersIsInTheStream.
func TestAFailureAfterHeadersIsInTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, newMemory(t, llm.Chat, stallPrelude))
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil)
		if o.opened != 1 || o.sink.err == nil || o.sink.err.Class != llm.TimedOut {
			t.Errorf("opened %d, error %v", o.opened, o.sink.err)
		}
	})
}

// TestRetryAfterIsKept: alone and told to come back, the call does so, not earlier.
func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newMemory(t, llm.Chat, rate)
		b := newBench(t, nil, u)
		start := time.Now()
		time.AfterFunc(time.Second, func() { u.set(none) })
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil)
		if o.err != nil || len(o.rec.Attempts) != 2 {
			t.Fatalf("error %v after %d attempts", o.err, len(o.rec.Attempts))
		}
		if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("it came back after %s; 7s were asked for", took)
		}
	})
}

// TestNobodyWaitsLongerThanThereIsTime: with a deadline before the rest is over the
// client gets the 429 at once, with the time that is left of it.
func TestNobodyWaitsLongerThanThereIsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, newMemory(t, llm.Chat, rate))
		start := time.Now()
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) { c.Deadline = start.Add(5 * time.Second) })
		if o.sink.err == nil || o.sink.err.Class != llm.RateLimited || o.sink.err.RetryAfter < 6*time.Second {
			t.Errorf("error %+v", o.sink.err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %s to say so", took)
		}
	})
}

// TestAFullDeploymentIsQueuedFor, in order, and a call whose client goes leaves.
func TestAFullDeploymentIsQueuedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newMemory(t, llm.Chat, stall)
		b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Deployments[0].MaxInFlight = 1 }, u)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		outcomes := make([]outcome, 3)
		for i := range outcomes {
			wg.Go(func() {
				c := ctx
				if i == 2 {
					c = t.Context()
				}
				outcomes[i] = b.call(t, c, llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) { c.ID = fmt.Sprintf("call_%d", i) })
			})
			synctest.Wait()
		}
		if got := b.Models()[0].Deployments[0]; got.InFlight != 1 || len(u.asked()) != 1 {
			t.Fatalf("in flight %d, asked %d", got.InFlight, len(u.asked()))
		}
		u.set(none)
		leave() // the one in flight and the first in the queue
		wg.Wait()
		for i, o := range outcomes {
			if whole := o.err == nil; whole != (i == 2) {
				t.Errorf("call %d: %v", i+1, o.err)
			}
		}
		if got := b.Models()[0].Deployments[0].InFlight; got != 0 {
			t.Errorf("%d are in flight at the end", got)
		}
	})
}

// TestDrainWaitsForCalls, and lets no new one in.
func TestDrainWaitsForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newMemory(t, llm.Chat, stallContent)
		b := newBench(t, nil, u)
		var ended time.Time
		go func() {
			b.plain(t, t.Context())
			ended = time.Now()
		}()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Drain(short); err == nil {
			t.Error("drained while a call is under way")
		}
		s := &sink{format: llm.Chat}
		src := newSource(t, request(llm.Chat, true, ""), llm.Chat)
		rec, err := b.Do(t.Context(), dispatch.Call{ID: "call_2", Model: "smart", Source: src, Sink: s})
		if rec != nil || err == nil || s.err == nil || s.err.Class != llm.Busy {
			t.Errorf("a new call: %v, %v", rec, err)
		}
		err = b.Drain(t.Context())
		synctest.Wait()
		if err != nil || ended.IsZero() {
			t.Errorf("drained with %v, the call ended at %v", err, ended)
		}
	})
}

// TestTheClientsTimeIsNotTheProviders: what a slow client takes to read is not
// counted as the upstream's silence.
func TestTheClientsTimeIsNotTheProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, newMemory(t, llm.Chat, none))
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(_ *dispatch.Call, s *sink) {
			s.onFrame = func() error {
				time.Sleep(2 * time.Minute) // the bubble's time: the client takes it
				return nil
			}
		})
		if o.err != nil {
			t.Error(o.err)
		}
	})
}

// TestAProbeFindsOutAlone: after the rest one call tries the deployment, and when it
// works the others follow.
func TestAProbeFindsOutAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := newMemory(t, llm.Chat, serverError), newMemory(t, llm.Chat, none)
		b := newBench(t, nil, bad, good)
		for range 6 {
			b.plain(t, t.Context())
		}
		n := len(bad.asked())
		bad.set(none)
		time.Sleep(6 * time.Second)
		o := b.plain(t, t.Context())
		if o.err != nil || len(bad.asked()) != n+1 || b.Models()[0].Deployments[0].State != "ready" {
			t.Errorf("after the rest: %v, asked %d times more, %s", o.err, len(bad.asked())-n, b.Models()[0].Deployments[0].State)
		}
	})
}

// TestCallersInAHurryBlameNobody: deadlines that are too short for an answer say
// nothing of the deployment, however many there are; silence for long does.
func TestCallersInAHurryBlameNobody(t *testing.T) {
	for _, stream := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			u := newMemory(t, llm.Chat, stall)
			b := newBench(t, nil, u)
			for range 10 {
				o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, stream, ""), func(c *dispatch.Call, _ *sink) { c.Deadline = time.Now().Add(2 * time.Second) })
				if o.sink.err == nil || o.sink.err.Class != llm.TimedOut {
					t.Fatalf("streamed %v: error %v", stream, o.sink.err)
				}
			}
			if got := b.Models()[0].Deployments[0].State; got != "ready" {
				t.Errorf("streamed %v: after callers in a hurry the deployment is %q", stream, got)
			}
			for range 5 {
				b.call(t, t.Context(), llm.Chat, request(llm.Chat, stream, ""), nil)
			}
			if got := b.Models()[0].Deployments[0].State; got == "ready" {
				t.Errorf("streamed %v: a deployment that says nothing is %q", stream, got)
			}
		})
	}
}

// TestADeadlineInTheMiddleBlamesNobody: an answer that was coming and is cut off by
// the call's own deadline.
func TestADeadlineInTheMiddleBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, newMemory(t, llm.Chat, stallContent))
		for range 6 {
			b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) { c.Deadline = time.Now().Add(3 * time.Second) })
		}
		if got := b.Models()[0].Deployments[0].State; got != "ready" {
			t.Errorf("the deployment is %q", got)
		}
	})
}

// TestADrainThatIsDoneSaysSo, also to one whose patience is over.
func TestADrainThatIsDoneSaysSo(t *testing.T) {
	b := newBench(t, nil, newMemory(t, llm.Chat, none))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if err := b.Drain(over); err != nil {
			t.Fatal(err)
		}
	}
}
