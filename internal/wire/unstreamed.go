package wire

import "github.com/skein-run/skein/internal/llm"

// Unstreamed is both ends of a stream in a format that has none.
type Unstreamed struct {
	What   string // is not streamed: "a count"
	Billed llm.Billed
}

// Next implements Stream.
func (u Unstreamed) Next() (Frame, error) {
	return Frame{}, &llm.Error{Class: llm.Malformed, Blame: llm.BlameDeployment, Billed: u.Billed, Message: u.What + " is not streamed"}
}

// Progress implements Stream.
func (Unstreamed) Progress() llm.Progress { return llm.Progress{} }

// Write implements Writer.
func (Unstreamed) Write(dst []byte, _ []llm.Event) []byte { return dst }

// Heartbeat implements Writer.
func (Unstreamed) Heartbeat(dst []byte) []byte { return dst }

// ACount is the stream of a count, which is free.
var ACount = Unstreamed{What: "a count", Billed: llm.BilledNo}
