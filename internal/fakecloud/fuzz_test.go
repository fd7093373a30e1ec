package fakecloud

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// FuzzDecode: whatever a request is, both formats say what is wrong with it or
// give it to the model, whose answer can be framed and is counted the same,
// streamed and whole.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"model":"gpt-5.1","messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"gpt-4o","stream":true,"max_tokens":3,"messages":[{"role":"user","content":[{"type":"text","text":"the weather in Oslo"}]}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"c":{"type":"string"}}}}}]}`,
		`{"model":"gpt-5","messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]},{"role":"tool","tool_call_id":"a","content":"error: x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"array","minItems":2,"items":{"enum":[1]}}}}}`,
		`{"model":"claude-x","max_tokens":50,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"Judge Apple as an analyst"}],"tools":[{"name":"reports_read","input_schema":{"type":"object","properties":{"key":{}}}},{"name":"reports_list","description":"objects"}]}`,
		`{"model":"claude-x","max_tokens":5000,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"[1]"}]}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	h := http.Header{"Anthropic-Version": {"2023-06-01"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, form := range []format{chatFormat{}, messagesFormat{}} {
			a, e := form.decode(&incoming{header: h}, body)
			if e != nil {
				if e.status < 400 || e.message == "" {
					t.Fatalf("a refusal that says nothing: %+v", e)
				}
				continue
			}
			s := &Server{}
			s.opts.Now = func() time.Time { return time.Unix(1_770_000_000, 0) }
			out := s.think(form, a, "req")
			if a.maxOutput > 0 && out.usage.Output+out.usage.Reasoning > a.maxOutput {
				t.Fatalf("%d tokens, and the cap is %d", out.usage.Output+out.usage.Reasoning, a.maxOutput)
			}
			form.whole(out)
			text, args := form.sizes()
			sent := newTally(out)
			stream := form.open(out)
			stream.prelude()
			for _, p := range split(out.parts, text, args) {
				stream.piece(p)
				sent.add(p)
			}
			stream.end()
			if got := sent.usage().Output; got != out.usage.Output {
				t.Fatalf("streamed %d tokens, whole %d: %+v", got, out.usage.Output, out.parts)
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
