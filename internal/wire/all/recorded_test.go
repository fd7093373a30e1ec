package all_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// TestRecordedStreamsAreTheSameAnswerInTheOtherFormat: a real stream, translated
// and read back, is the answer that it was.
func TestRecordedStreamsAreTheSameAnswerInTheOtherFormat(t *testing.T) {
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		from, to := all.Codec(f), all.Codec(other(f))
		same := 0
		for _, x := range wiretest.Recorded(t, string(f)) {
			text := x.Response.BodyText
			if x.Response.Status != 200 || !strings.Contains(text, "data:") {
				continue
			}
			in := wiretest.Drain(from.Frames(strings.NewReader(text), &wire.Dialect{NoDone: true}, wire.FrameOptions{Events: true}))
			if in.Err != nil {
				continue
			}
			out := to.Writer(&wire.Answer{ID: "x", Model: "smart", StreamUsage: true}).Write(nil, in.Events)
			back := wiretest.Drain(to.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
			if back.Err != nil || back.Progress.Malformed > 0 {
				t.Errorf("%s: %v in %.300s", x.ID, back.Err, out)
				continue
			}
			var a, b llm.Assembler
			a.Add(in.Events...)
			b.Add(back.Events...)
			if d := cmp.Diff(answer(a.Response()), answer(b.Response())); d != "" {
				t.Errorf("%s:\n%s", x.ID, cut(d))
				continue
			}
			same++
		}
		t.Logf("%s to %s: %d streams the same", f, to.Format(), same)
	}
}

// TestRecordedAnswersAreTheSameInTheOtherFormat does so for unstreamed ones.
func TestRecordedAnswersAreTheSameInTheOtherFormat(t *testing.T) {
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		from, to := all.Codec(f), all.Codec(other(f))
		same := 0
		for _, x := range wiretest.Recorded(t, string(f)) {
			r, err := from.DecodeResponse(x.Response.Body, nil)
			if err != nil || x.Response.Status != 200 {
				continue
			}
			r2, err := to.DecodeResponse(to.EncodeResponse(r, &wire.Answer{ID: "x", Model: "smart"}), nil)
			if err != nil {
				t.Errorf("%s: %v", x.ID, err)
				continue
			}
			if d := cmp.Diff(answer(r), answer(r2)); d != "" {
				t.Errorf("%s:\n%s", x.ID, cut(d))
				continue
			}
			same++
		}
		t.Logf("%s to %s: %d answers the same", f, to.Format(), same)
	}
}
