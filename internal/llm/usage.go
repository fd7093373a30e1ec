package llm

import (
	"encoding/json"
	"fmt"
	"slices"
)

// TokenClass is one of the disjoint classes into which tokens are counted. A
// token belongs to exactly one: a cached input token is TokCacheRead and not TokInput,
// a reasoning token is TokReasoning and not TokOutput. Providers count inside or
// outside, differently; the codecs bring them to this one convention.
type TokenClass uint8

// The token classes.
const (
	TokInput        TokenClass = iota // read afresh
	TokCacheRead                      // read from the provider's prompt cache
	TokCacheWrite                     // written to it, for the default time (5 minutes at Anthropic)
	TokCacheWrite1h                   // written to it for an hour
	TokOutput                         // visible output and tool calls
	TokReasoning                      // thinking, billed as output unless a card says otherwise
	TokAudioInput
	TokAudioOutput
	TokImageInput
	NumTokenClasses
)

var tokenClassNames = [NumTokenClasses]string{
	"input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning",
	"audio_input", "audio_output", "image_input",
}

// String is the class's name as it stands in SKUs: "cache_read".
func (c TokenClass) String() string { return tokenClassNames[c] }

// Usage is what an answer consumed, as its provider counted it.
type Usage struct {
	Tokens   [NumTokenClasses]int64
	Searches int64  // server-side web searches
	Tier     string // the service tier that answered, where stated
	Reported bool   // the provider stated it; the zero Usage is «nothing known»
}

// InputTokens is everything that was read.
func (u Usage) InputTokens() int64 {
	return u.Tokens[TokInput] + u.Tokens[TokCacheRead] + u.Tokens[TokCacheWrite] + u.Tokens[TokCacheWrite1h] +
		u.Tokens[TokAudioInput] + u.Tokens[TokImageInput]
}

// OutputTokens is everything that was written, thinking included.
func (u Usage) OutputTokens() int64 {
	return u.Tokens[TokOutput] + u.Tokens[TokReasoning] + u.Tokens[TokAudioOutput]
}

// usageJSON is how usage stands in records: classes by name, so that a class that
// is added later changes no older record.
type usageJSON struct {
	Tokens   map[string]int64 `json:"tokens,omitempty"`
	Searches int64            `json:"searches,omitempty"`
	Tier     string           `json:"tier,omitempty"`
	Reported bool             `json:"reported,omitempty"`
}

// MarshalJSON writes the classes that are not zero, by name.
func (u Usage) MarshalJSON() ([]byte, error) {
	j := usageJSON{Searches: u.Searches, Tier: u.Tier, Reported: u.Reported}
	for c, n := range u.Tokens {
		if n != 0 {
			if j.Tokens == nil {
				j.Tokens = map[string]int64{}
			}
			j.Tokens[TokenClass(c).String()] = n
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (u *Usage) UnmarshalJSON(b []byte) error {
	var j usageJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("usage: %w", err)
	}
	*u = Usage{Searches: j.Searches, Tier: j.Tier, Reported: j.Reported}
	for name, n := range j.Tokens {
		c := slices.Index(tokenClassNames[:], name)
		if c < 0 {
			return fmt.Errorf("usage: the token class %q is unknown to this release", name)
		}
		u.Tokens[c] = n
	}
	return nil
}
