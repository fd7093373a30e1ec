package seam_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/seam"
	"github.com/skein-run/skein/internal/wire"
)

// cut is a sample of which the client got the first events.
type cut struct {
	*sample
	n     int
	shown []byte
	w     func() wire.Writer // primed anew each time
	p     *seam.Partial
	v     seam.Verdict
	why   string
	first llm.Usage // of the attempt that broke

	refused string // why the last attempt was
}

func (s *sample) cutAt(t *testing.T, n int) *cut {
	t.Helper()
	return s.broken(t, n, bytes.Join(s.pieces[:n], nil))
}

// broken is a sample of which the client got shown, up to or behind its nth event.
func (s *sample) broken(t *testing.T, n int, shown []byte) *cut {
	t.Helper()
	_, events, err := wire.Prime(s.c, s.as(), shown, s.dialect)
	if err != nil {
		t.Fatalf("%s cut at %d: %v", s.id, n, err)
	}
	c := &cut{sample: s, n: n, shown: shown, p: seam.Of(events)}
	c.w = func() wire.Writer {
		w, _, err := wire.Prime(s.c, s.as(), shown, s.dialect)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	c.v, c.why = seam.Decide(c.p, s.req)
	if c.first = c.p.Usage; c.first.InputTokens() == 0 {
		c.first = spent
	}
	c.first.Tokens[llm.TokOutput], c.first.Tokens[llm.TokReasoning] = 9, 0 // as dispatch estimates it
	c.p.Usage = c.first
	return c
}

var spent = llm.Usage{Reported: true, Tokens: [llm.NumTokenClasses]int64{llm.TokInput: 50, llm.TokOutput: 9}}

// join plays an attempt and gives the bytes that the client got in all; nil where the
// attempt was refused.
func (c *cut) join(t *testing.T, way seam.Way, attempt [][]llm.Event) []byte {
	t.Helper()
	j := seam.Join(c.p, c.v, way)
	w := c.w()
	out := bytes.Clone(c.shown)
	for _, events := range attempt {
		some, err := j.Add(nil, events)
		if err != nil {
			if len(out) != len(c.shown) {
				t.Errorf("%s cut at %d: an attempt was refused after something of it was shown: %v", c.id, c.n, err)
			}
			if err.Class != llm.Malformed || err.Blame != llm.BlameSkein || err.Message == "" {
				t.Errorf("%s cut at %d: refused with %+v", c.id, c.n, err)
			}
			c.refused = err.Message
			return nil
		}
		if len(some) > 0 {
			out = w.Write(out, some)
		}
	}
	return out
}

// left is what a faithful attempt says: what the client was not shown.
func (c *cut) left() *llm.Response {
	r := &llm.Response{ID: "upstream_2", Model: "other", Stop: c.whole.Stop, StopDetail: c.whole.StopDetail, Usage: spent}
	have := len(c.p.Text())
	for _, p := range c.whole.Parts {
		p.Extra = nil
		switch p.Kind {
		case llm.Text:
			n := min(have, len(p.Text))
			have -= n
			if p.Text = p.Text[n:]; p.Text == "" && n > 0 {
				continue
			}
		case llm.Thinking:
			continue
		}
		p.Signature, p.Maker, p.Citations = "", "", nil
		r.Parts = append(r.Parts, p)
	}
	return r
}

// say puts a text before what an attempt says.
func say(r *llm.Response, before string) *llm.Response {
	c := *r
	c.Parts = append([]llm.Part(nil), r.Parts...)
	if len(c.Parts) == 0 || c.Parts[0].Kind != llm.Text {
		c.Parts = append([]llm.Part{{Kind: llm.Text}}, c.Parts...)
	}
	c.Parts[0].Text = before + c.Parts[0].Text
	return &c
}

// goesOn is a faithful attempt that was asked to repeat the last words.
func (c *cut) goesOn() *llm.Response {
	text := c.p.Text()
	return say(c.left(), again(c.req, c.p)+text[len(strings.TrimRightFunc(text, unicode.IsSpace)):])
}

func (c *cut) check(t *testing.T, what string, out []byte, thinking bool) {
	t.Helper()
	fail := func(format string, a ...any) {
		t.Helper()
		t.Errorf("%s cut at %d of %d (%s, %s): %s\n%s\n| %s", c.id, c.n, len(c.pieces), c.why, what, fmt.Sprintf(format, a...), tail(c.shown), tail(out[len(c.shown):]))
	}
	back := c.read(out)
	if back.Err != nil || back.Progress.Malformed > 0 {
		fail("read back: %v, %d malformed", back.Err, back.Progress.Malformed)
		return
	}
	got := put(back.Events)
	if is, want := said(got, thinking), said(c.whole, thinking); is != want {
		fail("it is another answer:\n%s\nwant\n%s", is, want)
	}
	if c.p.ID != "" && got.ID != c.p.ID {
		fail("id %q, shown %q", got.ID, c.p.ID)
	}
	if got.Stop != c.whole.Stop && c.whole.Stop != llm.StopUnstated {
		fail("stop %q, want %q", got.Stop, c.whole.Stop)
	}
	if want := seam.Usage(c.first, spent); got.Usage.InputTokens() != want.InputTokens() || got.Usage.OutputTokens() != want.OutputTokens() {
		fail("usage %+v, want %+v", got.Usage, want)
	}
	c.legal(t, what, out)
}

func (c *cut) legal(t *testing.T, what string, out []byte) {
	t.Helper()
	if illegal(c.c.Format(), c.framing, bytes.Join(c.pieces, nil)) != "" {
		return // the vendor takes liberties of its own
	}
	if bad := illegal(c.c.Format(), c.framing, out); bad != "" {
		t.Errorf("%s cut at %d of %d (%s, %s): %s\n%s\n| %s", c.id, c.n, len(c.pieces), c.why, what, bad, tail(c.shown), tail(out[len(c.shown):]))
	}
}

func tail(b []byte) string {
	if len(b) > 1500 {
		return "…" + string(b[len(b)-1500:])
	}
	return string(b)
}

// tallies counts cuts by format and outcome.
type tallies map[string]int

func (n tallies) add(format llm.Format, what string) { n[string(format)+" "+what]++ }

// TestRecordedAnswersAreJoinedWhereverTheyAreCut cuts answers behind each of their
// events and has them gone on from by an attempt that says the rest.
func TestRecordedAnswersAreJoinedWhereverTheyAreCut(t *testing.T) {
	for _, c := range generating() {
		t.Run(string(c.Format()), func(t *testing.T) { cutAll(t, recorded(t, c)) })
	}
}

// TestHandMadeAnswersAreJoinedWhereverTheyAreCut: likewise those of testdata, in each
// format.
func TestHandMadeAnswersAreJoinedWhereverTheyAreCut(t *testing.T) {
	for _, c := range generating() {
		t.Run(string(c.Format()), func(t *testing.T) { cutAll(t, handMade(t, c)) })
	}
}

func cutAll(t *testing.T, samples []*sample) {
	n := tallies{}
	for _, s := range samples {
		for _, k := range s.cuts() {
			playCut(t, n, s.cutAt(t, k))
		}
	}
	t.Log(len(samples), "answers")
	for _, k := range slices.Sorted(maps.Keys(n)) {
		t.Log(n[k], k)
	}
}

// TestAnAnswerMayBreakTwice: the attempt that goes on breaks off as well, behind each
// of its frames, and another goes on from what both have shown. The writer is primed
// with frames of an upstream and of another writer, one behind the other.
func TestAnAnswerMayBreakTwice(t *testing.T) {
	for _, c := range generating() {
		samples := append(handMade(t, c), long(c))
		for _, s := range recordedOrNone(t, c) {
			if len(s.pieces) < 40 {
				samples = append(samples, s)
			}
		}
		twice := 0
		for _, s := range samples {
			for k := 1; k < len(s.pieces); k += 1 + len(s.pieces)/10 {
				twice += breakTwice(t, s.cutAt(t, k))
			}
		}
		if twice < 16 {
			t.Errorf("%s: no more than %d answers broke twice and were whole in the end", c.Format(), twice)
		}
	}
}

// long is an answer that is long enough to be broken in many places.
func long(c wire.Codec) *sample {
	r := &llm.Response{ID: "long_1", Model: "m", Stop: llm.StopEnd, Usage: spent}
	text := "I count.\n\n"
	for i := range 30 {
		text += fmt.Sprintf("%d. The number %d is %d times %d, and “%d²” is %d.\n", i, i*6, i*3, 2, i, i*i)
	}
	r.Parts = []llm.Part{{Kind: llm.Thinking, Text: "They want numbers."}, {Kind: llm.Text, Text: text}}
	return translated(&sample{id: "long", events: answerEvents(r)}, c, wire.Native)
}

func breakTwice(t *testing.T, c *cut) (n int) {
	if c.v != seam.Continue {
		return 0
	}
	attempt := through(c.c, answerEvents(c.goesOn()))
	for m := len(attempt) - 1; m > 0; m -= 1 + len(attempt)/5 {
		shown := c.join(t, seam.Turn, attempt[:m])
		if len(shown) == len(c.shown) {
			continue
		}
		d := c.broken(t, c.n, shown)
		if d.v != seam.Continue {
			continue
		}
		out := d.join(t, seam.Turn, through(d.c, answerEvents(d.goesOn())))
		if out == nil {
			t.Errorf("%s cut at %d and again behind %d frames: the second attempt was refused: %s\n%s", c.id, c.n, m, d.refused, tail(shown))
			continue
		}
		d.check(t, "twice", out, false)
		n++
	}
	return n
}

// mostCuts bounds the cuts of a long answer, whose middle is much the same: fewer with
// -short and under the race detector, which finds nothing in what has no goroutines.
func mostCuts() int {
	if testing.Short() || racing {
		return 16
	}
	return 60
}

// cuts are the places behind which an answer is cut: all of them, but for the middle
// of long ones, of which some are taken, unless everything is wanted.
func (s *sample) cuts() (at []int) {
	n, most := len(s.pieces)-1, mostCuts()
	step := 1
	if n > most && !*everything {
		step = 1 + 2*n/most
	}
	for k := 1; k <= n; k++ {
		if step == 1 || k <= most/4 || n-k < most/4 || k%step == 0 || most > 16 && s.turns(k) {
			at = append(at, k)
		}
	}
	return at
}

func playCut(t *testing.T, n tallies, c *cut) {
	f := c.c.Format()
	switch c.v {
	case seam.Refuse:
		if c.why == "" {
			t.Errorf("%s cut at %d: refused without a reason", c.id, c.n)
		}
		n.add(f, "refuse: "+c.why)
	case seam.Finish:
		n.add(f, "finish: "+c.why)
		out := c.w().Write(bytes.Clone(c.shown), seam.End(c.p, c.first))
		back := c.read(out)
		if back.Err != nil {
			t.Errorf("%s cut at %d (%s): %v\n%s\n| %s", c.id, c.n, c.why, back.Err, tail(c.shown), tail(out[len(c.shown):]))
			return
		}
		c.legal(t, "finish", out)
	case seam.Restart:
		n.add(f, "restart: "+c.why)
		r := *c.whole
		r.ID, r.Usage = "upstream_2", spent
		for i := range r.Parts {
			r.Parts[i].Extra = nil
		}
		out := c.join(t, 0, through(c.c, answerEvents(&r)))
		if out == nil {
			t.Errorf("%s cut at %d: a restart was refused", c.id, c.n)
			return
		}
		c.check(t, "restart", out, false)
	case seam.Continue:
		n.add(f, "continue: "+c.why)
		playContinue(t, n, c)
	}
}

func playContinue(t *testing.T, n tallies, c *cut) {
	f := c.c.Format()
	rest := c.left()
	text := c.p.Text()
	space := text[len(strings.TrimRightFunc(text, unicode.IsSpace)):]
	if out := c.join(t, seam.Turn, through(c.c, answerEvents(c.goesOn()))); out == nil {
		n.add(f, "turn refused: "+c.refused)
	} else {
		n.add(f, "turn joined")
		c.check(t, "turn", out, false)
	}
	if out := c.join(t, seam.Prefill, through(c.c, answerEvents(say(rest, space)))); out == nil {
		n.add(f, "prefill refused: "+c.refused)
	} else {
		n.add(f, "prefill joined")
		c.check(t, "prefill", out, false)
	}
}
