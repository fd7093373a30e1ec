package call_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
)

// judge keeps the laws of a call's commands.
type judge struct {
	t        *rapid.T
	open     int // the open attempt; 0: none
	slots    map[uint16]int
	holds    map[int]bool
	opened   map[int]bool
	recorded map[int]bool
	settled  map[int]bool
	shownBy  int
	ends     int
	last     bool
}

func (j *judge) take(c call.Command) {
	must := func(ok bool, what string) {
		if !ok {
			j.t.Fatalf("%s (attempt %d): %s", c.Do, c.Attempt, what)
		}
	}
	must(j.ends == 0, "after the end")
	switch c.Do {
	case call.TakeSlot:
		must(j.open == 0, "while an attempt is open")
	case call.FreeSlot:
		must(j.slots[c.Candidate] > 0, "a slot that was not taken")
		j.slots[c.Candidate]--
	case call.Hold:
		must(j.open == 0 && !j.holds[c.Attempt] && !j.opened[c.Attempt], "twice")
		must(j.shownBy == 0, "another attempt after content was shown")
	case call.Return:
		must(j.holds[c.Attempt] && !j.opened[c.Attempt], "of what is not held, or was spent")
		delete(j.holds, c.Attempt)
	case call.Record:
		j.recorded[c.Attempt] = !c.Wait
	case call.Open:
		must(j.open == 0, "two attempts at a time")
		must(!j.opened[c.Attempt], "the same attempt twice")
		must(j.holds[c.Attempt], "without a hold")
		must(j.recorded[c.Attempt], "before its record is durable")
		j.open, j.opened[c.Attempt] = c.Attempt, true
	case call.Cancel:
		must(j.open == c.Attempt, "of what is not open")
	case call.Show:
		must(j.open == c.Attempt && j.shownBy == 0, "of what is not open, or twice")
		j.shownBy = c.Attempt
	case call.Settle:
		must(!j.last, "after the last")
		if c.Attempt > 0 {
			must(j.opened[c.Attempt] && j.open == 0 && !j.settled[c.Attempt], "of what has not ended, or twice")
			must(j.holds[c.Attempt], "without a hold")
			j.settled[c.Attempt] = true
			delete(j.holds, c.Attempt)
		} else {
			must(c.Last && c.Told != nil, "nothing but the call's end has no attempt")
		}
		j.last = c.Last
	case call.Finish, call.Fail:
		must(j.last, "before the settlement")
		j.ends++
	}
}

