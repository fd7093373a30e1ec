package responses_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// agentRequest is a request as Codex makes them, with every kind of tool that it has.
func agentRequest(t testing.TB) ([]byte, *llm.Request) {
	t.Helper()
	body, err := os.ReadFile("testdata/agent.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := responses.Codec{}.DecodeRequest(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	return body, r
}

func TestAnAgentsRequestSurvivesDecodingAndEncoding(t *testing.T) {
	body, r := agentRequest(t)
	again, losses, err := responses.Codec{}.EncodeRequest(r, nil)
	if err != nil || len(losses) > 0 {
		t.Fatal(err, losses)
	}
	want, _ := wiretest.Value(body)
	got, err := wiretest.Value(again)
	if diff := wiretest.Diff(want, got); err != nil || len(diff) > 0 {
		t.Error(err, strings.Join(diff, "\n"))
	}
}

// TestAnAgentsToolsAreFunctionsElsewhere: nothing of it is refused, and what is done
// instead is named.
func TestAnAgentsToolsAreFunctionsElsewhere(t *testing.T) {
	_, r := agentRequest(t)
	for _, to := range []wire.Codec{chat.Codec{}, messages.Codec{}} {
		out, losses, err := to.EncodeRequest(r, &wire.Target{Format: to.Format(), Upstream: "u"})
		if err != nil {
			t.Errorf("%s: %v", to.Format(), err)
			continue
		}
		names, input := "tools.#.function.name", `tools.#(function.name=="apply_patch").function`
		if to.Format() == llm.Messages {
			names, input = "tools.#.name", `tools.#(name=="apply_patch")`
		}
		var got []string
		for _, n := range gjson.GetBytes(out, names).Array() {
			got = append(got, n.String())
		}
		want := []string{"exec_command", "apply_patch", "agents__list_agents", "agents__spawn_agent", "tool_search", "functions__exec", "functions__wait", "found"}
		if !slices.Equal(got, want) {
			t.Errorf("%s: tools %q", to.Format(), got)
		}
		if patch := gjson.GetBytes(out, input).Raw; !strings.Contains(patch, "start: begin end") || !strings.Contains(patch, `"input"`) {
			t.Errorf("%s: %s", to.Format(), patch)
		}
		if !strings.Contains(string(out), "functions__exec") || !strings.Contains(string(out), "main.go") || !strings.Contains(string(out), "I look.") {
			t.Errorf("%s: the history is not there: %s", to.Format(), out)
		}
		named := map[string]wire.LossClass{}
		for _, l := range losses {
			named[l.Field] = l.Class
		}
		for field, class := range map[string]wire.LossClass{
			"tools.type": wire.Emulated, "tools.format": wire.Emulated, "tools.namespace": wire.Emulated, "tools.web_search": wire.Advisory,
			"input.additional_tools": wire.Emulated, "tools.defer_loading": wire.Emulated, "text.verbosity": wire.Advisory,
		} {
			if named[field] != class {
				t.Errorf("%s: %s is %q, want %q", to.Format(), field, named[field], class)
			}
		}
	}
}

// upstreamCalls are the calls that a model of another format makes of an agent's
// tools, by the names that it knows.
var upstreamCalls = []llm.Part{
	{Kind: llm.ToolCall, ID: "toolu_1", Name: "exec_command", Arguments: []byte(`{"cmd":"ls"}`)},
	{Kind: llm.ToolCall, ID: "toolu_2", Name: "apply_patch", Arguments: []byte(`{"input":"*** Begin\n+\"é\"\n"}`)},
	{Kind: llm.ToolCall, ID: "toolu_3", Name: "agents__list_agents", Arguments: []byte(`{"all":true}`)},
	{Kind: llm.ToolCall, ID: "toolu_4", Name: "functions__exec", Arguments: []byte(`{"input":"ls"}`)},
	{Kind: llm.ToolCall, ID: "toolu_5", Name: "tool_search", Arguments: []byte(`{"query":"x"}`)},
	{Kind: llm.ToolCall, ID: "toolu_6", Name: "spawn_agent", Arguments: []byte(`{}`)}, // its namespace left out
}

// clientCalls are the same calls as the client must see them.
func clientCalls(t *testing.T, output gjson.Result) {
	t.Helper()
	want := []string{
		`function_call|exec_command||toolu_1|{"cmd":"ls"}||completed`,
		`custom_tool_call|apply_patch||toolu_2||*** Begin` + "\n+\"é\"\n" + `|completed`,
		`function_call|list_agents|agents|toolu_3|{"all":true}||completed`,
		`custom_tool_call|exec|functions|toolu_4||ls|completed`,
		`tool_search_call|||toolu_5|{"query":"x"}||completed`,
		`function_call|spawn_agent|agents|toolu_6|{}||completed`,
	}
	for i, item := range output.Array() {
		got := ""
		for _, name := range []string{"type", "name", "namespace", "call_id", "arguments", "input", "status"} {
			got += "|" + item.Get(name).String()
		}
		if i >= len(want) || got[1:] != want[i] {
			t.Errorf("call %d is %s", i, got[1:])
		}
	}
	if n := len(output.Array()); n != len(want) {
		t.Errorf("%d calls, want %d", n, len(want))
	}
}

func TestCallsComeBackAsTheAgentKnowsItsTools(t *testing.T) {
	body, _ := agentRequest(t)
	r := &llm.Response{ID: "msg_1", Model: "claude", Stop: llm.StopTools, Parts: upstreamCalls}
	out := responses.Codec{}.EncodeResponse(r, &wire.Answer{ID: "resp_1", Model: "smart", Request: body})
	clientCalls(t, gjson.GetBytes(out, "output"))
}

func TestStreamedCallsComeBackAsTheAgentKnowsItsTools(t *testing.T) {
	body, _ := agentRequest(t)
	for _, size := range []int{1, 2, 3, 1000} {
		w := responses.Codec{}.Writer(&wire.Answer{ID: "resp_1", Model: "smart", Request: body})
		out := w.Write(nil, []llm.Event{{Kind: llm.Start, ID: "m"}})
		for i, p := range upstreamCalls {
			args := string(p.Arguments)
			p.Arguments = nil
			out = w.Write(out, []llm.Event{{Kind: llm.BlockStart, Index: i, Part: p}})
			for len(args) > 0 { // in pieces that may cut a character: only whole ones arrive
				n := min(size, len(args))
				for n < len(args) && args[n]&0xC0 == 0x80 {
					n++
				}
				out = w.Write(out, []llm.Event{{Kind: llm.Delta, Index: i, Text: args[:n]}})
				args = args[n:]
			}
			out = w.Write(out, []llm.Event{{Kind: llm.BlockStop, Index: i}})
		}
		out = w.Write(out, []llm.Event{{Kind: llm.Stop, Stop: llm.StopTools}, {Kind: llm.End}})
		clientCalls(t, lastResponse(string(out)).Get("output"))
		var input string
		for line := range strings.Lines(string(out)) {
			if data, ok := strings.CutPrefix(line, "data: "); ok && gjson.Get(data, "type").String() == "response.custom_tool_call_input.delta" && gjson.Get(data, "output_index").Int() == 1 {
				input += gjson.Get(data, "delta").String()
			}
		}
		if input != "*** Begin\n+\"é\"\n" {
			t.Errorf("the pieces make %q", input)
		}
	}
}

// TestTheReasoningBeforeACallComesBackBeforeIt: OpenAI refuses a call without the
// reasoning that led to it, and reasoning that nothing follows.
func TestTheReasoningBeforeACallComesBackBeforeIt(t *testing.T) {
	answer := &llm.Response{Stop: llm.StopTools, Parts: []llm.Part{
		{Kind: llm.Thinking, ID: "rs_1", Text: "why", Signature: "gAAAA1", Maker: llm.MakerOpenAI},
		{Kind: llm.ToolCall, ID: "call_1", Name: "f", Arguments: []byte(`{"a":1}`)},
		{Kind: llm.Thinking, ID: "rs_2", Signature: "gAAAA2", Maker: llm.MakerOpenAI},
		{Kind: llm.ToolCall, ID: "call_2", Name: "g", Arguments: []byte(`{}`)},
	}}
	said := messages.Codec{}.EncodeResponse(answer, nil)
	history := `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":` + gjson.GetBytes(said, "content").Raw +
		`},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"1"},{"type":"tool_result","tool_use_id":"call_2","content":"2"}]}]}`
	r, err := messages.Codec{}.DecodeRequest([]byte(history), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := responses.Codec{}.EncodeRequest(r, &wire.Target{Format: llm.Responses})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, item := range gjson.GetBytes(out, "input").Array() {
		got += item.Get("type").String() + item.Get("role").String() + ":" + item.Get("id").String() + item.Get("encrypted_content").String() + item.Get("call_id").String() + " "
	}
	if got != "user: reasoning:rs_1gAAAA1 function_call:call_1 reasoning:rs_2gAAAA2 function_call:call_2 function_call_output:call_1 function_call_output:call_2 " {
		t.Error(got)
	}
	if !strings.Contains(string(out), `"store":false`) || !strings.Contains(string(out), `"include":["reasoning.encrypted_content"]`) {
		t.Errorf("%s", out)
	}
}
