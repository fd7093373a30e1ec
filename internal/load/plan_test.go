package load

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// plan is one request, and what the answer to it has to be.
type plan struct {
	format *format
	model  string
	prompt string
	body   []byte

	words string
	calls []called
}

// called is a tool call of an answer.
type called struct{ name, args string }

// formats are the ways in which clients ask, and how their streams are read.
var formats = []*format{
	{name: "chat", path: "/v1/chat/completions", body: chatBody, read: (*heard).chat, id: true},
	{name: "responses", path: "/v1/responses", body: responsesBody, read: (*heard).responses, id: true},
	{name: "messages", path: "/v1/messages", body: messagesBody, read: (*heard).messages, id: true},
	{name: "converse", path: "/model/%s/converse-stream", body: converseBody, read: (*heard).converse},
	{name: "gemini", path: "/v1beta/models/%s:streamGenerateContent?alt=sse", body: geminiBody, read: (*heard).gemini, id: true},
}

type format struct {
	name string
	path string // with the model's name where it stands there
	body func(model, prompt string, tool bool) any
	read func(*heard, []byte, string) // one event, with its name
	id   bool                         // its answers have one
}

const (
	toolName = "get_weather"
	toolSays = "The weather of a city."
)

var toolSchema = json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)

// plan chooses what is asked: mostly a long text; of every five, one is answered with
// a tool call, and some of these with two. Each has a topic of its own, and so words of
// its own.
func (w *world) plan(d *rand.Rand, n int) *plan {
	p := &plan{format: formats[d.IntN(len(formats))], model: services[d.IntN(len(services))].model}
	last := w.least + time.Duration(d.Int64N(int64(w.most-w.least)+1))
	chunks := float64(last) / float64(w.pace)
	perChunk := map[string]float64{"gpt": 1, "claude": 4, "bedrock": 4, "gemini": 6}[p.model] // words, about
	kind, tool := d.IntN(10), false
	prompt := fmt.Sprintf("Write %d words about tide number %d.", max(3, int(chunks*perChunk)), n)
	if kind < 2 {
		tool = true
		cities := "Oslo"
		if kind == 1 {
			cities = "Oslo and in Bergen"
			chunks /= 2
		}
		if p.model == "gemini" { // whose calls come whole
			chunks = 3
		}
		prompt = fmt.Sprintf("Look at the weather in %s, and say %d words about tide number %d.", cities, max(3, int(chunks*perChunk/3)), n)
	}
	body, err := json.Marshal(p.format.body(p.model, prompt, tool))
	w.must(err)
	p.prompt, p.body = prompt, body
	r := analyst.Request{Turns: []analyst.Turn{{Role: analyst.User, Parts: []analyst.Part{{Kind: analyst.Text, Text: prompt}}}}}
	if tool {
		r.Tools = []analyst.Tool{{Name: toolName, Description: toolSays, Schema: toolSchema}}
	}
	for _, part := range analyst.Answer(r) {
		switch part.Kind {
		case analyst.Text:
			p.words += part.Text
		case analyst.Call:
			p.calls = append(p.calls, called{part.Name, string(part.Args)})
		}
	}
	if tool != (len(p.calls) > 0) {
		w.t.Fatalf("the model would not call the tool as planned: %s", prompt)
	}
	return p
}

// path is the address, with the model in it where it stands there.
func (p *plan) path() string {
	if strings.Contains(p.format.path, "%s") {
		return fmt.Sprintf(p.format.path, p.model)
	}
	return p.format.path
}

type object = map[string]any

func chatBody(model, prompt string, tool bool) any {
	b := object{"model": model, "stream": true, "stream_options": object{"include_usage": true}, "messages": []any{object{"role": "user", "content": prompt}}}
	if tool {
		b["tools"] = []any{object{"type": "function", "function": object{"name": toolName, "description": toolSays, "parameters": toolSchema}}}
	}
	return b
}

func responsesBody(model, prompt string, tool bool) any {
	b := object{"model": model, "stream": true, "store": false, "input": prompt}
	if tool {
		b["tools"] = []any{object{"type": "function", "name": toolName, "description": toolSays, "parameters": toolSchema, "strict": false}}
	}
	return b
}

func messagesBody(model, prompt string, tool bool) any {
	b := object{"model": model, "stream": true, "max_tokens": 4000, "messages": []any{object{"role": "user", "content": prompt}}}
	if tool {
		b["tools"] = []any{object{"name": toolName, "description": toolSays, "input_schema": toolSchema}}
	}
	return b
}

func converseBody(_, prompt string, tool bool) any {
	b := object{"messages": []any{object{"role": "user", "content": []any{object{"text": prompt}}}}}
	if tool {
		b["toolConfig"] = object{"tools": []any{object{"toolSpec": object{"name": toolName, "description": toolSays, "inputSchema": object{"json": toolSchema}}}}}
	}
	return b
}

func geminiBody(_, prompt string, tool bool) any {
	b := object{"contents": []any{object{"role": "user", "parts": []any{object{"text": prompt}}}}}
	if tool {
		b["tools"] = []any{object{"functionDeclarations": []any{object{"name": toolName, "description": toolSays, "parameters": toolSchema}}}}
	}
	return b
}
