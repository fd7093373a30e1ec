package fakecloud

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// contents reads the turns. As the provider does it insists that as many responses
// come as there were calls, and that a model of the third generation gets the calls
// of the turn that goes on back with their signatures.
func (f geminiFormat) contents(a *ask, contents []geminiContent) *apiError {
	r := geminiReader{a: a, current: currentTurn(contents)}
	for i, c := range contents {
		if e := r.content(c, i); e != nil {
			return e
		}
	}
	if len(r.open) > 0 {
		return unequalParts()
	}
	return nil
}

// currentTurn is where the turn begins that the model is to go on with: the last
// content in which a person says something.
func currentTurn(contents []geminiContent) int {
	at := 0
	for i, c := range contents {
		for _, p := range c.Parts {
			if c.Role != "model" && p.Text != nil {
				at = i
			}
		}
	}
	return at
}

func unequalParts() *apiError {
	return invalid("", "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
}

type geminiReader struct {
	a       *ask
	current int
	made    int
	last    analyst.Role
	open    []geminiCall // without a response yet
}

// geminiCall is a call, under the id that this reader gives it: the API knows calls
// by their names and order, and by ids only where these are used.
type geminiCall struct{ name, id, own string }

func (r *geminiReader) content(c geminiContent, i int) *apiError {
	turn := analyst.Turn{Role: analyst.User}
	switch c.Role {
	case "", "user", "function":
	case "model":
		turn.Role = analyst.Assistant
	default:
		return invalid("", "Please use a valid role: user, model.")
	}
	if len(c.Parts) == 0 {
		return invalid("", "* GenerateContentRequest.contents[%d].parts: contents.parts must not be empty.", i)
	}
	if len(r.open) > 0 && turn.Role == analyst.Assistant && r.last != analyst.Assistant {
		return unequalParts()
	}
	r.last = turn.Role // contents of the same role, one after the other, are one
	calls := 0
	for j, p := range c.Parts {
		if p.Signature != "" && !signed(p.Signature) {
			return invalid("", "Invalid thought signature. (contents[%d].parts[%d])", i, j)
		}
		part := analyst.Part{Kind: analyst.Media}
		switch {
		case p.Call != nil:
			if calls == 0 && p.Signature == "" && i > r.current && thirdGeneration(r.a.model) {
				return invalid("", "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. "+
					"Additional data, function call `default_api:%s` , position %d. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.", p.Call.Name, j+1)
			}
			calls++
			if p.Call.Name == "" || turn.Role != analyst.Assistant {
				return invalid("", "Please ensure that function call turn comes immediately after a user turn or after a function response turn. (contents[%d].parts[%d])", i, j)
			}
			r.made++
			made := geminiCall{p.Call.Name, fmt.Sprint("call ", r.made), p.Call.ID}
			r.open = append(r.open, made)
			part = analyst.Part{Kind: analyst.Call, ID: made.id, Name: made.name, Args: p.Call.Args}
		case p.Response != nil:
			at := r.answered(p.Response.Name, p.Response.ID)
			if at < 0 {
				return invalid("", "Please ensure that function response turn comes immediately after a function call turn. (contents[%d].parts[%d])", i, j)
			}
			if fieldsOf(p.Response.Response) == nil {
				return invalid("", "Invalid value at 'contents[%d].parts[%d].function_response.response' (type.googleapis.com/google.protobuf.Struct), %s", i, j, p.Response.Response)
			}
			part = analyst.Part{Kind: analyst.Result, ID: r.open[at].id, Text: geminiResult(p.Response.Response)}
			r.open = append(r.open[:at:at], r.open[at+1:]...)
		case p.Text != nil && p.Thought:
			part = analyst.Part{Kind: analyst.Thinking, Text: *p.Text}
		case p.Text != nil:
			part = analyst.Part{Kind: analyst.Text, Text: *p.Text}
		case p.empty():
			return invalid("", "* GenerateContentRequest.contents[%d].parts[%d].data: required oneof field 'data' must have one initialized field", i, j)
		}
		turn.Parts = append(turn.Parts, part)
	}
	r.a.Turns = append(r.a.Turns, turn)
	return nil
}

func thirdGeneration(model string) bool {
	return strings.HasPrefix(model, "gemini-3") || strings.HasPrefix(model, "gemini-4")
}

// answered is the call that a response is for: the one with its id, or the first of
// its name.
func (r *geminiReader) answered(name, id string) int {
	for i, c := range r.open {
		if id != "" && c.own == id {
			return i
		}
	}
	for i, c := range r.open {
		if c.name == name {
			return i
		}
	}
	return -1
}

// geminiResult is what a tool returned: the API takes objects, so a text lies in a
// member of one.
func geminiResult(raw json.RawMessage) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return string(raw)
	}
	for _, name := range []string{"output", "result", "error", "content"} {
		if v, ok := m[name]; ok && len(m) == 1 {
			var s string
			if json.Unmarshal(v, &s) == nil {
				return s
			}
			return string(v)
		}
	}
	return string(raw)
}
