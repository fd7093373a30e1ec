package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/dispatch"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// TestNothingIsSentBeforeItsRecordIsDurable: under a hard budget the upstream hears
// of the call only when the open record, which holds the bound, is on disk.
func TestNothingIsSentBeforeItsRecordIsDurable(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	b.limit(t, "1")
	seen := false
	b.journal.before = func(batch store.Batch) {
		if r := batch.Records[0]; r.Kind == ledger.KindOpen {
			seen = true
			if n := len(u.asked()); n != 0 {
				t.Errorf("the upstream was asked %d times before", n)
			}
			e, err := ledger.Decode(&r)
			if err != nil {
				t.Error(err)
				return
			}
			if e.Total().Cmp(e.Held) > 0 || len(e.Marks) != 1 || e.Marks[0] != price.MarkUnknown || e.Cause.Call != "call_1" || r.Config != "rev1" {
				t.Errorf("the open record is %s", r.Body)
			}
		}
	}
	if o := b.plain(t, t.Context()); o.err != nil || !seen {
		t.Errorf("%v, an open record was seen: %v", o.err, seen)
	}
}

// TestTheEndComesAfterTheEntry: the last of the answer is kept until the entry is
// durable, streamed or not.
func TestTheEndComesAfterTheEntry(t *testing.T) {
	for _, stream := range []bool{true, false} {
		b := newBench(t, nil, newUpstream(t, llm.Chat, none))
		var s *sink
		b.journal.before = func(batch store.Batch) {
			if batch.Records[0].Kind != ledger.KindEntry {
				return
			}
			if stream && (strings.Contains(s.out.String(), "[DONE]") || !strings.Contains(s.out.String(), "Revenue")) || !stream && s.out.Len() > 0 {
				t.Errorf("streamed %v: before the entry was durable the client had %q", stream, s.out.String())
			}
		}
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, stream, ""), func(_ *dispatch.Call, x *sink) { s = x })
		if _, _, whole := text(t, llm.Chat, stream, o.out.Bytes()); !whole {
			t.Errorf("streamed %v: the client got %q", stream, o.out.String())
		}
	}
}

// TestNothingIsLentBeforeItsEntryIsDurable: until then a crash would book the bound,
// so that is what the budget counts; also for an attempt that another one follows.
func TestNothingIsLentBeforeItsEntryIsDurable(t *testing.T) {
	b := newBench(t, nil, newUpstream(t, llm.Chat, serverError), newUpstream(t, llm.Chat, none))
	b.limit(t, "1")
	entries := 0
	b.journal.before = func(batch store.Batch) {
		if batch.Records[0].Kind != ledger.KindEntry {
			return
		}
		entries++
		e, err := ledger.Decode(&batch.Records[0])
		if err != nil {
			t.Error(err)
			return
		}
		b.purse.With(func(s *budget.State) {
			if got := s.Snapshot(time.Now())[0].Held; got.Cmp(e.Held) != 0 {
				t.Errorf("before the entry of %s was durable %s of its %s were held", e.ID, got, e.Held)
			}
		})
	}
	if o := b.plain(t, t.Context()); o.err != nil || entries != 2 || b.state.Holds() != 0 {
		t.Errorf("%v, %d entries, %d holds are left", o.err, entries, b.state.Holds())
	}
}

// TestADiskThatFailsStopsSpending: an answer that was paid for is delivered and kept
// in the reserve; then nothing is sent until records are durable again.
func TestADiskThatFailsStopsSpending(t *testing.T) {
	u := newUpstream(t, llm.Chat, none)
	b := newBench(t, nil, u)
	b.journal.before = func(batch store.Batch) {
		if batch.Records[0].Kind == ledger.KindOpen {
			b.journal.mu.Lock()
			b.journal.fail = store.ErrNoRoom
			b.journal.mu.Unlock()
		}
	}
	o := b.plain(t, t.Context())
	if _, _, whole := text(t, llm.Chat, true, o.out.Bytes()); o.err != nil || !whole {
		t.Fatalf("the answer was not delivered: %v", o.err)
	}
	if len(b.journal.reserve) != 2 || b.journal.reserve[0].Kind != ledger.KindEntry || b.Fault() == nil {
		t.Errorf("reserve %d records, fault %v", len(b.journal.reserve), b.Fault())
	}
	b.journal.before = nil
	o = b.plain(t, t.Context())
	if o.sink.err == nil || o.sink.err.Class != llm.Busy || len(u.asked()) != 1 {
		t.Errorf("with a full disk: %v, asked %d times", o.sink.err, len(u.asked()))
	}
	if len(b.journal.reserve) != 2 {
		t.Error("a call that cost nothing took room in the reserve")
	}
	b.journal.fail = nil
	if o = b.plain(t, t.Context()); o.err != nil || b.Fault() != nil {
		t.Errorf("with room again: %v, fault %v", o.err, b.Fault())
	}
}

