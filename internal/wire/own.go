package wire

import "github.com/skein-run/skein/internal/llm"

// own says for each format what its own members mean to an answer: what becomes of
// them at every target whose table has no row of its own for them. What is in
// neither is [Semantic]: nobody can say what it does.
var own = map[llm.Format][]ExtraFate{
	llm.Chat:      ownChat,
	llm.Messages:  ownMessages,
	llm.Gemini:    ownGemini,
	llm.Responses: ownResponses,
	llm.Converse:  ownConverse,
}

// OwnMembers are the rows of a format's own members, for docs.
func OwnMembers(f llm.Format) []ExtraFate { return own[f] }
