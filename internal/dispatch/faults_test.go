package dispatch_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
)

const words = "Revenue rose by 4 %."

// pairs ranges over the client's format, the first upstream's and the second's.
func pairs(f func(client, first, second llm.Format, stream bool)) {
	formats := []llm.Format{llm.Chat, llm.Messages}
	for _, client := range formats {
		for _, first := range formats {
			for _, second := range formats {
				for _, stream := range []bool{true, false} {
					f(client, first, second, stream)
				}
			}
		}
	}
}

// TestTheOperatorIsToldOfACredentialThatDoesNotWork: clients only hear that the
// operator has something to mend.
func TestTheOperatorIsToldOfACredentialThatDoesNotWork(t *testing.T) {
	var log bytes.Buffer
	b := newBench(t, func(o *dispatch.Options, _ *dispatch.ModelOptions) {
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	}, newUpstream(t, llm.Chat, unauthorized))
	if o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, false, ""), nil); o.sink.err == nil {
		t.Fatal("it was served")
	}
	for _, want := range []string{"level=WARN", "provider=p1", "class=unauthorized", "status=401"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log.String())
		}
	}
}

func name(client, first, second llm.Format, stream bool) string {
	how := "whole"
	if stream {
		how = "streamed"
	}
	return fmt.Sprintf("%s from %s then %s, %s", client, first, second, how)
}

// TestAFaultBeforeContentIsNotSeen: whatever the first deployment does before its
// first content, the client gets the second's answer, whole, and every attempt is
// booked once.
func TestAFaultBeforeContentIsNotSeen(t *testing.T) {
	for _, f := range beforeContent {
		t.Run(string(f), func(t *testing.T) {
			pairs(func(client, first, second llm.Format, stream bool) {
				t.Run(name(client, first, second, stream), func(t *testing.T) {
					t.Parallel()
					b := newBench(t, nil, newUpstream(t, first, f), newUpstream(t, second, none))
					o := b.call(t, t.Context(), client, request(client, stream, ""), nil)
					b.wasSeamless(t, o, f, client, stream)
				})
			})
		})
	}
}

// wasSeamless: the client saw nothing of the first deployment's fault.
func (b *bench) wasSeamless(t *testing.T, o outcome, f fault, client llm.Format, stream bool) {
	t.Helper()
	got, _, whole := text(t, client, stream, o.out.Bytes())
	if o.err != nil || got != words || !whole {
		t.Fatalf("the client got %q, whole %v, error %v:\n%s", got, whole, o.err, o.out.String())
	}
	b.check(t, o, "d1", "d2")
	e := b.journal.entries(t)
	if q := quantities(e[1].Charges); q != "calls=1 input=12 output=5" || len(e[1].Marks) > 0 {
		t.Errorf("the second attempt is booked with %s, %v", q, e[1].Marks)
	}
	first, want, settled := quantities(e[0].Charges), "calls=1 input=", false
	switch f {
	case refuse:
		want, settled = "", true
	case rate, overload, unauthorized:
		want, settled = "calls=1", true
	case serverError, errorPrelude: // free, unless an export says otherwise
		want = "calls=1"
	}
	if !strings.HasPrefix(first, want) || !strings.HasSuffix(want, "=") && first != want || settled == e[0].Unsettled() {
		t.Errorf("the first attempt is booked with %s, %v", first, e[0].Marks)
	}
	if !strings.Contains(o.receipt.Cost, "USD") || o.receipt.Deployment != "d2" || o.receipt.Attempts != 2 {
		t.Errorf("the receipt is %+v", o.receipt)
	}
}

// TestABreakAfterContentIsAnError: what was shown can not be taken back. The client
// gets what came and a well-formed error; what was used is booked as an estimate.
func TestABreakAfterContentIsAnError(t *testing.T) {
	for _, f := range afterContent {
		t.Run(string(f), func(t *testing.T) {
			pairs(func(client, first, second llm.Format, stream bool) {
				if !stream || second != first {
					return
				}
				t.Run(name(client, first, second, stream), func(t *testing.T) {
					t.Parallel()
					b := newBench(t, nil, newUpstream(t, first, f), newUpstream(t, second, none))
					o := b.call(t, t.Context(), client, request(client, stream, ""), nil)
					b.brokeInTheOpen(t, o, f, client)
				})
			})
		})
	}
}

// brokeInTheOpen: the client got the first word, and an error in its format.
func (b *bench) brokeInTheOpen(t *testing.T, o outcome, f fault, client llm.Format) {
	t.Helper()
	got, _, whole := text(t, client, true, o.out.Bytes())
	if got != "Revenue" || whole || o.err == nil || o.sink.err == nil {
		t.Fatalf("the client got %q, whole %v, error %v:\n%s", got, whole, o.err, o.out.String())
	}
	if !strings.Contains(o.out.String(), `"error"`) {
		t.Errorf("the stream does not end with an error:\n%s", o.out.String())
	}
	b.check(t, o, "d1")
	e := b.journal.entries(t)[0]
	if q := quantities(e.Charges); !strings.Contains(q, "input=") || !strings.Contains(q, "output=2") || len(e.Marks) == 0 || e.Marks[0] != price.MarkEstimated {
		t.Errorf("booked with %s, %v; want an estimate", q, e.Marks)
	}
}

