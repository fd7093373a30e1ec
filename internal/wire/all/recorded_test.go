package all_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// reading is the dialect of a recorded answer. Some recordings were cut off before
// [DONE] by those who made them.
func reading(x *wiretest.Exchange) *wire.Dialect {
	d := *x.Dialect()
	d.NoDone = true
	return &d
}

// TestRecordedStreamsAreTheSameAnswerInEveryFormat: a real stream, translated and
// read back, is the answer that it was.
func TestRecordedStreamsAreTheSameAnswerInEveryFormat(t *testing.T) {
	n, f := tally{}, failures{}
	for _, from := range generating() {
		for _, x := range wiretest.Recorded(t, string(from.Format())) {
			text := x.Streamed()
			if text == "" {
				continue
			}
			in := wiretest.Drain(from.Frames(strings.NewReader(text), reading(&x), wire.FrameOptions{Events: true}))
			if in.Err != nil {
				continue // the codecs' own tests say of which that is right
			}
			var a llm.Assembler
			a.Add(in.Events...)
			whole := a.Response()
			for _, to := range others(from.Format()) {
				what := streamDiffers(to, in.Events, whole)
				if what != "" {
					f.add(t, from.Format(), to.Format(), x.ID, what)
				}
				n.add(from.Format(), to.Format(), x.Features, what == "")
			}
		}
	}
	f.log(t)
	n.log(t, "streams")
}

func streamDiffers(to wire.Codec, events []llm.Event, want *llm.Response) string {
	out := to.Writer(&wire.Answer{ID: "x", Model: "smart", StreamUsage: true}).Write(nil, events)
	back := wiretest.Drain(to.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
	if back.Err != nil || back.Progress.Malformed > 0 {
		return fmt.Sprintf("%v, %d malformed in %.300q", back.Err, back.Progress.Malformed, out)
	}
	var b llm.Assembler
	b.Add(back.Events...)
	return differences(answerIn(to.Format(), want), answerIn(to.Format(), b.Response()))
}

// TestRecordedAnswersAreTheSameInEveryFormat does so for unstreamed ones.
func TestRecordedAnswersAreTheSameInEveryFormat(t *testing.T) {
	n, f := tally{}, failures{}
	for _, from := range generating() {
		for _, x := range wiretest.Recorded(t, string(from.Format())) {
			r, err := from.DecodeResponse(x.Response.Body, x.Dialect())
			if err != nil || x.Response.Status != 200 {
				continue
			}
			for _, to := range others(from.Format()) {
				what := answerDiffers(to, r)
				if what != "" {
					f.add(t, from.Format(), to.Format(), x.ID, what)
				}
				n.add(from.Format(), to.Format(), x.Features, what == "")
			}
		}
	}
	f.log(t)
	n.log(t, "answers")
}

func answerDiffers(to wire.Codec, r *llm.Response) string {
	body := to.EncodeResponse(r, &wire.Answer{ID: "x", Model: "smart"})
	r2, err := to.DecodeResponse(body, nil)
	if err != nil {
		return fmt.Sprintf("%v in %.300s", err, body)
	}
	return differences(answerIn(to.Format(), r), answerIn(to.Format(), r2))
}

// TestSourcesOfRecordedAnswersHaveTheirAddressInEveryFormat, where both can tell
// sources at all.
func TestSourcesOfRecordedAnswersHaveTheirAddressInEveryFormat(t *testing.T) {
	n, f := tally{}, failures{}
	tell := []llm.Format{llm.Chat, llm.Messages, llm.Responses}
	for _, from := range generating() {
		for _, x := range wiretest.Recorded(t, string(from.Format())) {
			r, err := from.DecodeResponse(x.Response.Body, x.Dialect())
			if err != nil || len(addresses(r)) == 0 {
				continue
			}
			for _, to := range others(from.Format()) {
				if !slices.Contains(tell, to.Format()) {
					continue
				}
				r2, err := to.DecodeResponse(to.EncodeResponse(r, nil), nil)
				same := err == nil && slices.Equal(addresses(r), addresses(r2))
				if !same {
					f.add(t, from.Format(), to.Format(), x.ID, fmt.Sprint(addresses(r), addresses(r2), err))
				}
				n.add(from.Format(), to.Format(), nil, same)
			}
		}
	}
	f.log(t)
	n.log(t, "answers with sources")
}

func addresses(r *llm.Response) (out []string) {
	if r == nil {
		return nil
	}
	for i := range r.Parts {
		for _, c := range r.Parts[i].Citations {
			if c.URL != "" {
				out = append(out, c.URL)
			}
		}
	}
	return out
}

// TestAnySplitOfAStreamGivesTheSameEvents: however the network cuts the bytes.
func TestAnySplitOfAStreamGivesTheSameEvents(t *testing.T) {
	const each = 40 // of a format; the codecs' own tests take them all
	for _, c := range generating() {
		checked := 0
		for _, x := range wiretest.Recorded(t, string(c.Format())) {
			text := x.Streamed()
			if text == "" || checked == each || len(text) > 60<<10 {
				continue
			}
			checked++
			for _, o := range []wire.FrameOptions{{}, {Events: true}} {
				whole := wiretest.Drain(c.Frames(strings.NewReader(text), reading(&x), o))
				for _, size := range []int{1, 7, 1000} {
					cut := wiretest.Drain(c.Frames(&drip{text, size}, reading(&x), o))
					if !bytes.Equal(whole.Bytes, cut.Bytes) || whole.Progress != cut.Progress || (whole.Err == nil) != (cut.Err == nil) {
						t.Errorf("%s in pieces of %d: %+v %v, whole %+v %v", x.ID, size, cut.Progress, cut.Err, whole.Progress, whole.Err)
					}
					var a, b llm.Assembler
					a.Add(whole.Events...)
					b.Add(cut.Events...)
					if d := cmp.Diff(a.Response(), b.Response()); d != "" {
						t.Errorf("%s in pieces of %d:\n%s", x.ID, size, shortened(d))
					}
				}
			}
		}
		t.Logf("%s: %d streams", c.Format(), checked)
		if checked == 0 {
			t.Errorf("%s: no streams were checked", c.Format())
		}
	}
}
