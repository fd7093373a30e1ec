package gemini_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genai"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/gemini"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// served is a stand-in for Skein: it decodes what the official library sends, and
// answers through the codec.
type served struct {
	*httptest.Server
	asked  []*llm.Request
	bodies [][]byte
	paths  []string
	answer func(r *llm.Request) (*llm.Response, []llm.Event, *llm.Error)
}

func serve(t *testing.T, answer func(r *llm.Request) (*llm.Response, []llm.Event, *llm.Error)) (*served, *genai.Client) {
	t.Helper()
	s := &served{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	client, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: "sk-skein-test", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: s.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, client
}

func (s *served) handle(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	s.bodies, s.paths = append(s.bodies, body), append(s.paths, q.URL.RequestURI())
	c := wire.Codec(gemini.Codec{})
	if strings.Contains(q.URL.Path, ":countTokens") {
		c = gemini.Count{}
	}
	streams := strings.Contains(q.URL.Path, ":stream")
	head := &wire.Head{Model: "smart", Streams: true, Stream: streams}
	fail := func(e *llm.Error) {
		status, text := c.EncodeError(e)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write(text)
	}
	if _, err := c.Scan(body, head); err != nil {
		fail(err.(*llm.Error))
		return
	}
	r, err := c.DecodeRequest(body, head)
	if err != nil {
		fail(err.(*llm.Error))
		return
	}
	s.asked = append(s.asked, r)
	resp, events, e := s.answer(r)
	as := &wire.Answer{ID: "resp-1", Model: "smart", Framing: wire.SSE}
	switch {
	case e != nil && len(events) == 0:
		fail(e)
	case streams:
		w.Header().Set("Content-Type", wire.SSE.ContentType())
		out := c.Writer(as)
		for i := range events {
			w.Write(out.Write(nil, events[i:i+1]))
			w.Write(out.Heartbeat(nil))
			w.(http.Flusher).Flush()
		}
		if e != nil {
			w.Write(c.StreamError(e))
		}
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Write(c.EncodeResponse(resp, as))
	}
}

// both is an answer whole, and as the events that make it up.
func both(r *llm.Response) (*llm.Response, []llm.Event, *llm.Error) {
	ev := []llm.Event{{Kind: llm.Start, ID: r.ID, Model: r.Model}}
	for i, p := range r.Parts {
		start := llm.Part{Kind: p.Kind, ID: p.ID, Name: p.Name}
		switch p.Kind {
		case llm.Text, llm.Thinking:
			ev = append(ev, llm.Event{Kind: llm.BlockStart, Index: i, Part: start})
			half := len(p.Text) / 2
			for _, piece := range []string{p.Text[:half], p.Text[half:]} {
				if piece != "" {
					ev = append(ev, llm.Event{Kind: llm.Delta, Index: i, Text: piece})
				}
			}
			if p.Signature != "" {
				ev = append(ev, llm.Event{Kind: llm.Delta, Index: i, Signature: p.Signature, Maker: p.Maker})
			}
		case llm.ToolCall:
			start.Signature, start.Maker = p.Signature, p.Maker
			ev = append(ev, llm.Event{Kind: llm.BlockStart, Index: i, Part: start}, llm.Event{Kind: llm.Delta, Index: i, Text: string(p.Arguments)})
		default:
			ev = append(ev, llm.Event{Kind: llm.BlockStart, Index: i, Part: p})
		}
		ev = append(ev, llm.Event{Kind: llm.BlockStop, Index: i})
	}
	ev = append(ev, llm.Event{Kind: llm.UsageUpdate, Usage: r.Usage}, llm.Event{Kind: llm.Stop, Stop: r.Stop}, llm.Event{Kind: llm.End})
	return r, ev, nil
}

func usage(in, out, thoughts int64) llm.Usage {
	u := llm.Usage{Reported: true}
	u.Tokens[llm.TokInput], u.Tokens[llm.TokOutput], u.Tokens[llm.TokReasoning] = in, out, thoughts
	return u
}

// ask asks in both ways and gives the content that a client keeps in its history.
func ask(t *testing.T, client *genai.Client, contents []*genai.Content, config *genai.GenerateContentConfig, streamed bool) (*genai.Content, *genai.GenerateContentResponse) {
	t.Helper()
	ctx := context.Background()
	if !streamed {
		r, err := client.Models.GenerateContent(ctx, "smart", contents, config)
		if err != nil {
			t.Fatal(err)
		}
		return r.Candidates[0].Content, r
	}
	var last *genai.GenerateContentResponse
	kept := &genai.Content{Role: "model"}
	for r, err := range client.Models.GenerateContentStream(ctx, "smart", contents, config) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Candidates[0].Content.Parts {
			if p.Text != "" || p.FunctionCall != nil || len(p.ThoughtSignature) > 0 || p.InlineData != nil {
				kept.Parts = append(kept.Parts, p)
			}
		}
		last = r
	}
	return kept, last
}

