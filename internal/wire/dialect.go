package wire

// Dialect is how a vendor speaks a format, where that differs from the format's
// specification. The zero value is the specification.
type Dialect struct {
	Name string
	// OutputCapName is the request member for the output cap: max_tokens or
	// max_completion_tokens (chat). Empty: the specification's.
	OutputCapName string
	// NoDone: streams end without "data: [DONE]" (chat).
	NoDone bool
	// ReasoningOutside: reasoning tokens are not inside completion_tokens (xAI).
	ReasoningOutside bool
	// GapIsReasoning: what total has over prompt and completion is reasoning (Google's OpenAI-compatible endpoint).
	GapIsReasoning bool
	// ReasoningNames are the members of a message or delta that hold reasoning text.
	ReasoningNames []string
	// NoStreamUsage: the vendor refuses stream_options.
	NoStreamUsage bool
}
