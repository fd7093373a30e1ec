package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/llm"
)

// shop is the outside: models and services, and the network to them. What they
// were asked to do outlives the process that asked.
type shop struct {
	w      *world
	flying int // requests and answers on their way

	applied map[string]int       // keyed: how often each command was done
	seen    map[string]time.Time // keyed: keys, and when they were first seen
	told    map[string]int       // once: by command, how often
	plain   map[string]int       // those of them that did not say that they may be a repeat
	effects map[string]bool      // deliveries that did something, by effect
	prompts map[string]string    // what a run's model saw last
}

// The limits of the network: a request that was not delivered within maxTransit
// never is, and the driver waits longer than that for an answer.
const (
	maxTransit = 20 * time.Second
	patience   = 30 * time.Second
)

func newShop(w *world) *shop {
	return &shop{w: w, applied: map[string]int{}, seen: map[string]time.Time{}, told: map[string]int{}, plain: map[string]int{},
		effects: map[string]bool{}, prompts: map[string]string{}}
}

// transit is how long something is on its way.
func (s *shop) transit() time.Duration {
	if s.w.faulty(0.05) {
		return s.w.between(time.Second, maxTransit)
	}
	return s.w.between(time.Millisecond, 800*time.Millisecond)
}

// send carries a request there and its answer back, or loses either.
func (s *shop) send(what string, serve func() (reply func())) {
	s.flying++
	lost := s.w.faulty(0.04)
	s.w.later(nil, s.transit(), "deliver "+what, func() {
		s.flying--
		if lost {
			s.w.say("lost on its way")
			return
		}
		reply := serve()
		if s.w.faulty(0.04) {
			return
		}
		s.flying++
		s.w.later(nil, s.transit(), "answer to "+what, func() { s.flying--; reply() })
	})
}

// ref is a reference to words of which the digest is digest.
func ref(name, digest string) *agent.Ref { return &agent.Ref{Ref: name, Digest: digest} }

// effect sends a tool's request.
func (s *shop) effect(n *node, f *flight) {
	w := s.w
	if f.do.Class == agent.Local {
		w.later(n, w.between(0, 5*time.Millisecond), "compute "+f.id, func() {
			n.outcome(f, agent.Input{Kind: agent.ToolReturned, Result: &agent.Result{Ref: *ref(f.id, f.id)}}, f.id)
		})
		return
	}
	key := f.do.ID
	if w.o.Variant == ChangeIDs {
		key = f.id
	}
	w.later(n, patience, "timeout "+f.id, func() {
		fail := &agent.Failure{Outcome: agent.Unknown, Message: "no answer"}
		if f.do.Class == agent.Read {
			fail.Told = ref("no answer", "no answer")
		}
		n.outcome(f, agent.Input{Kind: agent.ToolFailed, Failure: fail}, f.id)
	})
	s.send(f.id, func() func() {
		in := s.serve(f, key)
		return func() { n.outcome(f, in, f.id) }
	})
}

// serve is the service: it does what it is asked, or says that it does not.
func (s *shop) serve(f *flight, key string) agent.Input {
	w := s.w
	w.report.Effects++
	refuse := func(outcome string, again bool, after time.Duration) agent.Input {
		return agent.Input{Kind: agent.ToolFailed, Failure: &agent.Failure{Outcome: outcome, Message: outcome, Again: again, After: after, Told: ref(outcome, outcome)}}
	}
	switch {
	case w.faulty(0.08):
		return refuse(agent.NotDone, true, w.between(0, 5*time.Second)) // 429
	case w.faulty(0.03):
		return refuse(agent.Refused, false, 0)
	}
	result := &agent.Result{Ref: *ref(f.id, f.id)}
	if w.chance(0.1) {
		result.Ref.Digest = "the same"
	}
	switch f.do.Class {
	case agent.Keyed:
		first, seen := s.seen[key]
		keeps := promises[f.do.Tool[1]-'0'].For
		result.Repeat = seen && (keeps == 0 || w.now.Sub(first) < keeps)
		if result.Repeat {
			w.report.Repeats++
			break
		}
		s.seen[key], s.effects[f.id] = w.now, true
		s.applied[f.do.ID]++
		w.say("apply %s", f.id)
		if !f.do.Resend {
			w.once("a keyed effect is done once", f.do.ID, s.applied[f.do.ID]-w.people.lies[f.do.ID])
		}
	case agent.Once:
		s.effects[f.id] = true
		s.told[f.do.ID]++
		w.say("do %s", f.id)
		if !f.do.Resend {
			w.once("a once effect is done once", f.do.ID, s.told[f.do.ID]-w.people.lies[f.do.ID])
		} else if !f.do.MayRepeat(w.now) {
			s.plain[f.do.ID]++
			w.once("what may be a repeat says so", f.do.ID, s.plain[f.do.ID]-w.people.lies[f.do.ID])
		}
	}
	return agent.Input{Kind: agent.ToolReturned, Result: result}
}

