package fakecloud

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

type responsesItem struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Input     json.RawMessage `json:"input"`
	Output    json.RawMessage `json:"output"`
	Encrypted string          `json:"encrypted_content"`
	Tools     []json.RawMessage
}

// itemMembers are those of the items that this stand-in reads.
var itemMembers = map[string][]string{
	"message":                 names("type id role content status phase"),
	"function_call":           names("type id call_id name namespace arguments status caller created_by"),
	"function_call_output":    names("type id call_id output status caller created_by"),
	"custom_tool_call":        names("type id call_id name namespace input status caller created_by"),
	"custom_tool_call_output": names("type id call_id output status caller created_by"),
	"reasoning":               names("type id summary content encrypted_content status"),
	"item_reference":          names("type id"),
	"additional_tools":        names("type id role tools"),
}

// passedOn is what Codex puts into its items beside what is documented.
var passedOn = names("internal_chat_message_metadata_passthrough")

// servedItem are the items of the provider's own tools, which mean nothing here.
var servedItem = regexp.MustCompile(`^(web_search|file_search|code_interpreter|computer|image_generation|local_shell|shell|apply_patch|tool_search|mcp|compaction|program)(_|$)`)

var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// input reads the items. As the provider does it insists that a call is answered and
// that an output had a call, that reasoning comes with what it led to, and that its
// opaque state is the provider's own.
func (f responsesFormat) input(a *ask, raw json.RawMessage) *apiError {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		a.Turns = append(a.Turns, analyst.Turn{Role: analyst.User, Parts: []analyst.Part{{Kind: analyst.Text, Text: text}}})
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return invalid("input", "Invalid type for 'input': expected one of a string or an array of items.")
	}
	open := map[string]bool{}
	for i, raw := range list {
		var it responsesItem
		if err := json.Unmarshal(raw, &it); err != nil {
			return invalid(fmt.Sprintf("input[%d]", i), "Invalid type for 'input[%d]': %v", i, err)
		}
		it.Type = cmp.Or(it.Type, "message")
		known := itemMembers[it.Type]
		if known == nil && !servedItem.MatchString(it.Type) {
			return invalid(fmt.Sprintf("input[%d]", i), "Invalid value: '%s'. (input[%d].type)", it.Type, i)
		}
		if name := stranger(raw, known, passedOn); known != nil && name != "" {
			e := invalid(fmt.Sprintf("input[%d].%s", i, name), "Unknown parameter: 'input[%d].%s'.", i, name)
			e.code = "unknown_parameter"
			return e
		}
		next := ""
		if i+1 < len(list) {
			var n responsesItem
			_ = json.Unmarshal(list[i+1], &n) // it is read in its turn
			next = cmp.Or(n.Type, "message") + " " + n.Role
		}
		if e := f.item1(a, &it, open, next, i); e != nil {
			return e
		}
	}
	if len(open) > 0 {
		return invalid("input", "No tool output found for function call %s.", strings.Join(sortedKeys(open), ", "))
	}
	return nil
}

// item1 reads one item.
func (f responsesFormat) item1(a *ask, it *responsesItem, open map[string]bool, next string, i int) *apiError {
	turn := analyst.Turn{Role: analyst.User}
	switch it.Type {
	case "message":
		role, ok := map[string]analyst.Role{"system": analyst.System, "developer": analyst.System, "assistant": analyst.Assistant, "user": analyst.User}[it.Role]
		if !ok {
			return invalid(fmt.Sprintf("input[%d].role", i), "Invalid value: '%s'. Supported values are: 'assistant', 'system', 'developer', and 'user'.", it.Role)
		}
		if it.ID != "" && !strings.HasPrefix(it.ID, "msg_") {
			return invalid(fmt.Sprintf("input[%d].id", i), "Invalid 'input[%d].id': '%s'. Expected an ID that begins with 'msg'.", i, it.ID)
		}
		parts, e := responsesContent(it.Content, role == analyst.Assistant, fmt.Sprintf("input[%d].content", i))
		if e != nil {
			return e
		}
		turn.Role, turn.Parts = role, parts
	case "function_call", "custom_tool_call":
		if e := f.call(it, open, i); e != nil {
			return e
		}
		var args string
		if json.Unmarshal(it.Arguments, &args) != nil {
			_ = json.Unmarshal(it.Input, &args) // call has made sure that one of them is a text
		}
		turn.Role = analyst.Assistant
		turn.Parts = []analyst.Part{{Kind: analyst.Call, ID: it.CallID, Name: it.Name, Args: json.RawMessage(args)}}
	case "function_call_output", "custom_tool_call_output":
		if !open[it.CallID] && a.previous == "" {
			return invalid("input", "No tool call found for %s call output with call_id %s.", strings.NewReplacer("function_call_output", "function", "custom_tool_call_output", "custom tool").Replace(it.Type), it.CallID)
		} else if !open[it.CallID] {
			a.answers = append(a.answers, it.CallID)
		}
		delete(open, it.CallID)
		parts, e := responsesContent(it.Output, false, fmt.Sprintf("input[%d].output", i))
		if e != nil {
			return e
		}
		turn.Parts = []analyst.Part{{Kind: analyst.Result, ID: it.CallID, Text: joinText(parts)}}
	case "reasoning":
		return f.thoughtItem(it, next, i)
	case "additional_tools":
		return f.tools(a, it.Tools, fmt.Sprintf("input[%d].tools", i), "")
	case "item_reference":
		a.references = append(a.references, reference{len(a.Turns), it.ID})
		return nil
	default:
		a.served = true
		return nil
	}
	a.Turns = append(a.Turns, turn)
	return nil
}

