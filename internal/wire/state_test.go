package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func parts(t *rapid.T) []llm.Part {
	out := make([]llm.Part, rapid.IntRange(0, 5).Draw(t, "parts"))
	for i := range out {
		kind := rapid.SampledFrom([]llm.PartKind{llm.Text, llm.Thinking, llm.ToolCall}).Draw(t, "kind")
		p := llm.Part{Kind: kind, Text: rapid.SampledFrom([]string{"", "a"}).Draw(t, "text")}
		if rapid.Bool().Draw(t, "signed") {
			p.Signature, p.Maker = "s=.", rapid.SampledFrom([]llm.Maker{llm.MakerGoogle, llm.MakerOpenAI}).Draw(t, "maker")
		} else if kind == llm.Text {
			p.Text = "b" // nothing at all says nothing
		}
		out[i] = p
	}
	return out
}

func TestStateOnOtherPartsComesBackFromCarriers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := parts(t)
		split := wire.SplitState(append([]llm.Part(nil), want...))
		var there []llm.Part
		for _, p := range split {
			if p.Kind != llm.Thinking && p.Signature != "" {
				t.Fatalf("state is left on %+v", p)
			}
			if p.Kind == llm.Thinking { // over the wire of a format of another maker
				s := wire.WrapState(&p, llm.MakerAnthropic)
				q := llm.Part{Kind: llm.Thinking, Text: p.Text}
				wire.UnwrapState(&q, s, llm.MakerAnthropic, false)
				p = q
			}
			there = append(there, p)
		}
		if d := cmp.Diff(want, wire.JoinState(there), cmp.Comparer(same), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// same takes a bare text without anything as said by its neighbours.
func same(a, b llm.Part) bool {
	return a.Kind == b.Kind && a.Text == b.Text && a.Signature == b.Signature && (a.Signature == "" || a.Maker == b.Maker)
}

func TestTheOwnersStateIsNotWrapped(t *testing.T) {
	p := llm.Part{Kind: llm.Thinking, Signature: "EqQB", Maker: llm.MakerAnthropic}
	if s := wire.WrapState(&p, llm.MakerAnthropic); s != "EqQB" {
		t.Errorf("%q", s)
	}
	p = llm.Part{Kind: llm.Thinking, Redacted: "gAAA", Maker: llm.MakerOpenAI, ID: "rs_1.x"}
	s := wire.WrapState(&p, llm.MakerAnthropic)
	var q llm.Part
	wire.UnwrapState(&q, s, llm.MakerAnthropic, false)
	if q.Redacted != "gAAA" || q.Maker != llm.MakerOpenAI || q.ID != "rs_1.x" || wire.StateMaker(s, llm.MakerAnthropic) != llm.MakerOpenAI {
		t.Errorf("%q is %+v", s, q)
	}
}

func TestAStreamsStateGoesIntoCarriers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := parts(t)
		var events []llm.Event
		for i, p := range want {
			start := p
			late := p.Signature != "" && rapid.Bool().Draw(t, "late")
			if late {
				start.Signature, start.Maker = "", ""
			}
			events = append(events, llm.Event{Kind: llm.BlockStart, Index: i, Part: start})
			if late {
				events = append(events, llm.Event{Kind: llm.Delta, Index: i, Signature: p.Signature, Maker: p.Maker})
			}
			events = append(events, llm.Event{Kind: llm.BlockStop, Index: i})
		}
		var c wire.Carrying
		var a llm.Assembler
		next := 0
		for len(events) > 0 {
			n := rapid.IntRange(1, len(events)).Draw(t, "read")
			for _, e := range c.Events(events[:n]) {
				if e.Kind == llm.BlockStart {
					if e.Index != next {
						t.Fatalf("block %d follows block %d", e.Index, next-1)
					}
					next++
				}
				a.Add(e)
			}
			events = events[n:]
		}
		signed := 0
		for _, p := range a.Response().Parts {
			if p.Kind != llm.Thinking && p.Signature != "" {
				t.Fatalf("state is left on %+v", p)
			}
			if p.Signature != "" {
				signed++
			}
		}
		for _, p := range want {
			if p.Signature != "" {
				signed--
			}
		}
		if signed != 0 {
			t.Fatalf("%d pieces of state too many", signed)
		}
	})
}

func TestAnAnswerEndsInWhatWasSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := parts(t)
		var events []llm.Event
		late := map[int]bool{}
		for i, p := range all {
			start := p
			start.Text = ""
			if p.Signature != "" && p.Text != "" && rapid.Bool().Draw(t, "late") {
				start.Signature, start.Maker = "", ""
				late[i] = p.Kind != llm.Thinking
			}
			events = append(events, llm.Event{Kind: llm.BlockStart, Index: i, Part: start})
			if p.Text != "" {
				events = append(events, llm.Event{Kind: llm.Delta, Index: i, Text: p.Text})
			}
			if start.Signature != p.Signature {
				events = append(events, llm.Event{Kind: llm.Delta, Index: i, Signature: p.Signature, Maker: p.Maker})
			}
			events = append(events, llm.Event{Kind: llm.BlockStop, Index: i})
		}
		c := wire.Carrying{NotLast: true}
		var a llm.Assembler
		next := 0
		for len(events) > 0 {
			n := rapid.IntRange(1, len(events)).Draw(t, "read")
			for _, e := range c.Events(events[:n]) {
				if e.Kind == llm.BlockStart {
					if e.Index != next {
						t.Fatalf("block %d follows block %d", e.Index, next-1)
					}
					next++
				} else if e.Index != next-1 {
					t.Fatalf("a %v of block %d in block %d", e.Kind, e.Index, next-1)
				}
				a.Add(e)
			}
			events = events[n:]
		}
		got := a.Response().Parts
		if n := len(got); n > 0 && wire.IsCarrier(&got[n-1]) {
			t.Fatalf("the answer ends in %+v", got[n-1])
		}
		told, want := false, 0 // from the end: a block is told, and so is the state before it
		for i := len(all) - 1; i >= 0; i-- {
			p := &all[i]
			alone := p.Kind == llm.Text && p.Text == ""
			if p.Signature != "" && (told || !alone && !late[i]) {
				want++
			}
			told = told || !alone
		}
		for i := range got {
			if got[i].Signature != "" {
				want--
			}
		}
		if want != 0 {
			t.Fatalf("%d pieces of state are missing in %+v of %+v", want, got, all)
		}
	})
}
