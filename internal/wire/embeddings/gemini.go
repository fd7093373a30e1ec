package embeddings

import (
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// gemini is batchEmbedContents, of the Gemini API.
var gemini = form{
	format: llm.GeminiEmbed, inputs: "requests", errors: googleErrors,
	member: func(r *reader, key string) bool {
		if key != "requests" {
			return false
		}
		for r.c.List(); r.c.More(); {
			r.geminiRequest()
		}
		return true
	},
	write: func(b *raw.Builder, r *llm.Request, t *wire.Target) {
		b.Key("requests")
		b.List()
		for i := range r.Embed.Inputs {
			b.Object()
			b.PutString("model", modelPath(r.Model, t))
			putGemini(b, r, &r.Embed.Inputs[i])
			b.EndObject()
		}
		b.EndList()
	},
	vectors: func(c *raw.Cursor, key string, r *llm.Response) bool {
		switch key {
		case "embeddings":
			for c.List(); c.More(); {
				geminiVector(c, r)
			}
		case "usageMetadata":
			geminiUsage(c, r)
		default:
			return false
		}
		return true
	},
	tell: func(b *raw.Builder, r *llm.Response, _ *wire.Answer) {
		b.Key("embeddings")
		b.List()
		for i := range r.Vectors {
			b.Object()
			b.Key("values")
			putNumbers(b, &r.Vectors[i])
			b.EndObject()
		}
		b.EndList()
		tellUsage(b, r)
	},
	rename: renameRequests,
	table:  googleTable(llm.GeminiEmbed, carried()),
}

// geminiOne is embedContent, of the Gemini API and of Vertex AI's newer models.
var geminiOne = form{
	format: llm.GeminiEmbedOne, inputs: "content", errors: googleErrors,
	member: func(r *reader, key string) bool { return r.geminiMember(key) },
	write: func(b *raw.Builder, r *llm.Request, t *wire.Target) {
		putGemini(b, r, &r.Embed.Inputs[0])
	},
	vectors: func(c *raw.Cursor, key string, r *llm.Response) bool {
		switch key {
		case "embedding":
			geminiVector(c, r)
		case "usageMetadata":
			geminiUsage(c, r)
		default:
			return false
		}
		return true
	},
	tell: func(b *raw.Builder, r *llm.Response, _ *wire.Answer) {
		b.Key("embedding")
		b.Object()
		b.Key("values")
		putNumbers(b, &r.Vectors[0])
		b.EndObject()
		tellUsage(b, r)
	},
	rename: func(dst, body []byte, upstream string) []byte {
		c := raw.On(body)
		var e wire.Editor
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				return e.Apply(dst, body)
			}
			if at := c.Skip(); string(key) == "model" {
				e.String(wire.Span(at), "models/"+upstream)
			}
		}
	},
	table: googleTable(llm.GeminiEmbedOne, semantic("one text a request")),
}

// geminiRequest reads one of the list.
func (r *reader) geminiRequest() {
	c, inputs := &r.c, r.scan.Inputs
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		r.key = key
		if !r.geminiMember(string(key)) {
			r.extra("requests.")
		}
	}
	if r.scan.Inputs == inputs && c.Err() == nil {
		c.Fail(c.Offset(), "a request without content")
	}
}

// geminiMember is a member of one request. Both spellings are taken, as the API
// takes them.
func (r *reader) geminiMember(key string) bool {
	c := &r.c
	switch key {
	case "content":
		r.geminiContent()
	case "model":
		c.Skip() // the address names it; this is the same once more
	case "taskType", "task_type":
		r.embed().Task = c.Text()
	case "title":
		title := c.Text()
		if in := r.last(); in != nil {
			in.Title = title
		}
	case "outputDimensionality", "output_dimensionality":
		r.embed().Dimensions = c.Int()
	default:
		return false
	}
	return true
}

