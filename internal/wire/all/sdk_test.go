package all_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// serve answers every request with the same bytes and counts the requests.
func serve(t *testing.T, status int, kind string, body []byte) (url string, asked *int) {
	t.Helper()
	asked = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// translated is a hand-made stream as the other format's clients get it.
func translated(t *testing.T, name string, from llm.Format) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "streams", name+"."+string(from)+".sse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := wiretest.Drain(all.Codec(from).Frames(f, nil, wire.FrameOptions{Events: true}))
	to := all.Codec(llm.Chat)
	if from == llm.Chat {
		to = all.Codec(llm.Messages)
	}
	w := to.Writer(&wire.Answer{ID: "call_1", Model: "smart", StreamUsage: true, Created: 1764000000})
	out := w.Heartbeat(nil)
	out = w.Write(out, in.Events)
	if e, ok := in.Err.(*llm.Error); ok {
		out = append(out, to.StreamError(e)...)
	}
	return out
}

func TestTheOfficialOpenAILibraryReadsWhatIsWritten(t *testing.T) {
	ask := func(url string) (openai.ChatCompletionAccumulator, error) {
		c := openai.NewClient(openaioption.WithBaseURL(url), openaioption.WithAPIKey("k"))
		s := c.Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{Model: "smart", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("x")}})
		var acc openai.ChatCompletionAccumulator
		for s.Next() {
			if !acc.AddChunk(s.Current()) {
				t.Error("a chunk does not fit the one before it")
			}
		}
		return acc, s.Err()
	}
	url, _ := serve(t, 200, "text/event-stream", translated(t, "tools", llm.Messages))
	acc, err := ask(url)
	if err != nil {
		t.Fatal(err)
	}
	m := acc.Choices[0].Message
	if m.Content != "I will look." || len(m.ToolCalls) != 2 || m.ToolCalls[0].Function.Arguments != `{"year":2023}` || m.ToolCalls[1].Function.Arguments != "{}" || acc.Choices[0].FinishReason != "tool_calls" || acc.Usage.TotalTokens != 50 {
		t.Errorf("%+v", acc.ChatCompletion)
	}
	url, _ = serve(t, 200, "text/event-stream", translated(t, "failed", llm.Messages))
	if _, err := ask(url); err == nil {
		t.Error("an error in the stream raises nothing")
	}
	status, body := all.Codec(llm.Chat).EncodeError(&llm.Error{Class: llm.OverBudget, Message: "the budget of key:k is spent"})
	url, asked := serve(t, status, "application/json", body)
	if _, err := ask(url); err == nil || *asked != 1 {
		t.Errorf("a budget refusal was asked for %d times: %v", *asked, err)
	}
	whole := all.Codec(llm.Chat).EncodeResponse(&llm.Response{Parts: []llm.Part{{Kind: llm.Text, Text: "Hello"}}, Stop: llm.StopEnd}, &wire.Answer{ID: "c", Model: "smart"})
	url, _ = serve(t, 200, "application/json", whole)
	c := openai.NewClient(openaioption.WithBaseURL(url), openaioption.WithAPIKey("k"))
	r, err := c.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{Model: "smart"})
	if err != nil || r.Choices[0].Message.Content != "Hello" || r.Choices[0].FinishReason != "stop" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestTheOfficialAnthropicLibraryReadsWhatIsWritten(t *testing.T) {
	ask := func(url string) (anthropic.Message, error) {
		c := anthropic.NewClient(anthropicoption.WithBaseURL(url), anthropicoption.WithAPIKey("k"))
		s := c.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{Model: "smart", MaxTokens: 9, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("x"))}})
		var m anthropic.Message
		for s.Next() {
			if err := m.Accumulate(s.Current()); err != nil {
				t.Error(err)
			}
		}
		return m, s.Err()
	}
	url, _ := serve(t, 200, "text/event-stream", translated(t, "tools", llm.Chat))
	m, err := ask(url)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Content) != 3 || string(m.Content[0].Input) != `{"year":2023}` || string(m.Content[1].Input) != `{"year":2024}` || m.StopReason != "tool_use" || m.Usage.OutputTokens != 30 {
		t.Errorf("%+v", m)
	}
	url, _ = serve(t, 200, "text/event-stream", translated(t, "failed", llm.Chat))
	if _, err := ask(url); err == nil {
		t.Error("an error in the stream raises nothing")
	}
	status, body := all.Codec(llm.Messages).EncodeError(&llm.Error{Class: llm.OverBudget, Message: "the budget of key:k is spent"})
	url, asked := serve(t, status, "application/json", body)
	if _, err := ask(url); err == nil || *asked != 1 {
		t.Errorf("a budget refusal was asked for %d times: %v", *asked, err)
	}
	whole := all.Codec(llm.Messages).EncodeResponse(&llm.Response{Parts: []llm.Part{{Kind: llm.Text, Text: "Hello"}}, Stop: llm.StopEnd}, &wire.Answer{ID: "c", Model: "smart"})
	url, _ = serve(t, 200, "application/json", whole)
	c := anthropic.NewClient(anthropicoption.WithBaseURL(url), anthropicoption.WithAPIKey("k"))
	r, err := c.Messages.New(context.Background(), anthropic.MessageNewParams{Model: "smart", MaxTokens: 9})
	if err != nil || r.Content[0].Text != "Hello" || r.StopReason != "end_turn" {
		t.Errorf("%+v %v", r, err)
	}
}
