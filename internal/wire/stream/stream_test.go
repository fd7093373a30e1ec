package stream_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/eventstream"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// format is a format as small as can be: an event is {"type":…,"model":…,"text":…}.
type format struct {
	p     llm.Progress
	model string
	out   bool // events are asked for
	ends  bool // an answer ends where its stream does, not with its last event
}

func (s *format) See(name, data []byte, v *stream.Verdict) {
	var e struct{ Type, Model, Text, Error string }
	if json.Unmarshal(data, &e) != nil {
		v.Bad = true
		return
	}
	if len(name) > 0 && string(name) != e.Type {
		v.Err = wire.BrokenStream("an event is named " + string(name) + " and is " + e.Type)
		return
	}
	if i := bytes.Index(data, []byte(`"up"`)); i >= 0 && s.model != "" {
		v.Splice, v.By = raw.Span{From: i, To: i + 4}, []byte(s.model)
	}
	v.Class = wire.Prelude
	switch e.Type {
	case "text":
		v.Class = wire.Content
		if s.out {
			v.Events = append(v.Events, llm.Event{Kind: llm.Delta, Text: e.Text})
		}
		s.p.TextBytes += int64(len(e.Text))
	case "hidden":
		v.Hide = true
	case "ping":
		v.Class = wire.Heart
	case "stop":
		s.p.Stopped = true
		v.Class, v.Ends = wire.Terminal, s.ends
	case "error":
		v.Err = &llm.Error{Class: llm.Overloaded, Message: e.Error}
	}
}

func (s *format) AtEnd(v *stream.Verdict) *llm.Error {
	if !s.p.Stopped && s.p.TextBytes < 5 {
		return wire.BrokenStream("too little came")
	}
	if !s.ends {
		v.Name, v.Make = "stop", []byte(`{"type":"stop"}`)
	}
	if s.out {
		v.Events = append(v.Events, llm.Event{Kind: llm.End})
	}
	return nil
}

func (s *format) Unframed(body []byte) *llm.Error {
	return &llm.Error{Class: llm.BadRequest, Message: string(body)}
}

func drain(r io.Reader, s *format, in wire.Framing, o wire.FrameOptions) wiretest.Drained {
	s.out = o.Events
	return wiretest.Drain(stream.New(r, s, &s.p, in, o))
}

var framings = []wire.Framing{wire.SSE, wire.EventStream, wire.Chunks, wire.JSONArray}

// framed writes events, each {"type":…}, in a framing.
func framed(in wire.Framing, events ...string) []byte {
	f := stream.Framer{Framing: in}
	var b []byte
	for _, e := range events {
		c := raw.On([]byte(e))
		c.Object()
		c.Key()
		b = f.Event(b, c.TextIf(), []byte(e))
	}
	return f.End(b)
}

var (
	start = `{"type":"start","model":"up"}`
	hello = `{"type":"text","text":"He said \"{]\" to 人"}`
	ping  = `{"type":"ping"}`
	world = `{"type":"text","text":"world"}`
	hide  = `{"type":"hidden"}`
	stop  = `{"type":"stop"}`
)

func TestInItsOwnFramingAStreamPassesAsItCame(t *testing.T) {
	for _, in := range framings {
		text := framed(in, start, hello, ping, world, stop)
		if in == wire.JSONArray {
			text = []byte("[" + start + "\n,\r\n" + hello + " , " + ping + "," + world + " \n,\n " + stop + "\n]\r\n")
		}
		for _, r := range []io.Reader{bytes.NewReader(text), iotest.OneByteReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			got := drain(r, &format{ends: in == wire.JSONArray}, in, wire.FrameOptions{Framing: in})
			if got.Err != nil || !bytes.Equal(got.Bytes, text) || got.Progress.Frames != 5 {
				t.Errorf("framing %d: %v\n%q\n%q", in, got.Err, got.Bytes, text)
			}
		}
	}
}

