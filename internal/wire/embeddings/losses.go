package embeddings

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/converse"
	google "github.com/skein-run/skein/internal/wire/gemini"
)

// The shapes of errors are those of the services.
var (
	googleErrors  wire.Codec = google.Codec{}
	bedrockErrors wire.Codec = converse.Codec{}
)

func carried() wire.Fate             { return wire.Fate{Class: wire.Carried} }
func emulated(note string) wire.Fate { return wire.Fate{Class: wire.Emulated, Note: note} }
func advisory(note string) wire.Fate { return wire.Fate{Class: wire.Advisory, Note: note} }
func semantic(note string) wire.Fate { return wire.Fate{Class: wire.Semantic, Note: note} }

func googleTable(f llm.Format, several wire.Fate) wire.LossTable {
	return wire.LossTable{Format: f, Fields: map[string]wire.Fate{
		"input": carried(), "inputs>1": several, "input.tokens": semantic("texts only"), "input.media": semantic("known to its own format only"),
		"title": carried(), "task": carried(),
		"dimensions": carried(), "encoding=base64": emulated("packed on the way back"), "user": advisory("no such member"),
	}}
}
