package provider

import (
	"net/url"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// gemini is the Gemini API of Google AI Studio.
// Paths are those of Google's genai 1.77.0 and of recorded requests; a test holds them
// so. See also https://ai.google.dev/api.
var gemini = &Kind{
	Name: "gemini", Cloud: "gcp", Service: "Gemini API",
	Surfaces: []Surface{
		{Format: llm.Gemini, dialect: "gemini", Path: geminiModel + ":generateContent", Stream: geminiModel + ":streamGenerateContent?alt=sse", Not: geminiEmbeds},
		{Format: llm.GeminiCount, dialect: "gemini", Path: geminiModel + ":countTokens"},
		{Format: llm.GeminiEmbed, Path: geminiModel + ":batchEmbedContents", Upstreams: geminiEmbeds},
		{Format: llm.GeminiEmbedOne, Path: geminiModel + ":embedContent", Upstreams: geminiEmbeds},
	},
	Endpoint: "https://generativelanguage.googleapis.com", Domains: []string{"googleapis.com"},
	Models: "/v1beta/models?pageSize=1000", Lists: listGemini,
	KeyEnv: "GEMINI_API_KEY", OtherKeyEnv: []string{"GOOGLE_API_KEY"}, AddressEnv: "GOOGLE_GEMINI_BASE_URL", NeedsKey: true,
	Auth:      []string{authKey, authGoogle},
	KeyHeader: "X-Goog-Api-Key", Bearer: []string{"ya29."},
	special: special{escape: geminiName, makers: only(llm.MakerGoogle)},
}

const geminiModel = "/v1beta/{model}"

var geminiEmbeds = []string{"*embedding*"}

// geminiName is the resource of a model: models/M, or tunedModels/M.
func geminiName(_ *Provider, upstream string) (string, error) {
	for _, collection := range []string{"models/", "tunedModels/"} {
		if name, ok := strings.CutPrefix(upstream, collection); ok {
			return collection + url.PathEscape(name), nil
		}
	}
	return "models/" + url.PathEscape(upstream), nil
}
