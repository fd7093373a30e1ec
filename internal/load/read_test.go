package load

import (
	"encoding/json"
	"fmt"
)

type problem struct {
	Message string `json:"message"`
}

func (h *heard) chat(data []byte, _ string) {
	if string(data) == "[DONE]" {
		h.ended = true
		return
	}
	e := decoded[struct {
		ID      string
		Choices []struct {
			Delta struct {
				Content   string
				ToolCalls []struct {
					Index    int
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
			Finish string `json:"finish_reason"`
		}
		Usage *struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
		Error *problem
	}](h, data)
	if e.Error != nil {
		h.told = e.Error.Message
		return
	}
	h.id(e.ID)
	for _, c := range e.Choices {
		h.text(c.Delta.Content)
		for _, t := range c.Delta.ToolCalls {
			h.tool(t.Index, t.Function.Name, t.Function.Arguments)
		}
		switch c.Finish {
		case "":
		case "stop":
			h.stops("end")
		case "tool_calls":
			h.stops("tools")
		default:
			h.stops(c.Finish)
		}
	}
	if e.Usage != nil {
		h.usage(e.Usage.Prompt, e.Usage.Completion)
	}
}

func (h *heard) responses(data []byte, _ string) {
	e := decoded[struct {
		Type     string
		Seq      int `json:"sequence_number"`
		Output   int `json:"output_index"`
		Delta    json.RawMessage
		Message  string
		Item     struct{ Type, Name string }
		Response struct {
			ID     string
			Output []struct {
				Type, Name, Arguments string
				Content               []struct{ Text string }
			}
			Usage struct {
				Input  int64 `json:"input_tokens"`
				Output int64 `json:"output_tokens"`
			}
			Error *problem
		}
	}](h, data)
	if e.Type != "error" && e.Seq != h.seq && h.wrong == "" {
		h.wrong = fmt.Sprintf("event number %d (%s) comes as number %d", e.Seq, e.Type, h.seq)
	}
	h.seq = e.Seq + 1
	h.id(e.Response.ID)
	switch e.Type {
	case "response.output_text.delta":
		h.text(decoded[string](h, e.Delta))
	case "response.output_item.added":
		if e.Item.Type == "function_call" {
			h.tool(e.Output, e.Item.Name, "")
		}
	case "response.function_call_arguments.delta":
		h.tool(e.Output, "", decoded[string](h, e.Delta))
	case "error":
		h.told = e.Message
	case "response.failed":
		if h.told = "response.failed"; e.Response.Error != nil {
			h.told = e.Response.Error.Message
		}
	case "response.incomplete":
		h.stops("incomplete")
		h.ended = true
	case "response.completed":
		text, calls := "", 0
		for _, item := range e.Response.Output {
			for _, c := range item.Content {
				text += c.Text
			}
			if item.Type == "function_call" {
				if calls < len(h.tools) && h.tools[calls].args != item.Arguments && h.wrong == "" {
					h.wrong = fmt.Sprintf("a call came with %q, and at the end has %q", h.tools[calls].args, item.Arguments)
				}
				calls++
			}
		}
		if (text != h.said.String() || calls != len(h.tools)) && h.wrong == "" {
			h.wrong = fmt.Sprintf("the whole answer at its end is another than what came: %d calls and %q", calls, text)
		}
		if why := "end"; calls > 0 {
			h.stops("tools")
		} else {
			h.stops(why)
		}
		h.usage(e.Response.Usage.Input, e.Response.Usage.Output)
		h.ended = true
	}
}

func (h *heard) messages(data []byte, _ string) {
	e := decoded[struct {
		Type    string
		Index   int
		Message struct{ ID string }
		Block   struct{ Type, Name string } `json:"content_block"`
		Delta   struct {
			Text string
			JSON string `json:"partial_json"`
			Stop string `json:"stop_reason"`
		}
		Usage struct {
			Input  int64 `json:"input_tokens"`
			Output int64 `json:"output_tokens"`
		}
		Error problem
	}](h, data)
	switch e.Type {
	case "message_start":
		h.id(e.Message.ID)
		if h.seq++; h.seq > 1 && h.wrong == "" {
			h.wrong = "it begins twice"
		}
	case "content_block_start":
		if e.Block.Type == "tool_use" {
			h.tool(e.Index, e.Block.Name, "")
		}
	case "content_block_delta":
		if h.text(e.Delta.Text); e.Delta.JSON != "" {
			h.tool(e.Index, "", e.Delta.JSON)
		}
	case "message_delta":
		h.stops(map[string]string{"end_turn": "end", "tool_use": "tools"}[e.Delta.Stop])
		h.usage(e.Usage.Input, e.Usage.Output)
	case "message_stop":
		h.ended = true
	case "error":
		h.told = e.Error.Message
	}
}

func (h *heard) converse(data []byte, name string) {
	if name != "" && name[0] == '!' {
		h.told = name[1:] + ": " + decoded[problem](h, data).Message
		return
	}
	e := decoded[struct {
		Index int `json:"contentBlockIndex"`
		Start struct{ ToolUse struct{ Name string } }
		Delta struct {
			Text    string
			ToolUse struct{ Input string }
		}
		StopReason string
		Usage      struct{ InputTokens, OutputTokens int64 }
	}](h, data)
	switch name {
	case "messageStart":
		if h.seq++; h.seq > 1 && h.wrong == "" {
			h.wrong = "it begins twice"
		}
	case "contentBlockStart":
		if e.Start.ToolUse.Name != "" {
			h.tool(e.Index, e.Start.ToolUse.Name, "")
		}
	case "contentBlockDelta":
		if h.text(e.Delta.Text); e.Delta.ToolUse.Input != "" {
			h.tool(e.Index, "", e.Delta.ToolUse.Input)
		}
	case "messageStop":
		h.stops(map[string]string{"end_turn": "end", "tool_use": "tools"}[e.StopReason])
	case "metadata":
		h.usage(e.Usage.InputTokens, e.Usage.OutputTokens)
		h.ended = true
	}
}

func (h *heard) gemini(data []byte, _ string) {
	e := decoded[struct {
		ID         string `json:"responseId"`
		Candidates []struct {
			Content struct {
				Parts []struct {
					Text string
					Call *struct {
						Name string
						Args json.RawMessage
					} `json:"functionCall"`
				}
			}
			Finish string `json:"finishReason"`
		}
		Usage struct {
			Prompt     int64 `json:"promptTokenCount"`
			Candidates int64 `json:"candidatesTokenCount"`
		} `json:"usageMetadata"`
		Error *problem
	}](h, data)
	if e.Error != nil {
		h.told = e.Error.Message
		return
	}
	h.id(e.ID)
	for _, c := range e.Candidates {
		for _, p := range c.Content.Parts {
			if h.text(p.Text); p.Call != nil {
				h.tool(len(h.tools), p.Call.Name, string(p.Call.Args))
			}
		}
		if c.Finish == "" {
			continue
		}
		h.stops(map[string]string{"STOP": "end"}[c.Finish])
		h.usage(e.Usage.Prompt, e.Usage.Candidates)
		h.ended = true
	}
}
