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
	unseen   bool
	open     [2]int // the open attempt of each lane; 0: none
	slots    map[uint16]int
	holds    map[int]bool
	opened   map[int]bool
	recorded map[int]bool
	settled  map[int]bool
	showing  int // the attempt whose content the client is shown; 0: none
	joins    int // breaks after content that may be gone on from
	hedges   int
	ends     int
	last     bool
}

func (j *judge) take(c call.Command) {
	must := func(ok bool, what string) {
		if !ok {
			j.t.Fatalf("%s (attempt %d, lane %d): %s", c.Do, c.Attempt, c.Lane, what)
		}
	}
	must(j.ends == 0, "after the end")
	other := j.open[1-c.Lane]
	switch c.Do {
	case call.TakeSlot:
		must(j.open[c.Lane] == 0, "while its lane's attempt is open")
		must(c.Hedge == (other != 0), "beside an open attempt there is only a hedge")
		if c.Hedge {
			j.hedges++
			must(j.hedges == 1, "a second hedge")
			must(j.showing == 0, "a hedge after content was shown")
		}
	case call.FreeSlot:
		must(j.slots[c.Candidate] > 0, "a slot that was not taken")
		j.slots[c.Candidate]--
	case call.Hold:
		must(!j.holds[c.Attempt] && !j.opened[c.Attempt], "twice")
		must(j.showing == 0, "another attempt after content was shown")
	case call.Return:
		must(j.holds[c.Attempt] && !j.opened[c.Attempt], "of what is not held, or was spent")
		delete(j.holds, c.Attempt)
	case call.Record:
		j.recorded[c.Attempt] = !c.Wait
	case call.Open:
		must(j.open[c.Lane] == 0, "two attempts in one lane")
		must(!j.opened[c.Attempt], "the same attempt twice")
		must(j.holds[c.Attempt], "without a hold")
		must(j.recorded[c.Attempt], "before its record is durable")
		j.open[c.Lane], j.opened[c.Attempt] = c.Attempt, true
	case call.Cancel, call.Drain:
		must(j.open[c.Lane] == c.Attempt, "of what is not open")
	case call.Show:
		must(j.open[c.Lane] == c.Attempt && j.showing == 0, "of what is not open, or twice")
		j.showing = c.Attempt
	case call.Join:
		must(j.showing == c.Attempt && j.open == [2]int{}, "of what was not shown, or while an attempt is open")
		j.joins++
	case call.Settle:
		must(!j.last, "after the last")
		if c.Attempt > 0 {
			must(j.open[c.Lane] != c.Attempt && !j.settled[c.Attempt], "of what has not ended, or twice")
			must(j.opened[c.Attempt] || j.recorded[c.Attempt], "of what was not written down")
			must(j.holds[c.Attempt], "without a hold")
			j.settled[c.Attempt] = true
			delete(j.holds, c.Attempt)
			if j.showing == c.Attempt && !c.Last && (j.unseen || j.joins > 0) {
				j.showing = 0
			}
		} else {
			must(c.Last && c.Told != nil, "nothing but the call's end has no attempt")
		}
		if c.Last {
			must(j.open == [2]int{}, "the last while an attempt is open")
		}
		j.last = c.Last
	case call.Finish, call.Fail:
		must(j.last, "before the settlement")
		j.ends++
	}
}

