package embeddings

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// vertex is the body of Vertex AI's predict for Google's embedding models: a list
// of instances, of which gemini-embedding-001 takes one.
var vertex = form{
	format: llm.VertexEmbed, inputs: "instances", errors: googleErrors,
	member: func(r *reader, key string) bool {
		c := &r.c
		switch key {
		case "instances":
			for c.List(); c.More(); {
				r.instance()
			}
		case "parameters":
			for c.Object(); ; {
				name, ok := c.Key()
				if !ok {
					return true
				}
				r.key = name
				switch string(name) {
				case "outputDimensionality", "output_dimensionality":
					r.embed().Dimensions = c.Int()
				default:
					r.extra("parameters.")
				}
			}
		default:
			return false
		}
		return true
	},
	write: func(b *raw.Builder, r *llm.Request, _ *wire.Target) {
		b.Key("instances")
		b.List()
		for i := range r.Embed.Inputs {
			in := &r.Embed.Inputs[i]
			if in.Raw != nil {
				b.Raw(in.Raw)
				continue
			}
			b.Object()
			b.PutString("content", in.Text)
			if r.Embed.Task != "" {
				b.PutString("task_type", r.Embed.Task)
			}
			if in.Title != "" {
				b.PutString("title", in.Title)
			}
			b.EndObject()
		}
		b.EndList()
		if r.Embed.Dimensions > 0 || raw.HasExtras(r.Extra, llm.VertexEmbed, "parameters.") {
			b.Key("parameters")
			b.Object()
			if r.Embed.Dimensions > 0 {
				b.PutInt("outputDimensionality", r.Embed.Dimensions)
			}
			b.Extras(r.Extra, llm.VertexEmbed, "parameters.")
			b.EndObject()
		}
	},
	vectors: func(c *raw.Cursor, key string, r *llm.Response) bool {
		if key != "predictions" {
			return false
		}
		total, counted := int64(0), true
		for c.List(); c.More(); {
			n := prediction(c, r)
			total, counted = total+n, counted && n > 0
		}
		if counted {
			read(r, total)
		}
		return true
	},
	tell: func(b *raw.Builder, r *llm.Response, _ *wire.Answer) {
		b.Key("predictions")
		b.List()
		for i, n := range shares(r.Usage.InputTokens(), len(r.Vectors)) {
			b.Object()
			b.Key("embeddings")
			b.Object()
			b.Key("values")
			putNumbers(b, &r.Vectors[i])
			b.Key("statistics")
			b.Object()
			b.PutInt("token_count", n)
			b.PutBool("truncated", false)
			b.EndObject()
			b.EndObject()
			b.EndObject()
		}
		b.EndList()
	},
	table: googleTable(llm.VertexEmbed, carried()),
}

// instance is one input; with any member that is not a text's it is opaque.
func (r *reader) instance() {
	c := &r.c
	probe := *c
	plain := probe.Kind() == '{'
	for probe.Object(); plain; {
		key, ok := probe.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "content", "task_type", "taskType", "title":
			plain = probe.Kind() == '"'
			probe.Skip()
		default:
			plain = false
		}
	}
	if !plain {
		r.opaque()
		return
	}
	title := ""
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "content":
			r.text()
		case "title":
			title = c.Text()
		default:
			r.embed().Task = c.Text()
		}
	}
	if in := r.last(); in != nil {
		in.Title = title
	}
}

func prediction(c *raw.Cursor, r *llm.Response) (tokens int64) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return tokens
		}
		if string(key) != "embeddings" {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch string(key) {
			case "values":
				numbers(c, r)
			case "statistics":
				for c.Object(); ; {
					key, ok := c.Key()
					if !ok {
						break
					}
					if string(key) == "token_count" {
						tokens = whole(c)
					} else {
						c.Skip()
					}
				}
			default:
				c.Skip()
			}
		}
	}
}

// whole takes a count that some write as 10.0.
func whole(c *raw.Cursor) int64 {
	if c.Kind() != '0' {
		c.Skip()
		return 0
	}
	f, err := c.Number().Float64()
	if err != nil || f < 0 || f > 1<<40 {
		return 0
	}
	return int64(f)
}

// shares splits a count over n, its first ones taking what is left over.
func shares(total int64, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = total / int64(n)
		if int64(i) < total%int64(n) {
			out[i]++
		}
	}
	return out
}
