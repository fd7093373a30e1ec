package wire

// Spans are the byte ranges of a request's members that an edit may touch; an
// empty range means that the member is not there.
type Spans struct {
	Object         Span // the whole top-level object, braces included
	Model          Span // its value, quotes included
	MaxOutput      Span // the value of the cap, under whichever of the format's names
	MaxOutputName  string
	MaxOutputKey   Span   // the cap's name, quotes included
	MaxOutputTwice Span   // chat: the value of max_completion_tokens where max_tokens is there as well
	StreamOptions  Span   // chat: the value of stream_options
	IncludeUsage   Span   // chat: the value of stream_options.include_usage
	ThinkingBudget Span   // messages: the value of thinking.budget_tokens
	StateIDs       []Span // the values of Facts.StateIDs
	Config         Span   // gemini: the value of generationConfig, in which the cap stands

	// Members that some carriers of a format have in the body and others do not.
	ModelAt, Stream, Version, Betas, Effort Member
	// Members that some vendors refuse.
	StreamOptionsAt, User, Metadata, CacheKey, ServiceTier, Store Member
	SeedKey                                                       Span // the seed's name, quotes included
}

// Member is a member that an edit may replace or take out.
type Member struct {
	Value Span
	Begin int // where what stands before it ends: its comma's place, or behind the object's brace
}

// Span is body[From:To].
type Span struct{ From, To int }

// Empty reports whether nothing is there.
func (s Span) Empty() bool { return s.To <= s.From }
