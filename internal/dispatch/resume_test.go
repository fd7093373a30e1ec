package dispatch_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
)

// readable is a source that can be decoded, as those of the gateway.
type readable struct{ *source }

func (s readable) Request() (*llm.Request, error) { return s.codec.DecodeRequest(s.body, nil) }

// resumable makes a call whose answer can be gone on from.
func resumable(c *dispatch.Call, _ *sink) { c.Source = readable{c.Source.(*source)} }

// TestABrokenAnswerIsGoneOnFrom at another deployment: the client reads one whole
// answer under one id, and the record has both attempts, their cost, and the seam.
func TestABrokenAnswerIsGoneOnFrom(t *testing.T) {
	for _, f := range []fault{cutContent, errorContent, missingEnd} {
		t.Run(string(f), func(t *testing.T) {
			pairs(func(client, first, second llm.Format, stream bool) {
				if !stream {
					return
				}
				t.Run(name(client, first, second, stream), func(t *testing.T) {
					t.Parallel()
					one, two := newUpstream(t, first, f), newUpstream(t, second, none)
					b := newBench(t, nil, one, two)
					o := b.call(t, t.Context(), client, request(client, true, ""), resumable)
					got, usage, whole := text(t, client, true, o.out.Bytes())
					if o.err != nil || got != words || !whole {
						t.Fatalf("the client got %q, whole %v, error %v:\n%s", got, whole, o.err, o.out.String())
					}
					if ids := strings.Count(o.out.String(), `"role":"assistant"`); ids != 1 {
						t.Errorf("the answer begins %d times:\n%s", ids, o.out.String())
					}
					if client == llm.Messages && usage.OutputTokens() < 5 {
						t.Errorf("it says that it took %+v", usage)
					}
					asked := asJSON(two.asked()[0].body["messages"])
					if !strings.Contains(asked, `"Revenue"`) || !strings.Contains(asked, "Go on with it") {
						t.Errorf("the second deployment was asked %s", asked)
					}
					r := o.rec
					if len(r.Attempts) != 2 || r.Attempts[1].Seam != "continue" || len(r.Seams) != 1 || r.Seams[0].Verdict != "continue" || r.Seams[0].After != r.Attempts[0].ID {
						t.Errorf("record %s", asJSON(r))
					}
					if o.receipt.Seams != 1 || r.Outcome != "ok" {
						t.Errorf("%d seams, outcome %s", o.receipt.Seams, r.Outcome)
					}
					if es := b.journal.entries(t); len(es) != 2 || es[0].Outcome == "ok" || es[1].Outcome != "ok" {
						t.Errorf("booked %s", asJSON(es))
					}
				})
			})
		})
	}
}

// TestWhatCannotBeJoinedIsAnErrorNotAnAnswer: the second deployment says something
// else, and nothing of it is shown.
func TestWhatCannotBeJoinedIsAnErrorNotAnAnswer(t *testing.T) {
	one, two := newUpstream(t, llm.Chat, cutContent), newUpstream(t, llm.Chat, none)
	two.words = []string{"I am sorry,", " what were we", " talking about?"}
	b := newBench(t, nil, one, two)
	o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), resumable)
	got, _, whole := text(t, llm.Chat, true, o.out.Bytes())
	if whole || got != "Revenue" || o.sink.err == nil {
		t.Errorf("the client got %q, whole %v, error %v", got, whole, o.sink.err)
	}
	if strings.Contains(o.out.String(), "sorry") {
		t.Errorf("it was shown:\n%s", o.out.String())
	}
}

// TestResumeOffEndsTheAnswer where it breaks.
func TestResumeOffEndsTheAnswer(t *testing.T) {
	two := newUpstream(t, llm.Chat, none)
	b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Resume = "off" }, newUpstream(t, llm.Chat, cutContent), two)
	o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), resumable)
	if o.sink.err == nil || len(two.asked()) != 0 {
		t.Errorf("error %v, and the second was asked %d times", o.sink.err, len(two.asked()))
	}
}

// TestABufferHidesABreak: nothing was shown yet, so the next deployment's answer is
// shown from its beginning.
func TestABufferHidesABreak(t *testing.T) {
	two := newUpstream(t, llm.Chat, none)
	b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Buffer = "100 tokens" }, newUpstream(t, llm.Chat, cutContent), two)
	o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), resumable)
	got, _, whole := text(t, llm.Chat, true, o.out.Bytes())
	if o.err != nil || got != words || !whole || len(o.rec.Seams) != 0 {
		t.Errorf("the client got %q, whole %v, error %v, seams %s", got, whole, o.err, asJSON(o.rec.Seams))
	}
	if asked := asJSON(two.asked()[0].body["messages"]); strings.Contains(asked, "Go on with it") {
		t.Errorf("the second deployment was asked %s", asked)
	}
}

