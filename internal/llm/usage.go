package llm

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
