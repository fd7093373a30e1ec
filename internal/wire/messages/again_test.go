package messages

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/wire/stream"
)

// around are events around a text, in the ways that vendors have and some that
// nobody has.
var around = []struct{ name, data string }{
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":%s}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":%s}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":%s}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"t","signature":%s}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s,"signature":"s"}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s,"citation":{"a":1}}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s,"content":"c"}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"text":"x","text":%s}}`},
	{"content_block_delta", `{"index":0,"delta":{"type":"text_delta","text":%s},"delta":{"text":"y"}}`},
	{"content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"text":%s}`},
	{"", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}`},
	{"ping", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}`},
	{"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":%s}}`},
	{"content_block_start", `{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"n","input":{},"x":%s}}`},
	{"content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"web_search_tool_result","x":%s}}`},
	{"content_block_stop", `{"type":"content_block_stop","index":0,"x":%s}`},
	{"message_start", `{"type":"message_start","message":{"id":"m","usage":{"input_tokens":3}},"x":%s}`},
	{"message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","x":%s},"usage":{"output_tokens":4}}`},
}

var texts = []string{`"a"`, `" the"`, `""`, `"\n\u00e9\ud83d\ude00"`, `"\"}}"`, `"a","b":"c"`, `"a`, `null`, `1`, `"\x"`, "\"\x01\"", "\"\xff\""}

// TestAnEventLikeTheLastMeansWhatItMeansAlone: reading only what is new in an
// event gives what reading all of it gives.
func TestAnEventLikeTheLastMeansWhatItMeansAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.Bool().Draw(t, "events")
		fast, slow := aScan(events), aScan(events)
		for range rapid.IntRange(1, 6).Draw(t, "runs") {
			shape := rapid.SampledFrom(around).Draw(t, "shape")
			for range rapid.IntRange(1, 4).Draw(t, "times") {
				data := fmt.Sprintf(shape.data, rapid.SampledFrom(texts).Draw(t, "text"))
				var got, want stream.Verdict
				fast.See([]byte(shape.name), []byte(data), &got)
				slow.last.repeat.Forget()
				slow.See([]byte(shape.name), []byte(data), &want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s read in full (-), and after its like (+):\n%s", data, diff)
				}
				if diff := cmp.Diff(slow.p, fast.p); diff != "" {
					t.Fatalf("%s counted in full (-), and after its like (+):\n%s", data, diff)
				}
			}
		}
	})
}

func aScan(events bool) *scan {
	s := &scan{}
	if events {
		s.out = &blocks{}
	}
	return s
}

// TestMostEventsAreReadByTheirTextAlone, or the whole of it is for nothing.
func TestMostEventsAreReadByTheirTextAlone(t *testing.T) {
	for _, events := range []bool{false, true} {
		s := aScan(events)
		s.See(nil, []byte(`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`), &stream.Verdict{})
		name := []byte("content_block_delta")
		for i, text := range []string{`"a"`, `"b"`, `" \"c\""`, `"d"`} {
			data := []byte(fmt.Sprintf(around[0].data, text))
			if hit := s.again(name, data, &stream.Verdict{}); hit != (i > 0) {
				t.Errorf("events %v, event %d: known is %v", events, i, hit)
			}
			s.See(name, data, &stream.Verdict{})
		}
	}
}
