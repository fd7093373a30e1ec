package converse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth/bearer"
	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/stream"
)

// service stands in for Bedrock: it reads the official client's requests with the
// codec and answers with what the test says.
type service struct {
	t       *testing.T
	codec   wire.Codec
	request *llm.Request
	scan    *wire.Scan
	calls   int
	answer  func(w http.ResponseWriter)
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	parts := strings.Split(r.URL.EscapedPath(), "/") // /model/{id}/converse
	model, _ := url.PathUnescape(parts[2])
	h := &wire.Head{Model: model, Streams: true, Stream: strings.HasSuffix(parts[3], "-stream")}
	if s.codec != nil {
		if s.scan, err = s.codec.Scan(body, h); err != nil {
			s.t.Errorf("scan: %v in %s", err, body)
		}
		if s.request, err = s.codec.DecodeRequest(body, h); err != nil {
			s.t.Errorf("decode: %v in %s", err, body)
		}
	}
	s.answer(w)
}

func client(t *testing.T, s *service) *bedrockruntime.Client {
	s.t = t
	srv := httptest.NewTLSServer(s)
	t.Cleanup(srv.Close)
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(srv.URL), HTTPClient: srv.Client(),
		BearerAuthTokenProvider: bearer.StaticTokenProvider{Token: bearer.Token{Value: "sk-skein-x"}},
		AuthSchemePreference:    []string{"httpBearerAuth"},
		Retryer:                 aws.NopRetryer{},
	})
}

// retrying is the client's own way to try again, without the wait.
func retrying() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
}

const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

func asked() *bedrockruntime.ConverseInput {
	return &bedrockruntime.ConverseInput{
		ModelId:         aws.String(model),
		System:          []types.SystemContentBlock{&types.SystemContentBlockMemberText{Value: "Be brief."}, &types.SystemContentBlockMemberCachePoint{Value: types.CachePointBlock{Type: "default", Ttl: types.CacheTTLOneHour}}},
		InferenceConfig: &types.InferenceConfiguration{MaxTokens: aws.Int32(2000), Temperature: aws.Float32(0.5), StopSequences: []string{"END"}},
		Messages: []types.Message{
			{Role: "user", Content: []types.ContentBlock{
				&types.ContentBlockMemberText{Value: "What is there?"},
				&types.ContentBlockMemberImage{Value: types.ImageBlock{Format: "png", Source: &types.ImageSourceMemberBytes{Value: []byte("\x89PNG")}}},
				&types.ContentBlockMemberDocument{Value: types.DocumentBlock{Format: "pdf", Name: aws.String("report"), Source: &types.DocumentSourceMemberBytes{Value: []byte("%PDF-1")}}},
			}},
			{Role: "assistant", Content: []types.ContentBlock{
				&types.ContentBlockMemberReasoningContent{Value: &types.ReasoningContentBlockMemberReasoningText{Value: types.ReasoningTextBlock{Text: aws.String("hm"), Signature: aws.String("EqQBCgIYAhIkMWE3")}}},
				&types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{ToolUseId: aws.String("tooluse_1"), Name: aws.String("look"), Input: document.NewLazyDocument(map[string]any{"at": "it"})}},
			}},
			{Role: "user", Content: []types.ContentBlock{
				&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: aws.String("tooluse_1"), Status: "error", Content: []types.ToolResultContentBlock{
					&types.ToolResultContentBlockMemberText{Value: "no"},
					&types.ToolResultContentBlockMemberJson{Value: document.NewLazyDocument(map[string]any{"x": 1})},
				}}},
			}},
		},
		ToolConfig: &types.ToolConfiguration{
			Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{Name: aws.String("look"), Description: aws.String("looks"),
				InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(map[string]any{"type": "object"})}}}},
			ToolChoice: &types.ToolChoiceMemberAny{},
		},
		AdditionalModelRequestFields: document.NewLazyDocument(map[string]any{"thinking": map[string]any{"type": "enabled", "budget_tokens": 1024}, "anthropic_beta": []string{"effort-2025-11-24"}}),
	}
}

