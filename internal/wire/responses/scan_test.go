package responses_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
)

func scanned(t *testing.T, body string) *wire.Scan {
	t.Helper()
	s, err := responses.Codec{}.Scan([]byte(body), nil)
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return s
}

func TestOneScanFindsWhatRoutingNeeds(t *testing.T) {
	s := scanned(t, `{"input":[
		{"role":"user","content":"hello"},
		{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"gAAAAABo"},
		{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
		{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}],
		"tools":[{"type":"function","name":"f","parameters":{}},{"type":"namespace","name":"n","tools":[]},{"type":"file_search","vector_store_ids":["vs_1"]}],
		"model":"gpt-5","stream":true,"max_output_tokens":99,"reasoning":{"effort":"high"},"text":{"format":{"type":"json_schema","name":"x","schema":{}}}}`)
	if s.Model != "gpt-5" || !s.Stream || !s.StreamUsage || s.MaxOutput != 99 || s.Messages != 4 || s.Tools != 3 || s.Media != 1 || s.MediaBytes != 3 ||
		!s.Schema || !s.Reasoning || s.ServerTool != "file_search" || s.Choices != 1 || s.Unsized {
		t.Errorf("%+v", s.Facts)
	}
	if !slices.Equal(s.Bindings, []llm.Maker{llm.MakerOpenAI}) {
		t.Errorf("bindings %v", s.Bindings)
	}
}

// TestWhoseStateARequestCarries: a request goes only where its state is understood.
// State that says not whose it is binds nothing.
func TestWhoseStateARequestCarries(t *testing.T) {
	for content, want := range map[string][]llm.Maker{
		`{"type":"reasoning","summary":[],"encrypted_content":"gAAAAABo"}`:                     {llm.MakerOpenAI},
		`{"type":"reasoning","summary":[],"encrypted_content":"rsn_5ZVr"}`:                     {llm.MakerOpenAI},
		`{"type":"reasoning","summary":[],"encrypted_content":"skein1.anthropic.s..EqQB"}`:     {llm.MakerAnthropic},
		`{"type":"reasoning","summary":[],"encrypted_content":"skein1.google.n..CiQB"}`:        {llm.MakerGoogle},
		`{"type":"reasoning","summary":[],"encrypted_content":"fvdZmela/x+=="}`:                nil, // xAI
		`{"type":"reasoning","summary":[],"encrypted_content":null}`:                           nil,
		`{"role":"user","content":[{"type":"input_file","file_id":"file_1"}]}`:                 {llm.MakerOpenAI},
		`{"type":"code_interpreter_call","id":"ci","code":"1","container_id":"cntr_1"}`:        {llm.MakerOpenAI},
		`{"role":"user","content":[{"type":"input_image","image_url":"https://a.example/i"}]}`: nil,
	} {
		s := scanned(t, `{"model":"m","input":[`+content+`]}`)
		if !slices.Equal(s.Bindings, want) {
			t.Errorf("%s: %v, want %v", content, s.Bindings, want)
		}
	}
	if s := scanned(t, `{"model":"m","prompt":{"id":"pmpt_1"}}`); !slices.Equal(s.Bindings, []llm.Maker{llm.MakerOpenAI}) || !s.Unsized {
		t.Errorf("a prompt that OpenAI keeps: %+v", s.Facts)
	}
}

func TestHistoryThatIsElsewhereHasNoSize(t *testing.T) {
	for _, body := range []string{
		`{"model":"m","previous_response_id":"resp_1","input":"x"}`, `{"model":"m","conversation":"conv_1","input":"x"}`,
		`{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}`, `{"model":"m","input":[{"type":"item_reference","id":"msg_1"},{"type":"message","role":"user","content":"x"}]}`,
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_url":"https://a.example/f.pdf"}]}]}`,
	} {
		if !scanned(t, body).Unsized {
			t.Errorf("%s has a size", body)
		}
	}
}

func TestWhichToolsTheProviderRuns(t *testing.T) {
	for tool, want := range map[string]string{
		`{"type":"function","name":"f"}`: "", `{"type":"custom","name":"f"}`: "", `{"type":"namespace","name":"n","tools":[]}`: "",
		`{"type":"local_shell"}`: "", `{"type":"apply_patch"}`: "", `{"type":"tool_search","execution":"client"}`: "",
		`{"type":"shell","environment":{"type":"local"}}`: "", `{"type":"shell","environment":{"type":"container_auto"}}`: "shell",
		`{"type":"tool_search"}`: "tool_search", `{"type":"web_search"}`: "web_search", `{"type":"mcp","server_label":"x"}`: "mcp",
		`{"type":"code_interpreter","container":{"type":"auto"}}`: "code_interpreter", `{"type":"image_generation"}`: "image_generation",
	} {
		if s := scanned(t, `{"model":"m","input":"x","tools":[`+tool+`]}`); s.ServerTool != want {
			t.Errorf("%s: %q, want %q", tool, s.ServerTool, want)
		}
	}
}

