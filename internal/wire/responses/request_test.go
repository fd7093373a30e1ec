package responses_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// TestRequestsSurviveDecodingAndEncoding: forms that recorded traffic has seldom or
// never.
func TestRequestsSurviveDecodingAndEncoding(t *testing.T) {
	for _, body := range []string{
		`{"model":"m","input":"x"}`,
		`{"model":"m","input":"x","instructions":"i"}`,
		`{"model":"m","input":[]}`,
		`{"model":"m","input":null,"previous_response_id":"resp_1"}`,
		`{"model":"m","input":[{"role":"user","content":[]}]}`,
		`{"model":"m","input":[{"role":"user","content":""},{"role":"user","content":[{"type":"input_text","text":""}]}]}`,
		`{"model":"m","input":[{"role":"assistant","content":""},{"role":"assistant","content":[]},{"role":"assistant","content":"x","phase":"final_answer"}]}`,
		`{"model":"m","input":[{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"a","annotations":[]},{"type":"refusal","refusal":"r"}]},{"role":"assistant","content":[{"type":"output_text","text":"b"}]}]}`,
		`{"model":"m","input":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"input_image","detail":"high","image_url":"data:image/png;base64,AAAA"},{"type":"input_image","file_id":"f"},{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA","detail":"low"},{"type":"input_file","file_data":"AAAA"},{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},{"type":"new","x":1}]}]}`,
		`{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":""},{"type":"function_call","call_id":"d","name":"f","arguments":"not json"},{"type":"function_call","call_id":"e","name":"f","arguments":" {\"a\": 1.50}"},{"type":"function_call_output","call_id":"c","output":[]},{"type":"function_call_output","call_id":"d","output":[{"type":"input_text","text":"x"}]},{"type":"function_call_output","call_id":"e","output":{"new":1}}]}`,
		`{"model":"m","input":[{"type":"reasoning","id":"r","summary":[]},{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"content":[{"type":"reasoning_text","text":"c"}],"encrypted_content":""},{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":""}],"status":null}]}`,
		`{"model":"m","input":[{"type":"item_reference","id":"msg_1"},{"type":"local_shell_call","id":"l","call_id":"c","action":{}},{"type":"local_shell_call_output","id":"l","output":"x"},{"type":"mcp_approval_response","approve":true,"approval_request_id":"a"},{"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot"}},{"type":"function_call_output","call_id":"c","output":"x"},{"type":"compaction","encrypted_content":"x"}]}`,
		`{"model":"m","input":"x","tools":[],"tool_choice":{"type":"function","name":"f"},"stream":false}`,
		`{"model":"m","input":"x","tools":[{"type":"function","name":"f","description":"","parameters":null,"strict":null},{"type":"mcp","server_label":"l"}],"tool_choice":{"type":"custom","name":"f"}}`,
		`{"model":"m","input":"x","tools":[{"type":"namespace","name":"n","description":"d","tools":[]},{"type":"namespace","name":"n","tools":[{"type":"new"}]}],"tool_choice":{"type":"file_search"}}`,
		`{"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":{}},{"type":"function","name":"g","parameters":{}}],"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"}]}}`,
		`{"model":"m","input":"x","text":{},"reasoning":{},"stream_options":{"include_obfuscation":false},"include":[],"metadata":{},"top_logprobs":0}`,
		`{"model":"m","input":"x","text":{"format":{"type":"text"},"verbosity":"high"},"reasoning":{"effort":null,"summary":"auto","generate_summary":"concise"},"include":["message.output_text.logprobs","a.new.one"],"metadata":{"a":1},"top_logprobs":3}`,
		`{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"a":1},"strict":false,"description":"d","new":1}},"reasoning":{"generate_summary":"concise"},"store":true,"prompt_cache_retention":"24h","user":"u","safety_identifier":"s","service_tier":"flex","background":false,"truncation":"auto","max_tool_calls":3}`,
		`{"model":"m","input":"x","text":{"format":{"type":"grammar","x":1}},"conversation":{"id":"conv_1"},"parallel_tool_calls":false,"a.dotted\\name":1}`,
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_text","text":"y","prompt_cache_breakpoint":{"mode":"explicit","ttl":"1h"}}]}]}`,
	} {
		r, err := responses.Codec{}.DecodeRequest([]byte(body), nil)
		if err != nil {
			t.Errorf("%v in %s", err, body)
			continue
		}
		again, losses, err := responses.Codec{}.EncodeRequest(r, nil)
		want, _ := wiretest.Value([]byte(body))
		got, bad := wiretest.Value(again)
		if diff := wiretest.Diff(want, got); err != nil || bad != nil || len(diff) > 0 || len(losses) > 0 {
			t.Errorf("%s\n%s\n%v %v %v", body, again, err, bad, strings.Join(diff, "\n"))
		}
	}
}

