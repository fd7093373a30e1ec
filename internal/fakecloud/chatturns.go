package fakecloud

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// turns reads the conversation and insists, as the provider does, that each call
// is answered at once and that each answer had a call.
func (chatFormat) turns(a *ask, messages []chatMessage) *apiError {
	open := map[string]bool{}
	unanswered := func(i int) *apiError {
		return invalid("messages", "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "+
			"The following tool_call_ids did not have response messages before messages[%d]: %s", i, strings.Join(sortedKeys(open), ", "))
	}
	for i, m := range messages {
		parts, e := chatContent(m.Content, i)
		if e != nil {
			return e
		}
		if m.Role != "tool" && len(open) > 0 {
			return unanswered(i)
		}
		turn := analyst.Turn{Role: analyst.User, Parts: parts}
		switch m.Role {
		case "system", "developer":
			turn.Role = analyst.System
		case "user":
		case "assistant":
			turn.Role = analyst.Assistant
			for j, c := range m.ToolCalls {
				name, args := c.Function.Name, c.Function.Arguments
				if c.Type == "custom" {
					name, args = c.Custom.Name, c.Custom.Input
				}
				where := fmt.Sprintf("messages[%d].tool_calls[%d]", i, j)
				switch {
				case c.ID == "" || name == "":
					return invalid(where, "Missing required parameter: '%s'.", where)
				case c.Type != "function" && c.Type != "custom":
					return invalid(where+".type", "Invalid value: '%s'. Supported values are: 'function' and 'custom'.", c.Type)
				case len(c.ID) > 40:
					return invalid(where+".id", "Invalid '%s.id': string too long. Expected a string with maximum length 40, but got a string with length %d instead.", where, len(c.ID))
				}
				open[c.ID] = true
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Call, ID: c.ID, Name: name, Args: json.RawMessage(args)})
			}
			if len(turn.Parts) == 0 && m.Refusal == "" && len(m.Function) == 0 {
				return invalid("messages", "Invalid value for 'content': expected a string, got null. (messages[%d])", i)
			}
		case "function": // as it was before there were tools
			turn.Role = analyst.System
		case "tool":
			if !open[m.ToolCallID] {
				return invalid("messages", "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'. (messages[%d])", i)
			}
			delete(open, m.ToolCallID)
			turn.Parts = []analyst.Part{{Kind: analyst.Result, ID: m.ToolCallID, Text: joinText(parts)}}
		default:
			return invalid("messages", "Invalid value: '%s'. Supported values are: 'system', 'developer', 'assistant', 'user', 'tool'. (messages[%d])", m.Role, i)
		}
		a.Turns = append(a.Turns, turn)
	}
	if len(open) > 0 {
		return unanswered(len(messages))
	}
	return nil
}

// chatContent reads a message's content: text, or a list of parts.
func chatContent(raw json.RawMessage, i int) ([]analyst.Part, *apiError) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []analyst.Part{{Kind: analyst.Text, Text: text}}, nil
	}
	var list []struct{ Type, Text string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid("messages", "Invalid type for 'messages[%d].content': expected a string or an array of objects.", i)
	}
	var parts []analyst.Part
	for _, p := range list {
		if p.Type == "text" {
			parts = append(parts, analyst.Part{Kind: analyst.Text, Text: p.Text})
		} else {
			parts = append(parts, analyst.Part{Kind: analyst.Media})
		}
	}
	return parts, nil
}
