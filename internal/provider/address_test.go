package provider

import (
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
)

func TestOwnAddresses(t *testing.T) {
	for _, c := range []struct {
		o        Options
		format   llm.Format
		upstream string
		stream   bool
		want     string
	}{
		{Options{Kind: "openai", Key: "k"}, llm.Chat, "m", false, "https://api.openai.com/v1/chat/completions"},
		{Options{Kind: "openai", Key: "k"}, llm.Responses, "m", true, "https://api.openai.com/v1/responses"},
		{Options{Kind: "azure", Key: "k", Endpoint: "https://acme.openai.azure.com/"}, llm.Chat, "m", false, "https://acme.openai.azure.com/openai/v1/chat/completions"},
		{Options{Kind: "azure", Key: "k", Endpoint: "https://acme.openai.azure.com/openai/v1"}, llm.Chat, "m", false, "https://acme.openai.azure.com/openai/v1/chat/completions"},
		{Options{Kind: "azure", Key: "k", Endpoint: "https://acme.openai.azure.com", APIVersion: "2024-10-21"}, llm.Chat, "my gpt", false, "https://acme.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"},
		{Options{Kind: "azure", Key: "k", Endpoint: "https://acme.services.ai.azure.com"}, llm.Messages, "claude-opus-4-6", true, "https://acme.services.ai.azure.com/anthropic/v1/messages"},
		{Options{Kind: "bedrock", Region: "eu-west-1"}, llm.Converse, "amazon.nova-pro-v1:0", false, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse"},
		{Options{Kind: "bedrock", Region: "eu-west-1"}, llm.Messages, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", true, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream"},
		{Options{Kind: "bedrock", Region: "eu-west-1"}, llm.ConverseCount, "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-x-v1:0", false, "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-x-v1%3A0/count-tokens"},
		{Options{Kind: "bedrock", Region: "cn-north-1"}, llm.Converse, "m", false, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/m/converse"},
		{Options{Kind: "vertex", Project: "p", Region: "europe-west4"}, llm.Gemini, "gemini-2.5-pro", true, "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/p/locations/europe-west4/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
		{Options{Kind: "vertex", Project: "p", Region: "global"}, llm.Messages, "claude-sonnet-4-5@20250929", false, "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"},
		{Options{Kind: "vertex", Project: "p", Region: "eu"}, llm.Messages, "publishers/anthropic/models/claude-opus-4-6", true, "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/anthropic/models/claude-opus-4-6:streamRawPredict"},
		{Options{Kind: "vertex", Project: "p", Region: "us"}, llm.MessagesCount, "claude-opus-4-6", false, "https://aiplatform.us.rep.googleapis.com/v1/projects/p/locations/us/publishers/anthropic/models/count-tokens:rawPredict"},
		{Options{Kind: "vertex", Project: "p", Region: "us-central1"}, llm.Gemini, "endpoints/123", false, "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/endpoints/123:generateContent"},
		{Options{Kind: "vertex", Project: "p", Region: "us-central1"}, llm.Gemini, "projects/p/locations/us-central1/publishers/google/models/gemini-3", false, "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-3:generateContent"},
		{Options{Kind: "vertex", Project: "p", Region: "us-central1"}, llm.Chat, "meta/llama-4-maas", false, "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints/openapi/chat/completions"},
		{Options{Kind: "vertex", Key: "k", Region: "global"}, llm.Gemini, "gemini-2.5-pro", false, "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/gemini-2.5-pro:generateContent"},
		{Options{Kind: "gemini", Key: "k"}, llm.Gemini, "models/gemini-2.5-pro", true, "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
		{Options{Kind: "gemini", Key: "k", Endpoint: "http://proxy/v1beta"}, llm.Gemini, "tunedModels/mine", false, "http://proxy/v1beta/tunedModels/mine:generateContent"},
		{Options{Kind: "cohere", Key: "k"}, llm.Embeddings, "m", false, "https://api.cohere.ai/compatibility/v1/embeddings"},
		{Options{Kind: "perplexity", Key: "k"}, llm.Chat, "m", false, "https://api.perplexity.ai/chat/completions"},
		{Options{Kind: "perplexity", Key: "k"}, llm.Embeddings, "m", false, "https://api.perplexity.ai/v1/embeddings"},
		{Options{Kind: "ollama"}, llm.Chat, "m", false, "http://localhost:11434/v1/chat/completions"},
	} {
		t.Setenv("GOOGLE_CLOUD_PROJECT", "")
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
		p, err := New("it", c.o)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, s := range p.info.SurfacesOf(c.upstream) {
			if s.Format != c.format {
				continue
			}
			u, err := p.url(&Request{Upstream: c.upstream, Stream: c.stream}, s)
			if err != nil || u.String() != c.want {
				t.Errorf("%v %s:\n got %s, %v\nwant %s", c.o, c.upstream, u, err, c.want)
			}
			c.want = ""
		}
		if c.want != "" {
			t.Errorf("%v has no %s for %s", c.o, c.format, c.upstream)
		}
		p.Close()
	}
}

func TestGlob(t *testing.T) {
	for pattern, names := range map[string][2]string{
		"m":              {"m", "m2 xm"},
		"gpt-*audio*":    {"gpt-audio gpt-4o-audio-preview gpt-audio-mini", "gpt-5 chatgpt-audio"},
		"*/*":            {"meta/llama a/b/c /", "meta"},
		"*embedding-001": {"gemini-embedding-001 a/b/embedding-001", "gemini-embedding-0011"},
		"*":              {"a a/b:c", ""},
	} {
		for _, n := range strings.Fields(names[0]) {
			if !glob(pattern, n) {
				t.Errorf("%s is not of %s", n, pattern)
			}
		}
		for _, n := range strings.Fields(names[1]) {
			if glob(pattern, n) {
				t.Errorf("%s is of %s", n, pattern)
			}
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range [][3]string{
		{"/v1", "/v1/messages", "/v1"}, {"/team/openai/v1", "/openai/v1/responses", "/openai/v1"}, {"/v1", "/chat/completions", ""},
		{"/xv1", "/v1/messages", ""}, {"", "/v1/messages", ""}, {"/v1/chat/completions", "/chat/completions", "/chat/completions"},
	} {
		if got := overlap(c[0], c[1]); got != c[2] {
			t.Errorf("%s and %s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// TestDefaultCredentials: what proves who asks where a row says nothing.
func TestDefaultCredentials(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Kind: "bedrock", Region: "us-east-1"}, "*cred.awsSigner"},
		{Options{Kind: "bedrock", Region: "us-east-1", Key: "k"}, "cred.header"},
		{Options{Kind: "bedrock", Region: "us-east-1", Endpoint: "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"}, "*cred.awsSigner"},
		{Options{Kind: "bedrock", Region: "us-east-1", Endpoint: "https://proxy.example"}, "cred.none"},
		{Options{Kind: "bedrock", Region: "us-east-1", Endpoint: "http://bedrock.amazonaws.com"}, "cred.none"},
		{Options{Kind: "bedrock", Region: "us-east-1", Endpoint: "https://proxy.example", Auth: "aws"}, "*cred.awsSigner"},
		{Options{Kind: "vertex", Project: "p"}, "*cred.googleTokens"},
		{Options{Kind: "vertex", Project: "p", Endpoint: "https://proxy.example"}, "cred.none"},
		{Options{Kind: "vertex", Project: "p", CredentialsFile: "f.json", Endpoint: "https://proxy.example"}, "*cred.googleTokens"},
		{Options{Kind: "azure", Endpoint: "https://a.openai.azure.com", Auth: "entra"}, "*cred.entra"},
		{Options{Kind: "azure", Endpoint: "https://proxy.example"}, "cred.none"},
		{Options{Kind: "openai", Endpoint: "http://gpu/v1"}, "cred.none"},
		{Options{Kind: "ollama"}, "cred.none"},
		{Options{Kind: "anthropic", Auth: "caller"}, "<nil>"},
		{Options{Kind: "openai", Auth: "none"}, "cred.none"},
	} {
		p, err := New("it", c.o)
		if err != nil {
			t.Errorf("%v: %v", c.o, err)
			continue
		}
		if got := typeOf(p.credentials[0].by); got != c.want {
			t.Errorf("%v: %s, want %s", c.o, got, c.want)
		}
		p.Close()
	}
}

func TestTokensGoWhereTokensGo(t *testing.T) {
	for _, c := range []struct{ kind, secret, header string }{
		{"anthropic", "sk-ant-api03-x", "X-Api-Key"}, {"anthropic", "sk-ant-oat01-x", "Authorization"},
		{"azure", "0123abcd", "Api-Key"}, {"azure", "eyJhbGciOi", "Authorization"},
		{"gemini", "AIzaSy", "X-Goog-Api-Key"}, {"gemini", "ya29.x", "Authorization"},
		{"bedrock", "ABSK", "Authorization"}, {"groq", "gsk_", "Authorization"},
	} {
		h := headerOf(kindByName(c.kind).key(c.secret))
		if !strings.HasSuffix(h.Get(c.header), c.secret) || len(h) != 1 {
			t.Errorf("%s: %v", c.kind, h)
		}
	}
}