// TestAnUnstreamedAnswerIsAllOrNothing: a body that breaks anywhere was not shown.
func TestAnUnstreamedAnswerIsAllOrNothing(t *testing.T) {
	for _, f := range afterContent {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil, newUpstream(t, llm.Chat, f), newUpstream(t, llm.Messages, none))
			o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, false, ""), nil)
			if got, _, _ := text(t, llm.Chat, false, o.out.Bytes()); got != words || o.err != nil {
				t.Fatalf("the client got %q, error %v", got, o.err)
			}
			b.check(t, o, "d1", "d2")
		})
	}
}

// TestTheClientsMistakeIsItsOwn: no other deployment is asked, and nobody rests.
func TestTheClientsMistakeIsItsOwn(t *testing.T) {
	bad, good := newUpstream(t, llm.Chat, badRequest), newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, bad, good)
	for range 6 {
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil)
		if o.sink.err == nil || o.sink.err.Class != llm.BadRequest || o.opened != 0 || len(o.rec.Attempts) != 1 {
			t.Fatalf("error %v, attempts %d", o.sink.err, len(o.rec.Attempts))
		}
	}
	if n := len(good.asked()); n != 0 {
		t.Errorf("the other deployment was asked %d times", n)
	}
	if s := b.Models()[0].Deployments[0].State; s != "ready" {
		t.Errorf("the deployment %s", s)
	}
}

// TestWhatIsToBlameRests: the next call does not go where the last one failed for a
// reason that lasts.
func TestWhatIsToBlameRests(t *testing.T) {
	for f, state := range map[fault]string{rate: "its quota is used up", unauthorized: "its credential was refused"} {
		t.Run(string(f), func(t *testing.T) {
			bad, good := newUpstream(t, llm.Chat, f), newUpstream(t, llm.Chat, none)
			b := newBench(t, nil, bad, good)
			for range 3 {
				o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil)
				if o.err != nil {
					t.Fatal(o.err)
				}
			}
			if n := len(bad.asked()); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
			if s := b.Models()[0].Deployments[0].State; s != state {
				t.Errorf("the deployment: %s; want: %s", s, state)
			}
		})
	}
	t.Run("repeated failures", func(t *testing.T) {
		bad, good := newUpstream(t, llm.Chat, serverError), newUpstream(t, llm.Chat, none)
		b := newBench(t, nil, bad, good)
		for range 8 {
			b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), nil)
		}
		if n := len(bad.asked()); n != 5 {
			t.Errorf("it was asked %d times; after 5 failures it should rest", n)
		}
	})
}

// check holds what every call must keep: records and attempts in step, one entry for
// each attempt, ids in order.
func (b *bench) check(t *testing.T, o outcome, deployments ...string) {
	t.Helper()
	if len(o.rec.Attempts) != len(deployments) {
		t.Fatalf("attempts: %s", asJSON(o.rec.Attempts))
	}
	entries := b.journal.entries(t)
	if len(entries) != len(deployments) {
		t.Fatalf("%d entries for %d attempts", len(entries), len(deployments))
	}
	for i, d := range deployments {
		id := fmt.Sprintf("call_1/%d", i+1)
		a, e := o.rec.Attempts[i], entries[i]
		if a.ID != id || e.ID != id || a.Deployment != d || e.Deployment != d || a.Outcome != e.Outcome {
			t.Errorf("attempt %d: record %s at %s, %s; entry %s at %s, %s", i+1, a.ID, a.Deployment, a.Outcome, e.ID, e.Deployment, e.Outcome)
		}
		if a.Outcome == string(llm.Unreachable) && a.Status == 0 {
			if len(e.Charges) > 0 {
				t.Errorf("entry %s of a request that never arrived has charges: %s", e.ID, asJSON(e.Charges))
			}
		} else if q := e.Charges[0]; q.Meter != price.MeterCalls || q.Quantity != 1 {
			t.Errorf("entry %s does not begin with one call: %s", e.ID, asJSON(e.Charges))
		}
		if last := i == len(deployments)-1; (a.Outcome == "ok") != (last && o.err == nil) {
			t.Errorf("attempt %d ended with %s", i+1, a.Outcome)
		}
		if e.Total().Cmp(e.Held) > 0 {
			t.Errorf("entry %s costs %s, and %s was held", e.ID, e.Total(), e.Held)
		}
	}
	if n := b.state.Holds(); n != 0 {
		t.Errorf("%d holds are left", n)
	}
	if want := strings.TrimSuffix(strings.Repeat("open entry ", len(deployments)), " ") + " call"; b.journal.kinds() != want {
		t.Errorf("records: %s; want: %s", b.journal.kinds(), want)
	}
}

func quantities(cs []price.Charge) string {
	var out []string
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%s=%d", c.Meter, c.Quantity))
	}
	return strings.Join(out, " ")
}
