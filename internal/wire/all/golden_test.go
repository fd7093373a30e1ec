package all_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

func other(f llm.Format) llm.Format {
	if f == llm.Chat {
		return llm.Messages
	}
	return llm.Chat
}

// cases lists the hand-made exchanges of testdata: name.format.extension.
func cases(t *testing.T, folder, ext string) (list []struct {
	name   string
	format llm.Format
	text   []byte
}) {
	t.Helper()
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		paths, err := filepath.Glob(filepath.Join("testdata", folder, "*."+string(f)+ext))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no cases for %s: %v", f, err)
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

func TestRequestsInTheOtherFormat(t *testing.T) {
	for _, x := range cases(t, "requests", ".json") {
		t.Run(x.name, func(t *testing.T) {
			from, to := all.Codec(x.format), all.Codec(other(x.format))
			if _, err := from.Scan(x.text, nil); err != nil {
				t.Fatal(err)
			}
			r, err := from.DecodeRequest(x.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			out, losses, err := to.EncodeRequest(r, &wire.Target{Format: to.Format(), Upstream: "upstream-model", LossyOK: true})
			if err != nil {
				t.Fatal(err)
			}
			got := indented(t, out) + "\n"
			for _, l := range losses {
				got += fmt.Sprintf("%s: %s: %s\n", l.Class, l.Field, l.Note)
			}
			golden(t, filepath.Join("requests", x.name+".to-"+string(to.Format())+".txt"), got)
		})
	}
}

// TestStreamsInTheOtherFormat translates each stream, and checks on the way that
// the translation, read back, is the same answer.
func TestStreamsInTheOtherFormat(t *testing.T) {
	for _, x := range cases(t, "streams", ".sse") {
		t.Run(x.name, func(t *testing.T) {
			from, to := all.Codec(x.format), all.Codec(other(x.format))
			in := wiretest.Drain(from.Frames(bytes.NewReader(x.text), nil, wire.FrameOptions{Events: true}))
			w := to.Writer(&wire.Answer{ID: "call_1", Model: "smart", StreamUsage: true, Created: 1764000000})
			out := w.Write(nil, in.Events)
			if in.Err != nil {
				e, _ := in.Err.(*llm.Error)
				out = append(out, to.StreamError(e)...)
			}
			golden(t, filepath.Join("streams", x.name+".to-"+string(to.Format())+".txt"), string(out))
			if in.Err != nil {
				if back := wiretest.Drain(to.Frames(bytes.NewReader(out), nil, wire.FrameOptions{})); back.Err == nil {
					t.Error("the error got lost")
				}
				return
			}
			back := wiretest.Drain(to.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
			if back.Err != nil {
				t.Fatal(back.Err)
			}
			var a, b llm.Assembler
			a.Add(in.Events...)
			b.Add(back.Events...)
			if d := cmp.Diff(answer(a.Response()), answer(b.Response())); d != "" {
				t.Errorf("read back, it is another answer:\n%s", d)
			}
		})
	}
}

// answer is what two formats can both say of an answer.
func answer(r *llm.Response) llm.Response {
	a := llm.Response{Stop: r.Stop}
	text, thinking := llm.Part{Kind: llm.Text}, llm.Part{Kind: llm.Thinking}
	for _, p := range r.Parts {
		switch p.Kind {
		case llm.Text, llm.Refusal: // chat has one text, without places between other parts
			text.Text += p.Text
		case llm.Thinking:
			thinking.Text += p.Text
			thinking.Signature += p.Signature
		case llm.ToolCall:
			args := p.Arguments
			if args[0] == '"' { // no object: messages stands it in one
				args = nil
			}
			if a.Stop == llm.StopEnd || a.Stop == llm.StopUnstated { // chat decides by what is there
				a.Stop = llm.StopTools
			}
			a.Parts = append(a.Parts, llm.Part{Kind: p.Kind, Name: p.Name, Arguments: jsonMeaning(args)}) // the id may be a new one
		}
	}
	a.Parts = append(a.Parts, text, thinking)
	a.Usage = r.Usage
	a.Usage.Reported = true // messages must tell usage, zeros if need be
	a.Usage.Tokens[llm.TokCacheWrite] += a.Usage.Tokens[llm.TokCacheWrite1h]
	a.Usage.Tokens[llm.TokCacheWrite1h] = 0
	a.Usage.Tokens[llm.TokInput] += a.Usage.Tokens[llm.TokAudioInput]
	a.Usage.Tokens[llm.TokOutput] += a.Usage.Tokens[llm.TokAudioOutput]
	a.Usage.Tokens[llm.TokAudioOutput] = 0
	a.Usage.Tokens[llm.TokAudioInput], a.Usage.Searches, a.Usage.Tier = 0, 0, ""
	switch a.Stop {
	case llm.StopSequence, llm.StopContext, llm.StopUnstated, llm.StopPause, llm.StopUndefined:
		a.Stop = llm.StopEnd
	}
	return a
}

// TestStreamsAddUpToTheAnswer: the events of a stream, put together, written as an
// unstreamed answer and read again, are the same answer.
func TestStreamsAddUpToTheAnswer(t *testing.T) {
	for _, x := range cases(t, "streams", ".sse") {
		c := all.Codec(x.format)
		in := wiretest.Drain(c.Frames(bytes.NewReader(x.text), nil, wire.FrameOptions{Events: true}))
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
