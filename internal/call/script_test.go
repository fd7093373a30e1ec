package call_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// script runs the text files in testdata: each directive is an event, what stands
// below the line is what the machine says to do. +5s before an event moves the clock.
type script struct {
	state call.State
	now   time.Time
}

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "call" {
				*s = script{now: epoch}
			}
			if d.Cmd == "run" {
				*s = script{now: epoch}
				return s.run(t, d)
			}
			return s.event(t, d)
		})
	})
}

func (s *script) event(t *testing.T, d *datadriven.TestData) string {
	var e call.Event
	for _, a := range d.CmdArgs {
		if strings.HasPrefix(a.Key, "+") {
			s.now = s.now.Add(duration(t, a.Key[1:]))
		}
	}
	switch d.Cmd {
	case "call":
		s.state.Config = config(t, d)
		e = call.Event{Kind: call.Admitted, Streamed: !d.HasArg("unstreamed"), Until: until(t, d, s.now)}
	case "chosen":
		e = call.Event{Kind: call.Chosen, Queue: d.HasArg("queue"), Until: until(t, d, s.now), Err: s.err(t, d)}
		for _, a := range d.CmdArgs {
			if len(a.Key) == 1 {
				e.Order = append(e.Order, uint16(a.Key[0]-'a'))
			}
		}
	case "called":
		e = call.Event{Kind: call.Called}
	case "shed":
		e = call.Event{Kind: call.Shed, Err: s.err(t, d)}
	case "slot":
		e = call.Event{Kind: call.SlotGiven, Expect: expect(t, d)}
	case "joined":
		e = call.Event{Kind: call.Joined, Err: s.err(t, d)}
		switch {
		case d.HasArg("go"):
			e.Verdict = call.Go
		case d.HasArg("conclude"):
			e.Verdict = call.Conclude
		}
	case "denied":
		e = call.Event{Kind: call.SlotDenied, Err: s.err(t, d)}
	case "held":
		e = call.Event{Kind: call.Held, Hard: d.HasArg("hard")}
	case "refused":
		e = call.Event{Kind: call.Refused, Err: s.err(t, d), Again: d.HasArg("again")}
	case "recorded":
		e = call.Event{Kind: call.Recorded}
	case "unrecorded":
		e = call.Event{Kind: call.Unrecorded, Err: s.err(t, d)}
	case "answered":
		e = call.Event{Kind: call.Answered}
	case "content":
		e = call.Event{Kind: call.FirstContent}
	case "stalled":
		e = call.Event{Kind: call.Stalled, Err: &llm.Error{Class: llm.TimedOut}}
	case "broke":
		e = call.Event{Kind: call.Broke, Err: s.err(t, d), Again: d.HasArg("again")}
	case "ended":
		e = call.Event{Kind: call.Ended}
	case "gone":
		e = call.Event{Kind: call.Gone, Bills: d.HasArg("bills"), Near: d.HasArg("near")}
	case "settled":
		e = call.Event{Kind: call.Settled}
	case "timer":
		e = call.Event{Kind: call.Timer}
	default:
		t.Fatalf("%s: unknown event %q", d.Pos, d.Cmd)
	}
	if d.HasArg("beside") {
		e.Lane = 1
	}
	out := s.print(call.Step(&s.state, e, s.now, nil), "\n")
	if due := s.state.Due(); !due.IsZero() && d.HasArg("due") {
		out += fmt.Sprintf("due %s\n", due.Sub(s.now))
	}
	if out == "" {
		return "nothing\n"
	}
	return out
}

// run plays a whole call whose surroundings are kind, but for what happens to the
// attempts: a=overloaded,ok says how those at candidate a end, in turn.
//
//	ok, or a class: before any content · again:<class>: and the candidate may do better · content:<class>: after it · stall, content:stall: silence
func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	outcomes := map[uint16][]string{}
	var order []uint16
	for _, a := range d.CmdArgs {
		if len(a.Key) == 1 {
			c := uint16(a.Key[0] - 'a')
			outcomes[c] = append([]string(nil), a.Vals...)
			order = append(order, c)
		}
	}
	s.state.Config = config(t, d)
	verdict := call.Refuse
	if d.HasArg("go") {
		verdict = call.Go
	}
	var line []string
	queue := []call.Event{{Kind: call.Admitted, Streamed: true, Unseen: d.HasArg("unseen"), Until: until(t, d, s.now)}}
	for steps := 0; !s.state.Done(); steps++ {
		if steps > 1000 {
			t.Fatalf("%s: the call does not end", d.Pos)
		}
		if len(queue) == 0 {
			due := s.state.Due()
			line = append(line, "wait "+due.Sub(s.now).String())
			s.now = due
			queue = append(queue, call.Event{Kind: call.Timer})
		}
		e := queue[0]
		queue = queue[1:]
		for _, c := range call.Step(&s.state, e, s.now, nil) {
			switch c.Do {
			case call.Choose:
				if c.Resume { // as the shell has it: elsewhere first
					order = append(slices.DeleteFunc(slices.Clone(order), func(o uint16) bool { return o == c.Candidate }), c.Candidate)
				}
				queue = append(queue, call.Event{Kind: call.Chosen, Order: order})
				if c.Retry || c.Longer || c.Resume {
					line = append(line, strings.TrimSpace(s.print([]call.Command{c}, "")))
				}
			case call.TakeSlot:
				queue = append(queue, call.Event{Kind: call.SlotGiven})
			case call.Hold:
				queue = append(queue, call.Event{Kind: call.Held})
			case call.Open:
				line = append(line, fmt.Sprintf("open %d %s", c.Attempt, letter(c.Candidate)))
				rest := outcomes[c.Candidate]
				outcome := "ok"
				if len(rest) > 0 {
					outcome, outcomes[c.Candidate] = rest[0], rest[1:]
				}
				queue = append(queue, ending(outcome)...)
			case call.Settle:
				line = append(line, strings.TrimSpace(s.print([]call.Command{c}, "")))
				if c.Last {
					queue = append(queue, call.Event{Kind: call.Settled})
				}
			case call.Join:
				line = append(line, strings.TrimSpace(s.print([]call.Command{c}, "")))
				queue = append(queue, call.Event{Kind: call.Joined, Verdict: verdict})
			case call.Show, call.Finish, call.Fail, call.Cancel:
				line = append(line, strings.TrimSpace(s.print([]call.Command{c}, "")))
			}
		}
	}
	return strings.Join(line, "\n") + "\n"
}

