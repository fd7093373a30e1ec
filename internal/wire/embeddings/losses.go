package embeddings

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
)

// The shapes of errors are those of the services.
var (
	googleErrors  wire.Codec = chat.Codec{}
	bedrockErrors wire.Codec = chat.Codec{}
)

func carried() wire.Fate             { return wire.Fate{Class: wire.Carried} }
func emulated(note string) wire.Fate { return wire.Fate{Class: wire.Emulated, Note: note} }
func advisory(note string) wire.Fate { return wire.Fate{Class: wire.Advisory, Note: note} }
func semantic(note string) wire.Fate { return wire.Fate{Class: wire.Semantic, Note: note} }

func googleTable(several wire.Fate) wire.LossTable {
	return wire.LossTable{Fields: map[string]wire.Fate{
		"input": carried(), "inputs>1": several, "input.tokens": semantic("texts only"), "input.media": semantic("known to its own format only"),
		"title": carried(), "task": carried(),
		"dimensions": carried(), "encoding=base64": emulated("packed on the way back"), "user": advisory("no such member"),
	}}
}

func (f *form) losses(r *llm.Request) []wire.Loss {
	t := f.table
	t.Format = f.format
	return t.Losses(r)
}
