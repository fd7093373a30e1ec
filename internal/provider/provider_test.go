package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKinds(t *testing.T) {
	for _, k := range provider.Kinds() {
		t.Run(k.Name, func(t *testing.T) { providertest.Run(t, k) })
	}
}

func TestAWrongRowNamesTheMend(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("GOOGLE_CLOUD_PROJECT", "")
	t.Setenv("AZURE_OPENAI_ENDPOINT", "")
	for _, c := range []struct {
		o    provider.Options
		want string
	}{
		{provider.Options{Kind: "opneai"}, "there are: openai, anthropic"},
		{provider.Options{Kind: "openai"}, "OPENAI_API_KEY"},
		{provider.Options{Kind: "openai", Key: "k", Dialect: "nobody"}, `dialect "nobody"`},
		{provider.Options{Kind: "openai", Key: "k", MaxInFlight: -1}, "max_in_flight"},
		{provider.Options{Kind: "openai", Key: "k", Auth: "entra"}, `auth "entra"`},
		{provider.Options{Kind: "openai", Key: "k", APIVersion: "v1"}, "api_version"},
		{provider.Options{Kind: "openai", Key: "k", Project: "p"}, "project"},
		{provider.Options{Kind: "openai", Key: "k", Formats: []string{"converse"}}, "it has: responses, chat"},
		{provider.Options{Kind: "openai", Key: "k", Credentials: []provider.CredentialOptions{{Name: "a", Key: "x"}}}, "exclude each other"},
		{provider.Options{Kind: "openai", Profile: "dev"}, "takes no such credential"},
		{provider.Options{Kind: "azure", Key: "k"}, "AZURE_OPENAI_ENDPOINT"},
		{provider.Options{Kind: "azure", Endpoint: "https://acme.openai.azure.com"}, "auth: entra"},
		{provider.Options{Kind: "bedrock"}, "AWS_REGION"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1/../x"}, "region"},
		{provider.Options{Kind: "vertex"}, "GOOGLE_CLOUD_PROJECT"},
		{provider.Options{Kind: "vertex", Project: "a/b"}, "project"},
		{provider.Options{Kind: "gemini"}, "GEMINI_API_KEY"},
	} {
		_, err := provider.New("pool", c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "provider pool") {
			t.Errorf("%v: %v; want it to say %q", c.o, err, c.want)
		}
	}
}

func TestInfoTellsWhereItRuns(t *testing.T) {
	for _, c := range []struct {
		name                   string
		o                      provider.Options
		cloud, service, region string
		dialect                string // of chat
	}{
		{"a", provider.Options{Kind: "openai", Key: "k"}, "openai", "OpenAI API", "", "openai"},
		{"a", provider.Options{Kind: "openai", Key: "k", Endpoint: "https://eu.api.openai.com/v1"}, "openai", "OpenAI API", "", "openai"},
		{"b", provider.Options{Kind: "openai", Endpoint: "http://gpu-1:8000/v1"}, "local", "b", "", ""},
		{"b", provider.Options{Kind: "openai", Endpoint: "http://gpu-1:8000/v1", Dialect: "vllm"}, "local", "b", "", "vllm"},
		{"c", provider.Options{Kind: "groq", Key: "k"}, "groq", "Groq API", "", "groq"},
		{"c", provider.Options{Kind: "groq", Key: "k", Endpoint: "http://proxy/groq"}, "local", "c", "", "groq"},
		{"d", provider.Options{Kind: "azure", Key: "k", Endpoint: "https://acme.openai.azure.com", Region: "swedencentral"}, "azure", "Azure OpenAI", "swedencentral", "azure"},
		{"e", provider.Options{Kind: "bedrock", Region: "eu-west-1"}, "aws", "Amazon Bedrock", "eu-west-1", "openai"},
		{"f", provider.Options{Kind: "vertex", Project: "p", Region: "eu"}, "gcp", "Google Vertex AI", "eu", ""},
		{"g", provider.Options{Kind: "gemini", Key: "k"}, "gcp", "Gemini API", "", "-"},
		{"vllm", provider.Options{Kind: "vllm", Endpoint: "http://gpu-1:8000/v1"}, "local", "vLLM", "", "vllm"},
		{"pool", provider.Options{Kind: "vllm"}, "local", "pool", "", "vllm"},
	} {
		p, err := provider.New(c.name, c.o)
		if err != nil {
			t.Error(err)
			continue
		}
		i, dialect := p.Info(), "-"
		for _, s := range i.Surfaces {
			if s.Format == llm.Chat {
				dialect = s.Dialect.Name
			}
		}
		if i.Cloud != c.cloud || i.Service != c.service || i.Region != c.region || dialect != c.dialect {
			t.Errorf("%v: cloud %s, service %s, region %s, dialect %q; want %s, %s, %s, %q", c.o, i.Cloud, i.Service, i.Region, dialect, c.cloud, c.service, c.region, c.dialect)
		}
		p.Close()
	}
}

func TestSurfacesOfAModel(t *testing.T) {
	for _, c := range []struct {
		o              provider.Options
		upstream, want string
	}{
		{provider.Options{Kind: "openai", Key: "k"}, "gpt-5.1", "responses chat embeddings responses_count"},
		{provider.Options{Kind: "openai", Key: "k"}, "gpt-4o-audio-preview", "chat embeddings"},
		{provider.Options{Kind: "openai", Key: "k"}, "gpt-5.1-codex", "responses embeddings responses_count"},
		{provider.Options{Kind: "openai", Endpoint: "http://gpu-1/v1"}, "llama", "chat embeddings"},
		{provider.Options{Kind: "openai", Endpoint: "http://gpu-1/v1", Formats: []string{"chat", "responses"}}, "llama", "responses chat"},
		{provider.Options{Kind: "azure", Key: "k", Endpoint: "https://a.openai.azure.com"}, "my-deployment", "responses chat embeddings"},
		{provider.Options{Kind: "azure", Key: "k", Endpoint: "https://a.services.ai.azure.com"}, "claude-sonnet-4-5", "messages messages_count"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "messages converse converse_count"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1", "messages converse converse_count"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "arn:aws:bedrock:us-east-1:1:application-inference-profile/x1", "converse"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "amazon.nova-pro-v1:0", "converse"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "us.openai.gpt-5.6-sol", "chat converse"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "amazon.titan-embed-text-v2:0", "titan_embed"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "us.cohere.embed-v4:0", "cohere_embed"},
		{provider.Options{Kind: "vertex", Project: "p"}, "gemini-2.5-pro", "gemini gemini_count"},
		{provider.Options{Kind: "vertex", Project: "p"}, "claude-sonnet-4-5@20250929", "messages messages_count"},
		{provider.Options{Kind: "vertex", Project: "p"}, "publishers/anthropic/models/claude-opus-4-6", "messages messages_count"},
		{provider.Options{Kind: "vertex", Project: "p"}, "meta/llama-3.3-70b-instruct-maas", "chat"},
		{provider.Options{Kind: "vertex", Project: "p"}, "gemini-embedding-001", "gemini_count vertex_embed"},
		{provider.Options{Kind: "vertex", Project: "p"}, "gemini-embedding-2", "gemini_count gemini_embed_one"},
		{provider.Options{Kind: "vertex", Project: "p"}, "endpoints/123", "gemini gemini_count"},
		{provider.Options{Kind: "gemini", Key: "k"}, "gemini-2.5-pro", "gemini gemini_count"},
		{provider.Options{Kind: "gemini", Key: "k"}, "gemini-embedding-001", "gemini_count gemini_embed gemini_embed_one"},
		{provider.Options{Kind: "xai", Key: "k"}, "grok-4", "responses chat"},
		{provider.Options{Kind: "lmstudio"}, "qwen", "chat embeddings"},
		{provider.Options{Kind: "lmstudio", Formats: []string{"responses"}}, "qwen", "responses"},
	} {
		p, err := provider.New("p", c.o)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		i := p.Info()
		for _, s := range i.SurfacesOf(c.upstream) {
			got = append(got, string(s.Format))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%v, %s: %s; want %s", c.o, c.upstream, g, c.want)
		}
		p.Close()
	}
}

func TestMakersWhoseStateIsUnderstood(t *testing.T) {
	for _, c := range []struct {
		o              provider.Options
		upstream, want string
	}{
		{provider.Options{Kind: "openai", Key: "k"}, "gpt-5.1", "[openai]"},
		{provider.Options{Kind: "openai", Endpoint: "http://gpu-1/v1"}, "gpt-5.1", "[*]"},
		{provider.Options{Kind: "anthropic", Key: "k"}, "claude-opus-4-6", "[anthropic]"},
		{provider.Options{Kind: "azure", Key: "k", Endpoint: "https://a.openai.azure.com"}, "mine", "[openai]"},
		{provider.Options{Kind: "azure", Key: "k", Endpoint: "https://a.openai.azure.com"}, "claude-opus-4-6", "[anthropic]"},
		{provider.Options{Kind: "azure", Key: "k", Endpoint: "https://a.openai.azure.com"}, "deepseek-r1", "[]"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "[anthropic]"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "amazon.nova-pro-v1:0", "[amazon]"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "meta.llama3-1-70b-instruct-v1:0", "[]"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "arn:aws:bedrock:us-east-1:1:application-inference-profile/x1", "[*]"},
		{provider.Options{Kind: "bedrock", Region: "us-east-1"}, "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1", "[anthropic]"},
		{provider.Options{Kind: "vertex", Project: "p"}, "claude-opus-4-6", "[anthropic]"},
		{provider.Options{Kind: "vertex", Project: "p"}, "gemini-2.5-pro", "[google]"},
		{provider.Options{Kind: "vertex", Project: "p"}, "endpoints/1", "[google]"},
		{provider.Options{Kind: "gemini", Key: "k"}, "gemini-2.5-pro", "[google]"},
		{provider.Options{Kind: "openrouter", Key: "k"}, "anthropic/claude-opus-4.6", "[*]"},
		{provider.Options{Kind: "groq", Key: "k"}, "llama", "[]"},
		{provider.Options{Kind: "groq", Key: "k", Endpoint: "http://proxy"}, "llama", "[]"},
		{provider.Options{Kind: "anthropic", Endpoint: "http://proxy"}, "claude-opus-4-6", "[anthropic]"},
		{provider.Options{Kind: "vllm"}, "llama", "[]"},
	} {
		p, err := provider.New("p", c.o)
		if err != nil {
			t.Error(err)
			continue
		}
		i := p.Info()
		if got := fmt.Sprint(i.MakersOf(c.upstream)); got != c.want {
			t.Errorf("%v, %s: %s; want %s", c.o, c.upstream, got, c.want)
		}
		p.Close()
	}
}

func TestANameThatCannotBeResolvedCostsNothing(t *testing.T) {
	p, err := provider.New("p", provider.Options{Kind: "openai", Endpoint: "http://skein-test.invalid"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var e *llm.Error
	if _, err := p.Send(t.Context(), &provider.Request{Body: []byte("{}")}); !errors.As(err, &e) || e.Class != llm.Unreachable || e.Billed != llm.BilledNo {
		t.Error(err)
	}
}

func ExampleProvider_Send() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path, r.Header.Get("X-Client-Request-Id"))
		io.WriteString(w, `{"choices":[]}`)
	}))
	defer s.Close()
	p, _ := provider.New("pool", provider.Options{Kind: "openai", Endpoint: s.URL + "/v1"})
	defer p.Close()
	a, err := p.Send(context.Background(), &provider.Request{Attempt: "call_1/1", Body: []byte(`{}`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Body.Close()
	b, _ := io.ReadAll(a.Body)
	fmt.Println(a.Status, string(b))
	// Output:
	// /v1/chat/completions call_1/1
	// 200 {"choices":[]}
}
