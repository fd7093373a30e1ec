package llm

// EventKind says which members of an [Event] are meant.
type EventKind uint8

// The kinds of event in a streamed answer, in the order in which they come:
// Start, then for each part BlockStart, Delta…, BlockStop, then Stop, with Usage
// wherever the upstream sends it, and End last. Ping may come anywhere, and
// Failure ends a stream that its upstream broke off with an error of its own.
const (
	Start EventKind = iota + 1
	BlockStart
	Delta
	BlockStop
	UsageUpdate // Usage replaces all earlier usage: the last one wins
	Stop
	End // the format's own proper end
	Ping
	Failure
)

// Event is one step of a streamed answer.
type Event struct {
	Kind EventKind

	ID, Model string // Start
	Created   int64  // Start

	Index int  // BlockStart, Delta, BlockStop: which part, from 0
	Part  Part // BlockStart: kind, and for a tool call its id and name; BlockStop: Extra that came on the way

	Text      string    // Delta: more text, thinking, refusal or arguments (JSON text)
	Signature string    // Delta: more of the part's opaque state
	Maker     Maker     // Delta: of Signature
	Citation  *Citation // Delta: a source of what was said

	Stop       StopReason // Stop
	StopDetail string

	Usage Usage  // UsageUpdate
	Err   *Error // Failure
}

// Progress is how far an answer has come, in counters that a stream's scanner
// keeps anyway. It decides what may be done after a break, and what an answer
// without usage is estimated to have cost.
type Progress struct {
	Frames        int64 `json:"frames,omitempty"`     // events seen
	TextBytes     int64 `json:"text_bytes,omitempty"` // of visible text
	ThinkingBytes int64 `json:"thinking_bytes,omitempty"`
	ToolBytes     int64 `json:"tool_bytes,omitempty"` // of tool-call arguments
	Tools         int   `json:"tools,omitempty"`      // tool calls begun
	OpenTool      bool  `json:"open_tool,omitempty"`  // the last tool call's arguments were not complete
	Usage         Usage `json:"usage,omitzero"`       // the last that was seen
	Stopped       bool  `json:"stopped,omitempty"`    // a stop reason was seen
	Malformed     int64 `json:"malformed,omitempty"`  // events that were not what the format allows, and were skipped
}

// Content reports whether the client has been shown something of the answer.
func (p Progress) Content() bool {
	return p.TextBytes > 0 || p.ThinkingBytes > 0 || p.ToolBytes > 0 || p.Tools > 0
}
