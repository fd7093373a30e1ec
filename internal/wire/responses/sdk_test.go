package responses_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	sdk "github.com/openai/openai-go/v3/responses"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
)

// client is OpenAI's own library against a server that answers with answer, given
// the request's body.
func client(t *testing.T, answer func(w http.ResponseWriter, body []byte)) (openai.Client, *atomic.Int64) {
	t.Helper()
	calls := &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, body)
	}))
	t.Cleanup(s.Close)
	return openai.NewClient(option.WithAPIKey("key"), option.WithBaseURL(s.URL), option.WithMaxRetries(2)), calls
}

func params() sdk.ResponseNewParams {
	return sdk.ResponseNewParams{
		Model:        "smart",
		Instructions: openai.String("Be brief."),
		Input:        sdk.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
		Tools: []sdk.ToolUnionParam{
			{OfFunction: &sdk.FunctionToolParam{Name: "f", Parameters: map[string]any{"type": "object"}}},
			{OfCustom: &sdk.CustomToolParam{Name: "patch"}},
		},
	}
}

// answered are the events of an answer of another format to params.
func answered() []llm.Event {
	e := append([]llm.Event(nil), foreign[:len(foreign)-3]...)
	e = append(e,
		llm.Event{Kind: llm.BlockStart, Index: 6, Part: llm.Part{Kind: llm.ToolCall, ID: "toolu_3", Name: "patch"}},
		llm.Event{Kind: llm.Delta, Index: 6, Text: `{"input":"*** Begin\n`},
		llm.Event{Kind: llm.Delta, Index: 6, Text: `+x"}`},
		llm.Event{Kind: llm.BlockStop, Index: 6})
	return append(e, foreign[len(foreign)-3:]...)
}

func TestTheLibraryReadsAnUnstreamedAnswer(t *testing.T) {
	c, _ := client(t, func(w http.ResponseWriter, body []byte) {
		s, err := responses.Codec{}.Scan(body, nil)
		if err != nil || s.Model != "smart" || s.Stream || s.Tools != 2 {
			t.Errorf("%+v %v", s, err)
		}
		var a llm.Assembler
		a.Add(answered()...)
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(responses.Codec{}.EncodeResponse(a.Response(), &wire.Answer{ID: "resp_1", Model: "smart", Created: 9, Request: body})); err != nil {
			t.Error(err)
		}
	})
	got, err := c.Responses.New(context.Background(), params())
	if err != nil {
		t.Fatal(err)
	}
	check(t, got)
}

// check looks at an answer with the library's eyes.
func check(t *testing.T, got *sdk.Response) {
	t.Helper()
	if got.ID != "resp_1" || got.Status != "completed" || got.Model != "smart" || got.OutputText() != "Hello \"you\"\nMore." || got.CreatedAt != 9 {
		t.Errorf("%s %s %s %q", got.ID, got.Status, got.Model, got.OutputText())
	}
	if u := got.Usage; u.InputTokens != 150 || u.InputTokensDetails.CachedTokens != 40 || u.InputTokensDetails.CacheWriteTokens != 10 || u.OutputTokens != 85 || u.OutputTokensDetails.ReasoningTokens != 25 || u.TotalTokens != 235 {
		t.Errorf("%+v", u)
	}
	if got.Instructions.OfString != "Be brief." || len(got.Tools) != 2 || got.Text.Format.AsText().Type != "text" || !got.ParallelToolCalls {
		t.Errorf("what is repeated: %s", got.RawJSON())
	}
	kinds := ""
	for _, item := range got.Output {
		kinds += item.Type + " "
		switch v := item.AsAny().(type) {
		case sdk.ResponseReasoningItem:
			if v.EncryptedContent == "" {
				t.Error("reasoning without its state")
			}
		case sdk.ResponseFunctionToolCall:
			if v.Name == "f" && v.Arguments != `{"a":1}` || v.CallID == "" || v.ID == "" {
				t.Errorf("%+v", v)
			}
		case sdk.ResponseCustomToolCall:
			if v.Name != "patch" || v.Input != "*** Begin\n+x" || v.CallID != "toolu_3" {
				t.Errorf("%+v", v)
			}
		case sdk.ResponseOutputMessage:
			if v.Role != "assistant" || v.Status != "completed" {
				t.Errorf("%+v", v)
			}
		}
	}
	if kinds != "reasoning message reasoning function_call function_call message custom_tool_call " {
		t.Error(kinds)
	}
}

