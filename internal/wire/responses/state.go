package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// unknown is the maker of state that does not say whose it is. Nothing is bound to
// it: its own servers will take it, and others refuse it.
const unknown llm.Maker = "unknown"

// makerOf is whose a piece of encrypted reasoning is. OpenAI's is a Fernet token, on
// Azure too, and on Bedrock has a prefix of its own; xAI's and others' are plain
// base64 and tell nothing, so that the dialect must.
func makerOf(state string, d *wire.Dialect) llm.Maker {
	switch {
	case d != nil && d.Maker != "":
		return d.Maker
	case strings.HasPrefix(state, "gAAAA"), strings.HasPrefix(state, "rsn_"):
		return llm.MakerOpenAI
	}
	return unknown
}

// reads reports whether a target's models understand a maker's state.
func reads(m llm.Maker, d *wire.Dialect) bool {
	if d != nil && d.Maker != "" {
		return m == d.Maker
	}
	return m == llm.MakerOpenAI || m == unknown || m == ""
}
