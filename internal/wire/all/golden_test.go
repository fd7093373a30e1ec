package all_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// golden compares got with a file of testdata, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-update rewrites it):\n%s", name, d)
	}
}

// cases lists the hand-made exchanges of testdata: name.format.extension.
func cases(t *testing.T, folder, ext string) (list []struct {
	name   string
	format llm.Format
	text   []byte
}) {
	t.Helper()
	for _, c := range generating() {
		f := c.Format()
		paths, err := filepath.Glob(filepath.Join("testdata", folder, "*."+string(f)+ext))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			text, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(p), "."+string(f)+ext)
			list = append(list, struct {
				name   string
				format llm.Format
				text   []byte
			}{name, f, text})
		}
	}
	if len(list) == 0 {
		t.Fatalf("no cases in %s", folder)
	}
	return list
}

func indented(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b.String() + "\n"
}

// madeUp is the address of a hand-made request.
func madeUp(f llm.Format) *wire.Head { return around(f, &llm.Request{Model: "smart"}) }

func TestRequestsInTheOtherFormat(t *testing.T) {
	for _, x := range cases(t, "requests", ".json") {
		t.Run(x.name, func(t *testing.T) {
			from, head := all.Codec(x.format), madeUp(x.format)
			if _, err := from.Scan(x.text, head); err != nil {
				t.Fatal(err)
			}
			r, err := from.DecodeRequest(x.text, head)
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range others(x.format) {
				out, losses, err := to.EncodeRequest(r, &wire.Target{Format: to.Format(), Upstream: "upstream-model", LossyOK: true})
				if err != nil {
					t.Fatal(err)
				}
				got := indented(t, out) + "\n"
				for _, l := range losses {
					got += fmt.Sprintf("%s: %s: %s\n", l.Class, l.Field, l.Note)
				}
				golden(t, filepath.Join("requests", fmt.Sprintf("%s.%s-to-%s.txt", x.name, x.format, to.Format())), got)
			}
		})
	}
}

// TestStreamsInTheOtherFormat translates each stream, and checks on the way that
// the translation, read back, is the same answer. Streams whose framing is no text
// are shown as they are in server-sent events.
func TestStreamsInTheOtherFormat(t *testing.T) {
	for _, x := range cases(t, "streams", ".sse") {
		for _, to := range others(x.format) {
			t.Run(x.name+" to "+string(to.Format()), func(t *testing.T) { streamTo(t, x.name, all.Codec(x.format), to, x.text) })
		}
	}
}

// inSSE reads streams of any format as they are in testdata.
var inSSE = &wire.Dialect{Framing: wire.SSE}

func streamTo(t *testing.T, name string, from, to wire.Codec, text []byte) {
	in := wiretest.Drain(from.Frames(bytes.NewReader(text), inSSE, wire.FrameOptions{Events: true, Framing: wire.SSE}))
	w := to.Writer(&wire.Answer{ID: "call_1", Model: "smart", StreamUsage: true, Created: 1764000000, Framing: wire.SSE})
	out := w.Write(nil, in.Events)
	if in.Err != nil {
		e, _ := in.Err.(*llm.Error)
		if to.Format() == llm.Converse { // its errors are no text; its own tests have them
			return
		}
		out = append(out, to.StreamError(e)...)
	}
	golden(t, filepath.Join("streams", fmt.Sprintf("%s.%s-to-%s.txt", name, from.Format(), to.Format())), string(out))
	if in.Err != nil {
		if back := wiretest.Drain(to.Frames(bytes.NewReader(out), inSSE, wire.FrameOptions{})); back.Err == nil {
			t.Error("the error got lost")
		}
		return
	}
	back := wiretest.Drain(to.Frames(bytes.NewReader(out), inSSE, wire.FrameOptions{Events: true}))
	if back.Err != nil {
		t.Fatal(back.Err)
	}
	var a, b llm.Assembler
	a.Add(in.Events...)
	b.Add(back.Events...)
	if d := cmp.Diff(answerIn(to.Format(), a.Response()), answerIn(to.Format(), b.Response())); d != "" {
		t.Errorf("read back, it is another answer:\n%s", d)
	}
}

