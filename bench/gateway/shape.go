package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// pieces is how many chunks of text an answer has.
const pieces = 100

// What an answer's usage says, and so what Skein must book for it.
const inputTokens, outputTokens = 250, 100

// shape is one kind of call.
type shape struct {
	name   string
	path   string
	body   string
	header string // beside the credential
	format format
	stream bool
	rate   int // calls a second, where the rate is constant
}

// format is what the client speaks. The upstream answers in the format that it is
// asked in, so a proxy passes it on; Skein is configured with upstreams of the
// Chat format only and has to translate the other.
type format int

const (
	chat format = iota
	messages
)

// The models that are asked for. The paced one takes its time between chunks.
const model, pacedModel = "bench-model", "bench-paced"

// shapes are those of the closed loop.
func shapes() []*shape {
	return []*shape{
		chatShape("plain", model, false),
		chatShape("stream", model, true),
		messagesShape("translated", model, false),
		messagesShape("translated-stream", model, true),
	}
}

// ratedShapes are those of the constant rate.
func ratedShapes() []*shape {
	plain, stream := chatShape("plain", model, false), chatShape("stream", pacedModel, true)
	plain.rate, stream.rate = 1000, 100
	return []*shape{plain, stream}
}

const (
	system = "You are a careful financial analyst. Use only what you are given, name your sources, give figures with their units and periods, and say so where something is not known. Answer in one paragraph of plain text, without headings or lists, in at most a hundred words."
	filing = "The company reports net sales of 391.0 billion dollars for the fiscal year, against 383.3 billion a year before; products contributed 294.9 billion and services 96.2 billion. Gross margin came to 180.7 billion, operating expenses to 57.5 billion, operating income to 123.2 billion and net income to 93.7 billion. Operating cash flow was 118.3 billion, and 94.9 billion went into repurchases of its own shares. How did margin and cash flow develop, and what should be watched in the coming year?"
)

func chatShape(name, model string, stream bool) *shape {
	return &shape{
		name: name, path: "/v1/chat/completions", format: chat, stream: stream,
		body: fmt.Sprintf(`{"model":%q,"messages":[{"role":"system","content":%q},{"role":"user","content":%q}],"max_tokens":400,"temperature":0.2%s}`,
			model, system, filing, streamed(stream)),
	}
}

func messagesShape(name, model string, stream bool) *shape {
	return &shape{
		name: name, path: "/v1/messages", format: messages, stream: stream, header: "Anthropic-Version: 2023-06-01\r\n",
		body: fmt.Sprintf(`{"model":%q,"max_tokens":400,"system":%q,"messages":[{"role":"user","content":%q}],"temperature":0.2%s}`,
			model, system, filing, streamed(stream)),
	}
}

func streamed(yes bool) string {
	if yes {
		return `,"stream":true`
	}
	return ""
}

// request is the bytes of the whole HTTP request.
func (s *shape) request(host, key string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench-gateway\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		s.path, host, key, s.header, len(s.body), s.body)
}

// piece is the text of chunk i.
func piece(i int) string { return fmt.Sprintf("w%02d, ", i) }

// answerText is the text of a whole answer.
var answerText = func() string {
	var b strings.Builder
	for i := range pieces {
		b.WriteString(piece(i))
	}
	return b.String()
}()

// whole says what an answer's body lacks.
func (s *shape) whole(body []byte) error {
	if s.stream {
		return s.wholeStream(body)
	}
	var text string
	var in, out int
	var err error
	if s.format == chat {
		var a struct {
			Choices []struct {
				Message struct{ Content string }
			}
			Usage struct {
				Prompt     int `json:"prompt_tokens"`
				Completion int `json:"completion_tokens"`
			}
		}
		if err = json.Unmarshal(body, &a); err == nil && len(a.Choices) == 1 {
			text, in, out = a.Choices[0].Message.Content, a.Usage.Prompt, a.Usage.Completion
		}
	} else {
		var a struct {
			Content []struct{ Text string }
			Usage   struct {
				Input  int `json:"input_tokens"`
				Output int `json:"output_tokens"`
			}
		}
		if err = json.Unmarshal(body, &a); err == nil && len(a.Content) == 1 {
			text, in, out = a.Content[0].Text, a.Usage.Input, a.Usage.Output
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("an answer is not whole: %w", err)
	case text != answerText:
		return errors.New("an answer lacks some of its text")
	case in != inputTokens || out != outputTokens:
		return errors.New("an answer lacks its usage")
	}
	return nil
}

// ends are the last bytes of a complete stream, and delta what stands before the
// text of a chunk.
var (
	ends  = [...][]byte{chat: []byte("data: [DONE]\n\n"), messages: []byte("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")}
	delta = [...][]byte{chat: []byte(`"content":"w`), messages: []byte(`"text":"w`)}
)

// wholeStream wants every chunk once, in order, and the proper end. It looks at
// bytes, since decoding a hundred events would be most of this process's work.
func (s *shape) wholeStream(body []byte) error {
	if !bytes.HasSuffix(body, ends[s.format]) {
		return errors.New("a stream ended without its terminal event")
	}
	rest := body
	for i := range pieces {
		at := bytes.Index(rest, delta[s.format])
		if at < 0 {
			return fmt.Errorf("a stream has %d of its %d chunks", i, pieces)
		}
		rest = rest[at+len(delta[s.format])-1:]
		if !bytes.HasPrefix(rest, pieceBytes[i]) {
			return fmt.Errorf("chunk %d of a stream is missing or out of order", i)
		}
	}
	if bytes.Contains(rest, delta[s.format]) {
		return errors.New("a stream has a chunk twice")
	}
	return nil
}

var pieceBytes = func() (out [pieces][]byte) {
	for i := range out {
		out[i] = []byte(piece(i))
	}
	return out
}()
