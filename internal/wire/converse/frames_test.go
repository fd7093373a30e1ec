package converse_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/eventstream"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// event is a message of a stream; its data is padded as Bedrock does it.
func event(name, data string) string {
	return string(eventstream.Append(nil, name, []byte(strings.TrimSuffix(data, "}")+`,"p":"abcdefgh"}`)))
}

func exception(kind, data string) string {
	return string(eventstream.AppendException(nil, kind, []byte(data)))
}

var (
	start = event("messageStart", `{"role":"assistant"}`)
	hello = event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello"}}`)
	world = event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":" w\u00f6rld"}}`)
	shut  = event("contentBlockStop", `{"contentBlockIndex":0}`)
	call  = event("contentBlockStart", `{"contentBlockIndex":1,"start":{"toolUse":{"name":"f","toolUseId":"t"}}}`)
	args  = event("contentBlockDelta", `{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a\":1}"}}}`)
	shut1 = event("contentBlockStop", `{"contentBlockIndex":1}`)
	stop  = event("messageStop", `{"stopReason":"end_turn"}`)
	usage = event("metadata", `{"metrics":{"latencyMs":7},"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15}}`)
	beat  = event("heartbeat", `{"x":1}`)
)

func TestOneFrameARead(t *testing.T) {
	text := start + beat + hello + world + beat + shut + call + args + shut1 + stop + usage
	got := wiretest.Drain(converse.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{Model: "smart", HideUsage: true}))
	want := []wire.FrameClass{wire.Prelude, wire.Heart, wire.Content, wire.Heart, wire.Content, wire.Terminal}
	if d := cmp.Diff(want, got.Classes); d != "" || got.Err != nil || string(got.Bytes) != text {
		t.Error(d, got.Err)
	}
	p := got.Progress
	if p.TextBytes != int64(len("Hello wörld")) || p.ToolBytes != 7 || p.Tools != 1 || p.OpenTool || !p.Stopped || p.Usage.Tokens[llm.TokInput] != 10 || p.Usage.Tokens[llm.TokOutput] != 5 {
		t.Errorf("%+v", p)
	}
}