func TestTheLibraryReadsAStream(t *testing.T) {
	c, _ := client(t, func(w http.ResponseWriter, body []byte) {
		if s, err := (responses.Codec{}).Scan(body, nil); err != nil || !s.Stream {
			t.Errorf("%+v %v", s, err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		if _, err := io.WriteString(w, written(&wire.Answer{ID: "resp_1", Model: "smart", Created: 9, Request: body}, answered())); err != nil {
			t.Error(err)
		}
	})
	stream := c.Responses.NewStreaming(context.Background(), params())
	var acc sdk.ResponseAccumulator
	var last sdk.Response
	text, thinking, input := "", "", ""
	for stream.Next() {
		e := stream.Current()
		var event sdk.ResponsesServerEventUnion // the accumulator takes a socket's events
		if err := json.Unmarshal([]byte(e.RawJSON()), &event); err != nil {
			t.Fatal(err)
		}
		if err := acc.AddEvent(event); err != nil {
			t.Fatal(err)
		}
		switch v := e.AsAny().(type) {
		case sdk.ResponseTextDeltaEvent:
			text += v.Delta
		case sdk.ResponseReasoningSummaryTextDeltaEvent:
			thinking += v.Delta
		case sdk.ResponseCustomToolCallInputDeltaEvent:
			input += v.Delta
		case sdk.ResponseCompletedEvent:
			last = v.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if text != "Hello \"you\"\nMore." || thinking != "Let me see." || input != "*** Begin\n+x" {
		t.Errorf("%q %q %q", text, thinking, input)
	}
	check(t, &last)
	whole, err := acc.ReconstructedResponse()
	if err != nil {
		t.Fatal(err)
	}
	check(t, whole)
	if snap := acc.Snapshot(); snap.OutputText() != text || len(snap.Output) != 7 || snap.Output[6].Input != input || snap.Output[3].Arguments != `{"a":1}` {
		t.Errorf("accumulated %+v", snap)
	}
}

// TestTheLibraryRaisesWhatItMustAndRetriesOnlyThat.
func TestTheLibraryRaisesWhatItMustAndRetriesOnlyThat(t *testing.T) {
	for _, x := range []struct {
		class  llm.ErrorClass
		status int
		calls  int64
	}{
		{llm.BadRequest, 400, 1}, {llm.OverBudget, 402, 1}, {llm.Lossy, 400, 1}, {llm.ContextOverflow, 400, 1}, {llm.NotFound, 404, 1}, {llm.ServerError, 502, 3},
	} {
		c, calls := client(t, func(w http.ResponseWriter, _ []byte) {
			status, body := responses.Codec{}.EncodeError(&llm.Error{Class: x.class, Message: "told so", Param: "input"})
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(status)
			if _, err := w.Write(body); err != nil {
				t.Error(err)
			}
		})
		_, err := c.Responses.New(context.Background(), params())
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != x.status || e.Message != "told so" || e.Param != "input" || calls.Load() != x.calls {
			t.Errorf("%s: %v, %d calls", x.class, err, calls.Load())
		}
	}
}

func TestTheLibraryRaisesAnErrorInsideAStream(t *testing.T) {
	c, _ := client(t, func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Content-Type", "text/event-stream")
		events := append(answered()[:9:9], llm.Event{Kind: llm.Failure, Err: &llm.Error{Class: llm.BrokenStream, Message: "the stream broke off"}})
		if _, err := io.WriteString(w, written(&wire.Answer{ID: "resp_1", Request: body}, events)); err != nil {
			t.Error(err)
		}
	})
	stream := c.Responses.NewStreaming(context.Background(), params())
	text := ""
	for stream.Next() {
		text += stream.Current().Delta
	}
	if err := stream.Err(); err == nil || text == "" {
		t.Errorf("%q %v", text, err)
	}
}

func TestTheLibraryCounts(t *testing.T) {
	c, _ := client(t, func(w http.ResponseWriter, body []byte) {
		if s, err := (responses.Count{}).Scan(body, nil); err != nil || s.Model != "smart" {
			t.Errorf("%+v %v", s, err)
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write(responses.Count{}.EncodeResponse(&llm.Response{Usage: usageOf(16, 0, 0, 0, 0)}, nil)); err != nil {
			t.Error(err)
		}
	})
	got, err := c.Responses.InputTokens.Count(context.Background(), sdk.InputTokenCountParams{Model: openai.String("smart"), Input: sdk.InputTokenCountParamsInputUnion{OfString: openai.String("x")}})
	if err != nil || got.InputTokens != 16 || string(got.Object) != "response.input_tokens" {
		t.Errorf("%+v %v", got, err)
	}
}
