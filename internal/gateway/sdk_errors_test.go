package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

func TestSDKsDoNotRetryWhatTheyMustNot(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, h *house, u *upstream)
		status  int // 0: whatever the format has
		calls   int // that reached the upstream
	}{
		"a bad request": {func(t *testing.T, h *house, u *upstream) {
			u.fail(answerWith(400, u.format, "invalid_request_error"))
		}, 400, 1},
		"our credential": {func(t *testing.T, h *house, u *upstream) {
			u.fail(answerWith(401, u.format, "authentication_error"))
		}, 502, 1},
		"a deployment that is not there": {func(t *testing.T, h *house, u *upstream) {
			u.fail(answerWith(404, u.format, "not_found_error"))
		}, 502, 1},
		"a spent budget": {func(t *testing.T, h *house, u *upstream) {
			if err := h.state.Define(budget.Limit{Scope: "org:default", Amount: money.MustParse("0.000001", money.USD), Window: budget.Total, Kind: budget.Hard}); err != nil {
				t.Fatal(err)
			}
			u.fail(nil)
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			everyway(t, func(t *testing.T, h *house, u *upstream) {
				c.prepare(t, h, u)
				requests, client := counted(t), openaiClient(t, h)
				_, err := client.Chat.Completions.New(t.Context(), chatParams(), openaioption.WithHTTPClient(requests.client))
				var e *openai.Error
				if !errors.As(err, &e) || c.status != 0 && e.StatusCode != c.status {
					t.Errorf("the error is %v", err)
				}
				requests.want(t, 1)
				if u.calls() != c.calls {
					t.Errorf("the upstream saw %d calls", u.calls())
				}
			}, func(t *testing.T, h *house, u *upstream) {
				c.prepare(t, h, u)
				requests, client := counted(t), anthropicClient(t, h)
				_, err := client.Messages.New(t.Context(), messagesParams(), anthropicoption.WithHTTPClient(requests.client))
				var e *anthropic.Error
				if !errors.As(err, &e) || c.status != 0 && e.StatusCode != c.status {
					t.Errorf("the error is %v", err)
				}
				requests.want(t, 1)
				if u.calls() != c.calls {
					t.Errorf("the upstream saw %d calls", u.calls())
				}
			})
		})
	}
}

type counter struct {
	*http.Transport
	client *http.Client
	n      int
}

func counted(t *testing.T) *counter {
	c := &counter{Transport: &http.Transport{}}
	c.client = &http.Client{Transport: c}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return c.Transport.RoundTrip(r)
}

func (c *counter) want(t *testing.T, n int) {
	t.Helper()
	if c.n != n {
		t.Errorf("the client sent %d requests, want %d", c.n, n)
	}
}

// unstopped is how many frames of an answer say something and not that it is whole.
var unstopped = map[llm.Format]int{llm.Chat: 3, llm.Messages: 4}

func TestSDKsRaiseOnABrokenStream(t *testing.T) {
	everyway(t, func(t *testing.T, h *house, u *upstream) {
		u.fail(cutAfter(u, unstopped[u.format]))
		c := openaiClient(t, h)
		s := c.Chat.Completions.NewStreaming(t.Context(), chatParams())
		defer s.Close()
		text := ""
		for s.Next() {
			if ch := s.Current().Choices; len(ch) > 0 {
				text += ch[0].Delta.Content
			}
		}
		if s.Err() == nil || !strings.HasPrefix(text, "Hello") {
			t.Errorf("%q ended with %v", text, s.Err())
		}
	}, func(t *testing.T, h *house, u *upstream) {
		u.fail(cutAfter(u, unstopped[u.format]))
		c := anthropicClient(t, h)
		s := c.Messages.NewStreaming(t.Context(), messagesParams())
		defer s.Close()
		text := ""
		for s.Next() {
			text += s.Current().Delta.Text
		}
		if s.Err() == nil || !strings.HasPrefix(text, "Hello") {
			t.Errorf("%q ended with %v", text, s.Err())
		}
	})
}

