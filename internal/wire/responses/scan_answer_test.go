package responses_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/responses"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// amount is what a decoded answer amounts to.
func amount(r *llm.Response) llm.Progress {
	p := llm.Progress{Frames: 1, Usage: r.Usage, Stopped: r.Stop != llm.StopUnstated}
	for i := range r.Parts {
		switch part := &r.Parts[i]; part.Kind {
		case llm.Thinking:
			p.ThinkingBytes += int64(len(part.Text))
		case llm.ToolCall:
			p.Tools++
			p.ToolBytes += int64(len(part.Arguments))
		default:
			p.TextBytes += int64(len(part.Text))
		}
	}
	return p
}

// weighed holds what weighing says against decoding. It reports whether it said
// anything.
func weighed(t interface{ Errorf(string, ...any) }, what string, body []byte, d *wire.Dialect) bool {
	p, ok := responses.Codec{}.Weigh(body, d)
	if !ok {
		return false
	}
	r, err := responses.Codec{}.DecodeResponse(body, d)
	if err != nil {
		t.Errorf("%s was weighed, and does not decode: %v\n%s", what, err, body)
		return true
	}
	if want := amount(r); p != want {
		t.Errorf("%s amounts to %+v; decoded to %+v\n%s", what, p, want, body)
	}
	return true
}

func TestWeighingARecordedAnswerSaysWhatDecodingDoes(t *testing.T) {
	all, some := 0, 0
	for _, x := range wiretest.Recorded(t, "responses") {
		if len(x.Response.Body) == 0 || x.Response.Status != 200 {
			continue
		}
		all++
		if weighed(t, x.ID, x.Response.Body, dialectOf(x.Provider)) {
			some++
		}
	}
	t.Logf("%d of %d answers were weighed", some, all)
	if some < all*3/4 {
		t.Errorf("only %d of %d answers were weighed", some, all)
	}
}

const (
	aMessage   = `{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"He said \"no\"."},{"type":"refusal","refusal":"No."}],"role":"assistant"}`
	aThought   = `{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAAAABx"}`
	aCall      = `{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"call_1","name":"f"}`
	aSearch    = `{"id":"ws_1","type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}}`
	anEnvelope = `{"id":"resp_1","object":"response","created_at":1764000000,"status":%q,"error":%s,"incomplete_details":null,"model":"m","output":[%s],"service_tier":"default","usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":10},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":87}}`
)

func inEnvelope(status, fault string, items ...string) []byte {
	return fmt.Appendf(nil, anEnvelope, status, fault, strings.Join(items, ","))
}

func TestAnAnswerIsWeighedAsItIsDecoded(t *testing.T) {
	for name, body := range map[string][]byte{
		"text": inEnvelope("completed", "null", aMessage), "nothing": inEnvelope("completed", "null"), "cut short": inEnvelope("incomplete", "null", aMessage),
		"in the background": inEnvelope("queued", "null"), "all sorts": inEnvelope("completed", "null", aThought, aSearch, aMessage, aCall),
		"a message that holds a file": inEnvelope("completed", "null", strings.Replace(aMessage, `"refusal":"No."`, `"file_id":"f"`, 1)),
		"a text as content":           inEnvelope("completed", "null", `{"type":"message","role":"assistant","content":"Hello"}`),
		"somebody else's message":     inEnvelope("completed", "null", strings.Replace(aMessage, `"assistant"`, `"user"`, 1)),
	} {
		if !weighed(t, name, body, nil) {
			t.Errorf("%s was not weighed", name)
		}
	}
	for name, body := range map[string][]byte{
		"a failure":        inEnvelope("failed", `{"code":"server_error","message":"no"}`),
		"an error":         inEnvelope("completed", `{"code":"server_error","message":"no"}`, aMessage),
		"a cancelled one":  inEnvelope("cancelled", "null", aMessage),
		"a cut text":       bytes.TrimSuffix(inEnvelope("completed", "null", aMessage), []byte("}")),
		"no output":        []byte(`{"status":"completed","usage":{"input_tokens":1,"output_tokens":1}}`),
		"no usage":         []byte(`{"status":"completed","output":[]}`),
		"no object at all": []byte(`[]`),
	} {
		if weighed(t, name, body, nil) {
			t.Errorf("%s was weighed; it takes decoding", name)
		}
	}
}

// Whatever is weighed decodes, and to the same: also what no vendor sends.
func TestWeighingNeverDiffersFromDecoding(t *testing.T) {
	pieces := []string{aMessage, aThought, aCall, aSearch, `null`, `{}`, `"x"`, `[1]`, `,`, `}`, `{`, `"`, `\u00e9`, `"type":"message"`, `"role":"user"`, `"text":"t"`, `"status":"failed"`, `"error":{}`, `7`, `-1`}
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.SampledFrom([]string{aMessage, aThought, aCall, aSearch, `7`, `{"type":"message"}`}), 0, 4).Draw(t, "items")
		body := inEnvelope(rapid.SampledFrom([]string{"completed", "incomplete", "in_progress", "failed", "odd"}).Draw(t, "status"), "null", items...)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			cut := rapid.IntRange(0, min(12, len(body)-at)).Draw(t, "cut")
			with := rapid.SampledFrom(append(pieces, "")).Draw(t, "with")
			body = append(append(bytes.Clone(body[:at]), with...), body[at+cut:]...)
			if len(body) == 0 {
				body = []byte(" ")
			}
		}
		weighed(t, "an answer", body, nil)
	})
}