func TestInAnotherFramingEachEventIsWrittenAnew(t *testing.T) {
	for _, in := range framings {
		for _, out := range framings {
			if in == wire.JSONArray && out == wire.EventStream {
				continue // nobody has names for them
			}
			text := framed(in, start, hello, hide, ping, world, stop)
			got := drain(iotest.OneByteReader(bytes.NewReader(text)), &format{ends: true}, in, wire.FrameOptions{Framing: out, Events: true})
			want := framed(out, start, hello, ping, world, stop)
			if got.Err != nil || string(unpadded(t, out, got.Bytes)) != string(unpadded(t, out, want)) {
				t.Errorf("%d to %d: %v\n%q\n%q", in, out, got.Err, got.Bytes, want)
			}
			if in == wire.EventStream && out != in {
				continue // its padding is inside the events
			}
			if in == wire.JSONArray && out == wire.SSE {
				want = unnamed(want)
			}
			if !bytes.Equal(got.Bytes, want) {
				t.Errorf("%d to %d:\n%q\n%q", in, out, got.Bytes, want)
			}
		}
	}
}

// unnamed takes the names off server-sent events.
func unnamed(text []byte) (out []byte) {
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "event: ") {
			out = append(out, line...)
		}
	}
	return out
}

// unpadded lists the events without their padding.
func unpadded(t *testing.T, in wire.Framing, text []byte) (out []byte) {
	t.Helper()
	seen := &keep{}
	wiretest.Drain(stream.New(bytes.NewReader(text), seen, &llm.Progress{}, in, wire.FrameOptions{}))
	for _, e := range seen.all {
		var v map[string]any
		if err := json.Unmarshal([]byte(e), &v); err != nil {
			t.Fatal(err)
		}
		delete(v, "p")
		b, _ := json.Marshal(v)
		out = append(append(out, b...), '\n')
	}
	return out
}

// keep sees and keeps everything.
type keep struct {
	format
	all []string
}

func (k *keep) See(_, data []byte, v *stream.Verdict) {
	k.all = append(k.all, string(data))
	v.Class = wire.Content
}

func TestAPieceOfAnEventIsReplacedInEveryFraming(t *testing.T) {
	for _, in := range framings {
		for _, out := range framings {
			if in == wire.JSONArray && out == wire.EventStream {
				continue
			}
			text := framed(in, start, hello, stop)
			got := drain(bytes.NewReader(text), &format{ends: true, model: `"smart"`}, in, wire.FrameOptions{Framing: out})
			want := framed(out, strings.Replace(start, "up", "smart", 1), hello, stop)
			if got.Err != nil || string(unpadded(t, out, got.Bytes)) != string(unpadded(t, out, want)) {
				t.Errorf("%d to %d: %v\n%q\n%q", in, out, got.Err, got.Bytes, want)
			}
		}
	}
}

func TestNativeIsTheFormatsOwn(t *testing.T) {
	sse := framed(wire.SSE, start, hello, stop)
	for _, in := range []wire.Framing{wire.Native, wire.SSE, wire.Chunks} {
		if got := drain(bytes.NewReader(framed(in, start, hello, stop)), &format{}, in, wire.FrameOptions{}); !bytes.Equal(got.Bytes, sse) {
			t.Errorf("%d: %q", in, got.Bytes)
		}
	}
	own := framed(wire.EventStream, start, hello, stop)
	if got := drain(bytes.NewReader(own), &format{}, wire.EventStream, wire.FrameOptions{}); !bytes.Equal(got.Bytes, own) {
		t.Errorf("%q", got.Bytes)
	}
}

func TestTheEndIsMadeUpInTheClientsFraming(t *testing.T) {
	for _, in := range framings {
		for _, out := range framings {
			text := framed(in, `{"type":"start"}`, world)
			got := drain(bytes.NewReader(text), &format{}, in, wire.FrameOptions{Framing: out})
			seen := &keep{}
			wiretest.Drain(stream.New(bytes.NewReader(got.Bytes), seen, &llm.Progress{}, out, wire.FrameOptions{}))
			if n := len(seen.all); got.Err != nil || n != 3 || !strings.HasPrefix(seen.all[n-1], `{"type":"stop"`) || got.Classes[len(got.Classes)-1] != wire.Terminal {
				t.Errorf("%d to %d: %v %q %v", in, out, got.Err, seen.all, got.Classes)
			}
		}
	}
}

