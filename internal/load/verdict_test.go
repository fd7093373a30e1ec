package load

import (
	"testing"

	"github.com/skein-run/skein/internal/dispatch"
)

// TestTheJudgeSeesWhatIsWrong with a stream, whatever it is, and takes no other for it.
func TestTheJudgeSeesWhatIsWrong(t *testing.T) {
	const words = "the tide comes and the tide goes"
	call := called{"get_weather", `{"city":"Oslo"}`}
	again := &dispatch.CallRecord{Seams: []dispatch.SeamRecord{{Verdict: "finish"}}, Attempts: []dispatch.AttemptRecord{{Outcome: "broken_stream"}}}
	answer := func() *outcome {
		o := &outcome{plan: &plan{format: formats[0], words: words}}
		o.text(words)
		o.id("chatcmpl-1")
		o.usages, o.stop, o.ended = 1, "end", true
		return o
	}
	tooled := func() *outcome {
		o := answer()
		o.calls, o.stop = []called{call, call}, "tools"
		o.tool(0, call.name, call.args)
		return o
	}
	for _, c := range []struct {
		name string
		o    *outcome
		mars func(*outcome)
		rec  *dispatch.CallRecord
		want verdict
	}{
		{"nothing", answer(), func(*outcome) {}, nil, whole},
		{"a hole", answer(), func(o *outcome) { o.said.Reset(); o.text("the tide comes tide goes") }, nil, garbled},
		{"a repetition", answer(), func(o *outcome) { o.text(" goes") }, nil, garbled},
		{"its end is missing, and it says that it is whole", answer(), func(o *outcome) { o.said.Reset(); o.text("the tide") }, nil, garbled},
		{"a second id", answer(), func(o *outcome) { o.id("chatcmpl-2") }, nil, garbled},
		{"no id", answer(), func(o *outcome) { o.ids = nil }, nil, garbled},
		{"two usages", answer(), func(o *outcome) { o.usages = 2 }, nil, garbled},
		{"no usage", answer(), func(o *outcome) { o.usages = 0 }, nil, garbled},
		{"another reason to end", answer(), func(o *outcome) { o.stop = "tools" }, nil, garbled},
		{"something behind its end", answer(), func(o *outcome) { o.more(o.format, "", []byte(`{"choices":[]}`)) }, nil, garbled},
		{"torn", answer(), func(o *outcome) { o.failed, o.torn = "the stream tore", true }, again, unlawful},
		{"an error", answer(), func(o *outcome) { o.failed = "the stream broke off" }, nil, unlawful},
		{"an error with words that are none of it", answer(), func(o *outcome) { o.text("?"); o.failed = "the stream broke off" }, nil, garbled},
		{"an error of the rules", answer(), func(o *outcome) { o.failed = "…: the arguments of a tool call were cut" }, nil, refused},
		{"one of two calls, after a break", tooled(), func(*outcome) {}, again, short},
		{"one of two calls, without a break", tooled(), func(*outcome) {}, nil, garbled},
		{"a cut call", tooled(), func(o *outcome) { o.tool(1, call.name, `{"ci`) }, again, garbled},
		{"other arguments", tooled(), func(o *outcome) { o.tool(1, call.name, `{"city":"Rome"}`) }, nil, garbled},
		{"a call too many", answer(), func(o *outcome) { o.tool(0, call.name, call.args) }, nil, garbled},
	} {
		c.mars(c.o)
		if got, why := c.o.verdict(c.rec); got != c.want {
			t.Errorf("%s: %s (%s), not %s", c.name, got, why, c.want)
		}
	}
}