func answered() *llm.Response {
	r := &llm.Response{Stop: llm.StopTools, Parts: []llm.Part{
		{Kind: llm.Thinking, Text: "let me see", Signature: "EqQBabcdefghijkl", Maker: llm.MakerAnthropic},
		{Kind: llm.Thinking, Redacted: "EuYBCoYBGAIiQ+/=", Maker: llm.MakerAnthropic},
		{Kind: llm.Text, Text: "It is \"blue\".\nAs is said", Citations: []llm.Citation{{URL: "https://a.example/b", Title: "A", Text: "blue"}}},
		{Kind: llm.ToolCall, ID: "call:1", Name: "look", Arguments: json.RawMessage(`{"at":"sky"}`)},
		{Kind: llm.ToolCall, ID: "", Name: "wait", Arguments: json.RawMessage(`{}`)},
	}}
	r.Usage.Reported = true
	r.Usage.Tokens[llm.TokInput], r.Usage.Tokens[llm.TokCacheRead], r.Usage.Tokens[llm.TokCacheWrite], r.Usage.Tokens[llm.TokCacheWrite1h] = 10, 20, 3, 4
	r.Usage.Tokens[llm.TokOutput], r.Usage.Tokens[llm.TokReasoning] = 5, 6
	return r
}

func (s *service) checkRequest(t *testing.T) {
	t.Helper()
	r := s.request
	if r == nil {
		t.Fatal("nothing was asked")
	}
	if r.Model != model || r.MaxOutput != 2000 || r.Temperature != "0.5" || r.Reasoning.Budget != 1024 || r.ToolChoice.Mode != llm.ToolRequired || len(r.Stop) != 1 {
		t.Errorf("%+v", r)
	}
	kinds := ""
	for _, m := range r.Messages {
		kinds += string(m.Role) + ":"
		for _, p := range m.Parts {
			kinds += " " + string(p.Kind)
		}
		kinds += "\n"
	}
	if want := "system: text\nuser: text image document\nassistant: thinking tool_call\nuser: tool_result\n"; kinds != want {
		t.Errorf("%s", cmp.Diff(want, kinds))
	}
	if c := r.Messages[0].Parts[0].Cache; c == nil || c.TTL != "1h" {
		t.Errorf("mark %+v", c)
	}
	if p := r.Messages[2].Parts[0]; p.Maker != llm.MakerAnthropic || p.Signature == "" {
		t.Errorf("%+v", p)
	}
	if p := r.Messages[3].Parts[0]; !p.IsError || len(p.Content) != 2 || p.Content[1].Text != `{"x":1}` {
		t.Errorf("%+v", p)
	}
	f := s.scan.Facts
	if f.Model != model || f.MaxOutput != 2000 || f.ThinkingBudget != 1024 || !f.CacheMarks || !f.Unsized || f.Media != 2 || f.Tools != 1 || f.Messages != 3 ||
		len(f.Bindings) != 1 || f.Bindings[0] != llm.MakerAnthropic || len(f.Betas) != 1 || !f.Reasoning {
		t.Errorf("%+v", f)
	}
}