// did reports whether any try of a command did something.
func (s *shop) did(command string) bool { return s.applied[command] > 0 || s.told[command] > 0 }

// call sends a model call.
func (s *shop) call(n *node, f *flight, prompt []agent.Message) {
	s.w.later(n, patience, "timeout "+f.id, func() {
		n.outcome(f, agent.Input{Kind: agent.ModelFailed, Failure: &agent.Failure{Class: llm.TimedOut, Again: true, Message: "no answer"}}, f.id)
	})
	s.send(f.id, func() func() {
		in := s.think(f, prompt)
		return func() { n.outcome(f, in, f.id) }
	})
}

// think is the model. It plans a few turns with calls of all classes, and makes
// mistakes.
func (s *shop) think(f *flight, prompt []agent.Message) agent.Input {
	w := s.w
	s.remember(f.run, prompt)
	failure := func(class llm.ErrorClass, again bool, after time.Duration) agent.Input {
		return agent.Input{Kind: agent.ModelFailed, Failure: &agent.Failure{Class: class, Again: again, After: after, Message: string(class)}}
	}
	switch {
	case w.faulty(0.06):
		return failure(llm.RateLimited, true, w.between(0, 10*time.Second))
	case w.faulty(0.03):
		return failure(llm.BrokenStream, true, 0)
	case w.faulty(0.01):
		return failure(llm.BadRequest, false, 0)
	}
	turns := 0
	for i := range prompt {
		if prompt[i].Role == llm.Assistant {
			turns++
		}
	}
	a := &agent.Answer{Call: f.id, Message: *ref(f.id+"/answer", f.id), Stop: llm.StopEnd}
	switch {
	case w.faulty(0.06):
		a.Stop = llm.StopLength
	case w.faulty(0.01):
		a.Stop = llm.StopRefusal
	case turns < 2+len(f.run)%3+w.rng.IntN(3):
		a.Stop = llm.StopTools
		for i := range 1 + w.rng.IntN(4) {
			a.Calls = append(a.Calls, s.wish(f, i))
		}
	}
	return agent.Input{Kind: agent.ModelAnswered, Answer: a}
}

// remembered is how long the services that forget remember a key: less than a process
// may be away.
const remembered = time.Minute

// promises are what the services keep, by the number in a tool's name.
var promises = []agent.Promise{{Class: agent.Read}, {Class: agent.Keyed}, {Class: agent.Keyed, For: remembered}, {Class: agent.Once},
	{Class: agent.Once}, {Class: agent.Once, Resend: true}, {Class: agent.Keyed, For: remembered, Resend: true}, {Class: agent.Local}}

func (s *shop) wish(f *flight, i int) agent.CallFact {
	n := s.w.rng.IntN(len(promises))
	c := agent.CallFact{ID: fmt.Sprintf("%s/c%d", f.id, i), Part: i, Promise: promises[n], Tool: fmt.Sprintf("t%d_%s", n, promises[n].Class)}
	if s.w.o.Variant == TrustKeys {
		c.For = 0
	}
	c.Digest = c.Tool
	if s.w.chance(0.08) {
		c.Promise, c.Problem = agent.Promise{}, ref("not valid", "not valid")
	}
	return c
}

// remember checks that a run's prompt only grows, so that caches stay warm.
func (s *shop) remember(run string, prompt []agent.Message) {
	var b strings.Builder
	for i := range prompt {
		m := &prompt[i]
		fmt.Fprintf(&b, "%s %s %s", m.Role, m.Ref.Ref, m.Text)
		if m.Call != nil {
			fmt.Fprintf(&b, " %s", m.Call.ID)
		}
		if m.Ref.Ref == "" && m.Text == "" {
			s.w.broken("every call has its result", "%s: message %d", run, i)
		}
		b.WriteByte('\n')
	}
	was, now := s.prompts[run], b.String()
	switch {
	case strings.HasPrefix(now, was):
		s.prompts[run] = now
	case !strings.HasPrefix(was, now): // else an earlier try, overtaken on its way
		s.w.broken("prompts only grow", "%s:\n%s\nthen\n%s", run, was, now)
	}
}
