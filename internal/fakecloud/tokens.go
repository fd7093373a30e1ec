package fakecloud

import (
	"unicode/utf8"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// The stand-ins' tokenizer, so that every count can be checked by hand: a part
// of a message has one token for each started 4 bytes, a message has 3 more, and
// the tools' definitions together count as one part of their names, descriptions
// and schemas as they were sent. A call counts as one part of its name and
// arguments; a medium is 1,000 tokens whatever its size.
const (
	bytesPerToken = 4
	perMessage    = 3
	perMedium     = 1000
)

func textTokens(n int) int64 { return int64((n + bytesPerToken - 1) / bytesPerToken) }

// partSize is the bytes of a part that count.
func partSize(p analyst.Part) int {
	if p.Kind == analyst.Call {
		return len(p.Name) + len(p.Args)
	}
	return len(p.Text)
}

func partTokens(p analyst.Part) int64 {
	if p.Kind == analyst.Media {
		return perMedium
	}
	return textTokens(partSize(p))
}

func turnTokens(t analyst.Turn) int64 {
	n := int64(perMessage)
	for _, p := range t.Parts {
		n += partTokens(p)
	}
	return n
}

func toolTokens(tools []analyst.Tool) int64 {
	n := 0
	for _, t := range tools {
		n += len(t.Name) + len(t.Description) + len(t.Schema)
	}
	return textTokens(n)
}

// capParts shortens an answer to at most limit tokens and reports whether
// anything had to go. A call whose name no longer fits goes with it.
func capParts(parts []analyst.Part, limit int64) ([]analyst.Part, bool) {
	out := []analyst.Part{}
	for _, p := range parts {
		n := partTokens(p)
		if n <= limit {
			out, limit = append(out, p), limit-n
			continue
		}
		room := int(limit) * bytesPerToken
		switch {
		case p.Kind == analyst.Call && room > len(p.Name):
			p.Args = p.Args[:runeStart(string(p.Args), room-len(p.Name))]
			out = append(out, p)
		case p.Kind != analyst.Call && room > 0:
			p.Text = p.Text[:runeStart(p.Text, room)]
			out = append(out, p)
		}
		return out, true
	}
	return out, false
}

// runeStart is the last place at or before i where a character begins, so that
// no cut falls into one.
func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return min(i, len(s))
}
