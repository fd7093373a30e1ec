package seam_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/seam"
)

// cutText is an answer of one text that broke off.
func cutText(shown string, stop []string) (*seam.Partial, seam.Verdict, []llm.Event) {
	events := []llm.Event{
		{Kind: llm.Start, ID: "shown_1"},
		{Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}},
		{Kind: llm.Delta, Text: shown},
	}
	p := seam.Of(events)
	v, _ := seam.Decide(p, &llm.Request{Stop: stop})
	return p, v, events
}

// FuzzWhateverComesBackTheTextIsWhatWasShownAndSomeOfIt: an attempt's text is refused, or
// one run of it stands behind what was shown; that does not depend on the pieces in
// which it comes, and no more than a bound of it is held.
func FuzzWhateverComesBackTheTextIsWhatWasShownAndSomeOfIt(f *testing.F) {
	for _, shown := range []string{"The capital of France is Par", "Like this:\n\n```go\nfunc add(a", "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0", "Hi", "{\"a\": ", "café 👨\u200d"} {
		for _, back := range []string{"is, on the Seine.", shown + "is", "Sure:\n\n" + shown, "```\n" + shown + " x\n```\n", shown + shown, "\xff\xfe", "  \n \n", "“" + shown + "” and", "…" + shown} {
			f.Add(shown, back, true, uint8(3), "END")
			f.Add(shown, back, false, uint8(1), "")
		}
	}
	f.Fuzz(func(t *testing.T, shown, back string, turn bool, size uint8, stop string) {
		if len(shown) > 4<<10 || len(back) > 16<<10 || !utf8.ValidString(stop) { // no format can say such a stop
			return
		}
		p, v, first := cutText(shown, []string{stop})
		if v != seam.Continue {
			return
		}
		way := seam.Prefill
		if turn {
			way = seam.Turn
		}
		one, oneErr := played(t, p, first, way, back, len(back)+1)
		two, twoErr := played(t, p, first, way, back, int(size)+1)
		if one != two || (oneErr == "") != (twoErr == "") { // which of several reasons is found first depends on the pieces
			t.Fatalf("in one piece %q %q, in pieces of %d %q %q", one, oneErr, size, two, twoErr)
		}
		if oneErr != "" {
			return
		}
		rest, ok := strings.CutPrefix(one, shown)
		if !ok {
			t.Fatalf("%q was shown, %q is told in the end", shown, one)
		}
		if !strings.Contains(back, rest) {
			t.Fatalf("%q is no part of what came back, %q", rest, back)
		}
		if utf8.ValidString(shown) && utf8.ValidString(back) && !utf8.ValidString(one) {
			t.Fatalf("a character is cut in %q", one)
		}
	})
}

// played gives the whole text, or why it was refused.
func played(t *testing.T, p *seam.Partial, first []llm.Event, way seam.Way, back string, size int) (string, string) {
	j := seam.Join(p, seam.Continue, way)
	all := append([]llm.Event{}, first...)
	add := func(e llm.Event) *llm.Error {
		out, err := j.Add(nil, []llm.Event{e})
		if all = append(all, out...); err != nil && len(all) > len(first) {
			t.Fatalf("refused after something was shown: %v", err)
		}
		if most := 2*len(p.Text()) + 8<<10 + size; j.Held() > most {
			t.Fatalf("%d bytes are held, %d were shown", j.Held(), len(p.Text()))
		}
		return err
	}
	events := []llm.Event{{Kind: llm.Start, ID: "upstream_2"}, {Kind: llm.BlockStart, Part: llm.Part{Kind: llm.Text}}}
	for len(back) > 0 {
		n := min(size, len(back))
		for n < len(back) && !utf8.RuneStart(back[n]) {
			n++
		}
		events = append(events, llm.Event{Kind: llm.Delta, Text: back[:n]})
		back = back[n:]
	}
	events = append(events, llm.Event{Kind: llm.BlockStop}, llm.Event{Kind: llm.Stop, Stop: llm.StopEnd}, llm.Event{Kind: llm.End})
	for _, e := range events {
		if err := add(e); err != nil {
			return "", err.Message
		}
	}
	if bad := disorder(all); bad != "" {
		t.Fatal(bad)
	}
	return textOf(put(all), llm.Text), ""
}

// FuzzWhateverEventsComeTheOrderHolds: an attempt may send any events in any order; what
// the client gets is an answer in order, which begins with what it was shown.
func FuzzWhateverEventsComeTheOrderHolds(f *testing.F) {
	f.Add("The capital of France is Par", []byte{1, 0, 2, 0, 3, 0, 6, 0, 7, 0}, uint8(0))
	f.Add("The capital", []byte{1, 1, 1, 2, 2, 2, 3, 1, 3, 2, 2, 1, 6, 0, 7, 0, 1, 1, 2, 1}, uint8(1))
	f.Add("", []byte{1, 33, 1, 66, 2, 33, 8, 0, 4, 1, 5, 1, 6, 2, 7, 0}, uint8(2))
	kinds := []llm.PartKind{llm.Text, llm.Thinking, llm.ToolCall, llm.Refusal, llm.Opaque, llm.Image}
	f.Fuzz(func(t *testing.T, shown string, script []byte, how uint8) {
		if len(shown) > 1<<10 || len(script) > 4<<10 {
			return
		}
		p, v, first := cutText(shown, []string{"END"})
		if v != seam.Continue && v != seam.Restart {
			return
		}
		j := seam.Join(p, v, seam.Way(how%2)+seam.Prefill)
		all := append([]llm.Event{}, first...)
		texts := []string{"is", shown, " ", "```", "\n", "END", "“", "é", "Sure, I continue.", ""}
		for i := 0; i+1 < len(script); i += 2 {
			what, n := script[i], int(script[i+1])
			e := llm.Event{Kind: llm.EventKind(what % 10), Index: n % 5}
			switch e.Kind {
			case llm.BlockStart:
				e.Part.Kind = kinds[n/5%len(kinds)]
			case llm.Delta:
				if e.Text = texts[n/5%len(texts)]; n > 200 {
					e.Citation = &llm.Citation{URL: "https://a", Start: n - 210, End: n}
				}
			case llm.Failure:
				if n%2 == 0 {
					e.Err = &llm.Error{Class: llm.Overloaded}
				}
			}
			out, err := j.Add(nil, []llm.Event{e})
			if err != nil && err.Code == "not_continued" && !j.Joined() && len(all) > len(first) {
				if last := all[len(all)-1]; last.Kind != llm.Ping {
					t.Fatalf("refused after %+v was shown", last)
				}
			}
			if all = append(all, out...); err != nil {
				if more, again := j.Add(nil, []llm.Event{e}); len(more) > 0 || again != err {
					t.Fatal("a refused attempt is heard again")
				}
				break
			}
		}
		if bad := disorder(all); bad != "" {
			t.Fatal(bad)
		}
		if !strings.HasPrefix(textOf(put(all), llm.Text), shown) {
			t.Fatalf("%q was shown, %q is told in the end", shown, textOf(put(all), llm.Text))
		}
	})
}
