package fakecloud

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// shape is which members objects have, by where they stand: in a whole answer or an
// event, under which names, and of which type, where they say one.
type shape struct {
	seen map[string]int            // objects
	has  map[string]map[string]int // members of them
}

func newShape() *shape { return &shape{map[string]int{}, map[string]map[string]int{}} }

// free are the members whose content is people's own, or depends on it.
var free = names("input args arguments json schema parameters metadata properties format instructions tools tool_choice citations trace logprobs " +
	"annotations partialArgs search_suggestions serverToolUsage")

func (s *shape) add(v any, path string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			s.add(e, path+"[]")
		}
	case map[string]any:
		if kind, ok := v["type"].(string); ok {
			path += "(" + kind + ")"
		}
		s.seen[path]++
		if s.has[path] == nil {
			s.has[path] = map[string]int{}
		}
		for name, e := range v {
			s.has[path][name]++
			if !slices.Contains(free, name) {
				s.add(e, path+"."+name)
			}
		}
	}
}

func (s *shape) answer(t *testing.T, stream bool, contentType string, body []byte) {
	for _, f := range frames(t, contentType, body) {
		var v any
		if err := json.Unmarshal(f, &v); err != nil {
			t.Fatalf("%v: %s", err, f)
		}
		s.add(v, map[bool]string{true: "stream", false: "whole"}[stream])
	}
}

// ours are members that recordings are too old, or too few, to have: each is in the
// provider's documentation or its SDK.
var ours = map[string][]string{
	"messages bedrock": {".stop_details", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"},
	"gemini google":    {"stream.usageMetadata.cachedContentTokenCount", "stream.usageMetadata.cacheTokensDetails"},
}

func TestAnswersHaveTheMembersOfRecordedOnes(t *testing.T) {
	for _, c := range []struct{ format, provider string }{
		{"chat", "openai"}, {"chat", "azure"}, {"responses", "openai"}, {"responses", "azure"}, {"messages", "anthropic"}, {"messages", "bedrock"},
		{"messages", "vertex"}, {"gemini", "google"}, {"gemini", "vertex"}, {"converse", "bedrock"}, {"embeddings", "openai"},
	} {
		t.Run(c.format+"/"+c.provider, func(t *testing.T) {
			s := standIn(t)
			real, fake := newShape(), newShape()
			for _, r := range recordings(t, c.format, c.provider) {
				if r.Response.Status != 200 {
					continue
				}
				body := []byte(r.Response.Text)
				if given(r.Response.Body) {
					body = r.Response.Body
				} else if r.Response.Base64 != nil {
					body = r.Response.Base64
				}
				if r.Operation != "" && r.Operation != "messages.batches.{id}.results" {
					real.answer(t, r.Stream, r.Response.Headers["content-type"], body)
				}
				if r.Request == nil || !given(r.Request.Body) {
					continue
				}
				got := again(s, mounts[r.Provider], r.Request.Path, r.Request.Headers, ownStates(t, r.Provider, r.Request.Body))
				if got.Code == 200 {
					fake.recorded(t, r, got)
				}
			}
			key := c.format + " " + c.provider
			used := map[string]bool{}
			excused := func(where string) bool {
				i := slices.IndexFunc(ours[key], func(s string) bool { return strings.Contains(where, s) })
				if i >= 0 {
					used[ours[key][i]] = true
				}
				return i >= 0
			}
			for _, at := range sortedKeys(known(fake.seen)) {
				for _, name := range sortedKeys(known(fake.has[at])) {
					where := at + "." + name
					if real.has[at][name] == 0 && !excused(where) {
						t.Errorf("no recorded answer has %s (there are %d of these objects)", where, real.seen[at])
					}
				}
				for _, name := range sortedKeys(known(real.has[at])) {
					where := at + "." + name
					if n := real.seen[at]; n > 1 && real.has[at][name] == n && fake.has[at][name] == 0 {
						t.Errorf("all %d recorded answers have %s", n, where)
					}
				}
			}
			for _, o := range ours[key] {
				if !used[o] {
					t.Errorf("%s needs no excuse", o)
				}
			}
			t.Logf("%d kinds of objects, of which the stand-in gives %d", len(real.seen), len(fake.seen))
		})
	}
}

func (s *shape) recorded(t *testing.T, r recording, got *httptest.ResponseRecorder) {
	s.answer(t, r.Stream, got.Header().Get("Content-Type"), got.Body.Bytes())
}

func known(m map[string]int) map[string]bool {
	out := map[string]bool{}
	for k := range m {
		out[k] = true
	}
	return out
}

func TestShapesTellObjectsApart(t *testing.T) {
	s := newShape()
	s.answer(t, true, eventStream, []byte("data: {\"type\":\"a\",\"b\":[{\"type\":\"c\",\"d\":1}]}\n\ndata: {\"type\":\"a\"}\n\n"))
	if got := fmt.Sprint(s.seen, s.has["stream(a).b[](c)"]); got != "map[stream(a):2 stream(a).b[](c):1] map[d:1 type:1]" {
		t.Error(got)
	}
}