// answer is what any two formats can both say of an answer.
func answer(r *llm.Response) llm.Response {
	a := llm.Response{Stop: r.Stop}
	text, thinking := llm.Part{Kind: llm.Text}, llm.Part{Kind: llm.Thinking}
	var states []string // whatever they are of: a stream brings some before and some behind it
	calls := 0
	for _, p := range r.Parts {
		if state := p.Signature + p.Redacted; state != "" {
			states = append(states, state)
		}
		switch p.Kind {
		case llm.Text, llm.Refusal: // chat has one text, without places between other parts
			text.Text += p.Text
		case llm.Thinking:
			thinking.Text += p.Text
		case llm.ToolCall:
			args := p.Arguments
			if len(args) > 0 && args[0] == '"' { // no object: formats stand it in one
				args = nil
			}
			if a.Stop == llm.StopEnd || a.Stop == llm.StopUnstated { // some formats decide by what is there
				a.Stop = llm.StopTools
			}
			calls++
			a.Parts = append(a.Parts, llm.Part{Kind: p.Kind, Name: p.Name, Arguments: jsonMeaning(args)}) // the id may be a new one
		}
	}
	slices.Sort(states)
	thinking.Signature = strings.Join(states, " ")
	a.Parts = append(a.Parts, text, thinking)
	a.Usage = usageMeaning(r.Usage)
	switch a.Stop {
	case llm.StopSequence, llm.StopContext, llm.StopUnstated, llm.StopPause, llm.StopUndefined:
		if a.Stop = llm.StopEnd; calls > 0 {
			a.Stop = llm.StopTools
		}
	case llm.StopTools:
		if calls == 0 { // of tools that only their own format knows
			a.Stop = llm.StopEnd
		}
	}
	return a
}

// answerIn is an answer as far as a format can say it: Messages never ends with
// state, so that of the last text is not told there.
func answerIn(to llm.Format, r *llm.Response) llm.Response {
	if to != llm.Messages {
		return answer(r)
	}
	c := *r
	c.Parts = slices.Clone(r.Parts)
	for n := len(c.Parts); n > 0; n-- {
		p := &c.Parts[n-1]
		if p.Kind != llm.Text {
			break
		}
		if p.Signature = ""; p.Text != "" {
			break
		}
	}
	return answer(&c)
}

// usageMeaning is usage in the classes that all formats tell: what was read afresh,
// what from the cache, and what was written.
func usageMeaning(u llm.Usage) (out llm.Usage) {
	out.Tokens[llm.TokCacheRead] = u.Tokens[llm.TokCacheRead]
	out.Tokens[llm.TokInput] = u.InputTokens() - u.Tokens[llm.TokCacheRead]
	out.Tokens[llm.TokOutput] = u.OutputTokens()
	return out
}

// TestStreamsAddUpToTheAnswer: the events of a stream, put together, written as an
// unstreamed answer and read again, are the same answer.
func TestStreamsAddUpToTheAnswer(t *testing.T) {
	for _, x := range cases(t, "streams", ".sse") {
		c := all.Codec(x.format)
		in := wiretest.Drain(c.Frames(bytes.NewReader(x.text), inSSE, wire.FrameOptions{Events: true}))
		if in.Err != nil {
			continue
		}
		var a llm.Assembler
		a.Add(in.Events...)
		body := c.EncodeResponse(a.Response(), nil)
		back, err := c.DecodeResponse(body, nil)
		if err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if d := cmp.Diff(answer(a.Response()), answer(back)); d != "" {
			t.Errorf("%s:\n%s\n%s", x.name, d, body)
		}
	}
}