func TestAnEditChangesOnlyWhatMustChange(t *testing.T) {
	for _, x := range []struct {
		name, body, want string
		target           wire.Target
	}{
		{"model and cap", "{ \"model\" : \"smart\",\n \"input\":\"x\", \"max_output_tokens\" : 1e3, \"unknown\": 1.50 }", "{ \"model\" : \"gpt-5\",\n \"input\":\"x\", \"max_output_tokens\" : 500, \"unknown\": 1.50 }", wire.Target{Upstream: "gpt-5", OutputCap: 500}},
		{"no cap", `{"model":"smart","input":"x"}`, `{"model":"gpt-5","input":"x","max_output_tokens":500}`, wire.Target{Upstream: "gpt-5", OutputCap: 500}},
		{"nothing", `{"model":"smart","input":"x"}`, `{"model":"smart","input":"x"}`, wire.Target{Upstream: "smart"}},
		{"ids", `{"previous_response_id":"sealed-1","model":"m","conversation":{"x":1,"id":"sealed-2"},"input":"x"}`, `{"previous_response_id":"resp_1","model":"m","conversation":{"x":1,"id":"conv_1"},"input":"x"}`, wire.Target{IDs: []string{"resp_1", "conv_1"}}},
		{"an id alone", `{"conversation":"sealed-2","model":"m","input":"x"}`, `{"conversation":"conv_1","model":"m","input":"x"}`, wire.Target{IDs: []string{"conv_1"}}},
		{"no ids", `{"previous_response_id":"resp_1","model":"m","input":"x"}`, `{"previous_response_id":"resp_1","model":"m","input":"x"}`, wire.Target{}},
	} {
		s := scanned(t, x.body)
		got, err := responses.Codec{}.Edit(nil, []byte(x.body), s, &x.target)
		if err != nil || string(got) != x.want {
			t.Errorf("%s: %v\n%s", x.name, err, cmp.Diff(x.want, string(got)))
		}
	}
	s := scanned(t, `{"previous_response_id":"resp_1","model":"m","conversation":null,"input":"x"}`)
	if !slices.Equal(s.StateIDs, []string{"resp_1"}) {
		t.Errorf("ids %v", s.StateIDs)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	for body, field := range map[string]string{
		`{"input":"x"}`:                                                "model",
		`{"model":"","input":"x"}`:                                     "model",
		`{"model":"m"}`:                                                "input",
		`{"model":"a","model":"b","input":"x"}`:                        "model",
		`{"model":"a","Model":"b","input":"x"}`:                        "Model",
		`{"model":"m","input":"x","input":"y"}`:                        "input",
		`{"model":"m","input":7}`:                                      "input",
		`{"model":"m","input":["x"]}`:                                  "input[0]",
		`{"model":"m","input":"x","max_output_tokens":-1}`:             capMember,
		`{"model":"m","input":"x","max_output_tokens":"many"}`:         capMember,
		`{"model":"m","input":"x","previous_response_id":7}`:           "previous_response_id",
		`{"model":"m","input":"x","conversation":{"id":"a","id":"b"}}`: "conversation.id",
		`{"model":"m","input":"x"`:                                     "",
		`{"model":"m","input":"x"} x`:                                  "",
		"{\"model\":\"\xff\",\"input\":\"x\"}":                         "",
		`{"model":"m","input":` + strings.Repeat("[", 10_000):          "input",
	} {
		_, err := responses.Codec{}.Scan([]byte(body), nil)
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.BadRequest || !strings.HasPrefix(e.Param, field) {
			t.Errorf("%.60s: %v, want a refusal of %q", body, err, field)
		}
	}
}

const capMember = "max_output_tokens"

func TestTheModelOfTheAddressCounts(t *testing.T) {
	s, err := responses.Codec{}.Scan([]byte(`{"input":"x"}`), &wire.Head{Model: "deployment", Streams: true, Stream: true})
	if err != nil || s.Model != "deployment" || !s.Stream {
		t.Errorf("%+v %v", s, err)
	}
}

func TestACountIsAskedAndAnswered(t *testing.T) {
	body := `{"model":"smart","input":"x","stream":true,"instructions":"Be brief."}`
	c := responses.Count{}
	s, err := c.Scan([]byte(body), nil)
	if err != nil || s.Stream || s.Format != llm.ResponsesCount {
		t.Fatalf("%+v %v", s, err)
	}
	if got, _ := c.Edit(nil, []byte(`{"model":"smart","input":"x"}`), scanned(t, `{"model":"smart","input":"x"}`), &wire.Target{Upstream: "gpt-5", OutputCap: 9}); string(got) != `{"model":"gpt-5","input":"x"}` {
		t.Errorf("%s", got)
	}
	r, err := c.DecodeRequest([]byte(`{"model":"smart","input":"x","max_output_tokens":5,"store":false,"include":["reasoning.encrypted_content"],"metadata":{"a":"b"},"temperature":1,"truncation":"auto"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := c.EncodeRequest(r, &wire.Target{Upstream: "gpt-5"})
	if want := `{"model":"gpt-5","truncation":"auto","input":"x"}`; err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	answer := `{"object":"response.input_tokens","input_tokens":16}`
	a, err := c.DecodeResponse([]byte(answer), nil)
	if err != nil || a.Usage.Tokens[llm.TokInput] != 16 {
		t.Fatalf("%+v %v", a, err)
	}
	if got := string(c.EncodeResponse(a, nil)); got != answer {
		t.Error(got)
	}
	var e *llm.Error
	if _, err := c.DecodeResponse([]byte(`{"error":{"message":"no","code":"model_not_found"}}`), nil); !errors.As(err, &e) || e.Class != llm.NotFound {
		t.Error(err)
	}
	if _, err := c.Frames(strings.NewReader(""), nil, wire.FrameOptions{}).Next(); err == nil {
		t.Error("a count was streamed")
	}
}
