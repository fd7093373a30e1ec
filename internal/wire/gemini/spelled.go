package gemini

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// spelled lists the members of an object that were not spelled as this package
// spells them: "fileData.fileUri" came as file_uri, and "parts{}" without the
// brackets of its list. It travels as an extra of what holds the members, so that
// the same format writes them back as they came.
type spelled []string

// The names of extras that say how something was written and nothing else. Each
// begins with a character that no member's name has.
const (
	noteSpelled  = "~spelled"        // the list above
	noteID       = "~id"             // the id was made here
	noteBare     = "~bare"           // a part without its text
	noteNoParts  = "~noparts"        // a turn without its list of parts
	noteNoTurn   = "~noturn"         // an answer without its content
	noteBase64   = "~base64"         // the alphabet of a part's bytes
	noteResponse = "~response"       // which form a function's response had
	noteSame     = "~same"           // a tool in the same object as the one before it
	noteNew      = "~new"            // a function in a new object
	noteWhole    = "~whole"          // countTokens with a whole request
	noteUnsafe   = "~safetySettings" // that filter nothing
	noteAllowed  = "toolConfig.functionCallingConfig.~allowedFunctionNames"
)

// isNote reports whether a name is one of them. A member that a client calls so is
// nobody's, and left out.
func isNote(name string) bool { return name != "" && name[0] == '~' }

func note(extra []llm.Extra, name, value string) []llm.Extra {
	return append(extra, llm.Extra{Format: llm.Gemini, Path: name, Value: json.RawMessage(value)})
}

func noted(extra []llm.Extra, name string) bool { return raw.Find(extra, llm.Gemini, name) != nil }

// keep adds the list to its holder's extras, where there is anything in it.
func (s spelled) keep(extra []llm.Extra) []llm.Extra {
	if len(s) == 0 {
		return extra
	}
	var b raw.Builder
	b.List()
	for _, name := range s {
		b.String(name)
	}
	b.EndList()
	return append(extra, llm.Extra{Format: llm.Gemini, Path: noteSpelled, Value: b.B})
}

func spelledIn(extra []llm.Extra) (s spelled) {
	list := raw.Find(extra, llm.Gemini, noteSpelled)
	if list == nil {
		return nil
	}
	c := raw.On(list)
	for c.List(); c.More(); {
		s = append(s, c.Text())
	}
	return s
}

// name is how to write a member.
func (s spelled) name(path, name string) string {
	if len(s) > 0 && slices.Contains(s, path+name) {
		return snake(name)
	}
	return name
}

// single reports whether a list came without its brackets.
func (s spelled) single(path string) bool { return len(s) > 0 && slices.Contains(s, path+"{}") }

// camel brings a member's name into the spelling of this package; dst is room for it.
func camel(dst, name []byte) []byte {
	if bytes.IndexByte(name, '_') <= 0 {
		return name
	}
	dst = dst[:0]
	up := false
	for _, ch := range name {
		switch {
		case ch == '_':
			up = true
			continue
		case up && ch >= 'a' && ch <= 'z':
			ch -= 'a' - 'A'
		}
		up = false
		dst = append(dst, ch)
	}
	return dst
}

func snake(name string) string {
	out := make([]byte, 0, len(name)+4)
	for i := range len(name) {
		ch := name[i]
		if ch >= 'A' && ch <= 'Z' {
			out = append(out, '_')
			ch += 'a' - 'A'
		}
		out = append(out, ch)
	}
	return string(out)
}
