package gateway

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// address is one place at which a format is served, as data.
type address struct {
	// Path is what follows the base address and the version; {model} is the name of
	// a model, which may hold slashes.
	Path   string
	Format llm.Format
	// Errors is the format in whose form refusals are told; "" is Format's own.
	// Bedrock tells them in its own form whatever the body is.
	Errors llm.Format
	// Dialect is how the format is carried here, by name.
	Dialect string
	// Streams says what the address says of streaming; "" where the body says it.
	Streams streams
	Framing wire.Framing // of streams
	// Bodies is set where the body's format is the model's own.
	Bodies bool
}

type streams string

const (
	never  streams = "never"
	always streams = "always"
)

// addresses are all places at which models are called. Each SDK puts its own version
// and place before the path, and its base address may have a prefix; see [strip].
//
// OpenAI: https://platform.openai.com/docs/api-reference. Azure:
// https://learn.microsoft.com/azure/ai-foundry/openai/reference. Anthropic:
// https://docs.anthropic.com/en/api. Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference.
// Gemini: https://ai.google.dev/api. Vertex AI: https://cloud.google.com/vertex-ai/docs/reference/rest
// (all read 2026-11).
var addresses = []address{
	{Path: "/chat/completions", Format: llm.Chat},
	{Path: "/responses", Format: llm.Responses},
	{Path: "/responses/input_tokens", Format: llm.ResponsesCount},
	{Path: "/embeddings", Format: llm.Embeddings},
	{Path: "/deployments/{model}/chat/completions", Format: llm.Chat},
	{Path: "/deployments/{model}/responses", Format: llm.Responses},
	{Path: "/deployments/{model}/embeddings", Format: llm.Embeddings},
	{Path: "/endpoints/openapi/chat/completions", Format: llm.Chat}, // Vertex AI's own way to Chat Completions

	{Path: "/messages", Format: llm.Messages},
	{Path: "/messages/count_tokens", Format: llm.MessagesCount},

	{Path: "/model/{model}/converse", Format: llm.Converse, Streams: never},
	{Path: "/model/{model}/converse-stream", Format: llm.Converse, Streams: always},
	{Path: "/model/{model}/invoke", Format: llm.Messages, Errors: llm.Converse, Dialect: "bedrock-messages", Streams: never, Bodies: true},
	{Path: "/model/{model}/invoke-with-response-stream", Format: llm.Messages, Errors: llm.Converse, Dialect: "bedrock-messages", Streams: always, Framing: wire.Chunks, Bodies: true},
	{Path: "/model/{model}/count-tokens", Format: llm.ConverseCount, Errors: llm.Converse},

	{Path: "/models/{model}:generateContent", Format: llm.Gemini, Streams: never},
	{Path: "/models/{model}:streamGenerateContent", Format: llm.Gemini, Streams: always, Framing: wire.JSONArray},
	{Path: "/models/{model}:countTokens", Format: llm.GeminiCount},
	{Path: "/models/{model}:embedContent", Format: llm.GeminiEmbedOne},
	{Path: "/models/{model}:batchEmbedContents", Format: llm.GeminiEmbed},
	{Path: "/publishers/{model}:generateContent", Format: llm.Gemini, Streams: never},
	{Path: "/publishers/{model}:streamGenerateContent", Format: llm.Gemini, Streams: always, Framing: wire.JSONArray},
	{Path: "/publishers/{model}:countTokens", Format: llm.GeminiCount},
	{Path: "/publishers/{model}:embedContent", Format: llm.GeminiEmbedOne},
	{Path: "/publishers/{model}:predict", Format: llm.VertexEmbed},

	// What Claude is asked for at Vertex AI is Messages; counting has a model's name
	// of its own, and the model's in the body.
	{Path: "/publishers/anthropic/models/count-tokens:rawPredict", Format: llm.MessagesCount, Dialect: "vertex-count"},
	{Path: "/publishers/{model}:rawPredict", Format: llm.Messages, Dialect: "vertex-messages", Streams: never},
	{Path: "/publishers/{model}:streamRawPredict", Format: llm.Messages, Dialect: "vertex-messages", Streams: always},
}

// service is a family of clients: how they are spoken to where no address says it.
type service string

const (
	openAI    service = "openai"
	anthropic service = "anthropic"
	bedrock   service = "bedrock"
	gemini    service = "gemini"
	vertex    service = "vertex"
)

// prefixes are the base addresses under which every service can be had beside the
// others: http://host/openai/v1 for one, http://host/anthropic for another.
var prefixes = map[string]service{
	"openai": openAI, "anthropic": anthropic, "bedrock": bedrock, "gemini": gemini, "vertex": vertex,
}

// versions are what stands between a base address and a path. An SDK's base address
// holds it or not, so it may be missing.
var versions = map[string]service{"v1": "", "v1beta": gemini, "v1alpha": gemini, "v1beta1": vertex}

