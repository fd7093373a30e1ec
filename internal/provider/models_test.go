package provider_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
)

// The pages are as the services' documents show them.
var lists = []struct {
	name  string
	o     provider.Options
	pages map[string]string // by path and query
	want  string
}{
	{"openai", provider.Options{Kind: "openai"}, map[string]string{
		"/models": `{"object":"list","data":[{"id":"gpt-5.1","object":"model"},{"id":"gpt-4o","object":"model"}]}`,
	}, "gpt-4o gpt-5.1"},
	{"together", provider.Options{Kind: "together"}, map[string]string{"/models": ` [{"id":"meta/llama"},{"id":"a"}]`}, "a meta/llama"},
	{"anthropic", provider.Options{Kind: "anthropic"}, map[string]string{
		"/v1/models?limit=1000":                   `{"data":[{"type":"model","id":"claude-b"}],"has_more":true,"first_id":"claude-b","last_id":"claude-b"}`,
		"/v1/models?limit=1000&after_id=claude-b": `{"data":[{"type":"model","id":"claude-a"}],"has_more":false,"last_id":"claude-a"}`,
	}, "claude-a claude-b"},
	{"gemini", provider.Options{Kind: "gemini"}, map[string]string{
		"/v1beta/models?pageSize=1000":                    `{"models":[{"name":"models/gemini-2.5-pro","version":"2"}],"nextPageToken":"a/b="}`,
		"/v1beta/models?pageSize=1000&pageToken=a%2Fb%3D": `{"models":[{"name":"models/gemini-3"}]}`,
	}, "gemini-2.5-pro gemini-3"},
	{"vertex", provider.Options{Kind: "vertex", Project: "p"}, map[string]string{
		"/v1beta1/publishers/google/models?pageSize=200":    `{"publisherModels":[{"name":"publishers/google/models/gemini-3"}]}`,
		"/v1beta1/publishers/anthropic/models?pageSize=200": `{"publisherModels":[{"name":"publishers/anthropic/models/claude-opus-4-6"}]}`,
	}, "claude-opus-4-6 gemini-3"},
	{"bedrock", provider.Options{Kind: "bedrock", Region: "us-east-1"}, map[string]string{
		"/foundation-models?byInferenceType=ON_DEMAND":    `{"modelSummaries":[{"modelId":"amazon.nova-pro-v1:0","modelLifecycle":{"status":"ACTIVE"}}]}`,
		"/inference-profiles?maxResults=1000":             `{"inferenceProfileSummaries":[{"inferenceProfileId":"us.b","status":"ACTIVE"}],"nextToken":"n"}`,
		"/inference-profiles?maxResults=1000&nextToken=n": `{"inferenceProfileSummaries":[{"inferenceProfileId":"us.a","status":"ACTIVE"}]}`,
	}, "amazon.nova-pro-v1:0 us.a us.b"},
	{"cohere", provider.Options{Kind: "cohere"}, map[string]string{
		"/v1/models?page_size=1000":              `{"models":[{"name":"command-r"}],"next_page_token":"2"}`,
		"/v1/models?page_size=1000&page_token=2": `{"models":[{"name":"command-a"}]}`,
	}, "command-a command-r"},
}

func TestModelsAreListed(t *testing.T) {
	for _, c := range lists {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				page, ok := c.pages[r.RequestURI]
				if !ok {
					t.Errorf("asked for %s", r.RequestURI)
				}
				io.WriteString(w, page)
			}))
			defer s.Close()
			c.o.Endpoint, c.o.Key = s.URL, "k"
			p, err := provider.New("it", c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			got, err := p.Models(t.Context())
			if err != nil || !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("%q, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestWhatCannotBeListedSaysSo(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }))
	defer s.Close()
	az, err := provider.New("it", provider.Options{Kind: "azure", Endpoint: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer az.Close()
	if _, err := az.Models(t.Context()); !errors.Is(err, provider.ErrNotListable) {
		t.Errorf("azure: %v", err)
	}
	oa, err := provider.New("it", provider.Options{Kind: "openai", Endpoint: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer oa.Close()
	if _, err := oa.Models(t.Context()); err == nil || !strings.Contains(err.Error(), "list of models") {
		t.Errorf("no list: %v", err)
	}
}

func TestACredentialThatMayNotListIsGood(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"message":"User: arn:aws:iam::1:user/u is not authorized to perform: bedrock:ListFoundationModels"}`)
	}))
	defer s.Close()
	p, err := provider.New("it", provider.Options{Kind: "bedrock", Region: "us-east-1", Key: "k", Endpoint: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
	var e *llm.Error
	if _, err := p.Models(t.Context()); !errors.As(err, &e) || e.Class != llm.Forbidden {
		t.Errorf("%v", err)
	}
}
