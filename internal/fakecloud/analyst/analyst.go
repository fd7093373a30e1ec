// Package analyst is the model behind the stand-in providers: a deterministic
// one that is honest. [Answer] acts only on what its [Request] shows, which is
// what a real model is shown: the conversation with its goal and its tools'
// results, and the tools' names, descriptions and schemas. It keeps nothing
// between requests and reads nothing else; each figure that it states stands in
// a tool's result of the same request.
//
// Given a goal about a company's filings and tools that reach them, it works as
// a financial analyst: plan, list, read, query, calculate, judge, record,
// notify. Given anything else it talks, and calls a tool where the text plainly
// asks for one.
package analyst

import "encoding/json"

// Request is what a model is asked, in no provider's format.
type Request struct {
	Turns      []Turn // system text included, in their order
	Tools      []Tool
	MustCall   bool            // a tool has to be called
	Named      string          // this tool has to be called
	NoTools    bool            // none may be called
	Sequential bool            // one call a turn
	JSON       bool            // the answer has to be JSON
	Schema     json.RawMessage // which the JSON has to satisfy; nil where none was given
}

// Role says whose turn it is.
type Role string

// The roles.
const (
	System    Role = "system"
	User      Role = "user" // tool results, too
	Assistant Role = "assistant"
)

// Turn is one message.
type Turn struct {
	Role  Role
	Parts []Part
}

// Kind says what a part is.
type Kind string

// The kinds of part.
const (
	Text     Kind = "text"
	Thinking Kind = "thinking"
	Call     Kind = "call"   // of a tool
	Result   Kind = "result" // of a call
	Media    Kind = "media"  // an image or a document, which this model cannot look at
)

// Part is one piece of a turn.
type Part struct {
	Kind    Kind
	Text    string // Text, Thinking, Result
	ID      string // Call, Result
	Name    string // Call
	Args    json.RawMessage
	IsError bool // Result: the provider's format said so
}

// Tool is something that may be called.
type Tool struct {
	Name        string
	Description string
	Schema      json.RawMessage
}

// Answer is what the model says to r: text and calls, in this order. The ids of
// calls are left to the provider.
func Answer(r Request) []Part {
	v := look(r)
	var parts []Part
	switch {
	case r.MustCall || r.Named != "":
		parts = forced(v)
	case r.JSON:
		parts = []Part{{Kind: Text, Text: fillJSON(r.Schema, v.lastUser())}}
	case v.company != "" && v.canAnalyse():
		parts = v.analyse()
	default:
		parts = v.talk()
	}
	if r.Sequential {
		parts = firstCall(parts)
	}
	return parts
}

// firstCall drops all calls but the first; the next turn makes the others.
func firstCall(parts []Part) []Part {
	out, called := parts[:0:0], false
	for _, p := range parts {
		if p.Kind == Call && called {
			continue
		}
		called = called || p.Kind == Call
		out = append(out, p)
	}
	return out
}