// TestTheCallersBatchIsOne: entry, call and what the caller adds are handed over
// together; where the caller's own part is refused the money is booked all the same.
func TestTheCallersBatchIsOne(t *testing.T) {
	for _, refused := range []error{nil, fmt.Errorf("append: %w", store.ErrFenced), errors.New("the engine has halted")} {
		b := newBench(t, nil, newUpstream(t, llm.Messages, none))
		var got *dispatch.Settlement
		o := b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, s *sink) {
			s.format = ""
			c.Settle = func(_ context.Context, st *dispatch.Settlement) error {
				got = st
				if refused == nil {
					b.journal.Submit(st.Batch, func(int64, error) {})
				}
				return refused
			}
		})
		if o.err != nil || got == nil || len(got.Batch.Records) != 2 || got.Entry == nil || got.Call.Outcome != "ok" || got.Err != nil {
			t.Fatalf("%v, %+v", o.err, got)
		}
		if got.Response == nil || len(got.Response.Parts) != 1 || got.Response.Parts[0].Text != words || !got.Response.Usage.Reported {
			t.Errorf("the response is %+v", got.Response)
		}
		if len(o.events) == 0 || o.events[len(o.events)-1].Kind != llm.End || o.out.Len() > 0 {
			t.Errorf("events: %d, bytes: %d", len(o.events), o.out.Len())
		}
		if want := "open entry call"; b.journal.kinds() != want {
			t.Errorf("records: %s, want: %s (refused: %v)", b.journal.kinds(), want, refused)
		}
		if len(b.journal.reserve) > 0 || b.Fault() != nil {
			t.Errorf("refused: %v, and %d records are in the reserve; fault %v", refused, len(b.journal.reserve), b.Fault())
		}
	}
}

// TestSettleIsToldOfEveryCall, also of one that failed with no attempt.
func TestSettleIsToldOfEveryCall(t *testing.T) {
	for f, entry := range map[fault]bool{badRequest: true, cutContent: true} {
		b := newBench(t, nil, newUpstream(t, llm.Chat, f))
		told := 0
		b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) {
			c.Settle = func(_ context.Context, st *dispatch.Settlement) error {
				told++
				if st.Err == nil || (st.Entry != nil) != entry {
					t.Errorf("%s: error %v, entry %v", f, st.Err, st.Entry)
				}
				return nil
			}
		})
		if told != 1 {
			t.Errorf("%s: told %d times", f, told)
		}
	}
	b := newBench(t, nil, newUpstream(t, llm.Chat, none))
	b.limit(t, "0.0001")
	var got *dispatch.Settlement
	b.call(t, t.Context(), llm.Chat, request(llm.Chat, true, ""), func(c *dispatch.Call, _ *sink) {
		c.Settle = func(_ context.Context, st *dispatch.Settlement) error { got = st; return nil }
	})
	if got == nil || got.Entry != nil || got.Err == nil || got.Err.Class != llm.OverBudget {
		t.Errorf("refused by its budget: %+v", got)
	}
}

// TestWhatWasRecordedAndNotSentIsBookedAtNothing: its hold goes back only with an entry
// that ends its open record, or a crash would book what was lent to somebody else.
func TestWhatWasRecordedAndNotSentIsBookedAtNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newMemory(t, llm.Chat, none)
		b := newBench(t, nil, u)
		b.limit(t, "1")
		ctx, leave := context.WithCancel(t.Context())
		b.journal.before = func(batch store.Batch) {
			if batch.Records[0].Kind == ledger.KindOpen {
				leave()
				synctest.Wait() // until the call knows
			}
		}
		o := b.plain(t, ctx)
		if o.sink.err == nil || o.sink.err.Class != llm.Canceled || len(u.asked()) != 0 {
			t.Fatalf("error %v, asked %d times", o.sink.err, len(u.asked()))
		}
		if es := b.journal.entries(t); len(es) != 1 || es[0].ID != "call_1/1" || len(es[0].Charges) != 0 {
			t.Errorf("booked %s", asJSON(es))
		}
	})
}
