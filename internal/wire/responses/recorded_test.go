package responses_test

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// dialectOf is the dialect of a recording's provider.
func dialectOf(provider string) *wire.Dialect {
	if d, ok := wire.DialectByName(provider); ok {
		return d
	}
	return &wire.Dialect{Name: "other"}
}

func asked(x *wiretest.Exchange) bool {
	return x.Operation == "responses" || x.Operation == "responses.input_tokens"
}

func TestRecordedRequestsSurviveDecodingAndEncoding(t *testing.T) {
	equal := 0
	for _, x := range wiretest.Recorded(t, "responses") {
		if x.Request == nil || len(x.Request.Body) == 0 || x.Response.Status != 200 || !asked(&x) {
			continue
		}
		body := []byte(x.Request.Body)
		if gjson.GetBytes(body, "prompt.id").Exists() && !gjson.GetBytes(body, "model").Exists() {
			continue // the model stands in a prompt that OpenAI keeps
		}
		s, err := responses.Codec{}.Scan(body, nil)
		if err != nil {
			t.Errorf("%s: scan: %v", x.ID, err)
			continue
		}
		r, err := responses.Codec{}.DecodeRequest(body, nil)
		if err != nil {
			t.Errorf("%s: decode: %v", x.ID, err)
			continue
		}
		if s.Model != r.Model || s.Stream != r.Stream || s.MaxOutput != r.MaxOutput || s.Schema != (r.Output.Kind != "") {
			t.Errorf("%s: scan %+v and request differ", x.ID, s.Facts)
		}
		again, losses, err := responses.Codec{}.EncodeRequest(r, nil)
		if err != nil || len(losses) > 0 {
			t.Errorf("%s: encode: %v %v", x.ID, err, losses)
			continue
		}
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if diff := wiretest.Diff(want, got); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		equal++
	}
	t.Logf("%d requests equal", equal)
	if equal < 600 {
		t.Errorf("only %d requests were compared", equal)
	}
}

func TestRecordedAnswersSurviveDecodingAndEncoding(t *testing.T) {
	equal, failures := 0, 0
	for _, x := range wiretest.Recorded(t, "responses") {
		if len(x.Response.Body) == 0 || x.Operation == "responses.input_tokens" || strings.Contains(x.ID, "azure-deepseek-reasoning.1") {
			continue // the last is an answer of Chat Completions
		}
		body := []byte(x.Response.Body)
		if gjson.GetBytes(body, "error").Type == gjson.JSON && !gjson.GetBytes(body, "output").Exists() || x.Response.Status >= 400 {
			e := responses.Codec{}.DecodeError(x.Response.Status, nil, body, nil)
			if e.Message == "" || e.Class == "" || e.Class == llm.ServerError {
				t.Errorf("%s: error not understood: %+v", x.ID, e)
			}
			failures++
			continue
		}
		r, err := responses.Codec{}.DecodeResponse(body, dialectOf(x.Provider))
		if err != nil {
			t.Errorf("%s: %v\n%.300s", x.ID, err, body)
			continue
		}
		again := responses.Codec{}.EncodeResponse(r, nil)
		want, _ := wiretest.Value(body)
		got, err := wiretest.Value(again)
		if err != nil {
			t.Errorf("%s: encoded is no JSON: %v\n%s", x.ID, err, again)
			continue
		}
		if diff := wiretest.Diff(want, got); len(diff) > 0 {
			t.Errorf("%s (%s):\n  %s", x.ID, x.Provider, strings.Join(diff, "\n  "))
			continue
		}
		same(t, &x, gjson.ParseBytes(body), r)
		equal++
	}
	t.Logf("%d answers equal, %d errors understood", equal, failures)
	if equal < 450 {
		t.Errorf("only %d answers were compared", equal)
	}
}

// same compares an answer with what a plain reading of its text gives.
func same(t *testing.T, x *wiretest.Exchange, want gjson.Result, r *llm.Response) {
	t.Helper()
	text, thinking, calls := plainly(want)
	gotText, gotThinking, gotCalls := partsOf(r.Parts)
	if text != gotText || thinking != gotThinking || calls != gotCalls {
		t.Errorf("%s:\n want %q %q %q\n got  %q %q %q", x.ID, text, thinking, calls, gotText, gotThinking, gotCalls)
	}
	u := want.Get("usage")
	if n := u.Get("input_tokens").Int(); n != r.Usage.InputTokens() {
		t.Errorf("%s: %d tokens read, want %d", x.ID, r.Usage.InputTokens(), n)
	}
	if n := u.Get("output_tokens").Int(); n != r.Usage.OutputTokens() {
		t.Errorf("%s: %d tokens written, want %d", x.ID, r.Usage.OutputTokens(), n)
	}
	if n := u.Get("input_tokens_details.cached_tokens").Int(); n != r.Usage.Tokens[llm.TokCacheRead] {
		t.Errorf("%s: %d tokens from the cache, want %d", x.ID, r.Usage.Tokens[llm.TokCacheRead], n)
	}
	if n := u.Get("input_tokens_details.cache_write_tokens").Int(); n != r.Usage.Tokens[llm.TokCacheWrite] {
		t.Errorf("%s: %d tokens into the cache, want %d", x.ID, r.Usage.Tokens[llm.TokCacheWrite], n)
	}
	if n := u.Get("output_tokens_details.reasoning_tokens").Int(); n != r.Usage.Tokens[llm.TokReasoning] {
		t.Errorf("%s: %d tokens of thinking, want %d", x.ID, r.Usage.Tokens[llm.TokReasoning], n)
	}
}

