package fakecloud_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// TestACutAnswerIsBilledAsFarAsItCame: what was thought is counted as the format
// counts it, and only as far as it was sent where it can be seen.
func TestACutAnswerIsBilledAsFarAsItCame(t *testing.T) {
	tokens := func(s string) int64 { return int64(len(s)+3) / 4 }
	for _, c := range []struct {
		name, path, body string
		header           map[string]string
		thought          *regexp.Regexp // its pieces
		hidden, mixed    bool
	}{
		{"anthropic", "/anthropic/v1/messages", `{"model":"claude-opus-4-6","max_tokens":900,"stream":true,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"hi"}]}`,
			map[string]string{"X-Api-Key": "k", "Anthropic-Version": "2023-06-01"}, regexp.MustCompile(`"thinking_delta","thinking":("[^"]*")`), false, false},
		{"converse", bedrockClaude + "converse-stream", `{"messages":[{"role":"user","content":[{"text":"hi"}]}],"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}}`,
			bearer, regexp.MustCompile(`"reasoningContent":{"text":("[^"]*")`), false, true},
		{"responses", "/openai/v1/responses", `{"model":"gpt-5.1","stream":true,"reasoning":{"effort":"low","summary":"auto"},"input":"hi"}`,
			bearer, regexp.MustCompile(`"summary_index":0,"delta":("[^"]*")`), true, false},
		{"gemini", "/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", `{"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":32}}}`,
			bearer, regexp.MustCompile(`"text":("[^"]*"),"thought":true`), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, url := serve(t, fakecloud.Options{})
			if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 1}); err != nil {
				t.Fatal(err)
			}
			got := post(t, context.Background(), url+c.path, c.body, c.header)
			var came strings.Builder
			for _, m := range c.thought.FindAllStringSubmatch(got.body, -1) {
				var piece string
				if err := json.Unmarshal([]byte(m[1]), &piece); err != nil {
					t.Fatal(err)
				}
				came.WriteString(piece)
			}
			if got.err == nil || came.Len() == 0 {
				t.Fatalf("%v after the thought %q in\n%s", got.err, came.String(), got.body)
			}
			u := ended(s)[0].Usage
			want := fakecloud.Usage{Input: u.Input, Reasoning: tokens(came.String())}
			switch {
			case c.mixed:
				want.Output, want.Reasoning = want.Reasoning, 0
			case c.hidden:
				want.Reasoning = 32 // all of it, before the first word
			}
			if *u != want || u.Input == 0 {
				t.Errorf("after %q the log has %+v, and not %+v", came.String(), *u, want)
			}
		})
	}
}

func TestServeSpeaksHTTP2WithoutTLS(t *testing.T) {
	s, err := fakecloud.New(fakecloud.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	for _, major := range []int{1, 2} {
		var p http.Protocols
		p.SetHTTP1(major == 1)
		p.SetUnencryptedHTTP2(major == 2)
		tr := &http.Transport{Protocols: &p}
		d := dialects[4]
		req, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+d.at(true), strings.NewReader(d.body(true)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer k")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.ProtoMajor != major || resp.StatusCode != http.StatusOK {
			t.Errorf("HTTP/%d: %s %s", major, resp.Proto, resp.Status)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		tr.CloseIdleConnections()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
