package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"github.com/skein-run/skein/internal/llm"
)

// The official SDKs, unmodified, each against either kind of upstream.

var formats = []llm.Format{llm.Chat, llm.Messages}

func openaiClient(t testing.TB, h *house) openai.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return openai.NewClient(openaioption.WithBaseURL(h.url+"/v1"), openaioption.WithAPIKey("sk-any"), openaioption.WithHTTPClient(&http.Client{Transport: tr}))
}

func anthropicClient(t testing.TB, h *house) anthropic.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return anthropic.NewClient(anthropicoption.WithBaseURL(h.url), anthropicoption.WithAPIKey("sk-any"), anthropicoption.WithHTTPClient(&http.Client{Transport: tr}))
}

var question = []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hi")}

func chatParams() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "smart", Messages: question, MaxCompletionTokens: openai.Int(100)}
}

func messagesParams() anthropic.MessageNewParams {
	return anthropic.MessageNewParams{Model: "smart", MaxTokens: 100, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hi"))}}
}

// everyway runs a test of each SDK against each kind of upstream.
func everyway(t *testing.T, chat, messages func(t *testing.T, h *house, u *upstream)) {
	for _, f := range formats {
		t.Run(fmt.Sprintf("openai-go on %s", f), func(t *testing.T) {
			u := newUpstream(t, f)
			chat(t, newHouse(t, u), u)
		})
		t.Run(fmt.Sprintf("anthropic-sdk-go on %s", f), func(t *testing.T) {
			u := newUpstream(t, f)
			messages(t, newHouse(t, u), u)
		})
	}
}

func TestSDKsGetWholeAnswers(t *testing.T) {
	everyway(t, func(t *testing.T, h *house, u *upstream) {
		var raw *http.Response
		got, err := func() (*openai.ChatCompletion, error) {
			c := openaiClient(t, h)
			return c.Chat.Completions.New(t.Context(), chatParams(), openaioption.WithResponseInto(&raw))
		}()
		if err != nil {
			t.Fatal(err)
		}
		if got.Choices[0].Message.Content != "Hello there" || got.Choices[0].FinishReason != "stop" || got.Usage.PromptTokens != 9 || got.Usage.CompletionTokens != 3 {
			t.Errorf("the answer is %s", got.RawJSON())
		}
		receipt(t, raw.Header)
	}, func(t *testing.T, h *house, u *upstream) {
		var raw *http.Response
		c := anthropicClient(t, h)
		got, err := c.Messages.New(t.Context(), messagesParams(), anthropicoption.WithResponseInto(&raw))
		if err != nil {
			t.Fatal(err)
		}
		if got.Content[0].Text != "Hello there" || got.StopReason != "end_turn" || got.Usage.InputTokens != 9 || got.Usage.OutputTokens != 3 {
			t.Errorf("the answer is %s", got.RawJSON())
		}
		receipt(t, raw.Header)
	})
}

func receipt(t *testing.T, h http.Header) {
	t.Helper()
	// 9 × 3 USD + 3 × 15 USD a million.
	if !strings.HasPrefix(h.Get("X-Skein-Call"), "call_") || h.Get("X-Skein-Deployment") != "d1" || h.Get("X-Skein-Attempts") != "1" || h.Get("X-Skein-Cost") != "0.000072 USD" {
		t.Errorf("the receipt is %v", h)
	}
}

func TestSDKsGetStreams(t *testing.T) {
	everyway(t, func(t *testing.T, h *house, u *upstream) {
		c := openaiClient(t, h)
		p := chatParams()
		p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		s := c.Chat.Completions.NewStreaming(t.Context(), p)
		defer s.Close()
		acc, pieces := openai.ChatCompletionAccumulator{}, 0
		for s.Next() {
			chunk := s.Current()
			if !acc.AddChunk(chunk) {
				t.Errorf("a chunk that does not fit: %s", chunk.RawJSON())
			}
			if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
				pieces++
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		if acc.Choices[0].Message.Content != "Hello there" || acc.Choices[0].FinishReason != "stop" || pieces != 2 || acc.Usage.CompletionTokens != 3 || acc.Usage.PromptTokens != 9 {
			t.Errorf("the answer in %d pieces is %+v", pieces, acc.ChatCompletion)
		}
	}, func(t *testing.T, h *house, u *upstream) {
		c := anthropicClient(t, h)
		s := c.Messages.NewStreaming(t.Context(), messagesParams())
		defer s.Close()
		var got anthropic.Message
		for s.Next() {
			if err := got.Accumulate(s.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		if got.Content[0].Text != "Hello there" || got.StopReason != "end_turn" || got.Usage.OutputTokens != 3 {
			t.Errorf("the answer is %+v", got)
		}
	})
}

// What cannot be mended by asking again must not be asked again.
// counter counts a client's requests.
// An answer that breaks off after its first content must raise in the client:
// never a clean end.
// Until the first content a client sees nothing of a failover, whichever formats
// the two deployments speak.
// A client that waits long for its first content gets headers and signs of life
// meanwhile, and still the whole answer, or an error that raises.
func TestSDKsListModels(t *testing.T) {
	h := newHouse(t, newUpstream(t, llm.Chat))
	oc := openaiClient(t, h)
	page, err := oc.Models.List(t.Context())
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "smart" {
		t.Errorf("openai-go: %+v, %v", page, err)
	}
	ac := anthropicClient(t, h)
	models, err := ac.Models.List(t.Context(), anthropic.ModelListParams{})
	if err != nil || len(models.Data) != 1 || models.Data[0].ID != "smart" {
		t.Errorf("anthropic-sdk-go: %+v, %v", models, err)
	}
	if _, err := oc.Models.Get(t.Context(), "none"); err == nil {
		t.Error("openai-go got a model that is not there")
	}
	if m, err := ac.Models.Get(t.Context(), "smart", anthropic.ModelGetParams{}); err != nil || m.ID != "smart" {
		t.Errorf("anthropic-sdk-go: %+v, %v", m, err)
	}
}

// Two readers of a request with two models would see two requests.
