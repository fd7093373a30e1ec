package provider_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

// kindsOf are the kinds for which the recordings have requests, by their names there.
var kindsOf = map[string]string{
	"openai": "openai", "azure": "azure", "anthropic": "anthropic", "bedrock": "bedrock", "google": "gemini", "vertex": "vertex",
	"mistral": "mistral", "groq": "groq", "deepseek": "deepseek", "xai": "xai", "together": "together", "openrouter": "openrouter",
	"perplexity": "perplexity", "cerebras": "cerebras", "huggingface": "huggingface", "ollama": "ollama",
}

// elsewhere are recorded requests to addresses that a kind does not use, with the
// reason.
var elsewhere = []struct{ provider, path, why string }{
	{"azure", `^/models/chat/completions`, "the older API of Foundry's models; the v1 API serves them, too"},
	{"azure", `^//`, "a client's mistake that the service forgives"},
	{"bedrock", `/us\.[^/]*/count-tokens$`, "refused there: tokens are counted for a model, not for its profile"},
	{"bedrock", `/does-not-exist[^/]*/count-tokens$`, "no model"},
	{"bedrock", `^(/openai)?/v1/`, "Bedrock Mantle, at another host"},
	{"deepseek", `^/(beta|v1)/`, "other addresses of the same"},
	{"huggingface", `^/(together|nebius|novita)/`, "one of the providers behind the router, by name"},
	{"openai", `^/v1/responses/(compact|resp_)`, "about an answer that is kept, not a call"},
	{"anthropic", `^/v1/messages/batches`, "batches"},
	{"google", `cachedContents|^/v1beta/openai/`, "caches; and Chat Completions of Gemini"},
	{"vertex", `cachedContents`, "caches"},
	{"ollama", `^/api/`, "its own API"},
	{"google", `:streamGenerateContent$`, "a stream as a JSON array"},
	{"google", `nonexistent-model:batchEmbedContents`, "no model"},
	{"vertex", `enum-encoding|^/v1/.*publishers/google.*enerateContent$`, "another version and spelling of the same"},
	{"vertex", `text-embedding-004:predict`, "v1beta1; it is the same in v1"},
}

// formatOf is the format of a recorded request of the files that are read.
func formatOf(file, path string) llm.Format {
	path, _, _ = strings.Cut(path, "?")
	for end, f := range map[string]llm.Format{
		"/chat/completions": llm.Chat, "/responses": llm.Responses, "/responses/input_tokens": llm.ResponsesCount, "/embeddings": llm.Embeddings,
		"/messages": llm.Messages, "/messages/count_tokens": llm.MessagesCount, "awPredict": llm.Messages,
		"/converse": llm.Converse, "/converse-stream": llm.Converse, "/count-tokens": llm.ConverseCount,
		"enerateContent": llm.Gemini, ":countTokens": llm.GeminiCount, ":batchEmbedContents": llm.GeminiEmbed, ":embedContent": llm.GeminiEmbedOne, ":predict": llm.VertexEmbed,
	} {
		if strings.HasSuffix(path, end) {
			return f
		}
	}
	switch {
	case file == "messages" && strings.Contains(path, "/invoke"):
		return llm.Messages
	case strings.Contains(path, "titan-embed"):
		return llm.TitanEmbed
	case strings.Contains(path, "cohere.embed"):
		return llm.CohereEmbed
	}
	return ""
}

var (
	inPath  = regexp.MustCompile(`/(?:models?|deployments)/([^/?]+?)(?::[a-zA-Z]+|/[a-z-]+.*)?(?:\?.*)?$`)
	ofPlace = regexp.MustCompile(`/projects/([^/]+)/locations/([^/]+)/`)
)

// TestRequestsAreThoseOfTheRecordings: what was recorded goes to the same path with
// the same version headers.
func TestRequestsAreThoseOfTheRecordings(t *testing.T) {
	base, got := catch(t)
	seen, held, left := map[string]bool{}, map[string]int{}, map[string]int{}
	for _, file := range []string{"chat", "responses", "messages", "gemini", "converse", "embeddings", "other"} {
		for _, x := range wiretest.Recorded(t, file) {
			kind := kindsOf[x.Provider]
			if x.Request == nil || kind == "" || x.Request.Method != "POST" {
				continue
			}
			format := formatOf(file, x.Request.Path)
			if file == "other" && format != llm.TitanEmbed && format != llm.CohereEmbed && format != llm.VertexEmbed {
				continue
			}
			if why := elsewhereWhy(x.Provider, x.Request.Path); why != "" {
				left[x.Provider+": "+why]++
				continue
			}
			held[kind]++
			stream := strings.Contains(x.Request.Path, "stream") || x.Stream && !strings.Contains(x.Request.Path, "converse")
			id := x.Request.Path + x.Request.Headers["anthropic-beta"]
			if stream {
				id += " stream"
			}
			if seen[kind+id] {
				continue
			}
			seen[kind+id] = true
			replay(t, base, got, kind, format, &x, stream)
		}
	}
	t.Logf("held against recorded requests: %v", held)
	t.Logf("to other addresses: %v", left)
	if len(held) < len(kindsOf) {
		t.Errorf("only %d of %d kinds have recordings", len(held), len(kindsOf))
	}
}

func elsewhereWhy(provider, path string) string {
	for _, e := range elsewhere {
		if e.provider == provider && regexp.MustCompile(e.path).MatchString(path) {
			return e.why
		}
	}
	return ""
}

func replay(t *testing.T, base string, got *arrived, kind string, format llm.Format, x *wiretest.Exchange, stream bool) {
	t.Helper()
	want, err := url.Parse(x.Request.Path)
	if err != nil {
		t.Fatal(err)
	}
	o := provider.Options{Kind: kind, Key: "k", Endpoint: base, Region: "us-east-1", Formats: []string{string(format)}}
	for _, k := range provider.Kinds() {
		if u, err := url.Parse(k.Endpoint); err == nil && k.Name == kind {
			o.Endpoint += u.Path
		}
	}
	upstream := x.Model
	if m := inPath.FindStringSubmatch(want.EscapedPath()); m != nil {
		upstream, _ = url.PathUnescape(m[1])
	}
	if kind == "azure" {
		o.APIVersion = want.Query().Get("api-version")
	}
	if kind == "vertex" {
		o.Project, o.Region = "p", "us-east5" // what recorders put there is no project's id
		at := ofPlace.FindStringSubmatch(want.Path)
		if at == nil {
			t.Fatalf("%s names no place", want.Path)
		}
		want.Path = strings.Replace(want.Path, at[0], "/projects/p/locations/us-east5/", 1)
	}
	if upstream == "" {
		upstream = "m"
	}
	h := http.Header{}
	for name, v := range x.Request.Headers {
		h.Set(name, v)
	}
	*got = arrived{}
	post(t, t.Context(), o, format, upstream, stream, h)
	sent, err := url.Parse(strings.TrimPrefix(got.uri, "POST "))
	if err != nil {
		t.Fatal(err)
	}
	q := want.Query()
	q.Del("beta") // how the SDK's beta client marks itself
	if sent.Path != want.Path || sent.Query().Encode() != q.Encode() {
		t.Errorf("%s: posted to %s, recorded %s", x.ID, sent, want)
	}
	for _, name := range []string{"Content-Type", "Anthropic-Version", "Anthropic-Beta"} {
		want := h.Get(name)
		if want != "" && got.header.Get(name) != want {
			t.Errorf("%s: %s %q, recorded %q", x.ID, name, got.header.Get(name), want)
		}
	}
}
