package converse_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/iotest"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func FuzzDecodeRequest(f *testing.F) {
	f.Add(false, []byte(`{`+user+`,"system":[{"text":"s"},{"cachePoint":{"type":"default","ttl":"1h"}}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}},"strict":true}},{"cachePoint":{"type":"default"}},{"systemTool":{"name":"x"}}],"toolChoice":{"tool":{"name":"f"}}},"inferenceConfig":{"maxTokens":5,"topP":1.0,"stopSequences":["a"]}}`))
	f.Add(false, []byte(`{"messages":[{"role":"assistant","content":[{"reasoningContent":{"redactedContent":"RXU="}},{"citationsContent":{"content":[{"text":"a"},{"text":"b"}],"citations":[{"location":{"web":{"url":"u"}}}]}},{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"json":{"a":1}},{"image":{"format":"png","source":{"bytes":"AA=="}}}],"status":"error"}},{"document":{"name":"d","source":{"text":"x"},"citations":{"enabled":true}}},{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://a"}}}}]}],"additionalModelRequestFields":{"thinking":{"type":"adaptive"},"k":3},"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}","name":"n"}}}},"requestMetadata":{"a":"b"},"serviceTier":{"type":"flex"},"promptVariables":{}}`))
	f.Add(true, []byte(`{"input":{"converse":{`+user+`}}}`))
	f.Add(true, []byte(`{"input":{"invokeModel":{"body":"eyJtZXNzYWdlcyI6W119"}}}`))
	f.Fuzz(func(t *testing.T, counts bool, body []byte) {
		var c wire.Codec = converse.Codec{}
		if counts {
			c = converse.Count{}
		}
		s, scanErr := c.Scan(body, at)
		if scanErr == nil {
			edited, err := c.Edit(nil, body, s, &wire.Target{OutputCap: 77777})
			if err == nil && !counts {
				again, err := c.Scan(edited, at)
				if err != nil || again.MaxOutput != 77777 || again.Messages != s.Messages || again.TextBytes != s.TextBytes {
					t.Fatalf("%v: %+v in %s", err, again, edited)
				}
			}
		}
		r, err := c.DecodeRequest(body, at)
		if err != nil {
			return
		}
		if r.From == llm.Messages {
			return
		}
		once, _, err := c.EncodeRequest(r, &wire.Target{})
		if err != nil || !json.Valid(once) {
			t.Fatalf("%v: %s", err, once)
		}
		r2, err := c.DecodeRequest(once, at)
		if err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		twice, _, err := c.EncodeRequest(r2, &wire.Target{})
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("not stable: %v\n%s\n%s", err, once, twice)
		}
		r.From = "elsewhere" // as if it came in another format
		foreign, _, err := c.EncodeRequest(r, &wire.Target{LossyOK: true, Upstream: claude})
		if err == nil && !json.Valid(foreign) {
			t.Fatalf("no JSON: %s", foreign)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add([]byte(`{"output":{"message":{"role":"assistant","content":[{"text":"x"},{"reasoningContent":{"reasoningText":{"text":"t","signature":"skein1.google.n..x"}}},{"citationsContent":{"citations":[{}]}}]}},"stopReason":"tool_use","usage":{"inputTokens":1,"cacheDetails":[{"ttl":"1h","inputTokens":2}]},"metrics":{"latencyMs":1},"trace":{}}`))
	f.Add([]byte(`{"message":"no"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := converse.Codec{}.DecodeResponse(body, nil)
		if err != nil {
			return
		}
		for i, n := range r.Usage.Tokens {
			if n < 0 {
				t.Fatalf("negative count of %s", llm.TokenClass(i))
			}
		}
		once := converse.Codec{}.EncodeResponse(r, nil)
		r2, err := converse.Codec{}.DecodeResponse(once, nil)
		if err != nil || !json.Valid(once) {
			t.Fatalf("%v in %s", err, once)
		}
		if twice := (converse.Codec{}).EncodeResponse(r2, nil); !bytes.Equal(once, twice) {
			t.Fatalf("not stable:\n%s\n%s", once, twice)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(start + hello + world + shut + call + args + shut1 + stop + usage))
	f.Add([]byte(start + exception("modelStreamErrorException", `{"originalStatusCode":500}`)))
	f.Add([]byte(`{"message":"no"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		passed := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(text), nil, wire.FrameOptions{}))
		slow := wiretest.Drain(converse.Codec{}.Frames(iotest.OneByteReader(bytes.NewReader(text)), nil, wire.FrameOptions{Events: true}))
		if slow.Progress != passed.Progress || (slow.Err == nil) != (passed.Err == nil) {
			t.Fatalf("%+v %v\n%+v %v", passed.Progress, passed.Err, slow.Progress, slow.Err)
		}
		out := converse.Codec{}.Writer(nil).Write(nil, slow.Events)
		if slow.Err != nil {
			return
		}
		back := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
		if back.Err != nil || back.Progress.Malformed > 0 {
			t.Fatalf("%v in %q", back.Err, out)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add("contentBlockDelta", []byte(`{"contentBlockIndex":0,"delta":{"text":"x"},"p":"abc"}`), []byte(`{"contentBlockIndex":0,"delta":{"text":"yy"},"p":"\""}`))
	f.Add("contentBlockStart", []byte(`{"contentBlockIndex":0,"start":{"toolUse":{"name":"f"}}}`), []byte(`{"start":{"image":{}}}`))
	f.Fuzz(func(t *testing.T, name string, first, second []byte) {
		text := []byte(start)
		for _, data := range [][]byte{first, second, first} {
			if len(name) < 200 {
				text = append(text, frame(name, data)...)
			}
		}
		text = append(text, stop+usage...)
		passed := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(text), nil, wire.FrameOptions{}))
		events := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(text), nil, wire.FrameOptions{Events: true}))
		if events.Progress != passed.Progress || (events.Err == nil) != (passed.Err == nil) {
			t.Fatalf("%+v %v\n%+v %v", passed.Progress, passed.Err, events.Progress, events.Err)
		}
		out := converse.Codec{}.Writer(nil).Write(nil, events.Events)
		back := wiretest.Drain(converse.Codec{}.Frames(bytes.NewReader(out), nil, wire.FrameOptions{Events: true}))
		if events.Err == nil && (back.Err != nil || back.Progress.Malformed > 0) {
			t.Fatalf("%v in %q", back.Err, out)
		}
	})
}
