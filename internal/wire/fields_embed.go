package wire

import "github.com/skein-run/skein/internal/llm"

// EmbedFields are the rows of the tables of formats that ask for vectors.
var EmbedFields = []Field{
	{"input", "a text", func(r *llm.Request) bool {
		return anyInput(r, func(i *llm.EmbedInput) bool { return i.Raw == nil && i.Tokens == nil })
	}},
	{"inputs>1", "several texts", func(r *llm.Request) bool { return r.Embed != nil && len(r.Embed.Inputs) > 1 }},
	{"input.tokens", "a text that was cut into tokens already", func(r *llm.Request) bool { return anyInput(r, func(i *llm.EmbedInput) bool { return i.Tokens != nil }) }},
	{"input.media", "an image, or several parts that make one vector", func(r *llm.Request) bool { return anyInput(r, func(i *llm.EmbedInput) bool { return i.Raw != nil }) }},
	{"title", "a text's title", func(r *llm.Request) bool { return anyInput(r, func(i *llm.EmbedInput) bool { return i.Title != "" }) }},
	{"task", "what the vectors are for", func(r *llm.Request) bool { return r.Embed != nil && r.Embed.Task != "" }},
	{"dimensions", "how long vectors are", func(r *llm.Request) bool { return r.Embed != nil && r.Embed.Dimensions > 0 }},
	{"encoding=base64", "vectors as packed bytes", func(r *llm.Request) bool { return r.Embed != nil && r.Embed.Encoding == "base64" }},
	{"user", "the caller's end user", func(r *llm.Request) bool { return r.User != "" }},
}

func anyInput(r *llm.Request, is func(*llm.EmbedInput) bool) bool {
	if r.Embed == nil {
		return false
	}
	for i := range r.Embed.Inputs {
		if is(&r.Embed.Inputs[i]) {
			return true
		}
	}
	return false
}

// FieldsOf are the rows of the tables of an operation's formats.
func FieldsOf(op llm.Operation) []Field {
	if op == llm.Embed {
		return EmbedFields
	}
	return Fields
}
