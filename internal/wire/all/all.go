// Package all lists the codecs that there are, so that whoever needs one by its
// format's name finds it without knowing the folders.
package all

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/converse"
	"github.com/skein-run/skein/internal/wire/embeddings"
	"github.com/skein-run/skein/internal/wire/gemini"
	"github.com/skein-run/skein/internal/wire/messages"
	"github.com/skein-run/skein/internal/wire/responses"
)

// formats are all codecs with their tables of losses; formats for counting follow
// the table of the format that they count.
var formats = []format{ // a new format is one more line here
	{chat.Codec{}, &chat.Table},
	{messages.Codec{}, &messages.Table},
	{messages.Count{}, nil},
	{responses.Codec{}, &responses.Table},
	{responses.Count{}, nil},
	{converse.Codec{}, &converse.Table},
	{converse.Count{}, nil},
	{gemini.Codec{}, &gemini.Table},
	{gemini.Count{}, nil},
	{embeddings.OpenAI, embeddings.OpenAI.Table()},
	{embeddings.Gemini, embeddings.Gemini.Table()},
	{embeddings.GeminiOne, embeddings.GeminiOne.Table()},
	{embeddings.Vertex, embeddings.Vertex.Table()},
	{embeddings.Titan, embeddings.Titan.Table()},
	{embeddings.Cohere, embeddings.Cohere.Table()},
}

type format struct {
	codec wire.Codec
	table *wire.LossTable
}

// Codec is the codec of a format, or nil where there is none.
func Codec(f llm.Format) wire.Codec {
	for i := range formats {
		if formats[i].codec.Format() == f {
			return formats[i].codec
		}
	}
	return nil
}

// Codecs lists all of them, in a fixed order.
func Codecs() []wire.Codec {
	out := make([]wire.Codec, len(formats))
	for i := range formats {
		out[i] = formats[i].codec
	}
	return out
}

// Tables are the loss tables of the codecs, in the same order.
func Tables() (out []*wire.LossTable) {
	for i := range formats {
		if formats[i].table != nil {
			out = append(out, formats[i].table)
		}
	}
	return out
}
