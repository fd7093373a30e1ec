package seam_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// generating are the codecs of formats that ask for an answer.
func generating() (out []wire.Codec) {
	for _, c := range all.Codecs() {
		if c.Format().Operation() == llm.Generate {
			out = append(out, c)
		}
	}
	return out
}

// sample is one whole streamed answer as its client got it.
type sample struct {
	id      string
	c       wire.Codec
	dialect *wire.Dialect
	framing wire.Framing
	pieces  [][]byte // event by event
	whole   *llm.Response
	events  []llm.Event
	req     *llm.Request
}

// as is what the client is told of the answer, but for its id, which stands in it.
func (s *sample) as() *wire.Answer {
	return &wire.Answer{Model: "smart", StreamUsage: true, Framing: s.framing}
}

// read decodes what a client got.
func (s *sample) read(text []byte) wiretest.Drained { return readAs(s.c, s.dialect, s.framing, text) }

func readAs(c wire.Codec, d *wire.Dialect, in wire.Framing, text []byte) wiretest.Drained {
	dd := wire.Dialect{}
	if d != nil {
		dd = *d
	}
	dd.Framing = in
	return wiretest.Drain(c.Frames(bytes.NewReader(text), &dd, wire.FrameOptions{Events: true, Framing: in}))
}

// newSample passes a stream on as dispatch does; nil where it is no whole answer.
func newSample(id string, c wire.Codec, d *wire.Dialect, framing wire.Framing, text string) *sample {
	passed := wiretest.Drain(c.Frames(strings.NewReader(text), d, wire.FrameOptions{Model: "smart", Framing: framing}))
	if passed.Err != nil || passed.Progress.Malformed > 0 {
		return nil
	}
	return ofClient(id, c, d, framing, passed.Bytes)
}

// ofClient is a sample of what a client got.
func ofClient(id string, c wire.Codec, d *wire.Dialect, framing wire.Framing, text []byte) *sample {
	s := &sample{id: id, c: c, dialect: d, framing: framing, req: &llm.Request{}}
	s.pieces = split(text, framing.Of(c.Format()))
	in := s.read(text)
	if in.Err != nil {
		return nil
	}
	s.events = in.Events
	s.whole = put(in.Events)
	return s
}

func put(events []llm.Event) *llm.Response {
	var a llm.Assembler
	a.Add(events...)
	return a.Response()
}

