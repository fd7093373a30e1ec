package responses

import (
	"bytes"
	"io"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// Frames implements wire.Codec.
func (Codec) Frames(r io.Reader, d *wire.Dialect, o wire.FrameOptions) wire.Stream {
	s := &answer{d: d, model: o.Model, seal: o.Seal, cut: o.Cut}
	if o.Events {
		s.out = &blocks{d: d}
	}
	in := wire.SSE
	if d != nil && d.Framing != wire.Native {
		in = d.Framing
	}
	return stream.New(r, s, &s.p, in, o)
}

// answer reads the events of one answer. It implements stream.Scanner.
type answer struct {
	p     llm.Progress
	d     *wire.Dialect
	model string
	seal  func(string) string
	cut   bool

	ev     event
	like   alike
	open   []item // that are not done yet, by their output index
	items  bool   // there was one
	out    *blocks
	change splices
	by     []byte
}

// item is an output item that is being streamed. Vendors change the ids on the way,
// so that the index alone says which one an event is of.
type item struct {
	index    int64
	kind     string
	streamed int64  // bytes of its text, arguments or reasoning
	parts    uint64 // of its content or summary, those of which text has come

	// Of its canonical form, where events are wanted.
	id     string
	block  int   // the index of its block, or of the one that is open
	inPart int64 // which part that is
	begun  bool
	raw    bool // reasoning: it is shown as it is, not summarised
	told   bool // the text of the part that is open was told whole
	extra  []llm.Extra
	late   []llm.Extra // for the block's end
}

func bit(n int64) uint64 { return 1 << (uint64(n) % 64) }

var done = []byte("[DONE]")

// See implements stream.Scanner.
func (s *answer) See(name, data []byte, v *stream.Verdict) {
	v.Class = wire.Prelude
	if s.again(name, data, v) {
		return
	}
	if len(data) <= len(done)+1 && bytes.Equal(bytes.TrimSpace(data), done) {
		return // says nothing that the last event has not said
	}
	kind := string(name) // always equal to the type where it is there
	if kind == "" {
		kind = wire.TypeOf(data)
	}
	if s.out != nil && !raw.Valid(data) {
		v.Bad = true
		return
	}
	c := raw.On(data)
	if c.Kind() != '{' {
		v.Bad = true
		return
	}
	s.ev = event{data: data}
	s.ev.read(&c)
	if c.End() != nil {
		v.Bad = true
		return
	}
	if kind == "error" || kind == "" && s.ev.response == (raw.Span{}) && isError(data) {
		v.Err = s.failed(data)
		return
	}
	if s.out != nil && kind != "response.failed" {
		s.out.start(s, v)
	}
	s.event(name, kind, v)
}

func isError(data []byte) bool { return wire.ReadError(data) != (wire.Said{}) }

func (s *answer) event(name []byte, kind string, v *stream.Verdict) {
	switch kind {
	case "response.output_text.delta":
		s.delta(name, llm.Text, v)
	case "response.refusal.delta":
		s.delta(name, llm.Refusal, v)
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		s.delta(name, llm.ToolCall, v)
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		s.delta(name, llm.Thinking, v)
	case "response.output_text.done":
		s.whole(llm.Text, v)
	case "response.refusal.done":
		s.whole(llm.Refusal, v)
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		s.whole(llm.ToolCall, v)
	case "response.reasoning_summary_text.done", "response.reasoning_text.done":
		s.whole(llm.Thinking, v)
	case "response.output_item.added":
		s.added(v)
	case "response.output_item.done":
		s.done(v)
	case "response.content_part.added":
		if s.out != nil {
			s.out.part(s, s.find(), v)
		}
	case "response.content_part.done":
		if s.out != nil {
			s.out.partDone(s, s.find())
		}
	case "response.output_text.annotation.added":
		if s.out != nil && s.ev.has(s.ev.note) {
			s.out.annotation(s, s.find(), v)
		}
	case "response.created", "response.in_progress", "response.queued":
		s.splice(v)
	case "response.completed":
		s.end(ending{status: "completed"}, v)
	case "response.incomplete":
		s.end(ending{status: "incomplete"}, v)
	case "response.failed":
		v.Err = s.failed(s.ev.data)
	default: // of the provider's own tools; the format may grow
		if s.ev.n > 0 {
			s.p.ToolBytes += int64(s.ev.n)
			v.Class = wire.Content
		}
	}
}
