package matrix

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/skein-run/skein/internal/llm"
)

// talker is an official SDK in a conversation; it keeps the history, with the answers
// in it as they came.
type talker interface {
	say(ctx context.Context, stream bool, in input) (said, error)
	// status is the HTTP status of an error that the API answered, 0 for others, and
	// what it says.
	status(err error) (int, string)
	// aim makes the next turn go to another model.
	aim(model string)
}

// input is what is said next.
type input struct {
	text    string
	image   []byte
	pdf     []byte
	results []string // of the calls of the answer before, in their order
}

// said is an answer.
type said struct {
	text, stop string // stop: end, tools, length, sequence, or the format's own word
	calls      []toolCall
	thoughts   int    // blocks of thinking, shown or not
	in, out    int64  // tokens, with the cached ones and with reasoning
	cached     *int64 // read from the cache; nil where the format tells nothing
}

type toolCall struct{ id, name, args string }

// wish is how a talker is to ask.
type wish struct {
	system string
	tools  bool
	force  string // a tool that has to be called
	thinks bool
	schema bool // the answer is to be JSON: an object with a city
	stop   string
	most   int64 // output tokens; 0: the talker's own
	seed   bool
	n      bool // two answers
	marks  bool // cache marks, where the format has them
}

// client is one SDK at one of its ways.
type client struct {
	name   string
	format llm.Format
	// whole: it is tried with everything; else with the features that tell whether
	// its way in works.
	whole bool
	// silent are the features that its format has no word for.
	silent map[string]string
	make   func(w *world, h *counter, model string, k wish, retries int) (talker, error)
	// retries: the SDK asks again by itself.
	retries bool
	// thinks: answers hold thinking.
	thinks bool
	// aws: errors are told as AWS does.
	aws bool
}

// errNoEnd is what a talker says of a stream that ended without its end, where its SDK
// says nothing.
var errNoEnd = errors.New("the stream has no end")

const (
	noMarks = "the format has no cache marks"
	noSeed  = "the format has no seed"
	oneOnly = "the format has one answer a request"
)

var clients = []client{
	{name: "openai chat", format: llm.Chat, whole: true, make: newChat, retries: true, silent: map[string]string{"cache": noMarks}},
	{name: "openai responses", format: llm.Responses, whole: true, make: newResponses, retries: true, thinks: true,
		silent: map[string]string{"cache": noMarks, "stop": "the format has no stop sequences", "seed": noSeed, "n": oneOnly}},
	{name: "openai azure", format: llm.Chat, make: newAzure, retries: true},
	{name: "anthropic", format: llm.Messages, whole: true, make: newMessages, retries: true, thinks: true, silent: map[string]string{"seed": noSeed, "n": oneOnly}},
	{name: "anthropic bedrock", format: llm.Messages, make: newBedrockMessages, retries: true, thinks: true, aws: true},
	{name: "anthropic vertex", format: llm.Messages, make: newVertexMessages, retries: true, thinks: true},
	{name: "aws converse", format: llm.Converse, whole: true, make: newConverse, retries: true, thinks: true, aws: true, silent: map[string]string{"seed": noSeed, "n": oneOnly}},
	{name: "aws converse bearer", format: llm.Converse, make: newBearerConverse, retries: true, thinks: true, aws: true},
	{name: "aws invoke", format: llm.Messages, whole: true, make: newInvoke, retries: true, thinks: true, aws: true, silent: map[string]string{"seed": noSeed, "n": oneOnly}},
	{name: "genai gemini", format: llm.Gemini, whole: true, make: newGemini, thinks: true, silent: map[string]string{"cache": noMarks}},
	{name: "genai vertex", format: llm.Gemini, whole: true, make: newVertexGemini, thinks: true, silent: map[string]string{"cache": noMarks}},
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// dot is a picture of one pixel, and page a document of one page.
var (
	dot  = must(base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
	page = []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/MediaBox[0 0 3 3]/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
)

func inBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// weather is the schema of the tool that there is, and place that of an answer.
var (
	weather = map[string]any{"type": "object", "required": []string{"city"}, "properties": map[string]any{"city": map[string]any{"type": "string"}}}
	place   = map[string]any{"type": "object", "required": []string{"city"}, "additionalProperties": false,
		"properties": map[string]any{"city": map[string]any{"type": "string"}}}
)

const (
	toolName = "get_weather"
	toolDoc  = "the weather of a city"
)

func ptr[T any](v T) *T { return &v }
