package chat_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

const (
	role   = `data: {"id":"c1","model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	hello  = `data: {"id":"c1","model":"up","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}` + "\n\n"
	world  = `data: {"id":"c1","model":"up","choices":[{"index":0,"delta":{"content":" world"},"finish_reason":null}]}` + "\n\n"
	stop   = `data: {"id":"c1","model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	usage  = `data: {"id":"c1","model":"up","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}` + "\n\n"
	ended  = "data: [DONE]\n\n"
	alive  = ": keep-alive\n\n"
	filter = `data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{}]}` + "\n\n"
)

func TestOneFrameARead(t *testing.T) {
	got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(filter+role+alive+hello+world+stop+usage+ended), nil, wire.FrameOptions{}))
	want := []wire.FrameClass{wire.Prelude, wire.Heart, wire.Content, wire.Terminal}
	if d := cmp.Diff(want, got.Classes); d != "" || got.Err != nil {
		t.Error(d, got.Err)
	}
	p := llm.Progress{Frames: 7, TextBytes: 11, Stopped: true, Usage: got.Progress.Usage}
	p.Usage.Reported = true
	if got.Progress != p {
		t.Errorf("progress %+v", got.Progress)
	}
}

func TestContentIsGivenAsItComes(t *testing.T) {
	r, w := io.Pipe()
	s := chat.Codec{}.Frames(r, nil, wire.FrameOptions{})
	go func() {
		for _, piece := range []string{role, hello, world, stop + usage + ended} {
			w.Write([]byte(piece))
		}
		w.Close()
	}()
	for i, want := range []string{role, hello, world, stop + usage, ended} {
		f, err := s.Next()
		if err != nil || string(f.Bytes) != want {
			t.Fatalf("%d: %q, %v", i, f.Bytes, err)
		}
	}
	if _, err := s.Next(); err != io.EOF {
		t.Fatal(err)
	}
}

func TestUsageChunksAreHiddenFromClientsThatDidNotAsk(t *testing.T) {
	o := wire.FrameOptions{HideUsage: true}
	got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(filter+hello+stop+usage+ended), nil, o))
	if want := filter + hello + stop + ended; string(got.Bytes) != want || got.Err != nil {
		t.Errorf("%q, %v", got.Bytes, got.Err)
	}
	if !got.Progress.Usage.Reported {
		t.Error("hidden from us, too")
	}
	// Hidden usage still arrives as an event.
	o.Events = true
	events := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(hello+stop+usage+ended), nil, o))
	var a llm.Assembler
	a.Add(events.Events...)
	if !a.Response().Usage.Reported {
		t.Error("no usage among the events")
	}
}

func TestTheModelIsNamedAsTheClientNamedIt(t *testing.T) {
	tricky := `data: {"choices":[{"index":0,"delta":{"content":"\"model\":\"up\""},"finish_reason":null}],"x":{"model":"up"},` + "\ndata: " + `"model":"up"}` + "\n\n"
	text := filter + role + hello + tricky + stop + ended
	got := wiretest.Drain(chat.Codec{}.Frames(iotest.HalfReader(strings.NewReader(text)), &wire.Dialect{NoStreamUsage: true}, wire.FrameOptions{Model: `sm"art`}))
	want := strings.ReplaceAll(filter+role+hello+stop+ended, `"model":"up"`, `"model":"sm\"art"`)
	joined := `data: {"choices":[{"index":0,"delta":{"content":"\"model\":\"up\""},"finish_reason":null}],"x":{"model":"up"}, "model":"sm\"art"}` + "\n\n"
	want = strings.Replace(want, `data: {"id":"c1","model":"sm\"art","choices":[{"index":0,"delta":{},`, joined+`data: {"id":"c1","model":"sm\"art","choices":[{"index":0,"delta":{},`, 1)
	if d := cmp.Diff(want, string(got.Bytes)); d != "" || got.Err != nil {
		t.Error(d, got.Err)
	}
}

func TestAStreamWithoutItsProperEndIsBroken(t *testing.T) {
	perplexity, _ := wire.DialectByName("perplexity")
	for _, x := range []struct {
		name, text string
		dialect    *wire.Dialect
		class      llm.ErrorClass // "": whole
		tail       string         // of the bytes
	}{
		{"whole", hello + stop + usage + ended, nil, "", ended},
		{"no blank line at the end", hello + stop + usage + "data: [DONE]", nil, "", ended},
		{"no [DONE], but all else", hello + stop + usage, nil, "", ended},
		{"no [DONE] and no usage", hello + stop, nil, llm.BrokenStream, stop},
		{"no [DONE] by the dialect", hello + stop, perplexity, "", ended},
		{"no finish_reason by the dialect", hello, perplexity, llm.BrokenStream, hello},
		{"cut in an event", hello + world[:40], nil, llm.BrokenStream, hello},
		{"nothing", "", nil, llm.BrokenStream, ""},
		{"garbage", "data: {{{\n\ndata: x\n\n", nil, llm.BrokenStream, ""},
		{"a malformed event among good ones", hello + "data: {\"choices\":[\n\n" + stop + usage + ended, nil, "", ended},
		{"error event", hello + "event: error\ndata: {\"error\":{\"message\":\"no\",\"code\":\"tool_use_failed\",\"status_code\":400}}\n\n", nil, llm.BadRequest, hello},
		{"error beside choices", hello + `data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}],"error":{"code":429,"message":"slow down"}}` + "\n\n" + ended, nil, llm.RateLimited, hello},
		{"null error", `data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"error":null}` + "\n\n" + stop + usage + ended, nil, "", ended},
		{"an error body instead", `{"error":{"message":"The server is overloaded","type":"server_error","code":503}}`, nil, llm.Overloaded, ""},
		{"a page instead", "<html>\n\n<body>busy</body></html>", nil, llm.ServerError, ""},
		{"a plain answer instead", `{"id":"c","choices":[{"message":{"content":"x"}}]}` + "\n", nil, llm.Malformed, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, events := range []bool{false, true} {
				got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(x.text), x.dialect, wire.FrameOptions{Events: events}))
				var e *llm.Error
				if errors.As(got.Err, &e) {
					if e.Class != x.class || e.Blame == "" || e.Billed == "" || e.Message == "" {
						t.Errorf("%+v", e)
					}
				} else if x.class != "" || got.Err != nil {
					t.Errorf("no error: %v", got.Err)
				}
				if !strings.HasSuffix(string(got.Bytes), x.tail) {
					t.Errorf("ends with %q", got.Bytes)
				}
			}
		})
	}
	reset := io.MultiReader(strings.NewReader(hello+stop+usage), iotest.ErrReader(errors.New("connection reset by peer")))
	got := wiretest.Drain(chat.Codec{}.Frames(reset, nil, wire.FrameOptions{}))
	var e *llm.Error
	if !errors.As(got.Err, &e) || e.Class != llm.BrokenStream || !strings.Contains(e.Message, "reset") {
		t.Error(got.Err)
	}
}

