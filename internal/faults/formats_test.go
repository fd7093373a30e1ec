package faults

import (
	"fmt"
	"strings"
)

// model is what clients ask for.
const model = "smart"

// format is an input format, and the two deployments that serve it.
type format struct {
	name          string
	whole, stream string // paths
	streams       string // the type of its streams
	header        [2]string
	reader        func() reader
	bodies        map[scene]string
	ups           func(scene) [2]upstream
}

// upstream is a deployment: a row of providers, and what of the stand-in serves it.
type upstream struct {
	kind     string
	path     string // below the stand-in's address
	formats  []string
	dialect  string
	name     string // of the model
	service  string // as the stand-in's log has it
	prefills bool
	project  string
}

// scene is what is asked for, so that a fault has a place to happen at.
type scene string

const (
	says   scene = "text"
	calls  scene = "calls"  // a text and two calls
	thinks scene = "thinks" // and a text
)

const (
	question = "Write 120 words about tides."
	weather  = "What is the weather in Paris and in Rome?"
	schema   = `{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}`
)

// body is a client's request.
func (f *format) body(s scene, streamed bool) string {
	said := map[scene]string{says: question, calls: weather, thinks: question}[s]
	options := ""
	if streamed {
		options = `"stream_options":{"include_usage":true},`
	}
	return strings.NewReplacer("OPTIONS", options, "SAID", said, "STREAM", fmt.Sprint(streamed), "SCHEMA", schema).Replace(f.bodies[s])
}

func (f *format) path(streamed bool) string {
	if streamed && f.stream != "" {
		return f.stream
	}
	return f.whole
}

var (
	openaiChat = upstream{kind: "openai", path: "/openai/v1", formats: []string{"chat"}, dialect: "openai", name: "gpt-5.1", service: "openai"}
	azureChat  = upstream{kind: "azure", path: "/azure", formats: []string{"chat"}, name: "gpt-5.1", service: "azure"}
	openaiResp = upstream{kind: "openai", path: "/openai/v1", formats: []string{"responses"}, name: "gpt-5.1", service: "openai"}
	azureResp  = upstream{kind: "azure", path: "/azure", formats: []string{"responses"}, name: "gpt-5.1", service: "azure"}
	vllmChat   = upstream{kind: "vllm", path: "/vllm/v1", formats: []string{"chat"}, name: "local", service: "vllm", prefills: true}
	anthropic  = upstream{kind: "anthropic", path: "/anthropic", formats: []string{"messages"}, name: "claude-sonnet-4-5", service: "anthropic", prefills: true}
	bedrock    = upstream{kind: "bedrock", path: "/bedrock", formats: []string{"converse"}, name: "anthropic.claude-sonnet-4-5-20250929-v1:0", service: "bedrock", prefills: true}
	gemini     = upstream{kind: "gemini", path: "/gemini", formats: []string{"gemini"}, name: "gemini-2.5-flash", service: "gemini", prefills: true}
	vertex     = upstream{kind: "vertex", path: "/vertex", formats: []string{"gemini"}, name: "gemini-2.5-flash", service: "vertex", prefills: true, project: "p"}
)

func always(a, b upstream) func(scene) [2]upstream {
	return func(scene) [2]upstream { return [2]upstream{a, b} }
}

const serverSentType = "text/event-stream"