func TestWhatFollowsACompleteAnswerIsOneTerminalFrame(t *testing.T) {
	usage := `{"type":"usage"}`
	for _, in := range framings {
		text := framed(in, start, world, stop, usage, ping, usage)
		got := drain(iotest.OneByteReader(bytes.NewReader(text)), &format{ends: true}, in, wire.FrameOptions{Framing: in, Events: true})
		want := []wire.FrameClass{wire.Prelude, wire.Content, wire.Terminal}
		if d := cmp.Diff(want, got.Classes); d != "" || got.Err != nil || !bytes.Equal(got.Bytes, text) || got.Events[len(got.Events)-1].Kind != llm.End {
			t.Errorf("framing %d: %v %s\n%q\n%q", in, got.Err, d, got.Bytes, text)
		}
		broken := errors.New("connection reset")
		got = drain(io.MultiReader(bytes.NewReader(text), iotest.ErrReader(broken)), &format{ends: true}, in, wire.FrameOptions{Framing: in})
		if got.Err == nil || got.Classes[len(got.Classes)-1] == wire.Terminal {
			t.Errorf("framing %d: a stream that broke before its end came to it: %v", in, got.Classes)
		}
	}
}

func TestExceptionsEndAStream(t *testing.T) {
	for _, in := range []wire.Framing{wire.EventStream, wire.Chunks} {
		f := stream.Framer{Framing: in}
		text := f.Exception(framed(in, start, hello), "throttlingException", []byte(`{"message":"slow down"}`))
		var e *llm.Error
		got := drain(iotest.OneByteReader(bytes.NewReader(text)), &format{}, in, wire.FrameOptions{})
		if !errors.As(got.Err, &e) || e.Class != llm.RateLimited || e.Message != "slow down" || got.Progress.TextBytes == 0 {
			t.Errorf("%+v", got.Err)
		}
		var b bytes.Buffer
		var h aws.Headers
		h.Set(":message-type", aws.StringValue("error"))
		h.Set(":error-code", aws.StringValue("InternalFailure"))
		h.Set(":error-message", aws.StringValue("sorry"))
		if err := aws.NewEncoder().Encode(&b, aws.Message{Headers: h}); err != nil {
			t.Fatal(err)
		}
		got = drain(io.MultiReader(bytes.NewReader(framed(in, start)), &b), &format{}, in, wire.FrameOptions{})
		if !errors.As(got.Err, &e) || e.Class != llm.ServerError || e.Message != "sorry" {
			t.Errorf("%+v", got.Err)
		}
	}
}

func TestABodyThatIsNotInItsFramingIsTheFormatsToRead(t *testing.T) {
	body := `{"message":"no"}` + "\n\n" + strings.Repeat("x", 100<<10)
	for _, in := range framings {
		for _, r := range []io.Reader{strings.NewReader(body), iotest.OneByteReader(strings.NewReader(body))} {
			var e *llm.Error
			got := drain(r, &format{}, in, wire.FrameOptions{})
			if !errors.As(got.Err, &e) || e.Class != llm.BadRequest || e.Message != body[:64<<10] {
				t.Errorf("framing %d: %v", in, got.Err)
			}
		}
	}
}

func TestDamagedChunksAreSkippedAndCounted(t *testing.T) {
	text := framed(wire.Chunks, start)
	for _, payload := range []string{`{"bytes":"$$"}`, `{"bytes":7}`, `[]`, `{"bytes":"` + base64.StdEncoding.EncodeToString([]byte("no JSON")) + `"}`, `{}`, ``} {
		text = eventstream.Append(text, "chunk", []byte(payload))
	}
	text = append(text, framed(wire.Chunks, hello, stop)...)
	got := drain(bytes.NewReader(text), &format{}, wire.Chunks, wire.FrameOptions{Framing: wire.SSE})
	if got.Err != nil || got.Progress.Malformed != 6 || !bytes.Equal(got.Bytes, framed(wire.SSE, start, hello, stop)) {
		t.Errorf("%v %+v %q", got.Err, got.Progress, got.Bytes)
	}
}

func TestSignsOfLifeAreNoEvents(t *testing.T) {
	for _, in := range framings {
		f := stream.Framer{Framing: in}
		text := f.Comment(nil, "keep-alive")
		text = append(text, framed(in, start)...)
		if in != wire.JSONArray {
			text = f.Comment(text, "keep-alive")
		}
		s := &keep{}
		got := wiretest.Drain(stream.New(bytes.NewReader(text), s, &s.p, in, wire.FrameOptions{Framing: in}))
		if in == wire.EventStream { // its formats know them by name
			s.all = s.all[1:2]
		}
		if len(s.all) != 1 || !bytes.HasPrefix(text, got.Bytes) {
			t.Errorf("framing %d: %q", in, s.all)
		}
	}
}

