package responses

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// TestAnInputIsReadAsItComes: however its arguments are cut, what is told of a custom
// tool's input before its end is its beginning.
func TestAnInputIsReadAsItComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "input")
		args := string(textArguments(want))
		if rapid.Bool().Draw(t, "ascii") { // as servers write it that escape everything
			b, err := json.Marshal(map[string]string{textInput: want})
			if err != nil {
				t.Fatal(err)
			}
			args = escapeAll(string(b))
		}
		var r textReader
		got := ""
		for rest := args; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			got += r.feed(rest[:n])
			rest = rest[n:]
			if !strings.HasPrefix(strings.ToValidUTF8(want, "\uFFFD"), got) {
				t.Fatalf("%q begins not with %q", want, got)
			}
		}
		if full := inputText(wire.Arguments(args)); full != got || !strings.HasPrefix(full, got) {
			t.Fatalf("%q of %q in %s", got, full, args)
		}
	})
}

// escapeAll writes every character of a JSON text beyond ASCII as an escape.
func escapeAll(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		}
	}
	return b.String()
}

func TestWhatAModelMayGiveACustomTool(t *testing.T) {
	for args, want := range map[string]string{
		`{"input":"x"}`:            "x",
		`{"a":1,"input":"x"}`:      "x",
		`{"patch":"x"}`:            "x", // under another name, alone
		`{"a":"x","b":"y"}`:        `{"a":"x","b":"y"}`,
		`"plain"`:                  "plain",
		``:                         "{}",
		`{"input":["x"]}`:          `{"input":["x"]}`,
		`{"input":"a","input":""}`: "a",
	} {
		if got := inputText([]byte(args)); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
		var r textReader
		if got := r.feed(args); !strings.HasPrefix(want, got) {
			t.Errorf("%s: told %q of %q", args, got, want)
		}
	}
}

func TestToolNamesAreLegalAndApart(t *testing.T) {
	long := strings.Repeat("n", 70)
	seen := map[string]bool{}
	for _, x := range [][2]string{{"", "f"}, {"ns", "f"}, {"mcp__a__", "f"}, {long, "f"}, {long, "g"}, {"a", long}} {
		name := flat(x[0], x[1])
		if len(name) > mostToolName || seen[name] {
			t.Errorf("%v: %s", x, name)
		}
		seen[name] = true
	}
	if flat("f", "f") != "f" || flat("mcp__a__", "f") != "mcp__a__f" || flat("ns", "f") != "ns__f" {
		t.Error("names changed: prompts and caches of running agents would no longer fit")
	}
}

// around are events around a piece of text, in the ways that vendors have and some
// that nobody has.
var around = []string{
	`{"type":"response.output_text.delta","sequence_number":%d,"item_id":"m","output_index":0,"content_index":0,"delta":%s,"logprobs":[],"obfuscation":%s}`,
	`{"content_index":0,"delta":%[2]s,"item_id":"m","obfuscation":%[3]s,"output_index":0,"sequence_number":%[1]d,"type":"response.output_text.delta"}`,
	`{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":1,"delta":%[2]s,"x":%[3]s,"y":%[1]d}`,
	`{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":%[2]s,"delta":%[2]s,"x":%[3]s,"y":%[1]d}`,
	`{"type":"response.refusal.delta","sequence_number":%d,"output_index":0,"content_index":0,"delta":%s,"obfuscation":%s}`,
	`{"type":"response.reasoning_summary_text.delta","sequence_number":%d,"output_index":2,"summary_index":0,"delta":%s,"obfuscation":%s}`,
	`{"type":"response.reasoning_summary_text.delta","sequence_number":%d,"output_index":2,"summary_index":1,"delta":%s,"obfuscation":%s}`,
	`{"type":"response.function_call_arguments.delta","sequence_number":%d,"output_index":3,"delta":%s,"obfuscation":%s}`,
	`{"type":"response.custom_tool_call_input.delta","sequence_number":%d,"output_index":4,"delta":%s,"obfuscation":%s}`,
	`{"type":"response.mcp_call_arguments.delta","sequence_number":%d,"output_index":5,"delta":%s,"obfuscation":%s}`,
	`{"type":"response.output_text.delta","sequence_number":%d,"output_index":0,"content_index":0,"delta":%s,"obfuscation":%s`,
	` {"type": "response.output_text.delta", "sequence_number" : %d , "output_index": 0, "content_index":0, "delta" : %s , "obfuscation" : %s } `,
}

var pieces = []string{`"a"`, `" the"`, `""`, `"\n\u00e9\ud83d\ude00"`, `"\"}]}"`, `"a","b":"c"`, `"a`, `null`, `1`, `"\x"`, "\"\x01\""}

// TestAnEventLikeTheLastMeansWhatItMeansAlone: reading only what is new in an event
// gives what reading all of it gives.
func TestAnEventLikeTheLastMeansWhatItMeansAlone(t *testing.T) {
	begin := []string{
		`{"type":"response.output_item.added","output_index":3,"item":{"type":"function_call","call_id":"c","name":"f","arguments":""}}`,
		`{"type":"response.output_item.added","output_index":4,"item":{"type":"custom_tool_call","call_id":"d","name":"g","input":""}}`,
		`{"type":"response.output_item.done","output_index":0,"item":{"type":"message","role":"assistant","content":[]}}`,
		`{"type":"response.output_item.done","output_index":4,"item":{"type":"custom_tool_call","call_id":"d","name":"g","input":"x"}}`,
		`{"type":"response.content_part.added","output_index":0,"content_index":1,"part":{"type":"output_text","text":""}}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		fast, slow := &answer{}, &answer{}
		if rapid.Bool().Draw(t, "events") {
			fast.out, slow.out = &blocks{}, &blocks{}
		}
		see := func(data string) {
			var got, want stream.Verdict
			fast.See(nil, []byte(data), &got)
			slow.like.n = 0
			slow.See(nil, []byte(data), &want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s read in full (-), and after its like (+):\n%s", data, diff)
			}
			if diff := cmp.Diff(slow.p, fast.p); diff != "" {
				t.Fatalf("%s counted in full (-), and after its like (+):\n%s", data, diff)
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			if rapid.IntRange(0, 2).Draw(t, "other") == 0 {
				see(rapid.SampledFrom(begin).Draw(t, "begin"))
			}
			shape := rapid.SampledFrom(around).Draw(t, "shape")
			for range rapid.IntRange(1, 4).Draw(t, "times") {
				see(fmt.Sprintf(shape, rapid.IntRange(0, 120).Draw(t, "number"), rapid.SampledFrom(pieces).Draw(t, "text"), rapid.SampledFrom(pieces).Draw(t, "padding")))
			}
		}
	})
}

// TestMostEventsAreReadByTheirTextAlone, or the whole of it is for nothing.
func TestMostEventsAreReadByTheirTextAlone(t *testing.T) {
	for _, shape := range around[:2] {
		s := &answer{}
		for i, text := range pieces[:2] {
			data := []byte(fmt.Sprintf(shape, i+9, text, `"pad"`))
			if hit := s.again(nil, data, &stream.Verdict{}); hit != (i > 0) {
				t.Errorf("event %d: known is %v", i, hit)
			}
			s.See(nil, data, &stream.Verdict{})
		}
	}
	if raw.Valid([]byte(around[10])) {
		t.Error("that one is to be cut")
	}
}