func TestFirstContent(t *testing.T) {
	for name, first := range map[string]string{
		"text":               hello,
		"thinking":           event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"x"}}}`),
		"redacted thinking":  event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"RXU="}}}`),
		"a tool":             call,
		"a source":           event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"citation":{"title":"x"}}}`),
		"a kind yet to come": event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"hologram":{}}}`),
	} {
		got := wiretest.Drain(converse.Codec{}.Frames(strings.NewReader(start+first), nil, wire.FrameOptions{}))
		if d := cmp.Diff([]wire.FrameClass{wire.Prelude, wire.Content}, got.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for name, first := range map[string]string{
		"an empty delta":     event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":""}}`),
		"an event yet to be": event("messageNote", `{"x":1}`),
	} {
		got := wiretest.Drain(converse.Codec{}.Frames(strings.NewReader(start+first), nil, wire.FrameOptions{}))
		if d := cmp.Diff([]wire.FrameClass{wire.Prelude}, got.Classes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestAStreamWithoutItsProperEndIsBroken(t *testing.T) {
	damaged := []byte(hello)
	damaged[30] ^= 1
	for _, x := range []struct {
		name, text string
		class      llm.ErrorClass
		tail       string
	}{
		{"whole", start + hello + shut + stop + usage, "", usage},
		{"usage before the stop", start + hello + shut + usage + stop, "", stop},
		{"no metadata", start + hello + shut + stop, llm.BrokenStream, stop},
		{"no stop", start + hello + shut, llm.BrokenStream, shut},
		{"cut in a message", start + hello[:60], llm.BrokenStream, start},
		{"cut in the last message", start + hello + shut + stop + usage[:60], llm.BrokenStream, stop},
		{"damaged", start + string(damaged) + shut + stop + usage, llm.Malformed, start},
		{"malformed among good ones", start + event("contentBlockDelta", `{"contentBlockIndex":0,"delta":}`) + hello + shut + stop + usage, "", usage},
		{"throttled after the start", start + exception("throttlingException", `{"message":"Too many tokens, please wait"}`), llm.RateLimited, start},
		{"unavailable", start + hello + exception("serviceUnavailableException", `{"message":"x"}`), llm.Overloaded, hello},
		{"an internal error", start + hello + exception("internalServerException", `{"message":"x"}`), llm.ServerError, hello},
		{"refused", start + exception("validationException", `{"message":"Input is too long for requested model."}`), llm.ContextOverflow, start},
		{"the model failed", start + hello + exception("modelStreamErrorException", `{"message":"x","originalStatusCode":529,"originalMessage":"Overloaded"}`), llm.Overloaded, hello},
		{"the model failed by itself", start + hello + exception("modelStreamErrorException", `{"message":"The model produced invalid output"}`), llm.ServerError, hello},
		{"an exception yet to come", start + exception("weatherException", `{"message":"rain"}`), llm.ServerError, start},
		{"a JSON body", `{"message":"The security token included in the request is expired","__type":"ExpiredTokenException"}`, llm.Unauthorized, ""},
		{"a page", `<html>502</html>`, llm.Malformed, ""},
		{"nothing", "", llm.BrokenStream, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, events := range []bool{false, true} {
				got := wiretest.Drain(converse.Codec{}.Frames(strings.NewReader(x.text), nil, wire.FrameOptions{Events: events}))
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
}

func TestUsageInDisjointClasses(t *testing.T) {
	for name, x := range map[string]struct {
		usage string
		want  [llm.NumTokenClasses]int64
	}{
		"plain":             {`{"inputTokens":1,"outputTokens":2,"totalTokens":3,"serverToolUsage":{}}`, [llm.NumTokenClasses]int64{llm.TokInput: 1, llm.TokOutput: 2}},
		"two names":         {`{"inputTokens":1,"outputTokens":2,"cacheReadInputTokens":7,"cacheReadInputTokenCount":7,"cacheWriteInputTokens":9,"cacheWriteInputTokenCount":9}`, [llm.NumTokenClasses]int64{llm.TokInput: 1, llm.TokOutput: 2, llm.TokCacheRead: 7, llm.TokCacheWrite: 9}},
		"the older name":    {`{"inputTokens":1,"outputTokens":2,"cacheReadInputTokenCount":7}`, [llm.NumTokenClasses]int64{llm.TokInput: 1, llm.TokOutput: 2, llm.TokCacheRead: 7}},
		"by time":           {`{"inputTokens":1,"outputTokens":2,"cacheWriteInputTokens":9,"cacheDetails":[{"ttl":"1h","inputTokens":4},{"ttl":"5m","inputTokens":5}]}`, [llm.NumTokenClasses]int64{llm.TokInput: 1, llm.TokOutput: 2, llm.TokCacheWrite: 5, llm.TokCacheWrite1h: 4}},
		"what cannot be is": {`{"inputTokens":-1,"outputTokens":"x","cacheDetails":7}`, [llm.NumTokenClasses]int64{}},
	} {
		r, err := converse.Codec{}.DecodeResponse([]byte(`{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn","usage":`+x.usage+`,"serviceTier":{"type":"flex"}}`), nil)
		if err != nil || r.Usage.Tokens != x.want || !r.Usage.Reported || r.Usage.Tier != "flex" {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		text := start + stop + event("metadata", `{"usage":`+x.usage+`,"serviceTier":{"type":"flex"}}`)
		if got := wiretest.Drain((converse.Codec{}).Frames(strings.NewReader(text), nil, (wire.FrameOptions{}))); got.Progress.Usage != r.Usage {
			t.Errorf("%s: streamed %+v", name, got.Progress.Usage)
		}
	}
}

func TestReasonsToStop(t *testing.T) {
	for word, want := range map[string]llm.StopReason{
		"end_turn": llm.StopEnd, "tool_use": llm.StopTools, "max_tokens": llm.StopLength, "stop_sequence": llm.StopSequence, "content_filtered": llm.StopRefusal,
		"guardrail_intervened": llm.StopRefusal, "malformed_model_output": llm.StopUndefined, "malformed_tool_use": llm.StopUndefined,
		"model_context_window_exceeded": llm.StopContext,
	} {
		body := `{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"` + word + `"}`
		r, err := converse.Codec{}.DecodeResponse([]byte(body), nil)
		if err != nil || r.Stop != want {
			t.Errorf("%s: %v %+v", word, err, r)
			continue
		}
		if back := (converse.Codec{}).EncodeResponse(r, nil); !strings.Contains(string(back), `"stopReason":"`+word+`"`) {
			t.Errorf("%s became %s", word, back)
		}
	}
	body := `{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"}}`
	if r, err := (converse.Codec{}).DecodeResponse([]byte(body), nil); err != nil || r.StopDetail != "END" {
		t.Errorf("%v %+v", err, r)
	}
	for stop, word := range map[llm.StopReason]string{llm.StopUnstated: "end_turn", llm.StopPause: "end_turn", llm.StopRefusal: "content_filtered"} {
		if back := (converse.Codec{}).EncodeResponse(&llm.Response{Stop: stop}, nil); !strings.Contains(string(back), word) {
			t.Errorf("%q became %s", stop, back)
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	for _, x := range []struct {
		status    int
		kind, msg string
		class     llm.ErrorClass
	}{
		{400, "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/", "messages.0: bad", llm.BadRequest},
		{400, "ValidationException", "The provided model identifier is invalid.", llm.NotFound},
		{400, "ValidationException", "Invocation of model ID x with on-demand throughput isn’t supported.", llm.NotFound},
		{400, "ValidationException", "Input is too long for requested model.", llm.ContextOverflow},
		{400, "ValidationException", "Operation not allowed", llm.Forbidden},
		{400, "ServiceQuotaExceededException", "x", llm.QuotaExhausted},
		{403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", llm.Forbidden},
		{403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.", llm.Unauthorized},
		{403, "UnrecognizedClientException", "The security token included in the request is invalid.", llm.Unauthorized},
		{403, "ExpiredTokenException", "x", llm.Unauthorized},
		{404, "ResourceNotFoundException", "x", llm.NotFound},
		{408, "ModelTimeoutException", "x", llm.TimedOut},
		{424, "ModelErrorException", "x", llm.ServerError},
		{429, "ThrottlingException", "Too many requests", llm.RateLimited},
		{429, "ModelNotReadyException", "x", llm.Overloaded},
		{500, "InternalServerException", "x", llm.ServerError},
		{503, "ServiceUnavailableException", "x", llm.Overloaded},
		{400, "", "x", llm.BadRequest},
		{502, "", "x", llm.ServerError},
	} {
		h := http.Header{}
		if x.kind != "" {
			h.Set("X-Amzn-Errortype", x.kind)
		}
		e := converse.Codec{}.DecodeError(x.status, h, []byte(`{"message":"`+x.msg+`"}`), nil)
		if e.Class != x.class || e.Blame == "" || e.Billed == "" || e.Message == "" || e.Status != x.status {
			t.Errorf("%d %s %s: %+v", x.status, x.kind, x.msg, e)
		}
		// In the body, as other front doors say it.
		e = converse.Codec{}.DecodeError(x.status, nil, []byte(`{"__type":"com.amazon.coral#`+x.kind+`","Message":"`+x.msg+`"}`), nil)
		if e.Class != x.class {
			t.Errorf("in the body, %d %s: %+v", x.status, x.kind, e)
		}
	}
}

// TestACallOfAnyTypeButAServersIsTheClients: answers name the type of ordinary calls.
func TestACallOfAnyTypeButAServersIsTheClients(t *testing.T) {
	for kind, want := range map[string]llm.PartKind{`,"type":"tool_use"`: llm.ToolCall, `,"type":"else"`: llm.ToolCall, ``: llm.ToolCall, `,"type":"server_tool_use"`: llm.Opaque} {
		body := `{"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{"a":1}` + kind + `}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}`
		r, err := converse.Codec{}.DecodeResponse([]byte(body), nil)
		if err != nil || len(r.Parts) != 1 || r.Parts[0].Kind != want {
			t.Errorf("%s: %v %+v", kind, err, r)
			continue
		}
		if got := string(converse.Codec{}.EncodeResponse(r, nil)); !strings.Contains(got, `"input":{"a":1}`+kind+`}`) {
			t.Errorf("%s: written again: %s", kind, got)
		}
	}
}

func TestAServersToolIsHandedOnWhole(t *testing.T) {
	text := start +
		event("contentBlockStart", `{"contentBlockIndex":0,"start":{"toolUse":{"name":"nova_grounding","toolUseId":"t","type":"server_tool_use"}}}`) +
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"q\":"}}}`) +
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"toolUse":{"input":"1}"}}}`) + shut +
		event("contentBlockStart", `{"contentBlockIndex":1,"start":{"toolResult":{"toolUseId":"t","type":"nova_grounding_result","status":"success"}}}`) +
		event("contentBlockDelta", `{"contentBlockIndex":1,"delta":{"toolResult":[{"text":"x"}]}}`) + shut1 +
		event("contentBlockStart", `{"contentBlockIndex":2,"start":{"image":{"format":"png"}}}`) +
		event("contentBlockDelta", `{"contentBlockIndex":2,"delta":{"image":{"source":{"bytes":"AAEC"}}}}`) +
		event("contentBlockStop", `{"contentBlockIndex":2}`) + stop + usage
	got := wiretest.Drain(converse.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{Events: true}))
	var a llm.Assembler
	a.Add(got.Events...)
	p := a.Response().Parts
	if got.Err != nil || len(p) != 3 || string(p[0].Raw) != `{"toolUse":{"name":"nova_grounding","toolUseId":"t","type":"server_tool_use","input":{"q":1}}}` ||
		string(p[1].Raw) != `{"toolResult":{"toolUseId":"t","type":"nova_grounding_result","status":"success","content":[{"text":"x"}]}}` ||
		p[2].Kind != llm.Image || p[2].MediaType != "image/png" || string(p[2].Data) != "\x00\x01\x02" {
		t.Errorf("%v %+v", got.Err, p)
	}
	again := converse.Codec{}.Writer(nil).Write(nil, got.Events)
	back := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(again), nil, wire.FrameOptions{Events: true}))
	var b llm.Assembler
	b.Add(back.Events...)
	if d := cmp.Diff(a.Response(), b.Response()); d != "" {
		t.Error(d)
	}
}

// cuts gives a text in pieces of the given sizes.
type cuts struct {
	text  string
	sizes []int
}

func (c *cuts) Read(p []byte) (int, error) {
	n := len(c.text)
	if len(c.sizes) > 0 {
		n, c.sizes = min(c.sizes[0], n), c.sizes[1:]
	}
	r := strings.NewReader(c.text[:n])
	n, err := r.Read(p)
	c.text = c.text[n:]
	return n, err
}

func TestAnySplitAndAnyMixOfEventsIsReadTheSame(t *testing.T) {
	pieces := []string{start, hello, world, shut, call, args, shut1, stop, usage, beat,
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"x"}}}`),
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"EqQBCgIYAhIkMWE3"}}}`),
		event("contentBlockDelta", `{"contentBlockIndex":1,"delta":{"text":"y"},"x":{"text":"z"}}`),
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Hello","q":1}}`),
		event("contentBlockDelta", `{"delta":7}`), event("metadata", `[]`), exception("throttlingException", `{}`),
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 20).Draw(t, "events"), "")
		text = text[:rapid.IntRange(max(0, len(text)-200), len(text)).Draw(t, "cut")]
		sizes := rapid.SliceOfN(rapid.IntRange(1, 300), 0, 60).Draw(t, "sizes")
		want := wiretest.Drain(converse.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{}))
		got := wiretest.Drain(converse.Codec{}.Frames(&cuts{text, sizes}, nil, wire.FrameOptions{}))
		decoded := wiretest.Drain(converse.Codec{}.Frames(&cuts{text, sizes}, nil, wire.FrameOptions{Events: true}))
		if !bytes.Equal(want.Bytes, got.Bytes) || want.Progress != got.Progress || want.Progress != decoded.Progress ||
			(want.Err == nil) != (got.Err == nil) || (want.Err == nil) != (decoded.Err == nil) {
			t.Fatalf("%+v %v\n%+v %v\n%+v %v", want.Progress, want.Err, got.Progress, got.Err, decoded.Progress, decoded.Err)
		}
		var a llm.Assembler
		a.Add(decoded.Events...)
		var text2, think int
		for _, p := range a.Response().Parts {
			switch p.Kind {
			case llm.Text:
				text2 += len(p.Text)
			case llm.Thinking:
				think += len(p.Text)
			}
		}
		if int64(text2+think) > want.Progress.TextBytes+want.Progress.ThinkingBytes {
			t.Fatalf("%d bytes of text are more than %+v", text2+think, want.Progress)
		}
	})
}

func frame(name string, data []byte) []byte { return eventstream.Append(nil, name, data) }
