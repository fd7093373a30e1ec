// Package responses is the codec of OpenAI's Responses format, and of the question
// that goes with it, how many tokens a request would be.
//
// An answer is a list of items, and so is a history: messages, reasoning, calls of
// functions and their outputs stand one after the other. A canonical assistant turn
// is a run of such items; which part began which item is kept with the part.
//
// Three kinds of tools that other formats do not have are functions to them: custom
// tools, whose input is plain text, are functions of one string; tools in a
// namespace have its name before theirs; a search for tools that the client runs is
// a function as well. In the answer they are what the client gave: see names.go.
//
// Facts come from https://platform.openai.com/docs/api-reference/responses, from
// OpenAI's libraries and Codex, and from recorded traffic of OpenAI, Azure, xAI,
// Bedrock, DeepSeek, OpenRouter and LM Studio.
package responses

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Codec is the format's codec; the zero value is ready, and safe for concurrent use.
type Codec struct{}

var _ wire.Codec = Codec{}

// Format implements wire.Codec.
func (Codec) Format() llm.Format { return llm.Responses }

// How the paths of Request.Extra begin that hold items and tools which other
// formats do without.
const (
	inInput = "input."
	inTools = "tools."
)

// The items that are tool calls and outputs to other formats.
const (
	functionCall   = "function_call"
	functionOutput = "function_call_output"
	customCall     = "custom_tool_call"
	customOutput   = "custom_tool_call_output"
	searchCall     = "tool_search_call"
	searchOutput   = "tool_search_output"
)
