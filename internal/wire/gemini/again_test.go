package gemini

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/stream"
)

// around are chunks around a text, and counts where they have any.
var around = []string{
	`{"candidates": [{"content": {"parts": [{"text": %s}],"role": "model"},"index": 0}],"usageMetadata": %s,"modelVersion": "up","responseId": "r"}`,
	`{"candidates":[{"content":{"role":"model","parts":[{"text":%s,"thought":true}]}}],"usageMetadata":%s,"modelVersion":"up"}`,
	`{"candidates":[{"content":{"parts":[{"text":%s}]}}],"usageMetadata":%s}`,
	`{"usageMetadata":%[2]s,"candidates":[{"content":{"parts":[{"text":%[1]s}]}}],"modelVersion":"up"}`,
	`{"candidates":[{"content":{"parts":[{"text":%s,"thoughtSignature":"CiQB"}]}}],"usageMetadata":%s}`,
	`{"candidates":[{"content":{"parts":[{"text":%s},{"text":"x"}]}}],"usageMetadata":%s}`,
	`{"candidates":[{"index":1,"content":{"parts":[{"text":%s}]}}],"usageMetadata":%s}`,
	`{"candidates":[{"content":{"parts":[{"functionCall":{"name":%s}}]}}],"usageMetadata":%s}`,
	`{"candidates":[{"content":{"parts":[{"text":%s}]},"finishReason":"STOP"}],"usageMetadata":%s}`,
	`{"candidates":[{"content":{"parts":[{"text":%s}]},"groundingMetadata":{"webSearchQueries":["q"]}}],"usageMetadata":%s,"modelVersion":"gemini-3"}`,
}

var texts = []string{`""`, `"a"`, `" the"`, `"\u00e9\n"`, `"\"}]"`, `null`, `1`, `"a","text":"b"`, `"a`, `{}`}

var usages = []string{
	`{"trafficType":"ON_DEMAND"}`, `{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}`, `{"totalTokenCount":7}`, `null`, `{}`, `{"promptTokenCount":`, `{"x":"}"}`,
	`{"promptTokenCount":9,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":4}]}`,
}

// TestAChunkLikeTheLastMeansWhatItMeansAlone: reading a chunk by what it has in common
// with the last one gives what reading it in full gives.
func TestAChunkLikeTheLastMeansWhatItMeansAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events, model := rapid.Bool().Draw(t, "events"), rapid.Bool().Draw(t, "model")
		fast, slow := aScan(events, model), aScan(events, model)
		for range rapid.IntRange(1, 6).Draw(t, "shapes") {
			shape := rapid.SampledFrom(around).Draw(t, "shape")
			for range rapid.IntRange(1, 4).Draw(t, "times") {
				data := []byte(fmt.Sprintf(shape, rapid.SampledFrom(texts).Draw(t, "text"), rapid.SampledFrom(usages).Draw(t, "usage")))
				var got, want stream.Verdict
				fast.See(nil, data, &got)
				slow.last.forget()
				slow.See(nil, data, &want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s read in full (-), and after its like (+):\n%s", data, diff)
				}
				if diff := cmp.Diff(slow.p, fast.p); diff != "" || slow.n != fast.n {
					t.Fatalf("%s counted in full (-), and after its like (+):\n%s", data, diff)
				}
			}
		}
		var got, want stream.Verdict
		if e, f := fast.AtEnd(&got), slow.AtEnd(&want); (e == nil) != (f == nil) || cmp.Diff(want.Events, got.Events) != "" {
			t.Fatalf("ends differ: %v %v\n%s", e, f, cmp.Diff(want.Events, got.Events))
		}
	})
}

func aScan(events, model bool) *chunks {
	s := &chunks{}
	if events {
		s.out = &events_{}
	}
	if model {
		s.model = []byte(`"smart"`)
	}
	return s
}

type events_ = events

// TestMostChunksAreReadByTheirTextAlone, or the whole of it is for nothing.
func TestMostChunksAreReadByTheirTextAlone(t *testing.T) {
	for _, events := range []bool{false, true} {
		s := aScan(events, true)
		hits := 0
		for i, text := range []string{`"a"`, `"b"`, `" \"c\""`, `"d"`} {
			data := []byte(fmt.Sprintf(around[0], text, fmt.Sprintf(`{"totalTokenCount":%d}`, i)))
			before := *s
			if s.again(data, &stream.Verdict{}) {
				hits++
			}
			*s = before
			if s.out != nil && i == 0 {
				s.out.started = false
			}
			s.See(nil, data, &stream.Verdict{Events: make([]llm.Event, 0, 8)})
		}
		if want := 3 - map[bool]int{true: 1}[events]; hits < want { // the first of a block begins it
			t.Errorf("events %v: %d of 4 were known", events, hits)
		}
	}
}
