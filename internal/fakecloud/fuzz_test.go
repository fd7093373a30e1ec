package fakecloud

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// FuzzDecode: whatever a request is, every format says what is wrong with it or
// gives it to the model, whose answer can be framed and is counted the same,
// streamed and whole.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"model":"gpt-5.1","messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"gpt-4o","stream":true,"max_tokens":3,"messages":[{"role":"user","content":[{"type":"text","text":"the weather in Oslo"}]}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"c":{"type":"string"}}}}}]}`,
		`{"model":"gpt-5","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]},{"role":"tool","tool_call_id":"a","content":"error: x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"array","minItems":2,"items":{"enum":[1]}}}}}`,
		`{"model":"claude-x","max_tokens":50,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"Judge Apple as an analyst"}],"tools":[{"name":"reports_read","input_schema":{"type":"object","properties":{"key":{}}}},{"name":"reports_list","description":"objects"}]}`,
		`{"model":"claude-x","max_tokens":5000,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"[1]"}]}]}]}`,
		`{"model":"gpt-6.1","include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto"},"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom","name":"exec"}]}]},{"role":"user","content":"exec it"}]}`,
		`{"model":"gpt-5","input":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"x"}]}]}`,
		`{"contents":[{"role":"user","parts":[{"text":"hi"},{"inline_data":{"mime_type":"image/png","data":""}}]},{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"x"}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":1}}}]}],"generation_config":{"thinking_config":{"include_thoughts":true,"thinkingBudget":-1},"maxOutputTokens":9},"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}}]}]}`,
		`{"messages":[{"role":"user","content":[{"text":"hi"},{"cachePoint":{"type":"default","ttl":"1h"}}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"a","signature":"b"}}},{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"json":{}}],"status":"error"}}]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}],"toolChoice":{"any":{}}},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}}`,
		`{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["x"],"max_tokens":2000,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"}]}`,
	} {
		f.Add([]byte(seed))
	}
	h := http.Header{"Anthropic-Version": {"2023-06-01"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, c := range []struct {
			form format
			at   incoming
		}{
			{chatFormat{}, incoming{}}, {chatFormat{"azure"}, incoming{model: "mine"}}, {chatFormat{"vllm"}, incoming{model: "mine"}}, {responsesFormat{}, incoming{}}, {messagesFormat{}, incoming{}},
			{messagesFormat{"bedrock"}, incoming{model: "anthropic.claude-opus-4-6-v1", stream: true}}, {messagesFormat{"vertex"}, incoming{model: "claude-opus-4-6"}},
			{converseFormat{}, incoming{model: "anthropic.claude-sonnet-4-5-20250929-v1:0"}}, {geminiFormat{service: "gemini"}, incoming{model: "gemini-3-flash-preview"}},
			{geminiFormat{service: "vertex", array: true}, incoming{model: "gemini-2.5-flash", stream: true}},
		} {
			form := c.form
			c.at.header = h
			if _, e := countedBody(form, body, &incoming{header: h, model: c.at.model}); e != nil && (e.status < 400 || e.message == "") {
				t.Fatalf("a refusal that says nothing: %+v", e)
			}
			a, e := form.decode(&c.at, body)
			if e != nil {
				if e.status < 400 || e.message == "" {
					t.Fatalf("a refusal that says nothing: %+v", e)
				}
				form.failure(e, "req")
				continue
			}
			s := &Server{}
			s.opts.Now = func() time.Time { return time.Unix(1_770_000_000, 0) }
			x := &exchange{Server: s, f: form, base: Line{Request: "req"}}
			x.place, x.manner = s.manners.at("openai", "")
			out := x.think(a)
			x.remember(out)
			if a.maxOutput > 0 && out.usage.Output+out.usage.Reasoning > a.maxOutput {
				t.Fatalf("%d tokens, and the cap is %d", out.usage.Output+out.usage.Reasoning, a.maxOutput)
			}
			if b := form.whole(out); !json.Valid(b) {
				t.Fatalf("an answer that is no JSON: %s", b)
			}
			text, args := form.sizes()
			sent := newTally(form.thought(), out)
			stream := form.open(out)
			stream.prelude()
			for _, p := range split(out.parts, text, args) {
				stream.piece(p)
				sent.add(p)
			}
			stream.end()
			if got := *sent.usage(); got != out.usage {
				t.Fatalf("streamed %+v, whole %+v: %+v", got, out.usage, out.parts)
			}
		}
	})
}

// FuzzEmbed: whatever a request for vectors is, every service says what is wrong with
// it or answers with JSON.
func FuzzEmbed(f *testing.F) {
	for _, seed := range []string{`{"input":["a"],"encoding_format":"base64","dimensions":3}`, `{"input":[[1,2],[3]]}`, `{"inputText":"a"}`, `{"texts":["a"],"input_type":"x"}`,
		`{"requests":[{"content":{"parts":[{"text":"a"}]},"output_dimensionality":2}]}`, `{"content":{"parts":[{"text":"a"}]}}`, `{"instances":[{"content":"a"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for path, model := range map[string]string{"/embeddings": "text-embedding-3-small", ":predict": "x", ":embedContent": "gemini-embedding-001", ":batchEmbedContents": "gemini-embedding-001", "/invoke": "amazon.titan-embed-text-v2:0", "/invoke ": "cohere.embed-v4:0"} {
			out, tokens, e := embed(path, "vertex", model, body)
			if e != nil && (e.status < 400 || e.message == "") || e == nil && (tokens < 0 || !json.Valid(mustJSON(out))) {
				t.Fatalf("%s: %d, %+v", path, tokens, e)
			}
		}
	})
}

// FuzzAnswer: no text that tools or people give makes the model fail, or makes
// it call with arguments that are not JSON.
func FuzzAnswer(f *testing.F) {
	f.Add("Judge Apple as a financial analyst. Read the filings of Apple.", `{"objects":[{"key":"apple/10-K-2024.md"}]}`, "| x | 2024 |\n| Revenue | 1 |")
	f.Add("filings of X", `CREATE TABLE t (company TEXT, year INT, revenue INT)`, "a|b\n1|2")
	f.Fuzz(func(t *testing.T, goal, first, second string) {
		r := analyst.Request{Tools: []analyst.Tool{
			{Name: "a_list", Description: "objects"}, {Name: "a_read", Description: "objects"}, {Name: "h_schema"},
			{Name: "h_query", Schema: []byte(`{"properties":{"query":{},"params":{}}}`)}, {Name: "calculate"}, {Name: "f_put"}, {Name: "n_publish"},
		}}
		r.Turns = []analyst.Turn{{Role: analyst.User, Parts: []analyst.Part{{Kind: analyst.Text, Text: goal}}}}
		for i := range 12 {
			parts := analyst.Answer(r)
			results := []analyst.Part{}
			for j := range parts {
				if parts[j].Kind != analyst.Call {
					continue
				}
				parts[j].ID = string(rune('a'+i)) + string(rune('a'+j))
				if !json.Valid(parts[j].Args) {
					t.Fatalf("%s(%s)", parts[j].Name, parts[j].Args)
				}
				text := first
				if (i+j)%2 == 1 {
					text = second
				}
				results = append(results, analyst.Part{Kind: analyst.Result, ID: parts[j].ID, Text: text})
			}
			if len(results) == 0 {
				return
			}
			r.Turns = append(r.Turns, analyst.Turn{Role: analyst.Assistant, Parts: parts}, analyst.Turn{Role: analyst.User, Parts: results})
		}
	})
}