func (responsesFormat) call(it *responsesItem, open map[string]bool, i int) *apiError {
	member, text := "arguments", it.Arguments
	if it.Type == "custom_tool_call" {
		member, text = "input", it.Input
	}
	var s string
	switch {
	case it.CallID == "":
		return invalid(fmt.Sprintf("input[%d].call_id", i), "Missing required parameter: 'input[%d].call_id'.", i)
	case len(it.CallID) > 64:
		return invalid(fmt.Sprintf("input[%d].call_id", i), "Invalid 'input[%d].call_id': string too long. Expected a string with maximum length 64, but got a string with length %d instead.", i, len(it.CallID))
	case it.Name == "":
		return invalid(fmt.Sprintf("input[%d].name", i), "Missing required parameter: 'input[%d].name'.", i)
	case !given(text) || json.Unmarshal(text, &s) != nil:
		return invalid(fmt.Sprintf("input[%d].%s", i, member), "Invalid type for 'input[%d].%s': expected a string.", i, member)
	case it.Type == "function_call" && it.ID != "" && !strings.HasPrefix(it.ID, "fc_"):
		return invalid(fmt.Sprintf("input[%d].id", i), "Invalid 'input[%d].id': '%s'. Expected an ID that begins with 'fc'.", i, it.ID)
	case it.Type == "custom_tool_call" && it.ID != "" && !strings.HasPrefix(it.ID, "ctc_"):
		return invalid(fmt.Sprintf("input[%d].id", i), "Invalid 'input[%d].id': '%s'. Expected an ID that begins with 'ctc'.", i, it.ID)
	}
	open[it.CallID] = true
	return nil
}

func (f responsesFormat) thoughtItem(it *responsesItem, next string, i int) *apiError {
	service, _ := f.provider()
	own, same := decrypt(service, it.Encrypted, it.ID)
	switch {
	case it.ID != "" && !strings.HasPrefix(it.ID, "rs_"):
		return invalid(fmt.Sprintf("input[%d].id", i), "Invalid 'input[%d].id': '%s'. Expected an ID that begins with 'rs'.", i, it.ID)
	case it.Encrypted != "" && !own, it.Encrypted != "" && it.ID != "" && !same:
		why := "Encrypted content could not be decrypted or parsed."
		if own {
			why = "Encrypted content item_id did not match the target item id."
		}
		e := invalid("", "The encrypted content for item %s could not be verified. Reason: %s", it.ID, why)
		e.code = "invalid_encrypted_content"
		return e
	case next == "" || next == "message user":
		return invalid("input", "Item '%s' of type 'reasoning' was provided without its required following item.", it.ID)
	}
	return nil
}

// responsesContent reads the content of a message or the output of a tool; an
// assistant's has parts of its own kinds.
func responsesContent(raw json.RawMessage, assistant bool, where string) ([]analyst.Part, *apiError) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []analyst.Part{{Kind: analyst.Text, Text: text}}, nil
	}
	var list []struct{ Type, Text, Refusal string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, invalid(where, "Invalid type for '%s': expected one of a string or an array of objects.", where)
	}
	var parts []analyst.Part
	for j, p := range list {
		switch {
		case (p.Type == "output_text" || p.Type == "refusal") && assistant:
			parts = append(parts, analyst.Part{Kind: analyst.Text, Text: cmp.Or(p.Text, p.Refusal)})
		case p.Type == "input_text" && !assistant:
			parts = append(parts, analyst.Part{Kind: analyst.Text, Text: p.Text})
		case (p.Type == "input_image" || p.Type == "input_file" || p.Type == "input_audio") && !assistant:
			parts = append(parts, analyst.Part{Kind: analyst.Media})
		default:
			supported := "'input_text', 'input_image', and 'input_file'"
			if assistant {
				supported = "'output_text' and 'refusal'"
			}
			e := invalid(fmt.Sprintf("%s[%d]", where, j), "Invalid value: '%s'. Supported values are: %s.", p.Type, supported)
			e.code = "invalid_value"
			return nil, e
		}
	}
	return parts, nil
}