// ending is how an attempt goes on once it is open.
func ending(outcome string) []call.Event {
	var es []call.Event
	outcome, again := strings.CutPrefix(outcome, "again:") // another credential may do
	class, after := strings.CutPrefix(outcome, "content:")
	if after || outcome == "ok" {
		es = append(es, call.Event{Kind: call.Answered}, call.Event{Kind: call.FirstContent})
	}
	switch class {
	case "ok":
		return append(es, call.Event{Kind: call.Ended})
	case "empty":
		return append(es, call.Event{Kind: call.Answered}, call.Event{Kind: call.Ended})
	case "gone":
		return append(es, call.Event{Kind: call.Gone}, call.Event{Kind: call.Broke, Err: &llm.Error{Class: llm.Canceled}})
	case "stall":
		return append(es, call.Event{Kind: call.Stalled, Err: &llm.Error{Class: llm.TimedOut}},
			call.Event{Kind: call.Broke, Err: &llm.Error{Class: llm.Canceled}})
	}
	return append(es, call.Event{Kind: call.Broke, Err: &llm.Error{Class: llm.ErrorClass(class)}, Again: again})
}

func (s *script) print(cmds []call.Command, end string) string {
	var b strings.Builder
	for _, c := range cmds {
		b.WriteString(c.Do.String())
		switch c.Do {
		case call.Choose:
			if c.Retry {
				b.WriteString(" again")
			}
			if c.Resume {
				b.WriteString(" to go on after " + letter(c.Candidate))
			}
			if c.Longer {
				b.WriteString(" longer than " + letter(c.Candidate))
			}
		case call.TakeSlot:
			b.WriteString(" " + letter(c.Candidate))
			if c.Hedge {
				b.WriteString(", beside")
			}
		case call.Queue:
			fmt.Fprintf(&b, " until +%s", c.Until.Sub(s.now))
		case call.FreeSlot:
			b.WriteString(" " + letter(c.Candidate))
		case call.Hold, call.Record, call.Return, call.Cancel, call.Show, call.Drain, call.Join:
			fmt.Fprintf(&b, " %d", c.Attempt)
			if c.Wait {
				b.WriteString(", wait")
			}
		case call.Open:
			l := c.Limits
			fmt.Fprintf(&b, " %d at %s: first +%s, idle %s, total +%s", c.Attempt, letter(c.Candidate),
				l.First.Sub(s.now), l.Idle, l.Total.Sub(s.now))
		case call.Settle:
			if c.Attempt > 0 {
				fmt.Fprintf(&b, " %d %s", c.Attempt, class(c.Err))
			} else {
				b.WriteString(" the call alone")
			}
			if c.Last {
				b.WriteString(", last: " + class(c.Told))
			}
		case call.Fail:
			b.WriteString(" " + class(c.Told))
		}
		b.WriteString(end)
	}
	return b.String()
}

func class(e *llm.Error) string {
	if e == nil {
		return "ok"
	}
	return string(e.Class)
}

func letter(c uint16) string { return string(rune('a' + c)) }

func (s *script) err(t *testing.T, d *datadriven.TestData) *llm.Error {
	for _, a := range d.CmdArgs {
		if a.Key == "err" {
			return &llm.Error{Class: llm.ErrorClass(a.Vals[0])}
		}
	}
	return nil
}

func config(t *testing.T, d *datadriven.TestData) (c call.Config) {
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "deadline":
			c.Deadline = duration(t, a.Vals[0])
		case "first":
			c.First = duration(t, a.Vals[0])
		case "resume":
			c.Resume = call.ResumeSame
		case "hangup":
			c.OnHangup = map[string]call.Hangup{"auto": call.HangupAuto, "cancel": call.HangupCancel, "drain": call.HangupDrain}[a.Vals[0]]
		case "next-refuse":
			c.NextRefuse = true
		case "nohedge":
			c.NoHedge = true
		case "attempts":
			c.Attempts, _ = strconv.Atoi(a.Vals[0])
		}
	}
	return c
}

func expect(t *testing.T, d *datadriven.TestData) (e call.Expect) {
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "hedge":
			e.Hedge = duration(t, a.Vals[0])
		case "first":
			e.First = duration(t, a.Vals[0])
		}
	}
	return e
}

func until(t *testing.T, d *datadriven.TestData, now time.Time) time.Time {
	for _, a := range d.CmdArgs {
		if a.Key == "until" {
			return now.Add(duration(t, a.Vals[0]))
		}
	}
	return time.Time{}
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