func each(t *testing.T, test func(t *testing.T, streamed bool)) {
	for _, streamed := range []bool{false, true} {
		t.Run(fmt.Sprintf("streamed %v", streamed), func(t *testing.T) { test(t, streamed) })
	}
}

func TestTheLibraryReadsAnAnswer(t *testing.T) {
	each(t, func(t *testing.T, streamed bool) {
		_, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
			return both(&llm.Response{Stop: llm.StopLength, Usage: usage(7, 5, 3), Parts: []llm.Part{
				{Kind: llm.Thinking, Text: "why not", Signature: "EqRed.+/=", Maker: llm.MakerAnthropic},
				{Kind: llm.Text, Text: "Hello, «you»"},
			}})
		})
		content, r := ask(t, client, genai.Text("hi"), nil, streamed)
		var text, thought string
		for _, p := range content.Parts {
			if p.Thought {
				thought += p.Text
			} else {
				text += p.Text
			}
		}
		u := r.UsageMetadata
		if text != "Hello, «you»" || thought != "why not" || r.Candidates[0].FinishReason != genai.FinishReasonMaxTokens ||
			r.ModelVersion != "smart" || r.ResponseID != "resp-1" || u.PromptTokenCount != 7 || u.CandidatesTokenCount != 5 || u.ThoughtsTokenCount != 3 || u.TotalTokenCount != 15 {
			t.Errorf("%q %q %+v %+v", text, thought, r, u)
		}
	})
}

func TestStateOfWhicheverMakerComesBackFromTheLibrary(t *testing.T) {
	google := llm.Part{Kind: llm.ToolCall, ID: "call_1", Name: "weather", Arguments: []byte(`{"city":"Bern"}`), Signature: "CiQB0e2Kbw==", Maker: llm.MakerGoogle}
	thought := llm.Part{Kind: llm.Thinking, Text: "hm", Signature: "EqQB.of+anthropic/==", Maker: llm.MakerAnthropic}
	hidden := llm.Part{Kind: llm.Thinking, ID: "rs_1", Redacted: "gAAAA-of_openai", Maker: llm.MakerOpenAI}
	each(t, func(t *testing.T, streamed bool) {
		for _, state := range []llm.Part{google, thought, hidden} {
			parts := []llm.Part{state}
			if state.Kind == llm.Thinking {
				parts = append(parts, llm.Part{Kind: llm.ToolCall, ID: "call_1", Name: "weather", Arguments: []byte(`{"city":"Bern"}`)})
			}
			s, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
				r, ev, e := both(&llm.Response{Stop: llm.StopTools, Usage: usage(1, 1, 0), Parts: parts})
				for i := range ev { // redacted thinking is whole at its start
					if ev[i].Kind == llm.BlockStart && ev[i].Part.Kind == llm.Thinking && state.Redacted != "" {
						ev[i].Part = state
					}
				}
				return r, ev, e
			})
			contents := genai.Text("weather?")
			content, r := ask(t, client, contents, nil, streamed)
			if r.Candidates[0].FinishReason != genai.FinishReasonStop {
				t.Errorf("a tool call ends with %s", r.Candidates[0].FinishReason)
			}
			var call *genai.FunctionCall
			for _, p := range content.Parts {
				if p.FunctionCall != nil {
					call = p.FunctionCall
				}
			}
			contents = append(contents, content, &genai.Content{Role: "user", Parts: []*genai.Part{{FunctionResponse: &genai.FunctionResponse{
				ID: call.ID, Name: call.Name, Response: map[string]any{"output": "sunny"},
			}}}})
			ask(t, client, contents, nil, false)
			back := s.asked[1].Messages[1].Parts
			got := back[0]
			if got.Signature != state.Signature || got.Redacted != state.Redacted || got.Maker != state.Maker || got.ID != state.ID || got.Text != state.Text {
				t.Errorf("came back as %+v, was %+v", got, state)
			}
			result := s.asked[1].Messages[2].Parts[0]
			if result.Kind != llm.ToolResult || result.ID != "call_1" || result.Content[0].Text != "sunny" {
				t.Errorf("%+v", result)
			}
			scan, err := gemini.Codec{}.Scan(s.bodies[1], &wire.Head{Model: "x"})
			if err != nil || len(scan.Bindings) != 1 || scan.Bindings[0] != state.Maker || !scan.Reasoning {
				t.Errorf("bound to %v, want %s: %v", scan, state.Maker, err)
			}
		}
	})
}