// TestEveryCallEndsInOrder plays calls in a hostile world, and judges the commands:
// every attempt ends once, every hold is settled or returned once, every slot is
// given back, two attempts are open at a time only where one is a hedge, nothing
// follows content but what goes on from it, and the call ends.
func TestEveryCallEndsInOrder(t *testing.T) {
	classes := []llm.ErrorClass{
		llm.BadRequest, llm.Unauthorized, llm.NotFound, llm.RateLimited, llm.ContextOverflow, llm.Filtered, llm.Overloaded,
		llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed, llm.OverBudget, llm.Busy, llm.Lossy,
	}
	rapid.Check(t, func(t *rapid.T) {
		now := epoch
		coin := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
		s := call.State{Config: call.Config{
			Deadline: time.Duration(rapid.IntRange(1, 120).Draw(t, "deadline")) * time.Second,
			Attempts: rapid.IntRange(0, 8).Draw(t, "attempts"),
			Rounds:   rapid.IntRange(0, 4).Draw(t, "rounds"),
			Resume:   call.Resume(rapid.IntRange(0, 2).Draw(t, "resume")),
			OnHangup: call.Hangup(rapid.IntRange(0, 2).Draw(t, "hangup")),
		}}
		j := &judge{
			t: t, unseen: coin("unseen"), slots: map[uint16]int{}, holds: map[int]bool{},
			opened: map[int]bool{}, recorded: map[int]bool{}, settled: map[int]bool{},
		}
		fault := func() *llm.Error { return &llm.Error{Class: rapid.SampledFrom(classes).Draw(t, "class")} }
		n := uint16(rapid.IntRange(0, 5).Draw(t, "candidates"))
		gone := call.Event{Kind: call.Gone, Bills: coin("bills"), Near: coin("near")}

		var answers []call.Event // what the shell still has to say
		step := func(e call.Event) {
			for _, c := range call.Step(&s, e, now, nil) {
				j.take(c)
				var a call.Event
				switch c.Do {
				case call.Choose:
					a = call.Event{Kind: call.Chosen, Chance: rapid.Uint64().Draw(t, "chance"), Queue: coin("queue")}
					for i := range n {
						if !coin("skip") {
							a.Order = append(a.Order, i)
						}
					}
					if len(a.Order) == 0 {
						a.Err = fault()
						if coin("rest") {
							a.Until = now.Add(time.Duration(rapid.IntRange(0, 40000).Draw(t, "rest ms")) * time.Millisecond)
						}
					}
				case call.Queue:
					a = call.Event{Kind: call.Called}
					now = now.Add(time.Second) // somebody ended meanwhile
					if !c.Until.After(now) || coin("shed") {
						a = call.Event{Kind: call.Shed, Err: fault()}
					}
				case call.TakeSlot:
					a = call.Event{Kind: call.SlotDenied, Err: fault()}
					if !coin("denied") {
						j.slots[c.Candidate]++
						a = call.Event{Kind: call.SlotGiven, Expect: call.Expect{
							Hedge: time.Duration(rapid.IntRange(0, 2000).Draw(t, "hedge ms")) * time.Millisecond,
							First: time.Duration(rapid.IntRange(0, 9000).Draw(t, "first ms")) * time.Millisecond,
						}}
					}
				case call.Hold:
					a = call.Event{Kind: call.Refused, Err: fault(), Again: coin("again")}
					if !coin("refused") {
						j.holds[c.Attempt] = true
						a = call.Event{Kind: call.Held, Hard: coin("hard")}
					}
				case call.Record:
					if c.Wait {
						if a = (call.Event{Kind: call.Unrecorded, Err: fault()}); !coin("unrecorded") {
							j.recorded[c.Attempt] = true
							a = call.Event{Kind: call.Recorded}
						}
					}
				case call.Join:
					a = call.Event{Kind: call.Joined, Verdict: call.Verdict(rapid.IntRange(0, 2).Draw(t, "verdict")), Err: fault()}
				case call.Settle:
					if c.Last {
						a = call.Event{Kind: call.Settled}
					}
				}
				if a.Kind != 0 {
					a.Lane = c.Lane
					answers = append(answers, a)
				}
			}
		}
		step(call.Event{Kind: call.Admitted, Streamed: coin("streamed") || coin("really"), Unseen: j.unseen})
		for i := 0; !s.Done(); i++ {
			if i > 3000 {
				t.Fatalf("the call does not end: %+v", s)
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			lane := uint8(rapid.IntRange(0, 1).Draw(t, "lane"))
			switch {
			case len(answers) > 0 && (j.open == [2]int{} || coin("answer")):
				k := 0
				if coin("any") {
					k = rapid.IntRange(0, len(answers)-1).Draw(t, "which")
				}
				e := answers[k]
				answers = append(answers[:k:k], answers[k+1:]...)
				if coin("gone meanwhile") && !s.Waiting() {
					step(gone)
				}
				step(e)
				continue
			case j.open == [2]int{}: // waiting: only time, or the client, can do something
				if due := s.Due(); due.After(now) {
					now = due
				}
				if coin("gone") {
					step(gone)
				} else {
					step(call.Event{Kind: call.Timer})
				}
				continue
			case j.open[lane] == 0:
				lane = 1 - lane
			}
			e := call.Event{Lane: lane}
			switch rapid.IntRange(0, 8).Draw(t, "event") {
			case 0:
				e.Kind = call.Answered
			case 1, 2:
				e.Kind = call.FirstContent
			case 3:
				e.Kind, e.Err = call.Stalled, fault()
			case 4:
				e.Kind = call.Timer
			case 5:
				e = gone
			case 6:
				j.open[lane] = 0
				e.Kind = call.Ended
			default:
				j.open[lane] = 0
				e.Kind, e.Err, e.Again = call.Broke, fault(), rapid.Bool().Draw(t, "again")
			}
			step(e)
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
			{Kind: call.Ended},
			{Kind: call.Settled},
		} {
			cmds = call.Step(&s, e, epoch, cmds[:0])
		}
		if !s.Done() {
			b.Fatal("not done")
		}
	}
}