func TestTheOfficialClientReadsAnAnswer(t *testing.T) {
	s := &service{codec: converse.Codec{}}
	s.answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(converse.Codec{}.EncodeResponse(answered(), nil))
	}
	out, err := client(t, s).Converse(context.Background(), asked())
	if err != nil {
		t.Fatal(err)
	}
	s.checkRequest(t)
	if u := out.Usage; *u.InputTokens != 10 || *u.OutputTokens != 11 || *u.TotalTokens != 48 || *u.CacheReadInputTokens != 20 || *u.CacheWriteInputTokens != 7 || len(u.CacheDetails) != 2 {
		t.Errorf("%+v", u)
	}
	content := out.Output.(*types.ConverseOutputMemberMessage).Value.Content
	if len(content) != 5 || out.StopReason != types.StopReasonToolUse || out.Metrics == nil {
		t.Fatalf("%d blocks, %s", len(content), out.StopReason)
	}
	think := content[0].(*types.ContentBlockMemberReasoningContent).Value.(*types.ReasoningContentBlockMemberReasoningText).Value
	if *think.Text != "let me see" || *think.Signature != "EqQBabcdefghijkl" {
		t.Errorf("%+v", think)
	}
	if b := content[1].(*types.ContentBlockMemberReasoningContent).Value.(*types.ReasoningContentBlockMemberRedactedContent).Value; string(b) != "EuYBCoYBGAIiQ+/=" {
		t.Errorf("%s", b)
	}
	cited := content[2].(*types.ContentBlockMemberCitationsContent).Value
	if cited.Content[0].(*types.CitationGeneratedContentMemberText).Value != "It is \"blue\".\nAs is said" || *cited.Citations[0].Title != "A" || *cited.Citations[0].Location.(*types.CitationLocationMemberWeb).Value.Url != "https://a.example/b" {
		t.Errorf("%+v", cited)
	}
	call := content[3].(*types.ContentBlockMemberToolUse).Value
	var input map[string]string
	if err := call.Input.UnmarshalSmithyDocument(&input); err != nil || input["at"] != "sky" || *call.ToolUseId != "call:1" {
		t.Errorf("%v %+v", err, call)
	}
}

// streamed are the events of a stream, as a client puts them together.
func streamed(t *testing.T, s *service) (text, think, signature, args string, last types.ConverseStreamOutput, err error) {
	t.Helper()
	in := asked()
	out, err := client(t, s).ConverseStream(context.Background(), &bedrockruntime.ConverseStreamInput{ModelId: in.ModelId, System: in.System, Messages: in.Messages,
		InferenceConfig: in.InferenceConfig, ToolConfig: in.ToolConfig, AdditionalModelRequestFields: in.AdditionalModelRequestFields})
	if err != nil {
		return "", "", "", "", nil, err
	}
	events := out.GetStream()
	defer events.Close()
	for e := range events.Events() {
		switch e := e.(type) {
		case *types.ConverseStreamOutputMemberContentBlockDelta:
			switch d := e.Value.Delta.(type) {
			case *types.ContentBlockDeltaMemberText:
				text += d.Value
			case *types.ContentBlockDeltaMemberToolUse:
				args += *d.Value.Input
			case *types.ContentBlockDeltaMemberReasoningContent:
				switch r := d.Value.(type) {
				case *types.ReasoningContentBlockDeltaMemberText:
					think += r.Value
				case *types.ReasoningContentBlockDeltaMemberSignature:
					signature += r.Value
				}
			}
		case *types.UnknownUnionMember:
			continue
		}
		last = e
	}
	return text, think, signature, args, last, events.Err()
}

// events are those of an answer as another format's stream would bring them.
func events(r *llm.Response) (out []llm.Event) {
	out = append(out, llm.Event{Kind: llm.Start, ID: "x", Model: "y"}, llm.Event{Kind: llm.Ping})
	for i, p := range r.Parts {
		start := p
		switch p.Kind {
		case llm.Text:
			start.Text, start.Citations = "", nil
		case llm.ToolCall:
			start.Arguments = nil
		case llm.Thinking:
			start.Text, start.Signature = "", ""
			if p.Redacted == "" {
				start.Maker = ""
			}
		}
		out = append(out, llm.Event{Kind: llm.BlockStart, Index: i, Part: start})
		for _, piece := range strings.SplitAfter(p.Text, " ") {
			if piece != "" {
				out = append(out, llm.Event{Kind: llm.Delta, Index: i, Text: piece})
			}
		}
		if len(p.Arguments) > 2 {
			out = append(out, llm.Event{Kind: llm.Delta, Index: i, Text: string(p.Arguments[:4])}, llm.Event{Kind: llm.Delta, Index: i, Text: string(p.Arguments[4:])})
		}
		if p.Signature != "" {
			out = append(out, llm.Event{Kind: llm.Delta, Index: i, Signature: p.Signature, Maker: p.Maker})
		}
		for j := range p.Citations {
			out = append(out, llm.Event{Kind: llm.Delta, Index: i, Citation: &p.Citations[j]})
		}
		out = append(out, llm.Event{Kind: llm.BlockStop, Index: i})
	}
	return append(out, llm.Event{Kind: llm.Stop, Stop: r.Stop}, llm.Event{Kind: llm.UsageUpdate, Usage: r.Usage}, llm.Event{Kind: llm.End})
}