func TestTheLibrarysRequestIsUnderstood(t *testing.T) {
	s, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
		return both(&llm.Response{Stop: llm.StopEnd, Usage: usage(1, 1, 0), Parts: []llm.Part{{Kind: llm.Text, Text: "{}"}}})
	})
	temperature, topK, seed, budget := float32(0.5), float32(40), int32(7), int32(2048)
	contents := []*genai.Content{{Role: "user", Parts: []*genai.Part{
		genai.NewPartFromText("look"),
		genai.NewPartFromBytes([]byte("\x89PNG"), "image/png"),
		genai.NewPartFromURI("https://example.com/a.pdf", "application/pdf"),
		genai.NewPartFromURI("gs://bucket/b.mp4", "video/mp4"),
	}}}
	_, _ = ask(t, client, contents, &genai.GenerateContentConfig{
		SystemInstruction: genai.NewContentFromText("be brief", "user"),
		Temperature:       &temperature, TopK: &topK, Seed: &seed, MaxOutputTokens: 100, StopSequences: []string{"END"}, CandidateCount: 2,
		ResponseMIMEType: "application/json",
		ResponseSchema:   &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"n": {Type: genai.TypeString, Nullable: genai.Ptr(true)}}},
		ThinkingConfig:   &genai.ThinkingConfig{ThinkingBudget: &budget, IncludeThoughts: true},
		Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: "f", Description: "d",
			Parameters: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"x": {Type: genai.TypeInteger}}}}}}, {GoogleSearch: &genai.GoogleSearch{}}},
		ToolConfig: &genai.ToolConfig{FunctionCallingConfig: &genai.FunctionCallingConfig{Mode: genai.FunctionCallingConfigModeAny, AllowedFunctionNames: []string{"f"}}},
	}, false)
	r := s.asked[0]
	if r.Model != "smart" || r.Messages[0].Role != llm.System || r.Messages[0].Parts[0].Text != "be brief" ||
		r.Temperature != "0.5" || r.TopK != "40" || r.Seed != "7" || r.MaxOutput != 100 || r.Stop[0] != "END" || r.Choices != 2 {
		t.Errorf("%+v", r)
	}
	p := r.Messages[1].Parts
	if p[1].Kind != llm.Image || string(p[1].Data) != "\x89PNG" || p[2].Kind != llm.Document || p[2].URL != "https://example.com/a.pdf" || p[3].Kind != llm.Opaque {
		t.Errorf("%+v", p)
	}
	if want := `{"properties":{"n":{"type":["string","null"]}},"type":"object"}`; !sameJSON(t, want, string(r.Output.Schema)) || r.Output.Kind != llm.JSONSchema {
		t.Errorf("%s", r.Output.Schema)
	}
	if r.Reasoning.Budget != 2048 || r.Reasoning.Summary == "" {
		t.Errorf("%+v", r.Reasoning)
	}
	if len(r.Tools) != 2 || !sameJSON(t, `{"properties":{"x":{"type":"integer"}},"type":"object"}`, string(r.Tools[0].Schema)) || r.Tools[1].From != llm.Gemini {
		t.Errorf("%+v", r.Tools)
	}
	if r.ToolChoice != (llm.ToolChoice{Mode: llm.ToolNamed, Name: "f"}) {
		t.Errorf("%+v", r.ToolChoice)
	}
	scan, err := gemini.Codec{}.Scan(s.bodies[0], &wire.Head{Model: "x"})
	if err != nil || scan.ServerTool != "googleSearch" || !scan.Unsized || scan.Media != 3 || !scan.Schema || scan.ThinkingBudget != 2048 || scan.Choices != 2 {
		t.Errorf("%+v %v", scan, err)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	x, err1 := wiretest.Value([]byte(a))
	y, err2 := wiretest.Value([]byte(b))
	return err1 == nil && err2 == nil && len(wiretest.Diff(x, y)) == 0
}

