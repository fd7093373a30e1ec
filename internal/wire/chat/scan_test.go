package chat_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
)

func TestScanFindsWhatRoutingAndBudgetsNeed(t *testing.T) {
	body := `{"model":"smart","stream":true,"stream_options":{"include_usage":true},"max_tokens":1e3,"n":2,
	 "reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"x"}},
	 "tools":[{"type":"function","function":{"name":"f"}}],
	 "messages":[{"role":"system","content":"ab\n"},{"role":"user","content":[{"type":"text","text":"cd"},{"type":"image_url","image_url":{"url":"https://e.x/a"}}]},
	  {"role":"assistant","content":null,"reasoning_details":[{"type":"reasoning.text","text":"why","signature":"s"}]}]}`
	s, err := chat.Codec{}.Scan([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Facts{Format: llm.Chat, Model: "smart", Stream: true, StreamUsage: true, MaxOutput: 1000, Choices: 2,
		Messages: 3, Tools: 1, Media: 1, Bytes: int64(len(body)), Schema: true, Reasoning: true, Bindings: []llm.Maker{llm.MakerAnthropic},
		TextBytes: int64(len("ab\n") + len("cd") + len("why") + len(`{"type":"function","function":{"name":"f"}}`) + len(`{"name":"x"}`))}
	if d := cmp.Diff(want, s.Facts); d != "" {
		t.Error(d)
	}
}

func TestScanRefusesWhatTwoReadersWouldReadDifferently(t *testing.T) {
	for _, x := range []struct{ body, param, says string }{
		{`{"model":"a","model":"b","messages":[]}`, "model", "twice"},
		{`{"model":"a","mod\u0065l":"b","messages":[]}`, "model", "twice"},
		{`{"model":"a","Model":"b","messages":[]}`, "Model", "in another case"},
		{`{"model":"a","messages":[],"max_tokens":1,"max_tokens":2}`, "max_tokens", "twice"},
		{`{"model":"a","messages":[],"stream":true,"stream":false}`, "stream", "twice"},
		{`{"model":"a","messages":[],"stream_options":{"include_usage":true,"include_usage":false}}`, "stream_options.include_usage", "twice"},
		{`{"model":"a","messages":[],"messages":[]}`, "messages", "twice"},
		{`{"model":"a","messages":[],"stream_options":{"include_usage":true,"Include_Usage":false}}`, "stream_options.Include_Usage", "in another case"},
		{`{"model":"a","messages":[],"\u017ftream":true}`, "\u017ftream", "in another case"},
		{`{"model":"","messages":[]}`, "model", "name the model"},
		{`{"messages":[]}`, "model", "name the model"},
		{`{"model":"a"}`, "messages", "missing"},
		{`{"model":7,"messages":[]}`, "model", "want a string"},
		{`{"model":"a","messages":{}}`, "messages", "want a list"},
		{`{"model":"a","messages":[{"role":"user","content":7}]}`, "messages[0].content", "want a string or a list"},
		{`{"model":"a","messages":[],"max_tokens":1.5}`, "max_tokens", "whole number"},
		{`{"model":"a","messages":[],"max_tokens":-1}`, "max_tokens", "positive"},
		{`{"model":"a","messages":[],"stream":"yes"}`, "stream", "true or false"},
		{`{"model":"a","messages":[]} trailing`, "", "after the end"},
		{`{"model":"a","messages":[`, "messages", "ends too early"},
		{`[]`, "", "want an object"},
		{"{\"model\":\"a\xff\",\"messages\":[]}", "", "UTF-8"},
		{`{"model":"a","messages":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, "", "want an object"},
		{`{"model":"a","messages":[],"x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, "", "too deeply"},
	} {
		_, err := chat.Codec{}.Scan([]byte(x.body), nil)
		var e *llm.Error
		if !errors.As(err, &e) {
			t.Errorf("%.80s: got %v", x.body, err)
			continue
		}
		if e.Class != llm.BadRequest || e.Status != 400 || x.param != "" && e.Param != x.param || !strings.Contains(e.Message, x.says) {
			t.Errorf("%.80s: %q %v", x.body, e.Param, e)
		}
	}
}

func TestEditChangesNothingElse(t *testing.T) {
	openai, _ := wire.DialectByName("openai")
	groq, _ := wire.DialectByName("mistral")
	for _, x := range []struct {
		name, body string
		t          wire.Target
		want       string
	}{
		{"the model", `{ "model" : "a", "x":1.0, "messages":[] }`, wire.Target{Upstream: "b\"c"}, `{ "model" : "b\"c", "x":1.0, "messages":[] }`},
		{"nothing", `{"model":"a","messages":[]}`, wire.Target{Upstream: "a"}, `{"model":"a","messages":[]}`},
		{"a cap that is there", `{"model":"a","max_tokens":900,"messages":[]}`, wire.Target{OutputCap: 10}, `{"model":"a","max_tokens":10,"messages":[]}`},
		{"a cap that is null", `{"model":"a","max_tokens":null,"messages":[]}`, wire.Target{OutputCap: 10}, `{"model":"a","max_tokens":10,"messages":[]}`},
		{"a cap under the dialect's name", `{"model":"a","max_tokens":900,"messages":[]}`, wire.Target{OutputCap: 10, Dialect: openai}, `{"model":"a","max_completion_tokens":10,"messages":[]}`},
		{"a cap that is not there", `{"model":"a","messages":[] }`, wire.Target{OutputCap: 10, Dialect: groq}, `{"model":"a","messages":[] ,"max_tokens":10}`},
		{"both caps", `{"max_completion_tokens":7,"model":"a","max_tokens":900,"messages":[]}`, wire.Target{OutputCap: 10, Dialect: openai}, `{"max_completion_tokens":10,"model":"a","max_tokens":10,"messages":[]}`},
		{"usage", `{"model":"a","stream":true,"messages":[]}`, wire.Target{}, `{"model":"a","stream":true,"messages":[],"stream_options":{"include_usage":true}}`},
		{"usage where it was refused", `{"model":"a","stream":true,"stream_options":{"include_usage":false,"x":1},"messages":[]}`, wire.Target{}, `{"model":"a","stream":true,"stream_options":{"include_usage":true,"x":1},"messages":[]}`},
		{"usage beside others", `{"model":"a","stream":true,"stream_options":{ "x":1},"messages":[]}`, wire.Target{}, `{"model":"a","stream":true,"stream_options":{"include_usage":true, "x":1},"messages":[]}`},
		{"usage in an empty object", `{"model":"a","stream":true,"stream_options":{ },"messages":[]}`, wire.Target{}, `{"model":"a","stream":true,"stream_options":{"include_usage":true },"messages":[]}`},
		{"usage where there is null", `{"model":"a","stream":true,"stream_options":null,"messages":[]}`, wire.Target{}, `{"model":"a","stream":true,"stream_options":{"include_usage":true},"messages":[]}`},
		{"no usage where the vendor refuses it", `{"model":"a","stream":true,"messages":[]}`, wire.Target{Dialect: groq}, `{"model":"a","stream":true,"messages":[]}`},
		{"all at once", "{\"stream\":true,\"messages\":[],\"model\":\"a\"}\n", wire.Target{Upstream: "b", OutputCap: 5}, "{\"stream\":true,\"messages\":[],\"model\":\"b\",\"max_completion_tokens\":5,\"stream_options\":{\"include_usage\":true}}\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := chat.Codec{}.Scan([]byte(x.body), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := chat.Codec{}.Edit([]byte("before "), []byte(x.body), s, &x.t)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("before "+x.want, string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func ExampleCodec_Edit() {
	body := []byte(`{"model": "smart", "messages": [{"role": "user", "content": "Hello"}]}`)
	c := chat.Codec{}
	scan, err := c.Scan(body, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := c.Edit(nil, body, scan, &wire.Target{Upstream: "gpt-5.1", OutputCap: 256})
	fmt.Println(string(out), err)
	// Output: {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Hello"}],"max_completion_tokens":256} <nil>
}