func TestSDKsSeeNothingOfAFailover(t *testing.T) {
	for name, fault := range map[string]func(u *upstream) func(http.ResponseWriter) bool{
		"refused":               func(u *upstream) func(http.ResponseWriter) bool { return answerWith(503, u.format, "overloaded_error") },
		"cut after its prelude": func(u *upstream) func(http.ResponseWriter) bool { return cutAfter(u, 1) },
	} {
		for _, first := range formats {
			for _, second := range formats {
				t.Run(fmt.Sprintf("%s, %s to %s", name, first, second), func(t *testing.T) {
					a, b := newUpstream(t, first), newUpstream(t, second)
					a.fail(fault(a))
					h := newHouse(t, a, b)
					oc := openaiClient(t, h)
					s := oc.Chat.Completions.NewStreaming(t.Context(), chatParams())
					acc := openai.ChatCompletionAccumulator{}
					for s.Next() {
						acc.AddChunk(s.Current())
					}
					if s.Err() != nil || acc.Choices[0].Message.Content != "Hello there" {
						t.Errorf("openai-go: %+v, %v", acc.ChatCompletion, s.Err())
					}
					ac := anthropicClient(t, h)
					as := ac.Messages.NewStreaming(t.Context(), messagesParams())
					var got anthropic.Message
					for as.Next() {
						if err := got.Accumulate(as.Current()); err != nil {
							t.Fatal(err)
						}
					}
					if as.Err() != nil || len(got.Content) != 1 || got.Content[0].Text != "Hello there" {
						t.Errorf("anthropic-sdk-go: %+v, %v", got, as.Err())
					}
				})
			}
		}
	}
}

func TestSDKsAreKeptWarmWhileTheyWait(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("fails %v", fails), func(t *testing.T) {
			slow := func(u *upstream, until <-chan struct{}) {
				u.fail(func(w http.ResponseWriter) bool {
					<-until
					return fails && answerWith(400, u.format, "invalid_request_error")(w)
				})
			}
			everyway(t, func(t *testing.T, h *house, u *upstream) {
				headers := make(chan struct{})
				slow(u, headers)
				c := openaiClient(t, h)
				s := c.Chat.Completions.NewStreaming(t.Context(), chatParams()) // returns with the headers
				close(headers)
				defer s.Close()
				acc := openai.ChatCompletionAccumulator{}
				for s.Next() {
					acc.AddChunk(s.Current())
				}
				if fails != (s.Err() != nil) || !fails && acc.Choices[0].Message.Content != "Hello there" {
					t.Errorf("the answer is %+v, %v", acc.ChatCompletion, s.Err())
				}
			}, func(t *testing.T, h *house, u *upstream) {
				headers := make(chan struct{})
				slow(u, headers)
				c := anthropicClient(t, h)
				s := c.Messages.NewStreaming(t.Context(), messagesParams())
				close(headers)
				defer s.Close()
				var got anthropic.Message
				for s.Next() {
					if err := got.Accumulate(s.Current()); err != nil {
						t.Fatal(err)
					}
				}
				if fails != (s.Err() != nil) || !fails && got.Content[0].Text != "Hello there" {
					t.Errorf("the answer is %+v, %v", got, s.Err())
				}
			})
		})
	}
}

func TestADuplicateModelIsRefused(t *testing.T) {
	u := newUpstream(t, llm.Chat)
	h := newHouse(t, u)
	for path, body := range map[string]string{
		chatPath:     `{"model":"smart","messages":[{"role":"user","content":"Hi"}],"model":"other"}`,
		messagesPath: `{"model":"smart","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"\u006dodel":"other"}`,
	} {
		resp := post(t, h.url+path, body)
		if got := text(t, resp.Body); resp.StatusCode != 400 || !strings.Contains(got, "model") || resp.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, got)
		}
	}
	if u.calls() != 0 {
		t.Error("the upstream was asked")
	}
}