// plainly reads an answer's texts and calls without the codec.
func plainly(response gjson.Result) (text, thinking, calls string) {
	for _, item := range response.Get("output").Array() {
		switch item.Get("type").String() {
		case "message":
			if item.Get("role").String() != "assistant" {
				continue // a compacted history
			}
			for _, part := range item.Get("content").Array() {
				text += part.Get("text").String() + part.Get("refusal").String() + "|"
			}
		case "reasoning":
			var shown []string
			for _, part := range item.Get("content").Array() {
				shown = append(shown, part.Get("text").String())
			}
			if len(shown) == 0 {
				for _, part := range item.Get("summary").Array() {
					shown = append(shown, part.Get("text").String())
				}
			}
			thinking += strings.Join(shown, "\n\n") + "|"
		case "function_call":
			calls += item.Get("call_id").String() + item.Get("name").String() + item.Get("arguments").String() + "|"
		case "tool_search_call":
			if item.Get("execution").String() == "client" {
				calls += item.Get("call_id").String() + "tool_search" + item.Get("arguments").Raw + "|"
			}
		case "custom_tool_call":
			calls += item.Get("call_id").String() + item.Get("name").String() + item.Get("input").String() + "|"
		}
	}
	return text, thinking, calls
}

func partsOf(parts []llm.Part) (text, thinking, calls string) {
	for i := range parts {
		switch p := &parts[i]; p.Kind {
		case llm.Text, llm.Refusal:
			text += p.Text + "|"
		case llm.Thinking:
			thinking += p.Text + "|"
		case llm.ToolCall:
			args := wire.ArgumentsText(p.Arguments)
			name := p.Name
			for _, x := range p.Extra {
				switch {
				case x.Path == "type" && string(x.Value) == `"custom_tool_call"`:
					args = gjson.Get(args, "input").String()
				case x.Path == "type":
					continue
				case x.Path == "name":
					name = gjson.ParseBytes(x.Value).String()
				}
			}
			calls += p.ID + name + args + "|"
		}
	}
	return text, thinking, calls
}

// firstAnswer is a stream up to its end; some fixtures hold several one after the
// other.
func firstAnswer(text string) string {
	for _, kind := range []string{"response.completed", "response.incomplete"} {
		if i := strings.Index(text, `"type":"`+kind+`"`); i >= 0 {
			if j := strings.Index(text[i:], "\n\n"); j >= 0 {
				return text[:i+j+2]
			}
		}
	}
	return text
}

func TestRecordedStreamsPassAsTheyCameAndAddUp(t *testing.T) {
	whole := 0
	for _, x := range wiretest.Recorded(t, "responses") {
		text := x.Response.BodyText
		if text == "" || !strings.Contains(text, "data:") {
			continue
		}
		d := dialectOf(x.Provider)
		want := firstAnswer(text) // what may follow it is [DONE]
		passed := wiretest.Drain(responses.Codec{}.Frames(strings.NewReader(text), d, wire.FrameOptions{}))
		if passed.Err != nil {
			t.Errorf("%s (%s): %v", x.ID, x.Provider, passed.Err)
			continue
		}
		if string(passed.Bytes) != want {
			t.Errorf("%s: the bytes changed: %d of %d", x.ID, len(passed.Bytes), len(want))
		}
		slow := wiretest.Drain(responses.Codec{}.Frames(iotest.OneByteReader(strings.NewReader(text)), d, wire.FrameOptions{Events: true}))
		if slow.Err != nil || slow.Progress != passed.Progress {
			t.Errorf("%s: scan and events differ:\n%+v\n%+v %v", x.ID, passed.Progress, slow.Progress, slow.Err)
		}
		var a llm.Assembler
		a.Add(slow.Events...)
		r := a.Response()
		if !a.Done() || r.Usage != passed.Progress.Usage || r.Stop == llm.StopUnstated || passed.Progress.Malformed > 0 {
			t.Errorf("%s: assembled %+v, progress %+v", x.ID, r, passed.Progress)
		}
		if shortened(x.ID) {
			continue
		}
		last := lastResponse(want)
		if len(last.Get("output").Array()) == 0 { // early streams leave it out
			whole++
			continue
		}
		same(t, &x, last, r)
		unstreamed, err := responses.Codec{}.DecodeResponse([]byte(last.Raw), d)
		if err != nil || unstreamed.Stop != r.Stop || unstreamed.Usage != r.Usage || len(unstreamed.Parts) != len(r.Parts) {
			t.Errorf("%s: streamed %s %+v (%d parts), not %s %+v (%d) %v", x.ID, r.Stop, r.Usage, len(r.Parts), unstreamed.Stop, unstreamed.Usage, len(unstreamed.Parts), err)
		}
		whole++
	}
	t.Logf("%d streams whole", whole)
	if whole < 180 {
		t.Errorf("only %d streams were compared", whole)
	}
}

// shortened names the streams whose events do not make up the answer that their last
// event shows: one was cut by its author, and in one OpenAI did not end two lists of
// tools.
func shortened(id string) bool {
	return strings.Contains(id, "openai-phase.1.chunks") || strings.Contains(id, "mcp_list_tools_stream_backfills_missing_results")
}

// lastResponse is the response object of a stream's last event.
func lastResponse(text string) (last gjson.Result) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if r := gjson.Get(data, "response"); r.Exists() {
				last = r
			}
		}
	}
	return last
}