// split cuts a stream between its events.
func split(text []byte, in wire.Framing) (out [][]byte) {
	for len(text) > 0 {
		n := len(text)
		switch in {
		case wire.EventStream, wire.Chunks:
			n = min(n, int(binary.BigEndian.Uint32(text)))
		case wire.JSONArray:
			if i := bytes.Index(text, []byte("}\r\n")); i >= 0 {
				n = i + 3
			}
		default:
			for _, end := range []string{"\n\n", "\r\n\r\n"} {
				if i := bytes.Index(text, []byte(end)); i >= 0 {
					n = min(n, i+len(end))
				}
			}
		}
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// handMade are the streams of testdata, ours and the codecs'; those of other formats as
// a writer of this one puts them.
func handMade(t testing.TB, c wire.Codec) (out []*sample) {
	t.Helper()
	var paths []string
	for _, dir := range []string{"testdata", filepath.Join("..", "wire", "all", "testdata", "streams")} {
		more, err := filepath.Glob(filepath.Join(dir, "*.sse"))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		from := all.Codec(llm.Format(strings.TrimPrefix(filepath.Ext(strings.TrimSuffix(name, ".sse")), ".")))
		s := newSample(name, from, inSSE, wire.SSE, string(text))
		if s == nil {
			continue // it is one of a failure
		}
		if from != c {
			s = translated(s, c, wire.SSE)
		}
		out = append(out, s)
	}
	if len(out) < 5 {
		t.Fatalf("%d hand-made streams of %s", len(out), c.Format())
	}
	return out
}

var inSSE = &wire.Dialect{Framing: wire.SSE}

// translated is a sample as the client of another format got it.
func translated(s *sample, c wire.Codec, framing wire.Framing) *sample {
	w := c.Writer(&wire.Answer{ID: "call_1", Model: "smart", StreamUsage: true, Created: 1764000000, Framing: framing})
	return ofClient(s.id+" in "+string(c.Format()), c, nil, framing, w.Write(nil, s.events))
}

var everything = flag.Bool("everything", false, "cut each recorded answer at each of its events, which takes minutes")

// recorded are the recorded streams of a format: one of each sort, the shortest, or
// all of them with -everything. A sort is a vendor and the order in which parts and
// features come.
func recorded(t testing.TB, c wire.Codec) (out []*sample) {
	at := map[string]int{}
	for _, x := range wiretest.Recorded(t, string(c.Format())) {
		text := x.Streamed()
		if text == "" {
			continue
		}
		d := *x.Dialect()
		d.NoDone = true // some recordings were cut off there by those who made them
		s := newSample(x.ID, c, &d, wire.Native, text)
		if s == nil {
			continue
		}
		if x.Request != nil && len(x.Request.Body) > 0 {
			if r, err := c.DecodeRequest(x.Request.Body, x.Head()); err == nil {
				s.req = r
			}
		}
		sort := x.Provider + s.sort()
		if i, ok := at[sort]; ok && !*everything {
			if len(s.pieces) < len(out[i].pieces) {
				out[i] = s
			}
			continue
		}
		at[sort] = len(out)
		out = append(out, s)
	}
	return out
}

// recordedOrNone are the recorded streams, where the recordings are at hand.
func recordedOrNone(t *testing.T, c wire.Codec) (out []*sample) {
	t.Run("recordings of "+string(c.Format()), func(t *testing.T) { out = recorded(t, c) })
	return out
}

// sort is what is particular about a sample: its parts, how they come, and what the
// request says that a verdict may depend on.
func (s *sample) sort() string {
	var b strings.Builder
	last := ""
	for i := range s.events {
		e := &s.events[i]
		is := strconv.Itoa(int(e.Kind)) + string(e.Part.Kind) + string(e.Stop)
		if e.Citation != nil {
			is += "cites"
		}
		if e.Signature != "" {
			is += "signs"
		}
		if is != last {
			b.WriteString(" " + is)
		}
		last = is
	}
	return fmt.Sprint(b.String(), s.req.Output.Kind, s.req.Logprobs, s.req.Choices > 1, len(s.req.Stop) > 0)
}

// textOf is what an answer says.
func textOf(r *llm.Response, kind llm.PartKind) (s string) {
	for i := range r.Parts {
		if r.Parts[i].Kind == kind {
			s += r.Parts[i].Text
		}
	}
	return s
}

// said is what must be the same of two answers, as text.
func said(r *llm.Response, thinking bool) string {
	var b strings.Builder
	b.WriteString("text " + textOf(r, llm.Text) + "\nrefusal " + textOf(r, llm.Refusal) + "\n")
	if thinking {
		b.WriteString("thinking " + textOf(r, llm.Thinking) + "\n")
	}
	for i := range r.Parts {
		switch p := &r.Parts[i]; p.Kind {
		case llm.ToolCall:
			args := p.Arguments
			if v, err := wiretest.Value(args); err == nil {
				args = json.RawMessage(wiretest.Text(v))
			}
			b.WriteString("call " + p.Name + " " + string(args) + "\n")
		case llm.Opaque, llm.Image:
			b.WriteString(string(p.Kind) + "\n")
		}
	}
	return b.String()
}

// answerEvents are the events of a whole answer, in pieces of a few letters.
func answerEvents(r *llm.Response) (out []llm.Event) {
	out = append(out, llm.Event{Kind: llm.Start, ID: r.ID, Model: r.Model})
	for i := range r.Parts {
		p := r.Parts[i]
		switch p.Kind {
		case llm.Text, llm.Thinking, llm.Refusal, llm.ToolCall:
			text := p.Text
			if p.Kind == llm.ToolCall {
				text = string(p.Arguments)
			}
			p.Text, p.Arguments = "", nil
			out = append(out, llm.Event{Kind: llm.BlockStart, Index: i, Part: p})
			for len(text) > 0 {
				n := min(len(text), 7)
				for n < len(text) && text[n]&0xC0 == 0x80 {
					n++
				}
				out = append(out, llm.Event{Kind: llm.Delta, Index: i, Text: text[:n]})
				text = text[n:]
			}
		default:
			out = append(out, llm.Event{Kind: llm.BlockStart, Index: i, Part: p})
		}
		out = append(out, llm.Event{Kind: llm.BlockStop, Index: i})
	}
	return append(out, llm.Event{Kind: llm.UsageUpdate, Usage: r.Usage}, llm.Event{Kind: llm.Stop, Stop: r.Stop, StopDetail: r.StopDetail}, llm.Event{Kind: llm.End})
}

// through writes events in a format and reads them back, as an upstream in that format
// would bring them; frame by frame.
func through(c wire.Codec, events []llm.Event) [][]llm.Event {
	text := c.Writer(&wire.Answer{ID: "upstream_2", Model: "other", StreamUsage: true, Created: 5}).Write(nil, events)
	var out [][]llm.Event
	s := c.Frames(bytes.NewReader(text), nil, wire.FrameOptions{Events: true})
	for {
		f, err := s.Next()
		if err != nil {
			return out
		}
		out = append(out, append([]llm.Event(nil), f.Events...))
	}
}

// turns reports whether the kth piece is unlike the one before it: there the parts of
// an answer begin and end.
func (s *sample) turns(k int) bool {
	a, b := s.pieces[k-1], s.pieces[k]
	d := len(a) - len(b)
	return d > 96 || d < -96
}
