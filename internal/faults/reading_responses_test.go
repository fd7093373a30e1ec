package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// responsesReader reads OpenAI's Responses.
// https://platform.openai.com/docs/api-reference/responses-streaming, read November 2026.
type responsesReader struct {
	id      sameID
	events  int
	done    bool
	items   int
	open    string // the type of the item that is open
	itemID  string
	part    bool   // a content part or a summary part is open
	said    string // in the part, or the call's arguments
	failing bool   // an error event came, and response.failed is to follow
}

type responsesItem struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Role      string `json:"role"`
	Status    string `json:"status"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
	Content   []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
	Summary []struct {
		Text string `json:"text"`
	} `json:"summary"`
}

type responsesAnswer struct {
	ID         string          `json:"id"`
	Object     string          `json:"object"`
	Status     string          `json:"status"`
	Model      string          `json:"model"`
	Output     []responsesItem `json:"output"`
	Incomplete *struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
	Error *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Usage *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
		Total  int64 `json:"total_tokens"`
	} `json:"usage"`
}

func (p *responsesReader) failure(status int, h http.Header, body []byte) (string, error) {
	return (&chatReader{}).failure(status, h, body)
}

// ends takes what stands at an answer's end.
func (p *responsesReader) ends(r *reading, in *responsesAnswer) error {
	if in.Object != "response" || in.ID == "" || in.Model != model {
		return fmt.Errorf("not a response: %+v", *in)
	}
	var whole reading
	for _, it := range in.Output {
		switch it.Type {
		case "message":
			for _, c := range it.Content {
				whole.text += c.Text
			}
		case "reasoning":
			for _, s := range it.Summary {
				whole.thought += s.Text
			}
		case "function_call":
			if it.CallID == "" {
				return errors.New("a call without an id")
			}
			whole.calls = append(whole.calls, toolCall{it.Name, it.Arguments})
		default:
			return fmt.Errorf("an item of type %q", it.Type)
		}
		if it.ID == "" {
			return errors.New("an item without an id")
		}
	}
	switch {
	case in.Status == "completed" && len(whole.calls) > 0:
		whole.stop = asksTool
	case in.Status == "completed":
		whole.stop = ended
	case in.Status == "incomplete" && in.Incomplete != nil:
		whole.stop = map[string]stop{"max_output_tokens": tooLong, "content_filter": filtered}[in.Incomplete.Reason]
	}
	if whole.stop == unended {
		return fmt.Errorf("it ends as %q", in.Status)
	}
	if u := in.Usage; u != nil {
		if u.Input+u.Output != u.Total {
			return fmt.Errorf("the usage %+v does not add up", *u)
		}
		whole.usage = &usage{u.Input, u.Output}
	}
	if p.events > 0 && (r.text != whole.text || r.thought != whole.thought || fmt.Sprint(r.calls) != fmt.Sprint(whole.calls)) {
		return fmt.Errorf("at its end stands %+v, and what came is %+v", whole, *r)
	}
	*r = whole
	return nil
}

func (p *responsesReader) whole(r *reading, body []byte) error {
	var in responsesAnswer
	if err := strict(body, &in); err != nil {
		return err
	}
	return p.ends(r, &in)
}

func (p *responsesReader) event(r *reading, name string, data []byte) error {
	var in struct {
		Type      string
		Sequence  *int `json:"sequence_number"`
		Response  *responsesAnswer
		Index     *int   `json:"output_index"`
		ItemID    string `json:"item_id"`
		Item      *responsesItem
		Part      *struct{ Type, Text string }
		Delta     string
		Text      string
		Arguments string
		Message   string
		Error     *openAIError
	}
	if err := strict(data, &in); err != nil {
		return err
	}
	if in.Type == "error" {
		kind, err := in.Error.kind()
		r.err = &told{kind: kind}
		p.failing = true
		return err
	}
	if name != in.Type || p.done || in.Sequence == nil || *in.Sequence != p.events {
		return fmt.Errorf("event %d is %s with %s", p.events, name, data)
	}
	p.events++
	if in.Response != nil {
		if err := p.id.is(in.Response.ID); err != nil {
			return err
		}
	}
	if p.events > 1 && p.id == "" {
		return fmt.Errorf("it begins with %s", data)
	}
	inside := in.Index != nil && *in.Index == p.items-1 && in.ItemID == p.itemID && p.open != ""
	switch in.Type {
	case "response.created", "response.in_progress", "response.queued":
		return nil
	case "response.failed":
		if in.Response == nil || in.Response.Error == nil || in.Response.Error.Message == "" {
			return fmt.Errorf("it failed without an error: %s", data)
		}
		r.err = &told{kind: in.Response.Error.Code}
		return nil
	case "response.completed", "response.incomplete":
		p.done = true
		if p.open != "" || in.Response == nil {
			return fmt.Errorf("it ends inside of %q", p.open)
		}
		return p.ends(r, in.Response)
	case "response.output_item.added":
		if p.open != "" || in.Index == nil || *in.Index != p.items || in.Item == nil || in.Item.ID == "" {
			return fmt.Errorf("item %d is added as %s", p.items, data)
		}
		p.open, p.itemID, p.said = in.Item.Type, in.Item.ID, ""
		p.items++
		if p.open == "function_call" {
			r.calls = append(r.calls, toolCall{name: in.Item.Name})
		}
		return nil
	case "response.output_item.done":
		if in.Item == nil || in.Item.ID != p.itemID || in.Index == nil || *in.Index != p.items-1 || p.part {
			return fmt.Errorf("item %d ends as %s", p.items-1, data)
		}
		if c := in.Item; c.Type == "function_call" && (c.Arguments != r.calls[len(r.calls)-1].args || !json.Valid([]byte(c.Arguments))) {
			return fmt.Errorf("a call ends as %q, and %q came", c.Arguments, r.calls[len(r.calls)-1].args)
		}
		p.open = ""
		return nil
	}
	if !inside {
		return fmt.Errorf("out of place, %q is open: %s", p.open, data)
	}
	switch in.Type {
	case "response.content_part.added", "response.reasoning_summary_part.added":
		p.part, p.said = true, ""
	case "response.content_part.done", "response.reasoning_summary_part.done":
		if !p.part || in.Part == nil || in.Part.Text != p.said {
			return fmt.Errorf("a part ends as %s, and %q came", data, p.said)
		}
		p.part = false
	case "response.output_text.delta":
		r.text, p.said = r.text+in.Delta, p.said+in.Delta
	case "response.reasoning_summary_text.delta":
		r.thought, p.said = r.thought+in.Delta, p.said+in.Delta
	case "response.output_text.done", "response.reasoning_summary_text.done":
		if in.Text != p.said {
			return fmt.Errorf("the text ends as %q, and %q came", in.Text, p.said)
		}
	case "response.function_call_arguments.delta":
		r.calls[len(r.calls)-1].args += in.Delta
	case "response.function_call_arguments.done":
		if in.Arguments != r.calls[len(r.calls)-1].args {
			return fmt.Errorf("the arguments end as %q", in.Arguments)
		}
	default:
		return fmt.Errorf("an event of type %q", in.Type)
	}
	return nil
}

// afterError: behind an error event comes that the response has failed, for clients that
// know only one of the two.
func (p *responsesReader) afterError(name string, data []byte) error {
	var in struct{ Response *responsesAnswer }
	if err := strict(data, &in); err != nil {
		return err
	}
	if !p.failing || name != "response.failed" || in.Response == nil || in.Response.Error == nil {
		return fmt.Errorf("after its end comes %s %s", name, data)
	}
	p.failing = false
	return nil
}

func (p *responsesReader) end(r *reading) error {
	if !p.done {
		return errors.New("it ends without response.completed")
	}
	return nil
}
