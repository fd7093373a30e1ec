package embeddings

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// titan is the InvokeModel body of Amazon's embedding models. It takes one text.
var titan = form{
	format: llm.TitanEmbed, inputs: "inputText", errors: bedrockErrors,
	member: func(r *reader, key string) bool {
		switch key {
		case "inputText":
			r.text()
		case "dimensions":
			r.embed().Dimensions = r.c.Int()
		default:
			return false
		}
		return true
	},
	write: func(b *raw.Builder, r *llm.Request, _ *wire.Target) {
		b.PutString("inputText", r.Embed.Inputs[0].Text)
		if r.Embed.Dimensions > 0 {
			b.PutInt("dimensions", r.Embed.Dimensions)
		}
	},
	vectors: func(c *raw.Cursor, key string, r *llm.Response) bool {
		switch key {
		case "embedding":
			numbers(c, r)
		case "inputTextTokenCount":
			read(r, c.Count())
		default:
			return false
		}
		return true
	},
	tell: func(b *raw.Builder, r *llm.Response, _ *wire.Answer) {
		b.Key("embedding")
		putNumbers(b, &r.Vectors[0])
		b.PutInt("inputTextTokenCount", r.Usage.InputTokens())
	},
	table: wire.LossTable{Format: llm.TitanEmbed, Fields: map[string]wire.Fate{
		"input": carried(), "inputs>1": semantic("one text a request"), "input.tokens": semantic("texts only"), "input.media": semantic("texts only"),
		"title": advisory("a hint about the text"), "task": advisory("this format knows no purposes"),
		"dimensions": carried(), "encoding=base64": emulated("packed on the way back"), "user": advisory("no such member"),
	}},
}

// cohere is the InvokeModel body of Cohere's embedding models on Bedrock, and
// Cohere's own /v2/embed. Models of the third generation answer with a list of
// vectors, those of the fourth with lists by type.
var cohere = form{
	format: llm.CohereEmbed, inputs: "texts", model: "model", errors: bedrockErrors,
	member: func(r *reader, key string) bool {
		c := &r.c
		switch key {
		case "texts":
			for c.List(); c.More(); {
				r.text()
			}
		case "images", "inputs":
			if c.Kind() != '[' {
				return false
			}
			for c.List(); c.More(); {
				r.opaque()
			}
		case "input_type":
			r.embed().Task = cohereTasks.ours(c.Text())
		case "output_dimension":
			if !c.Null() {
				r.embed().Dimensions = c.Int()
			}
		default:
			return false
		}
		return true
	},
	write: func(b *raw.Builder, r *llm.Request, t *wire.Target) {
		b.Key("texts")
		b.List()
		for i := range r.Embed.Inputs {
			b.String(r.Embed.Inputs[i].Text)
		}
		b.EndList()
		b.PutString("input_type", cohereTasks.theirs(r.Embed.Task))
		if r.Embed.Dimensions > 0 {
			b.PutInt("output_dimension", r.Embed.Dimensions)
		}
		if r.From != llm.CohereEmbed && !inAddress(t) {
			b.Key("embedding_types") // Cohere's own API must be told; Bedrock's third generation does not know it
			b.List()
			b.String("float")
			b.EndList()
		}
	},
	vectors: func(c *raw.Cursor, key string, r *llm.Response) bool {
		switch key {
		case "embeddings":
			cohereVectors(c, r)
		case "meta":
			cohereMeta(c, r)
		default:
			return false
		}
		return true
	},
	tell: func(b *raw.Builder, r *llm.Response, as *wire.Answer) {
		if raw.Find(r.Extra, llm.CohereEmbed, "id") == nil {
			b.PutString("id", as.ID)
		}
		plain := string(raw.Find(r.Extra, llm.CohereEmbed, "response_type")) == `"embeddings_floats"`
		b.Key("embeddings")
		if !plain {
			b.Object()
			b.Key("float")
		}
		b.List()
		for i := range r.Vectors {
			putNumbers(b, &r.Vectors[i])
		}
		b.EndList()
		if !plain {
			b.Extras(r.Extra, llm.CohereEmbed, "embeddings.")
			b.EndObject()
		}
		if raw.Find(r.Extra, llm.CohereEmbed, "response_type") == nil {
			b.PutString("response_type", "embeddings_by_type")
		}
		if r.Usage.Reported {
			b.Key("meta")
			b.Object()
			b.Key("billed_units")
			b.Object()
			b.PutInt("input_tokens", r.Usage.InputTokens())
			b.Extras(r.Extra, llm.CohereEmbed, "meta.billed_units.")
			b.EndObject()
			b.Extras(r.Extra, llm.CohereEmbed, "meta.")
			b.EndObject()
		}
	},
	table: wire.LossTable{Format: llm.CohereEmbed, Fields: map[string]wire.Fate{
		"input": carried(), "inputs>1": carried(), "input.tokens": semantic("texts only"), "input.media": semantic("another form of images"),
		"title": advisory("a hint about the text"), "task": carried(),
		"dimensions": carried(), "encoding=base64": emulated("packed on the way back"), "user": advisory("no such member"),
	}},
}

func cohereVectors(c *raw.Cursor, r *llm.Response) {
	if c.Kind() == '[' {
		for c.List(); c.More(); {
			numbers(c, r)
		}
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "float" {
			r.Extra = raw.Keep(r.Extra, llm.CohereEmbed, "embeddings.", key, c)
			continue
		}
		for c.List(); c.More(); {
			numbers(c, r)
		}
	}
}

func cohereMeta(c *raw.Cursor, r *llm.Response) {
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) != "billed_units" || c.Kind() != '{' {
			r.Extra = raw.Keep(r.Extra, llm.CohereEmbed, "meta.", key, c)
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) == "input_tokens" {
				read(r, whole(c))
			} else {
				r.Extra = raw.Keep(r.Extra, llm.CohereEmbed, "meta.billed_units.", key, c)
			}
		}
	}
}

// tasks are the purposes of vectors, ours (which are Google's) and theirs.
type tasks [][2]string

var cohereTasks = tasks{
	{"RETRIEVAL_DOCUMENT", "search_document"}, {"RETRIEVAL_QUERY", "search_query"}, {"QUESTION_ANSWERING", "search_query"},
	{"CODE_RETRIEVAL_QUERY", "search_query"}, {"CLASSIFICATION", "classification"}, {"CLUSTERING", "clustering"},
	{"SEMANTIC_SIMILARITY", "clustering"}, {"IMAGE", "image"},
}

func (t tasks) ours(word string) string {
	for _, row := range t {
		if row[1] == word {
			return row[0]
		}
	}
	return word
}

// theirs: an embedding must say what it is for; where the caller does not, it is
// what is searched in.
func (t tasks) theirs(word string) string {
	for _, row := range t {
		if row[0] == word {
			return row[1]
		}
	}
	if word == "" {
		return "search_document"
	}
	return word
}
