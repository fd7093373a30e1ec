package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"

	"github.com/skein-run/skein/internal/gateway"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/all"
)

// refusals are what Skein itself refuses with, and what each family of clients is to
// make of it.
var refusals = map[string]struct {
	err    llm.Error
	status [4]int // OpenAI's, Anthropic's, Google's, AWS's
	retry  string // X-Should-Retry
	after  string // Retry-After
	aws    string // X-Amzn-ErrorType
	sent   int    // requests that the official SDKs send, with two retries allowed
}{
	"a rate":                {llm.Error{Class: llm.RateLimited, Blame: llm.BlameSkein, Status: 429, RetryAfter: 5 * time.Millisecond}, [4]int{429, 429, 429, 429}, "true", "1", "ThrottlingException", 3},
	"a rate, for long":      {llm.Error{Class: llm.RateLimited, Blame: llm.BlameSkein, Status: 429, RetryAfter: 5 * time.Minute}, [4]int{429, 429, 429, 429}, "false", "300", "ThrottlingException", 1},
	"overload":              {llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Status: 503, RetryAfter: 5 * time.Millisecond}, [4]int{503, 503, 503, 503}, "true", "1", "ServiceUnavailableException", 3},
	"overload, for long":    {llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Status: 503, RetryAfter: 2 * time.Minute}, [4]int{503, 503, 503, 424}, "false", "120", "ModelErrorException", 1},
	"a budget":              {llm.Error{Class: llm.OverBudget, Blame: llm.BlameKey, Status: 402, RetryAfter: time.Hour}, [4]int{402, 402, 402, 402}, "false", "3600", "ServiceQuotaExceededException", 1},
	"a loss":                {llm.Error{Class: llm.Lossy, Blame: llm.BlameRequest, Status: 400}, [4]int{400, 400, 400, 400}, "false", "", "ValidationException", 1},
	"a used key":            {llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Status: 409}, [4]int{409, 409, 409, 409}, "false", "", "ValidationException", 1},
	"another request's key": {llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Status: 422}, [4]int{422, 422, 422, 422}, "false", "", "ValidationException", 1},
	"a hint":                {llm.Error{Class: llm.BadRequest, Blame: llm.BlameRequest, Status: 400, Param: "x-skein-policy"}, [4]int{400, 400, 400, 400}, "false", "", "ValidationException", 1},
	"a wrong key":           {llm.Error{Class: llm.Unauthorized, Blame: llm.BlameKey, Status: 401}, [4]int{401, 401, 401, 401}, "false", "", "UnrecognizedClientException", 1},
	"a model of others":     {llm.Error{Class: llm.NotFound, Blame: llm.BlameRequest, Status: 404}, [4]int{404, 404, 404, 404}, "false", "", "ResourceNotFoundException", 1},
	"our credential":        {llm.Error{Class: llm.Unauthorized, Blame: llm.BlameCredential, Status: 401}, [4]int{502, 502, 502, 424}, "false", "", "ModelErrorException", 1},
	"a used-up account":     {llm.Error{Class: llm.QuotaExhausted, Blame: llm.BlameCredential, Status: 429}, [4]int{502, 502, 502, 424}, "false", "", "ModelErrorException", 1},
}

func TestOwnRefusalsAreWhatEachFamilyOfClientsKnows(t *testing.T) {
	bodies := [4]struct{ path, body string }{
		{chatPath, `{"model":"m","messages":[{"role":"user","content":"Hi"}]}`},
		{messagesPath, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`},
		{"/v1beta/models/m:generateContent", `{"contents":[{"parts":[{"text":"Hi"}]}]}`},
		{"/model/m/converse", `{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}`},
	}
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			e := c.err
			e.Message = "it is refused"
			s := httptest.NewServer(gateway.New(gateway.Config{Dispatch: fails(&e), Codecs: all.Codec, Guard: guard{}}))
			defer s.Close()
			for i, b := range bodies {
				resp := post(t, s.URL+b.path, b.body)
				got := text(t, resp.Body)
				h := resp.Header
				if resp.StatusCode != c.status[i] || h.Get("X-Should-Retry") != c.retry || h.Get("Retry-After") != c.after || !strings.Contains(got, "it is refused") {
					t.Errorf("%s: %d, X-Should-Retry %q, Retry-After %q: %s", b.path, resp.StatusCode, h.Get("X-Should-Retry"), h.Get("Retry-After"), got)
				}
				if kind := h.Get("X-Amzn-Errortype"); i == 3 && kind != c.aws || i != 3 && kind != "" {
					t.Errorf("%s: AWS's SDK reads %q", b.path, kind)
				}
			}
			counts := [2]func(*http.Client) error{
				func(h *http.Client) error {
					oc := openai.NewClient(openaioption.WithBaseURL(s.URL+"/v1"), openaioption.WithAPIKey("k"), openaioption.WithHTTPClient(h))
					_, err := oc.Chat.Completions.New(t.Context(), chatParams())
					return err
				},
				func(h *http.Client) error {
					ac := anthropic.NewClient(anthropicoption.WithBaseURL(s.URL), anthropicoption.WithAPIKey("k"), anthropicoption.WithHTTPClient(h))
					_, err := ac.Messages.New(t.Context(), messagesParams())
					return err
				},
			}
			for _, ask := range counts {
				requests := counted(t)
				if ask(requests.client) == nil {
					t.Error("no error is raised")
				}
				requests.want(t, c.sent)
			}
		})
	}
}