func TestTheOfficialClientReadsAStream(t *testing.T) {
	s := &service{codec: converse.Codec{}}
	s.answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
		out := converse.Codec{}.Writer(nil)
		w.Write(out.Heartbeat(nil)) // also before anything else
		for _, e := range events(answered()) {
			w.Write(out.Write(nil, []llm.Event{e}))
			w.Write(out.Heartbeat(nil))
		}
	}
	text, think, signature, args, last, err := streamed(t, s)
	if err != nil {
		t.Fatal(err)
	}
	s.checkRequest(t)
	if text != "It is \"blue\".\nAs is said" || think != "let me see" || signature != "EqQBabcdefghijkl" || args != `{"at":"sky"}{}` {
		t.Errorf("%q %q %q %q", text, think, signature, args)
	}
	m, ok := last.(*types.ConverseStreamOutputMemberMetadata)
	if !ok || *m.Value.Usage.TotalTokens != 48 {
		t.Errorf("%T %+v", last, last)
	}
}

func TestTheOfficialClientRaisesWhatEndsAStream(t *testing.T) {
	for class, as := range map[llm.ErrorClass]func(error) bool{
		llm.RateLimited:  is[*types.ThrottlingException],
		llm.Overloaded:   is[*types.ServiceUnavailableException],
		llm.BrokenStream: is[*types.ModelStreamErrorException],
		llm.ServerError:  is[*types.InternalServerException],
		llm.OverBudget:   is[*types.ValidationException],
	} {
		s := &service{}
		s.answer = func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
			w.Write(converse.Codec{}.Writer(nil).Write(nil, events(answered())[:12]))
			w.Write(converse.Codec{}.StreamError(&llm.Error{Class: class, Message: "so it ends"}))
		}
		_, think, _, _, _, err := streamed(t, s)
		if err == nil || !as(err) || !strings.Contains(err.Error(), "so it ends") || think == "" || s.calls != 1 {
			t.Errorf("%s: %v after %q, %d calls", class, err, think, s.calls)
		}
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestTheOfficialClientRaisesErrorsAndRepeatsWhatItMay(t *testing.T) {
	for _, x := range []struct {
		err  llm.Error
		kind string
		as   func(error) bool
		many bool
	}{
		{llm.Error{Class: llm.BadRequest, Message: "bad"}, "ValidationException", is[*types.ValidationException], false},
		{llm.Error{Class: llm.Lossy, Message: "lossy"}, "ValidationException", is[*types.ValidationException], false},
		{llm.Error{Class: llm.Unauthorized, Blame: llm.BlameKey, Message: "who"}, "UnrecognizedClientException", is[smithy.APIError], false},
		{llm.Error{Class: llm.Forbidden, Blame: llm.BlameKey, Message: "no"}, "AccessDeniedException", is[*types.AccessDeniedException], false},
		{llm.Error{Class: llm.NotFound, Message: "none"}, "ResourceNotFoundException", is[*types.ResourceNotFoundException], false},
		{llm.Error{Class: llm.OverBudget, Message: "spent"}, "ServiceQuotaExceededException", is[smithy.APIError], false},
		{llm.Error{Class: llm.QuotaExhausted, Message: "spent"}, "ServiceQuotaExceededException", is[smithy.APIError], false},
		{llm.Error{Class: llm.RateLimited, Message: "slow"}, "ThrottlingException", is[*types.ThrottlingException], true},
		{llm.Error{Class: llm.Overloaded, Message: "full"}, "ServiceUnavailableException", is[*types.ServiceUnavailableException], true},
		{llm.Error{Class: llm.Busy, Message: "full"}, "ServiceUnavailableException", is[*types.ServiceUnavailableException], true},
		{llm.Error{Class: llm.ServerError, Message: "oops"}, "InternalServerException", is[*types.InternalServerException], true},
		{llm.Error{Class: llm.TimedOut, Message: "late"}, "ModelTimeoutException", is[*types.ModelTimeoutException], false},
	} {
		s := &service{}
		s.answer = func(w http.ResponseWriter) {
			status, body := converse.Codec{}.EncodeError(&x.err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			w.Write(body)
		}
		c := client(t, s)
		_, err := c.Converse(context.Background(), asked(), func(o *bedrockruntime.Options) { o.Retryer = retrying() })
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != x.kind || !x.as(err) || api.ErrorMessage() != x.err.Message {
			t.Errorf("%s: %v", x.err.Class, err)
		}
		if (s.calls > 1) != x.many {
			t.Errorf("%s: asked %d times", x.err.Class, s.calls)
		}
		// What the client is told is read back as what it was, but for whose fault it is.
		status, body := converse.Codec{}.EncodeError(&x.err)
		back := converse.Codec{}.DecodeError(status, nil, body, nil)
		if back.Message == "" || back.Class == llm.ServerError && x.err.Class != llm.ServerError {
			t.Errorf("%s is read as %s", x.err.Class, back.Class)
		}
	}
}

func TestTheOfficialClientCounts(t *testing.T) {
	s := &service{codec: converse.Count{}}
	s.answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		r := &llm.Response{}
		r.Usage.Tokens[llm.TokInput] = 42
		w.Write(converse.Count{}.EncodeResponse(r, nil))
	}
	c := client(t, s)
	in := asked()
	for _, input := range []types.CountTokensInput{
		&types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: in.Messages, System: in.System, ToolConfig: in.ToolConfig}},
		&types.CountTokensInputMemberInvokeModel{Value: types.InvokeModelTokensRequest{Body: []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"messages":[{"role":"user","content":"hello"}]}`)}},
	} {
		out, err := c.CountTokens(context.Background(), &bedrockruntime.CountTokensInput{ModelId: aws.String("anthropic.claude-sonnet-4-5-20250929-v1:0"), Input: input})
		if err != nil || *out.InputTokens != 42 {
			t.Fatal(err)
		}
		if n := len(s.request.Messages); n == 0 || s.scan.Format != llm.ConverseCount || s.scan.TextBytes == 0 || s.scan.Stream {
			t.Errorf("%+v", s.request)
		}
		again, _, err := converse.Count{}.EncodeRequest(s.request, &wire.Target{Upstream: model})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := (converse.Count{}).DecodeRequest(again, &wire.Head{Model: model}); err != nil || len(r.Messages) != len(s.request.Messages) {
			t.Errorf("%v in %s", err, again)
		}
	}
}

func TestTheOfficialClientReadsChunks(t *testing.T) {
	want := []string{`{"type":"message_start"}`, `{"type":"content_block_delta","delta":{"text":"人"}}`, `{"type":"message_stop"}`}
	s := &service{}
	s.answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
		f := stream.Framer{Framing: wire.Chunks}
		var b []byte
		for _, e := range want {
			b = f.Comment(f.Event(b, "", []byte(e)), "")
		}
		w.Write(f.Exception(b, "modelStreamErrorException", []byte(`{"message":"cut"}`)))
	}
	out, err := client(t, s).InvokeModelWithResponseStream(context.Background(), &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: aws.String(model), Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range out.GetStream().Events() {
		if c, ok := e.(*types.ResponseStreamMemberChunk); ok {
			got = append(got, string(bytes.Clone(c.Value.Bytes)))
		}
	}
	if d := cmp.Diff(want, got); d != "" || !is[*types.ModelStreamErrorException](out.GetStream().Err()) {
		t.Error(d, out.GetStream().Err())
	}
}
