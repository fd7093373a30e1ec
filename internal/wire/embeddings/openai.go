package embeddings

import (
	"strconv"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/raw"
)

// openAI is POST /v1/embeddings of OpenAI and of those who imitate it.
var openAI = form{
	format: llm.Embeddings, inputs: "input", model: "model", answer: "model", errors: chat.Codec{},
	member: func(r *reader, key string) bool {
		c := &r.c
		switch key {
		case "input":
			r.inputs()
		case "dimensions":
			r.embed().Dimensions = c.Int()
		case "encoding_format":
			e := c.Text()
			r.embed().Encoding, r.scan.Packed = e, e == "base64"
		case "user":
			if user := c.Text(); r.r != nil {
				r.r.User = user
			}
		default:
			return false
		}
		return true
	},
	write: func(b *raw.Builder, r *llm.Request, t *wire.Target) {
		e := r.Embed
		b.Key("input")
		switch {
		case len(e.Inputs) == 1 && e.Single:
			putInput(b, &e.Inputs[0])
		default:
			b.List()
			for i := range e.Inputs {
				putInput(b, &e.Inputs[i])
			}
			b.EndList()
		}
		if e.Dimensions > 0 {
			b.PutInt("dimensions", e.Dimensions)
		}
		if r.From == llm.Embeddings && e.Encoding != "" {
			b.PutString("encoding_format", e.Encoding)
		}
		if r.User != "" {
			b.PutString("user", r.User)
		}
	},
	vectors: func(c *raw.Cursor, key string, r *llm.Response) bool {
		switch key {
		case "object":
			c.Skip()
		case "data":
			for c.List(); c.More(); {
				openAIVector(c, r)
			}
		case "usage":
			openAIUsage(c, r)
		default:
			return false
		}
		return true
	},
	tell: func(b *raw.Builder, r *llm.Response, as *wire.Answer) {
		b.PutString("object", "list")
		b.Key("data")
		b.List()
		for i := range r.Vectors {
			b.Object()
			b.PutString("object", "embedding")
			b.PutInt("index", int64(i))
			b.Key("embedding")
			if as.Packed {
				putPacked(b, &r.Vectors[i])
			} else {
				putNumbers(b, &r.Vectors[i])
			}
			b.Extras(r.Extra, llm.Embeddings, "data."+strconv.Itoa(i)+".")
			b.EndObject()
		}
		b.EndList()
		b.PutString("model", as.Model)
		b.Key("usage")
		b.Object()
		b.PutInt("prompt_tokens", r.Usage.InputTokens())
		b.PutInt("total_tokens", r.Usage.InputTokens())
		b.Extras(r.Extra, llm.Embeddings, "usage.")
		b.EndObject()
	},
	table: wire.LossTable{Format: llm.Embeddings, Fields: map[string]wire.Fate{
		"input": carried(), "inputs>1": carried(), "input.tokens": carried(), "input.media": semantic("texts only"),
		"title": advisory("a hint about the text"), "task": advisory("this format knows no purposes"),
		"dimensions": carried(), "encoding=base64": carried(), "user": carried(),
	}},
}

// inputs is a text, a list of texts, the tokens of one, or a list of those.
func (r *reader) inputs() {
	c := &r.c
	if c.Kind() == '"' {
		r.text()
		r.embed().Single = true
		return
	}
	probe := *c
	if probe.List() && probe.More() && probe.Kind() == '0' {
		r.tokens()
		r.embed().Single = true
		return
	}
	for c.List(); c.More(); {
		switch c.Kind() {
		case '"':
			r.text()
		case '[':
			r.tokens()
		default:
			r.opaque()
		}
	}
}

func putInput(b *raw.Builder, in *llm.EmbedInput) {
	switch {
	case in.Raw != nil:
		b.Raw(in.Raw)
	case in.Tokens != nil:
		b.Raw(in.Tokens)
	default:
		b.String(in.Text)
	}
}

func openAIVector(c *raw.Cursor, r *llm.Response) {
	at, index := len(r.Vectors), int64(-1)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "embedding":
			if c.Kind() == '"' {
				r.Vectors = append(r.Vectors, llm.Vector{Packed: c.Text()})
			} else {
				numbers(c, r)
			}
		case "index":
			index = c.Int()
		case "object":
			c.Skip()
		default:
			r.Extra = raw.Keep(r.Extra, llm.Embeddings, "data."+strconv.Itoa(at)+".", key, c)
		}
	}
	// They come in order from everybody who was seen; the index says so, or mends it.
	if index >= 0 && int(index) < at && len(r.Vectors) > at {
		v := r.Vectors[at]
		copy(r.Vectors[index+1:], r.Vectors[index:at])
		r.Vectors[index] = v
	}
}

// openAIUsage: Voyage tells the total only; Mistral adds six members of null or 0;
// Cohere's models on Azure tell 0 completion tokens.
func openAIUsage(c *raw.Cursor, r *llm.Response) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	var prompt, total int64 = -1, -1
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "prompt_tokens":
			prompt = c.Count()
		case "total_tokens":
			total = c.Count()
		default:
			r.Extra = raw.Keep(r.Extra, llm.Embeddings, "usage.", key, c)
		}
	}
	switch {
	case prompt >= 0:
		read(r, prompt)
	case total >= 0:
		read(r, total)
	}
}
