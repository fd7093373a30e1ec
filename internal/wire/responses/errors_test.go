package responses_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

func TestUpstreamErrorsAreClassified(t *testing.T) {
	for _, x := range []struct {
		status int
		body   string
		want   llm.ErrorClass
	}{
		{400, `{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":"input","code":"context_length_exceeded"}}`, llm.ContextOverflow},
		{400, `{"error":{"message":"Previous response with id 'resp_1' not found.","type":"invalid_request_error","param":"previous_response_id","code":"previous_response_not_found"}}`, llm.BadRequest},
		{400, `{"code":"invalid-argument","error":"Incorrect API key provided. You can obtain an API key from https://console.x.ai."}`, llm.Unauthorized},
		{401, `{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, llm.Unauthorized},
		{429, `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, llm.QuotaExhausted},
		{429, `{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, llm.RateLimited},
		{503, `{"error":{"message":"Our servers are currently overloaded.","type":"service_unavailable_error","code":"server_is_overloaded"}}`, llm.Overloaded},
		{500, `{"error":{"message":"The server had an error","type":"server_error"}}`, llm.ServerError},
		{404, `{"error":{"message":"no such model","code":"model_not_found"}}`, llm.NotFound},
		{200, `{"error":{"message":"x","code":"invalid_prompt"}}`, llm.BadRequest},
		{502, `<html>Bad gateway</html>`, llm.ServerError},
	} {
		e := responses.Codec{}.DecodeError(x.status, nil, []byte(x.body), nil)
		if e.Class != x.want || e.Message == "" {
			t.Errorf("%d %s: %s, want %s", x.status, x.body, e.Class, x.want)
		}
	}
}

func TestErrorsAsClientsExpectThem(t *testing.T) {
	for _, x := range []struct {
		e      llm.Error
		status int
		code   string
	}{
		{llm.Error{Class: llm.BadRequest, Param: "input", Message: "m"}, 400, ""},
		{llm.Error{Class: llm.BadRequest, Status: 413, Message: "m"}, 413, ""},
		{llm.Error{Class: llm.Unauthorized, Message: "m"}, 502, "upstream_credential"},
		{llm.Error{Class: llm.Unauthorized, Blame: llm.BlameKey, Message: "m"}, 401, "invalid_api_key"},
		{llm.Error{Class: llm.Forbidden, Blame: llm.BlameKey, Message: "m"}, 403, "permission_denied"},
		{llm.Error{Class: llm.OverBudget, Message: "m"}, 402, "insufficient_quota"},
		{llm.Error{Class: llm.RateLimited, Message: "m"}, 429, "rate_limit_exceeded"},
		{llm.Error{Class: llm.Lossy, Message: "m"}, 400, "unsupported_parameter"},
		{llm.Error{Class: "new", Message: "m"}, 500, "internal_error"},
	} {
		status, body := responses.Codec{}.EncodeError(&x.e)
		got := gjson.ParseBytes(body)
		if status != x.status || got.Get("error.code").String() != x.code || got.Get("error.message").String() != "m" || got.Get("error.type").String() == "" || got.Get("error.param").String() != x.e.Param {
			t.Errorf("%s: %d %s", x.e.Class, status, body)
		}
	}
}

// TestAStreamsErrorIsSeenByEveryClient: the libraries raise for a data line with an
// error member, and Codex looks for response.failed alone.
func TestAStreamsErrorIsSeenByEveryClient(t *testing.T) {
	e := &llm.Error{Class: llm.RateLimited, Message: "Please try again in 2s."}
	w := responses.Codec{}.Writer(&wire.Answer{ID: "resp_1", Model: "smart"})
	inside := w.Write(w.Write(nil, []llm.Event{{Kind: llm.Start}}), []llm.Event{{Kind: llm.Failure, Err: e}})
	for name, text := range map[string]string{"alone": string(responses.Codec{}.StreamError(e)), "inside": string(inside)} {
		var data []gjson.Result
		for line := range strings.Lines(text) {
			if d, ok := strings.CutPrefix(line, "data: "); ok {
				data = append(data, gjson.Parse(d))
			}
		}
		last, first := data[len(data)-1], data[len(data)-2]
		if first.Get("type").String() != "error" || first.Get("error.code").String() != "rate_limit_exceeded" || first.Get("message").String() != e.Message {
			t.Errorf("%s: %s", name, first)
		}
		if last.Get("type").String() != "response.failed" || last.Get("response.status").String() != "failed" || last.Get("response.error.code").String() != "rate_limit_exceeded" || last.Get("response.error.message").String() != e.Message {
			t.Errorf("%s: %s", name, last)
		}
		d := wiretest.Drain(responses.Codec{}.Frames(strings.NewReader(text), nil, wire.FrameOptions{Events: true}))
		if got, ok := d.Err.(*llm.Error); !ok || got.Class != llm.RateLimited || got.Message != e.Message {
			t.Errorf("%s: read back it is %v", name, d.Err)
		}
	}
}