// doors are the first pieces of the paths that are served without a version.
var doors = map[string]service{
	"chat": openAI, "responses": openAI, "embeddings": openAI, "deployments": openAI, "messages": anthropic,
	"model": bedrock, "models": "", "projects": vertex, "publishers": vertex,
}

// Serves reports whether a path is a model call's: one that a [Gateway] answers,
// if only to say what there is instead.
func Serves(path string) bool {
	if strings.HasPrefix(path, "/v1/") {
		return true
	}
	first := firstPiece(path)
	_, prefix := prefixes[first]
	_, version := versions[first]
	_, door := doors[first]
	return prefix || version || door
}

func firstPiece(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// afterFirst is the path behind its first piece.
func afterFirst(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, "/"), firstPiece(path))
}

// strip takes away what stands before an address's path, and says whose client it
// shows: a base address's prefix, a version, and Vertex AI's project and location.
func strip(path string) (rest string, of service) {
	if s, ok := prefixes[firstPiece(path)]; ok {
		path, of = afterFirst(path), s
	}
	for range 2 { // a base address with the version, below an SDK that puts it there too
		first := firstPiece(path)
		s, ok := versions[first]
		if !ok || afterFirst(path) == "" {
			break
		}
		path = afterFirst(path)
		if of == "" {
			of = s
		}
	}
	if place, ok := strings.CutPrefix(path, "/projects/"); ok { // {project}/locations/{location}/…
		if parts := strings.SplitN(place, "/", 4); len(parts) == 4 && parts[1] == "locations" {
			path = "/" + parts[3]
			if of == "" {
				of = vertex
			}
		}
	}
	if of == "" {
		of = doors[firstPiece(path)]
	}
	return path, of
}

// place is an address ready for use.
type place struct {
	*address
	before, after string // {model}; before alone where there is none
	named         bool   // the address names the model
	codec, errors wire.Codec
	manners       *manners
	dialect       *wire.Dialect
}

// places finds addresses.
type places struct {
	exact map[string]*place // those that name no model, also with the usual version
	named []*place          // the longer ones first where one holds another
}

func newPlaces(codecs func(llm.Format) wire.Codec) *places {
	ps := &places{exact: map[string]*place{}}
	for i := range addresses {
		a := &addresses[i]
		p := &place{address: a, codec: codecs(a.Format), errors: codecs(a.Format)}
		if p.codec == nil {
			continue
		}
		p.manners = mannersOf(cmp.Or(a.Errors, a.Format))
		if a.Errors != "" {
			if c := codecs(a.Errors); c != nil {
				p.errors = c
			}
		}
		if d, ok := wire.DialectByName(a.Dialect); ok {
			p.dialect = d
		}
		if p.before, p.after, p.named = strings.Cut(a.Path, "{model}"); p.named {
			ps.named = append(ps.named, p)
		} else {
			ps.exact[a.Path], ps.exact["/v1"+a.Path] = p, p
		}
	}
	return ps
}

// find is the place of a path, and the model that it names.
func (ps *places) find(path string) (p *place, model string) {
	if p = ps.exact[path]; p != nil {
		return p, ""
	}
	rest, _ := strip(path)
	if p = ps.exact[rest]; p != nil {
		return p, ""
	}
	for _, p := range ps.named {
		if len(rest) > len(p.before)+len(p.after) && strings.HasPrefix(rest, p.before) && strings.HasSuffix(rest, p.after) {
			return p, modelName(p, rest[len(p.before):len(rest)-len(p.after)])
		}
	}
	return nil, ""
}

// modelName is the model of a path. Some clients encode a name twice; Vertex AI has
// a publisher before it, which for other names than its own is the first part of the
// name: its SDK makes publishers/openai/models/gpt-5 of openai/gpt-5.
func modelName(p *place, s string) string {
	if strings.Contains(s, "%") {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
	}
	if p.before != "/publishers/" {
		return s
	}
	publisher, name, ok := strings.Cut(s, "/models/")
	switch {
	case !ok, publisher == "google", publisher == "anthropic":
		return name
	}
	return publisher + "/" + name
}

// head is what an address says that belongs to the request's meaning; nil where it
// says nothing.
func (p *place) head(model string, betas []string) *wire.Head {
	if !p.named && p.dialect == nil && len(betas) == 0 {
		return nil
	}
	return &wire.Head{Model: model, Streams: p.Streams != "", Stream: p.Streams == always, Dialect: p.dialect, Betas: betas}
}

// framing is how a stream's events are to lie for a client that asks with this
// query: Google's REST gives one JSON array unless alt=sse.
func (p *place) framing(query string) wire.Framing {
	if p.Framing == wire.JSONArray && strings.Contains(query, "alt=sse") {
		return wire.SSE
	}
	return p.Framing
}