func TestTheLibraryKeepsAChat(t *testing.T) {
	each(t, func(t *testing.T, streamed bool) {
		s, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
			return both(&llm.Response{Stop: llm.StopEnd, Usage: usage(1, 1, 0), Parts: []llm.Part{{Kind: llm.Text, Text: "one two"}}})
		})
		chat, err := client.Chats.Create(context.Background(), "smart", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if streamed {
				for _, err := range chat.SendMessageStream(context.Background(), genai.Part{Text: "count"}) {
					if err != nil {
						t.Fatal(err)
					}
				}
				continue
			}
			if _, err := chat.SendMessage(context.Background(), genai.Part{Text: "count"}); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		for _, m := range s.asked[1].Messages {
			if m.Role == llm.Assistant {
				for _, p := range m.Parts {
					got += p.Text
				}
			}
		}
		if got != "one two" {
			t.Errorf("the second request has %q of the first answer: %s", got, s.bodies[1])
		}
	})
}

func TestTheLibraryReadsImagesAndBlockedPrompts(t *testing.T) {
	each(t, func(t *testing.T, streamed bool) {
		_, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
			return both(&llm.Response{Stop: llm.StopRefusal, Usage: usage(1, 1, 0), Parts: []llm.Part{{Kind: llm.Image, MediaType: "image/png", Data: []byte("PNG")}}})
		})
		content, r := ask(t, client, genai.Text("draw"), nil, streamed)
		if string(content.Parts[0].InlineData.Data) != "PNG" || content.Parts[0].InlineData.MIMEType != "image/png" || r.Candidates[0].FinishReason != genai.FinishReasonSafety {
			t.Errorf("%+v %+v", content.Parts[0], r.Candidates[0])
		}
	})
}

func TestTheLibraryRaisesErrors(t *testing.T) {
	for class, status := range map[llm.ErrorClass]int{
		llm.BadRequest: 400, llm.RateLimited: 429, llm.OverBudget: 402, llm.Busy: 503, llm.Unauthorized: 502, llm.NotFound: 404, llm.ContextOverflow: 400,
	} {
		each(t, func(t *testing.T, streamed bool) {
			s, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
				return nil, nil, &llm.Error{Class: class, Message: "no such luck", RetryAfter: 1500 * time.Millisecond}
			})
			var err error
			if streamed {
				for _, e := range client.Models.GenerateContentStream(context.Background(), "smart", genai.Text("hi"), nil) {
					err = e
				}
			} else {
				_, err = client.Models.GenerateContent(context.Background(), "smart", genai.Text("hi"), nil)
			}
			var api genai.APIError
			if !errors.As(err, &api) || api.Code != status || api.Message != "no such luck" || api.Status == "" || api.Details[0]["retryDelay"] != "1.5s" {
				t.Errorf("%s: %#v", class, err)
			}
			if len(s.bodies) != 1 {
				t.Errorf("%s: asked %d times", class, len(s.bodies))
			}
		})
	}
}

func TestTheLibraryRaisesAnErrorInMidStream(t *testing.T) {
	_, client := serve(t, func(*llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
		_, ev, _ := both(&llm.Response{Parts: []llm.Part{{Kind: llm.Text, Text: "half an answer"}}})
		return nil, ev[:3], &llm.Error{Class: llm.BrokenStream, Message: "the stream broke off"}
	})
	text, failed := "", error(nil)
	for r, err := range client.Models.GenerateContentStream(context.Background(), "smart", genai.Text("hi"), nil) {
		if err != nil {
			failed = err
			break
		}
		text += r.Candidates[0].Content.Parts[0].Text
	}
	var api genai.APIError
	if text != "half an" || !errors.As(failed, &api) || api.Code != 502 || api.Message != "the stream broke off" {
		t.Errorf("%q %#v", text, failed)
	}
}

func TestTheLibraryCountsTokens(t *testing.T) {
	_, client := serve(t, func(r *llm.Request) (*llm.Response, []llm.Event, *llm.Error) {
		u := usage(9, 0, 0)
		u.Tokens[llm.TokCacheRead] = 4
		return &llm.Response{Usage: u}, nil, nil
	})
	r, err := client.Models.CountTokens(context.Background(), "smart", genai.Text("how many?"), nil)
	if err != nil || r.TotalTokens != 13 || r.CachedContentTokenCount != 4 {
		t.Errorf("%+v %v", r, err)
	}
}