// TestASlowBeginningIsHedged once it is known what is usual: the second deployment's
// answer is shown, the first one is cancelled, and both are booked.
func TestASlowBeginningIsHedged(t *testing.T) {
	for _, stream := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			one, two := newMemory(t, llm.Chat, none), newMemory(t, llm.Chat, none)
			one.delay, two.delay = 100*time.Millisecond, 100*time.Millisecond
			b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Hedge = "auto" }, one, two)
			for range 40 {
				if o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), resumable); o.err != nil {
					t.Fatal(o.err)
				}
			}
			one.set(stall)
			start := time.Now()
			o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, stream, ""), resumable)
			got, _, whole := text(t, llm.Chat, stream, o.out.Bytes())
			if o.err != nil || got != words || !whole {
				t.Fatalf("the client got %q, whole %v, error %v", got, whole, o.err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("stream %v: it took %s", stream, took)
			}
			if !o.receipt.Hedged || o.receipt.Deployment != "d2" || len(o.rec.Attempts) != 2 {
				t.Errorf("hedged %v, served by %s in %d attempts", o.receipt.Hedged, o.receipt.Deployment, len(o.rec.Attempts))
			}
			for _, m := range b.Models()[0].Deployments {
				if m.InFlight != 0 {
					t.Errorf("%s has %d under way", m.Name, m.InFlight)
				}
			}
		})
	}
}

// TestWhoWaitsForRoomIsServedInTurn: one key's many calls do not keep another's away,
// and who cannot be served in time is told how long it would take.
func TestWhoWaitsForRoomIsServedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newMemory(t, llm.Chat, none)
		u.delay = time.Second
		b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) {
			m.Deployments[0].MaxInFlight = 1
			m.MaxQueue = 40
		}, u)
		type end struct {
			key string
			err *llm.Error
		}
		ends, ids := make(chan end, 64), atomic.Int64{}
		call := func(key string) {
			o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, s *sink) {
				c.ID, c.Cause.Key = fmt.Sprintf("call_%s%d", key, ids.Add(1)), key
			})
			ends <- end{key, o.sink.err}
		}
		for range 20 {
			go call("noisy")
		}
		synctest.Wait()
		go call("quiet")
		var served, shed int
		for range 21 {
			switch e := <-ends; {
			case e.err != nil:
				shed++
				if e.err.Status != 429 || e.err.RetryAfter <= 0 {
					t.Errorf("%s was turned away with %+v", e.key, e.err)
				}
			default:
				if served++; e.key == "quiet" && served > 3 { // one was under way, and one was called before it came
					t.Errorf("the quiet key was served as number %d", served)
				}
			}
		}
		if served != 12 || shed != 9 { // one at once, ten of a quarter of the queue, and the quiet one
			t.Errorf("%d served, %d turned away", served, shed)
		}
	})
}

// TestAnAnswerIsReadOnForItsBill where so asked for: the client goes, and what is
// booked is what the provider reports.
func TestAnAnswerIsReadOnForItsBill(t *testing.T) {
	for _, how := range []string{"drain", "cancel"} {
		synctest.Test(t, func(t *testing.T) {
			u := newMemory(t, llm.Chat, none)
			u.delay = time.Second
			b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.OnHangup = how }, u)
			ctx, cancel := context.WithCancel(t.Context())
			o := b.call(t, ctx, llm.Chat, request(llm.Chat, true, ""), func(_ *dispatch.Call, s *sink) {
				s.onFrame = func() error { cancel(); return nil }
			})
			if o.rec.Outcome != string(llm.Canceled) {
				t.Errorf("%s: outcome %s", how, o.rec.Outcome)
			}
			e := b.journal.entries(t)[0]
			if reported := e.Outcome == "ok" && quantities(e.Charges) == "calls=1 input=12 output=5"; reported != (how == "drain") {
				t.Errorf("%s: booked %s %s", how, e.Outcome, quantities(e.Charges))
			}
		})
	}
}

// TestAClaimIsGivenBack: who is called out of the queue and cannot go, because its
// client has gone by then, does not keep the others waiting.
func TestAClaimIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newMemory(t, llm.Chat, none)
		u.delay = time.Second
		b := newBench(t, func(_ *dispatch.Options, m *dispatch.ModelOptions) { m.Deployments[0].MaxInFlight = 1 }, u)
		done := make(chan error, 50)
		for i := range 50 {
			ctx, leave := context.WithTimeout(t.Context(), time.Duration(i%25)*2083*time.Millisecond/2)
			go func() {
				defer leave()
				o := b.call(t, ctx, llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) { c.ID = fmt.Sprintf("call_%d", i) })
				done <- o.err
			}()
		}
		for range 50 {
			<-done
		}
		start := time.Now()
		if o := b.plain(t, t.Context()); o.err != nil || time.Since(start) > 3*time.Second {
			t.Errorf("with nobody there a call took %s: %v", time.Since(start), o.err)
		}
	})
}