// TestEveryCallEndsInOrder plays calls in a hostile world, and judges the commands:
// every attempt ends once, every hold is settled or returned once, every slot is
// given back, no two attempts are open at a time, nothing follows content, and the
// call ends.
func TestEveryCallEndsInOrder(t *testing.T) {
	classes := []llm.ErrorClass{
		llm.BadRequest, llm.Unauthorized, llm.NotFound, llm.RateLimited, llm.ContextOverflow, llm.Filtered, llm.Overloaded,
		llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed, llm.OverBudget, llm.Busy, llm.Lossy,
	}
	rapid.Check(t, func(t *rapid.T) {
		now := epoch
		s := call.State{Config: call.Config{
			Deadline: time.Duration(rapid.IntRange(1, 120).Draw(t, "deadline")) * time.Second,
			Attempts: rapid.IntRange(0, 8).Draw(t, "attempts"),
		}}
		j := &judge{t: t, slots: map[uint16]int{}, holds: map[int]bool{}, opened: map[int]bool{}, recorded: map[int]bool{}, settled: map[int]bool{}}
		coin := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
		fault := func() *llm.Error { return &llm.Error{Class: rapid.SampledFrom(classes).Draw(t, "class")} }
		n := uint16(rapid.IntRange(0, 5).Draw(t, "candidates"))

		var answers []call.Event // what the shell still has to say
		step := func(e call.Event) {
			for _, c := range call.Step(&s, e, now, nil) {
				j.take(c)
				switch c.Do {
				case call.Choose:
					e := call.Event{Kind: call.Chosen, Chance: rapid.Uint64().Draw(t, "chance"), Queue: coin("queue")}
					for i := range n {
						if !coin("skip") {
							e.Order = append(e.Order, i)
						}
					}
					if len(e.Order) == 0 {
						e.Err = fault()
						if coin("rest") {
							e.Until = now.Add(time.Duration(rapid.IntRange(0, 40000).Draw(t, "rest ms")) * time.Millisecond)
						}
					}
					answers = append(answers, e)
				case call.TakeSlot:
					if coin("denied") {
						answers = append(answers, call.Event{Kind: call.SlotDenied, Err: fault()})
					} else {
						j.slots[c.Candidate]++
						answers = append(answers, call.Event{Kind: call.SlotGiven})
					}
				case call.Hold:
					if coin("refused") {
						answers = append(answers, call.Event{Kind: call.Refused, Err: fault(), Again: coin("again")})
					} else {
						j.holds[c.Attempt] = true
						answers = append(answers, call.Event{Kind: call.Held, Hard: coin("hard")})
					}
				case call.Record:
					if c.Wait {
						if coin("unrecorded") {
							answers = append(answers, call.Event{Kind: call.Unrecorded, Err: fault()})
						} else {
							j.recorded[c.Attempt] = true
							answers = append(answers, call.Event{Kind: call.Recorded})
						}
					}
				case call.Settle:
					if c.Last {
						answers = append(answers, call.Event{Kind: call.Settled})
					}
				}
			}
		}
		step(call.Event{Kind: call.Admitted, Streamed: coin("unstreamed")})
		for i := 0; !s.Done(); i++ {
			if i > 2000 {
				t.Fatal("the call does not end")
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			if len(answers) > 0 {
				e := answers[0]
				answers = answers[1:]
				if coin("gone meanwhile") {
					step(call.Event{Kind: call.Gone})
				}
				step(e)
				continue
			}
			if j.open == 0 { // waiting: only time, or the client, can do something
				if due := s.Due(); due.After(now) {
					now = due
				}
				step(call.Event{Kind: rapid.SampledFrom([]call.EventKind{call.Timer, call.Timer, call.Timer, call.Gone}).Draw(t, "wait")})
				continue
			}
			p := &llm.Progress{}
			switch rapid.IntRange(0, 8).Draw(t, "event") {
			case 0:
				step(call.Event{Kind: call.Answered})
			case 1, 2:
				step(call.Event{Kind: call.FirstContent})
			case 3:
				step(call.Event{Kind: call.Stalled, Err: fault()})
			case 4:
				step(call.Event{Kind: call.Timer})
			case 5:
				step(call.Event{Kind: call.Gone})
			case 6:
				j.open = 0
				step(call.Event{Kind: call.Ended, Progress: p})
			default:
				j.open = 0
				step(call.Event{Kind: call.Broke, Err: fault(), Again: rapid.Bool().Draw(t, "again"), Progress: p})
			}
		}
		if j.ends != 1 {
			t.Fatalf("the call has %d ends", j.ends)
		}
		for a := range j.opened {
			if !j.settled[a] {
				t.Fatalf("attempt %d was opened and not settled", a)
			}
		}
		if len(j.holds) > 0 {
			t.Fatalf("money is still held: %v", j.holds)
		}
		for c, n := range j.slots {
			if n != 0 {
				t.Fatalf("candidate %d: %d slots were not given back", c, n)
			}
		}
		if got := call.Step(&s, call.Event{Kind: call.Timer}, now, nil); len(got) > 0 {
			t.Fatalf("commands after the end: %v", got)
		}
	})
}

// BenchmarkStep is one call of six events on the good path.
func BenchmarkStep(b *testing.B) {
	order := []uint16{0, 1, 2}
	p := &llm.Progress{}
	cmds := make([]call.Command, 0, 8)
	config := call.Config{}.WithDefaults()
	b.ReportAllocs()
	for b.Loop() {
		s := call.State{Config: config}
		for _, e := range [...]call.Event{
			{Kind: call.Admitted, Streamed: true},
			{Kind: call.Chosen, Order: order},
			{Kind: call.SlotGiven},
			{Kind: call.Held},
			{Kind: call.Answered},
			{Kind: call.FirstContent},
			{Kind: call.Ended, Progress: p},
			{Kind: call.Settled},
		} {
			cmds = call.Step(&s, e, epoch, cmds[:0])
		}
		if !s.Done() {
			b.Fatal("not done")
		}
	}
}