// formats are the input formats. Of each the first deployment speaks it, so that what
// comes passes through; where there is another API of the same model, the second one
// speaks that, so that an answer goes on in a translation.
var formats = []*format{
	{
		name: "chat", whole: "/v1/chat/completions", streams: serverSentType, reader: func() reader { return &chatReader{} },
		bodies: map[scene]string{
			says:   `{"model":"smart","stream":STREAM,OPTIONS"max_completion_tokens":800,"messages":[{"role":"user","content":"SAID"}]}`,
			calls:  `{"model":"smart","stream":STREAM,OPTIONS"max_completion_tokens":800,"messages":[{"role":"user","content":"SAID"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":SCHEMA}}]}`,
			thinks: `{"model":"smart","stream":STREAM,OPTIONS"max_completion_tokens":800,"messages":[{"role":"user","content":"SAID"}],"chat_template_kwargs":{"enable_thinking":true}}`,
		},
		ups: func(s scene) [2]upstream {
			if s == thinks { // OpenAI's own models do not show it
				return [2]upstream{vllmChat, vllmChat}
			}
			return [2]upstream{openaiChat, azureChat}
		},
	},
	{
		name: "responses", whole: "/v1/responses", streams: serverSentType, reader: func() reader { return &responsesReader{} },
		bodies: map[scene]string{
			says:   `{"model":"smart","stream":STREAM,"store":false,"max_output_tokens":800,"input":"SAID"}`,
			calls:  `{"model":"smart","stream":STREAM,"store":false,"max_output_tokens":800,"input":"SAID","tools":[{"type":"function","name":"get_weather","strict":false,"parameters":SCHEMA}]}`,
			thinks: `{"model":"smart","stream":STREAM,"store":false,"max_output_tokens":800,"input":"SAID","reasoning":{"effort":"low","summary":"auto"}}`,
		},
		ups: always(openaiResp, azureResp),
	},
	{
		name: "messages", whole: "/v1/messages", streams: serverSentType, header: [2]string{"Anthropic-Version", "2023-06-01"}, reader: func() reader { return &messagesReader{} },
		bodies: map[scene]string{
			says:   `{"model":"smart","stream":STREAM,"max_tokens":800,"messages":[{"role":"user","content":"SAID"}]}`,
			calls:  `{"model":"smart","stream":STREAM,"max_tokens":800,"messages":[{"role":"user","content":"SAID"}],"tools":[{"name":"get_weather","input_schema":SCHEMA}]}`,
			thinks: `{"model":"smart","stream":STREAM,"max_tokens":2500,"messages":[{"role":"user","content":"SAID"}],"thinking":{"type":"enabled","budget_tokens":1024}}`,
		},
		ups: always(anthropic, bedrock),
	},
	{
		name: "converse", whole: "/model/smart/converse", stream: "/model/smart/converse-stream", streams: amazonStream, reader: func() reader { return &converseReader{} },
		bodies: map[scene]string{
			says:   `{"messages":[{"role":"user","content":[{"text":"SAID"}]}],"inferenceConfig":{"maxTokens":800}}`,
			calls:  `{"messages":[{"role":"user","content":[{"text":"SAID"}]}],"inferenceConfig":{"maxTokens":800},"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","inputSchema":{"json":SCHEMA}}}]}}`,
			thinks: `{"messages":[{"role":"user","content":[{"text":"SAID"}]}],"inferenceConfig":{"maxTokens":2500},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}}`,
		},
		ups: always(bedrock, anthropic),
	},
	{
		name: "gemini", whole: "/v1beta/models/smart:generateContent", stream: "/v1beta/models/smart:streamGenerateContent?alt=sse", streams: serverSentType, reader: func() reader { return &geminiReader{} },
		bodies: map[scene]string{
			says:   `{"contents":[{"role":"user","parts":[{"text":"SAID"}]}],"generationConfig":{"maxOutputTokens":800}}`,
			calls:  `{"contents":[{"role":"user","parts":[{"text":"SAID"}]}],"generationConfig":{"maxOutputTokens":800},"tools":[{"functionDeclarations":[{"name":"get_weather","parametersJsonSchema":SCHEMA}]}]}`,
			thinks: `{"contents":[{"role":"user","parts":[{"text":"SAID"}]}],"generationConfig":{"maxOutputTokens":800,"thinkingConfig":{"includeThoughts":true,"thinkingBudget":64}}}`,
		},
		ups: always(gemini, vertex),
	},
}