func TestPaddingHidesHowLongATextIs(t *testing.T) {
	for _, in := range []wire.Framing{wire.EventStream, wire.Chunks} {
		lengths := map[int]bool{}
		for n := range 12 {
			text := framed(in, `{"type":"text","text":"`+strings.Repeat("x", n)+`"}`)
			lengths[len(text)] = true
			if m, err := aws.NewDecoder().Decode(bytes.NewReader(text), nil); err != nil || !json.Valid(m.Payload) || !bytes.Contains(m.Payload, []byte(`,"p":"`)) {
				t.Errorf("%v %s", err, m.Payload)
			}
		}
		if len(lengths) > 2 {
			t.Errorf("framing %d: the lengths of twelve texts are %v", in, lengths)
		}
	}
}

func TestAnySplitGivesTheSameFramesInAnyFraming(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SampledFrom(framings).Draw(t, "in")
		out := rapid.SampledFrom(framings).Draw(t, "out")
		events := rapid.SliceOfN(rapid.SampledFrom([]string{start, hello, ping, world, hide, stop, `{"type":"error","error":"x"}`, `[1,"]"]`, `7`}), 0, 9).Draw(t, "events")
		text := framed(in, events...)
		if rapid.Bool().Draw(t, "cut") {
			text = text[:rapid.IntRange(0, len(text)).Draw(t, "at")]
		}
		o := wire.FrameOptions{Framing: out, Events: rapid.Bool().Draw(t, "decoded")}
		ends := rapid.Bool().Draw(t, "ends")
		want := drain(bytes.NewReader(text), &format{ends: ends, model: `"m"`}, in, o)
		got := drain(iotest.OneByteReader(bytes.NewReader(text)), &format{ends: ends, model: `"m"`}, in, o)
		if !bytes.Equal(want.Bytes, got.Bytes) || want.Progress != got.Progress || fmt.Sprint(want.Err) != fmt.Sprint(got.Err) {
			t.Fatalf("%q %v\n%q %v", want.Bytes, want.Err, got.Bytes, got.Err)
		}
		if d := cmp.Diff(want.Events, got.Events); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzFraming(f *testing.F) {
	for i, in := range framings {
		f.Add(uint8(i), uint8(0), framed(in, start, hello, ping, stop))
	}
	f.Add(uint8(3), uint8(1), []byte(" [ 1 , \"]\" , {}, [[]] ,,] "))
	f.Fuzz(func(t *testing.T, in, out uint8, text []byte) {
		o := wire.FrameOptions{Framing: framings[out%4]}
		want := drain(bytes.NewReader(text), &format{ends: true}, framings[in%4], o)
		got := drain(iotest.OneByteReader(bytes.NewReader(text)), &format{ends: true}, framings[in%4], o)
		if !bytes.Equal(want.Bytes, got.Bytes) || want.Progress != got.Progress || (want.Err == nil) != (got.Err == nil) {
			t.Fatalf("%q %v\n%q %v", want.Bytes, want.Err, got.Bytes, got.Err)
		}
	})
}

func ExampleFramer() {
	f := stream.Framer{Framing: wire.JSONArray}
	b := f.Event(nil, "", []byte(`{"text":"Hello"}`))
	b = f.End(f.Event(b, "", []byte(`{"text":" you"}`)))
	fmt.Printf("%q\n", b)
	// Output: "[{\"text\":\"Hello\"}\r\n,\r\n{\"text\":\" you\"}\r\n]"
}

func BenchmarkReframe1000(b *testing.B) {
	var events []string
	for i := range 1000 {
		events = append(events, fmt.Sprintf(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word%d"}}`, i))
	}
	for _, x := range []struct{ in, out wire.Framing }{{wire.Chunks, wire.Chunks}, {wire.Chunks, wire.SSE}, {wire.SSE, wire.Chunks}, {wire.JSONArray, wire.SSE}} {
		text := framed(x.in, events...)
		b.Run(fmt.Sprintf("%d-to-%d", x.in, x.out), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := &idle{}
				r := stream.New(bytes.NewReader(text), s, &s.p, x.in, wire.FrameOptions{Framing: x.out})
				for {
					if _, err := r.Next(); err != nil {
						break
					}
				}
			}
		})
	}
}

// idle looks at nothing.
type idle struct{ format }

func (*idle) See(_, _ []byte, v *stream.Verdict) { v.Class = wire.Content }
