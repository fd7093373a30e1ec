package chat

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
	"github.com/skein-run/skein/internal/wire/stream"
)

// around are chunks around a text, in the ways that vendors have and some that
// nobody has.
var around = []string{
	`{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":%s}}]}`,
	`{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}],"usage":null}`,
	`{"choices":[{"index":0,"delta":{"content":%s}}],"model":"m","id":"c"}`,
	`{"id":"c","choices":[{"index":1,"delta":{"content":%s}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":%s,"content":null}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"reasoning":"r","content":%s}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"refusal":%s}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":"x","content":%s}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":%s}},{"index":1,"delta":{"content":"b"}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":%s},{"type":"text","text":"t"}]}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"reasoning_details":[{"text":%s,"signature":"s"}]}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":%s}}]}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":"a","tool_calls":[{"index":0,"function":{"arguments":%s}}]}}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":%s},"finish_reason":"stop"}]}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":%s}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}`,
	`{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1},"x":%s}`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":%s}}]`,
	`{"id":"c","choices":[{"index":0,"delta":{"content":"%s"}}]}`,
	` {"id":"c", "choices" : [ {"index": 0, "delta": {"content": %s } } ] } `,
}

var texts = []string{`"a"`, `" the"`, `""`, `"\n\u00e9\ud83d\ude00"`, `"\"}}]}"`, `"a","b":"c"`, `"a`, `null`, `1`, `"\x"`, "\"\x01\"", "\"\xff\""}

// TestAChunkLikeTheLastMeansWhatItMeansAlone: reading only what is new in a chunk
// gives what reading all of it gives.
func TestAChunkLikeTheLastMeansWhatItMeansAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := wire.FrameOptions{Events: rapid.Bool().Draw(t, "events"), HideUsage: rapid.Bool().Draw(t, "hide"), Model: rapid.SampledFrom([]string{"", "n"}).Draw(t, "model")}
		fast, slow := aScan(o), aScan(o)
		for range rapid.IntRange(1, 6).Draw(t, "runs") {
			shape := rapid.SampledFrom(around).Draw(t, "shape")
			for range rapid.IntRange(1, 4).Draw(t, "times") {
				data := fmt.Sprintf(shape, rapid.SampledFrom(texts).Draw(t, "text"))
				var got, want stream.Verdict
				fast.See(nil, []byte(data), &got)
				slow.last.repeat.Forget()
				slow.See(nil, []byte(data), &want)
				if want.Splice == (raw.Span{}) {
					got.By, want.By = nil, nil
				}
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

func aScan(o wire.FrameOptions) *scan {
	s := &scan{d: &specification, o: o}
	if o.Model != "" {
		s.model = raw.AppendString(nil, o.Model)
	}
	if o.Events {
		s.out = &blocks{}
	}
	return s
}

// TestMostChunksAreReadByTheirTextAlone, or the whole of it is for nothing.
func TestMostChunksAreReadByTheirTextAlone(t *testing.T) {
	for _, events := range []bool{false, true} {
		s := aScan(wire.FrameOptions{Events: events, Model: "n"})
		for i, text := range []string{`"a"`, `"b"`, `" \"c\""`, `"d"`} {
			data := []byte(fmt.Sprintf(around[1], text))
			if hit := s.again(nil, data, &stream.Verdict{}); hit != (i > 1 || i == 1 && !events) {
				t.Errorf("events %v, chunk %d: known is %v", events, i, hit) // the first one also begins the part
			}
			s.See(nil, data, &stream.Verdict{})
		}
	}
}
