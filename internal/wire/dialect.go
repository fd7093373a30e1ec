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
	// ReasoningMayExceed: reasoning tokens are inside completion_tokens unless there
	// are more of them, then outside (gateways in front of several makers).
	ReasoningMayExceed bool
	// GapIsReasoning: what total has over prompt and completion is reasoning (Google's OpenAI-compatible endpoint).
	GapIsReasoning bool
	// AudioOutside: audio tokens are not inside prompt_tokens (Mistral).
	AudioOutside bool
	// ReasoningNames are the members of a message or delta that hold reasoning text;
	// the first is the one to write.
	ReasoningNames []string
	// NoStreamUsage: the vendor refuses stream_options.
	NoStreamUsage bool
	// CacheMarks: the vendor takes cache_control in chat, which its maker refuses.
	CacheMarks bool
	// ToolIDLength is the length that tool call ids must have, all of them letters
	// and digits; 0 where any short id will do.
	ToolIDLength int

	// InAddress: model and stream stand in the request's address; a body that states
	// them is refused (Bedrock, Vertex).
	InAddress bool
	// Version is the member anthropic_version that the body must have (messages).
	Version string
	// BetasInBody: beta flags stand in the body, not in a header (messages on Bedrock).
	BetasInBody bool
	// Framing of streams, where it is not the format's own.
	Framing Framing
}
