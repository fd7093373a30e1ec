package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/llm"
)

func TestAnEffectThatIsResentSaysThatItMayBeARepeat(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.tool.resend, w.model = agent.Once, true, sends
	w.tool.hang = make(chan struct{})
	hung := w.tool.hang
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	<-hung
	l.crash()
	l = w.start()
	defer l.crash()
	l.until(run, agent.Done)
	if calls := w.tool.calls; len(calls) != 2 || calls[0].Again || !calls[1].Again {
		t.Errorf("the service was called with %+v, wanted a second call that says it may be a repeat", calls)
	}
}

func TestAnEffectWhoseKeyIsForgottenIsInDoubt(t *testing.T) {
	w := newWorld(t)
	w.tool.class, w.tool.remembers, w.model = agent.Keyed, time.Nanosecond, sends // it is forgotten by the time of a restart
	w.tool.hang = make(chan struct{})
	hung := w.tool.hang
	l := w.start()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	<-hung
	l.crash()
	l = w.start()
	defer l.crash()
	l.until(run, agent.InDoubt)
	if len(w.tool.calls) != 1 {
		t.Errorf("it was done %d times", len(w.tool.calls))
	}
}

func TestAnEffectKnowsForHowLongItsKeyProtectsIt(t *testing.T) {
	for remembers, want := range map[time.Duration]time.Duration{0: 0, 5 * time.Minute: 4*time.Minute + 30*time.Second} {
		w := newWorld(t)
		w.tool.class, w.tool.remembers, w.model = agent.Keyed, remembers, sends
		l := w.start()
		run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
		if err != nil {
			t.Fatal(err)
		}
		l.until(run, agent.Done)
		l.crash()
		if got := w.tool.calls[0].Protected; got > want || got < want-10*time.Second {
			t.Errorf("remembered for %s, it is protected for %s, wanted %s less what it took to begin", remembers, got, want)
		}
	}
}

func TestAResultIsReadOnWhereItWasCut(t *testing.T) {
	w := newWorld(t)
	whole := strings.Repeat("0123456789", 500)
	w.tool.class, w.tool.whole = agent.Read, []byte(whole)
	var name string
	w.model = func(step int) llm.Response {
		switch step {
		case 1:
			return sends(1)
		case 2:
			name = w.run + "/2/1/1"
			return asks("results_read", fmt.Sprintf(`{"result":%q,"offset":100}`, name))
		case 3:
			return asks("results_read", `{"result":"run_of_somebody_else/2/1/1","offset":0}`)
		}
		return sends(2)
	}
	l := w.start()
	defer l.crash()
	run, _, err := l.engine.Start(t.Context(), engine.StartRequest{Agent: "clerk", Input: who})
	if err != nil {
		t.Fatal(err)
	}
	l.until(run, agent.Done)
	shown := l.payload(run + "/2/1/1/result")
	if !strings.HasPrefix(shown, whole[:100]) || !strings.Contains(shown, "the first 100 of 5000 bytes") || !strings.Contains(shown, name) {
		t.Errorf("the beginning that was shown is %q", shown)
	}
	if rest := l.payload(run + "/4/1/1/result"); !strings.HasPrefix(rest, whole[100:200]) {
		t.Errorf("what was read on is %.80q", rest)
	}
	if other := l.payload(run + "/6/1/1/failure"); !strings.Contains(other, "this run has no result") {
		t.Errorf("another run's result gave %q", other)
	}
}

// asks calls one tool.
func asks(tool, args string) llm.Response {
	return llm.Response{Stop: llm.StopTools, Parts: []llm.Part{{Kind: llm.ToolCall, ID: "t", Name: tool, Arguments: json.RawMessage(args)}}}
}

func (l *life) payload(ref string) string {
	l.t.Helper()
	p, err := l.store.Payload(l.t.Context(), "default", ref)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(p.Data)
}