// geminiContent is one input: a text where it has one part that is no more than
// that.
func (r *reader) geminiContent() {
	c := &r.c
	if c.Kind() != '{' {
		c.Fail(c.Pos(), "want an object with parts")
		return
	}
	probe, plain, parts := *c, true, 0
	for probe.Object(); ; {
		key, ok := probe.Key()
		if !ok {
			break
		}
		if string(key) != "parts" {
			probe.Skip()
			continue
		}
		for probe.List(); probe.More(); parts++ {
			for probe.Object(); ; {
				name, ok := probe.Key()
				if !ok {
					break
				}
				plain = plain && string(name) == "text"
				probe.Skip()
			}
		}
	}
	if !plain || parts != 1 || probe.Err() != nil {
		r.opaque()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "parts" {
			c.Skip() // a role, of which there is one
			continue
		}
		for c.List(); c.More(); {
			for c.Object(); ; {
				if _, ok := c.Key(); !ok {
					break
				}
				r.text()
			}
		}
	}
}

func putGemini(b *raw.Builder, r *llm.Request, in *llm.EmbedInput) {
	b.Key("content")
	if in.Raw != nil {
		b.Raw(in.Raw)
	} else {
		b.Object()
		b.Key("parts")
		b.List()
		b.Object()
		b.PutString("text", in.Text)
		b.EndObject()
		b.EndList()
		b.EndObject()
	}
	if r.Embed.Task != "" {
		b.PutString("taskType", r.Embed.Task)
	}
	if in.Title != "" {
		b.PutString("title", in.Title)
	}
	if r.Embed.Dimensions > 0 {
		b.PutInt("outputDimensionality", r.Embed.Dimensions)
	}
	b.Extras(r.Extra, llm.GeminiEmbed, "requests.")
}

func modelPath(model string, t *wire.Target) string {
	if t.Upstream != "" {
		model = t.Upstream
	}
	return "models/" + strings.TrimPrefix(model, "models/")
}

// renameRequests gives every request of a batch the upstream's name: the API wants
// it to be the address's.
func renameRequests(dst, body []byte, upstream string) []byte {
	c := raw.On(body)
	done, quoted := 0, string(raw.AppendString(nil, "models/"+upstream))
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return append(dst, body[done:]...)
		}
		if string(key) != "requests" {
			c.Skip()
			continue
		}
		for c.List(); c.More(); {
			for c.Object(); ; {
				key, ok := c.Key()
				if !ok {
					break
				}
				if at := c.Skip(); string(key) == "model" {
					dst = append(slices.Grow(append(dst, body[done:at.From]...), len(quoted)), quoted...)
					done = at.To
				}
			}
		}
	}
}

func geminiVector(c *raw.Cursor, r *llm.Response) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "values" {
			numbers(c, r)
		} else {
			r.Extra = raw.Keep(r.Extra, llm.GeminiEmbed, "embeddings.", key, c)
		}
	}
}

// geminiUsage: newer models say what they read, by kind; older ones say nothing.
func geminiUsage(c *raw.Cursor, r *llm.Response) {
	var all, image, audio int64
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "promptTokenCount":
			all = c.Count()
		case "promptTokenDetails", "promptTokensDetails":
			kept := *c
			for c.List(); c.More(); {
				kind, n := "", int64(0)
				for c.Object(); ; {
					name, ok := c.Key()
					if !ok {
						break
					}
					switch string(name) {
					case "modality":
						kind = c.TextIf()
					case "tokenCount":
						n = c.Count()
					default:
						c.Skip()
					}
				}
				switch kind {
				case "IMAGE", "VIDEO", "DOCUMENT":
					image += n
				case "AUDIO":
					audio += n
				}
			}
			r.Extra = raw.Keep(r.Extra, llm.GeminiEmbed, "usageMetadata.", key, &kept)
		default:
			r.Extra = raw.Keep(r.Extra, llm.GeminiEmbed, "usageMetadata.", key, c)
		}
	}
	read(r, max(all-image-audio, 0))
	r.Usage.Tokens[llm.TokImageInput] = image
	r.Usage.Tokens[llm.TokAudioInput] = audio
}

func tellUsage(b *raw.Builder, r *llm.Response) {
	if !r.Usage.Reported {
		return
	}
	b.Key("usageMetadata")
	b.Object()
	b.PutInt("promptTokenCount", r.Usage.InputTokens())
	b.Extras(r.Extra, llm.GeminiEmbed, "usageMetadata.")
	b.EndObject()
}