func TestMalformedEventsAreCounted(t *testing.T) {
	got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(hello+"data: {\"choices\":[{\"delta\":{\"content\":\"lost\"\n\n"+stop+usage+ended), nil, wire.FrameOptions{}))
	if got.Progress.Malformed != 1 || got.Progress.TextBytes != 5 || strings.Contains(string(got.Bytes), "lost") {
		t.Errorf("%+v %q", got.Progress, got.Bytes)
	}
}

func TestSeveralChoicesStopWhenAllHave(t *testing.T) {
	one := `data: {"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":null}]}` + "\n\n"
	oneStops := `data: {"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}` + "\n\n"
	half := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(hello+one+stop+usage), nil, wire.FrameOptions{}))
	if half.Progress.Stopped || half.Err == nil {
		t.Error("one of two is not all")
	}
	both := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(hello+one+stop+oneStops+usage), nil, wire.FrameOptions{Events: true}))
	var a llm.Assembler
	a.Add(both.Events...)
	if r := a.Response(); both.Err != nil || len(r.Parts) != 1 || r.Parts[0].Text != "Hello" || r.Stop != llm.StopEnd {
		t.Errorf("%+v %v", r, both.Err)
	}
}

// A choice that begins after another one stopped is cut like any other, also where the
// vendor sends no [DONE] and counts in every chunk.
func TestAChoiceThatBeganLateIsNotWholeBecauseAnotherIs(t *testing.T) {
	const counted = `,"usage":{"prompt_tokens":1,"completion_tokens":1}}` + "\n\n"
	text := `data: {"choices":[{"index":0,"delta":{"content":"a"}}]` + counted + `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]` + counted
	cut := text + `data: {"choices":[{"index":1,"delta":{"content":"b"}}]` + counted
	for _, d := range []*wire.Dialect{nil, {NoDone: true}} {
		if got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(text), d, wire.FrameOptions{})); got.Err != nil {
			t.Errorf("one choice, whole: %v", got.Err)
		}
		if got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(cut), d, wire.FrameOptions{})); got.Err == nil {
			t.Error("a choice that was cut passes as whole")
		}
	}
}

func TestToolCallsOfVendorsThatSendThemWhole(t *testing.T) {
	whole := `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":"{\"x\":1}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}` + "\n\n"
	same := `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}` + "\n\n" +
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"x\":1}"}}]}}]}` + "\n\n" + stop
	noID := `data: {"id":"c9","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}},{"index":1,"function":{"name":"g","arguments":{"x":1}}}]}}]}` + "\n\n" + stop
	for name, text := range map[string]string{"in one delta, without index": whole, "all with one index": same, "without ids": noID} {
		got := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(text+ended), nil, wire.FrameOptions{Events: true}))
		var a llm.Assembler
		a.Add(got.Events...)
		r := a.Response()
		if len(r.Parts) != 2 || r.Parts[0].Name != "f" || r.Parts[1].Name != "g" || string(r.Parts[1].Arguments) != `{"x":1}` || r.Stop != llm.StopTools || got.Progress.Tools != 2 {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		if r.Parts[0].ID == "" || r.Parts[0].ID == r.Parts[1].ID {
			t.Errorf("%s: ids %q and %q", name, r.Parts[0].ID, r.Parts[1].ID)
		}
	}
}

func TestOpenToolSaysWhetherArgumentsAreWhole(t *testing.T) {
	begun := `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}}]}` + "\n\n"
	rest := `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"}\"}"}}]}}]}` + "\n\n"
	if p := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(begun), nil, wire.FrameOptions{})).Progress; !p.OpenTool || p.Tools != 1 || p.ToolBytes != 5 {
		t.Errorf("%+v", p)
	}
	if p := wiretest.Drain(chat.Codec{}.Frames(strings.NewReader(begun+rest), nil, wire.FrameOptions{})).Progress; p.OpenTool || p.Tools != 1 {
		t.Errorf("%+v", p)
	}
}