// TestAnItemThatIsKeptElsewhereIsNamedWithTheMend: the Vercel AI SDK refers to items
// unless it is told not to.
func TestAnItemThatIsKeptElsewhereIsNamedWithTheMend(t *testing.T) {
	r, err := responses.Codec{}.DecodeRequest([]byte(`{"model":"m","input":[{"role":"user","content":"x"},{"type":"item_reference","id":"fc_1"},{"type":"function_call_output","call_id":"c","output":"y"}]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = messages.Codec{}.EncodeRequest(r, &wire.Target{})
	if e, ok := err.(*llm.Error); !ok || e.Class != llm.Lossy || e.Param != "input.item_reference" || !strings.Contains(e.Message, "sets store to false") {
		t.Errorf("%v", err)
	}
}

func TestALongerHistoryBeginsWithTheShorterOne(t *testing.T) {
	var last []byte
	for n := 1; n < 8; n++ {
		body := `{"model":"m","max_tokens":5,"system":"s","messages":[`
		for i := range n {
			if i > 0 {
				body += ","
			}
			switch i % 3 {
			case 0:
				body += fmt.Sprintf(`{"role":"user","content":"turn %d"}`, i)
			case 1:
				body += fmt.Sprintf(`{"role":"assistant","content":[{"type":"text","text":"see"},{"type":"tool_use","id":"toolu_%d","name":"f","input":{"a":%d}}]}`, i, i)
			case 2:
				body += fmt.Sprintf(`{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_%d","is_error":true,"content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"type":"text","text":"go on"}]}`, i-1)
			}
		}
		r, err := messages.Codec{}.DecodeRequest([]byte(body+"]}"), nil)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := responses.Codec{}.EncodeRequest(r, &wire.Target{Upstream: "gpt-5", LossyOK: true})
		if err != nil {
			t.Fatal(err)
		}
		if n > 1 && !bytes.HasPrefix(out, bytes.TrimSuffix(last, []byte("]}"))) {
			t.Errorf("%d turns:\n%s\nbegin not with\n%s", n, out, last)
		}
		last = out
	}
}

// TestWhatIsLeftOutMeansTheSameHere: the two formats have other defaults.
func TestWhatIsLeftOutMeansTheSameHere(t *testing.T) {
	r, err := chat.Codec{}.DecodeRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"x"}],"verbosity":"low","max_tokens":5,"tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, losses, err := responses.Codec{}.EncodeRequest(r, &wire.Target{Upstream: "gpt-5"})
	if err != nil || len(losses) > 0 {
		t.Fatal(err, losses)
	}
	for path, want := range map[string]string{
		"store": "false", "tools.0.strict": "false", "text.format.strict": "false", "text.verbosity": "low", "max_output_tokens": "16",
		"tools.0.parameters.type": "object", "input.0.content": "x", "model": "gpt-5",
	} {
		if got := gjson.GetBytes(out, path).String(); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	back, err := responses.Codec{}.DecodeRequest([]byte(`{"model":"m","input":"x","tools":[{"type":"function","name":"f","parameters":{}}]}`), nil)
	if err != nil || back.Tools[0].Strict != nil {
		t.Fatalf("%+v %v", back.Tools, err)
	}
	losses = messages.Codec{}.Losses(back)
	if diff := cmp.Diff([]wire.Loss{{Field: "tools.strict.default", Class: wire.Advisory, Note: "held to the schema as far as the target does so by itself"}}, losses); diff != "" {
		t.Error(diff)
	}
}

// TestWhatIsKeptForTheClient: an answer that is not kept is a loss of bookkeeping
// only; a request that needs what is kept is refused.
func TestWhatIsKeptForTheClient(t *testing.T) {
	for body, want := range map[string]wire.LossClass{
		`{"model":"m","input":"x"}`:                                            "",
		`{"model":"m","input":"x","store":false}`:                              "",
		`{"model":"m","input":"x","store":true}`:                               wire.Advisory,
		`{"model":"m","input":"x","previous_response_id":null}`:                "",
		`{"model":"m","input":"x","previous_response_id":"resp_1"}`:            wire.Semantic,
		`{"model":"m","input":"x","conversation":"conv_1"}`:                    wire.Semantic,
		`{"model":"m","prompt":{"id":"p"}}`:                                    wire.Semantic,
		`{"model":"m","input":"x","background":true}`:                          wire.Semantic,
		`{"model":"m","input":"x","background":false,"truncation":"disabled"}`: "",
		`{"model":"m","input":"x","new_member":1}`:                             wire.Semantic,
		`{"model":"m","input":"x","tools":[{"type":"web_search"}]}`:            wire.Semantic,
	} {
		r, err := responses.Codec{}.DecodeRequest([]byte(body), nil)
		if err != nil {
			t.Fatal(err)
		}
		worst := wire.LossClass("")
		for _, l := range messages.Table.Losses(r) {
			if worst != wire.Semantic {
				worst = l.Class
			}
		}
		if worst != want {
			t.Errorf("%s: %q, want %q", body, worst, want)
		}
	}
}

// TestStateIsSentToItsOwnMakerOnly.
func TestStateIsSentToItsOwnMakerOnly(t *testing.T) {
	thinking := func(m llm.Maker) *llm.Request {
		return &llm.Request{From: llm.Messages, Model: "m", Messages: []llm.Message{{Role: llm.Assistant, Parts: []llm.Part{
			{Kind: llm.Thinking, ID: "rs_1", Text: "t", Signature: "state", Maker: m}, {Kind: llm.Text, Text: "x"},
		}}, {Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: "y"}}}}}
	}
	xai := &wire.Dialect{Name: "xai", Maker: llm.MakerXAI}
	for _, x := range []struct {
		maker   llm.Maker
		dialect *wire.Dialect
		sent    bool
	}{
		{llm.MakerOpenAI, nil, true}, {llm.MakerAnthropic, nil, false}, {llm.MakerXAI, nil, false}, {llm.MakerXAI, xai, true}, {llm.MakerOpenAI, xai, false},
	} {
		_, _, err := responses.Codec{}.EncodeRequest(thinking(x.maker), &wire.Target{Dialect: x.dialect})
		if (err == nil) != x.sent {
			t.Errorf("%s: %v", x.maker, err)
		}
		out, _, err := responses.Codec{}.EncodeRequest(thinking(x.maker), &wire.Target{Dialect: x.dialect, LossyOK: true})
		if err != nil || bytes.Contains(out, []byte("state")) != x.sent {
			t.Errorf("%s: %s %v", x.maker, out, err)
		}
	}
}
