package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// geminiReader reads Google's generateContent.
// https://ai.google.dev/api/generate-content, read November 2026.
type geminiReader struct {
	id sameID
}

type geminiAnswer struct {
	Candidates []struct {
		Index   int
		Content struct {
			Role  string
			Parts []struct {
				Text    *string
				Thought bool
				Call    *struct {
					Name string
					Args json.RawMessage
				} `json:"functionCall"`
			}
		}
		FinishReason string
	}
	Feedback *struct{ BlockReason string } `json:"promptFeedback"`
	Usage    *struct {
		Prompt     int64 `json:"promptTokenCount"`
		Candidates int64 `json:"candidatesTokenCount"`
		Thoughts   int64 `json:"thoughtsTokenCount"`
		Total      int64 `json:"totalTokenCount"`
	} `json:"usageMetadata"`
	ID    string `json:"responseId"`
	Model string `json:"modelVersion"`
	Error *geminiError
}

type geminiError struct {
	Code            int
	Message, Status string
}

var geminiStops = map[string]stop{"STOP": ended, "MAX_TOKENS": tooLong, "SAFETY": filtered, "PROHIBITED_CONTENT": filtered}

func (g *geminiReader) failure(status int, _ http.Header, body []byte) (string, error) {
	var in struct{ Error *geminiError }
	if err := strict(body, &in); err != nil {
		return "", err
	}
	if in.Error == nil || in.Error.Message == "" || in.Error.Code != status {
		return "", fmt.Errorf("not an error with status %d: %s", status, body)
	}
	return in.Error.Status, nil
}

func (g *geminiReader) whole(r *reading, body []byte) error { return g.event(r, "", body) }

func (g *geminiReader) event(r *reading, name string, data []byte) error {
	var in geminiAnswer
	if err := strict(data, &in); err != nil {
		return err
	}
	if e := in.Error; e != nil {
		r.err = &told{kind: e.Status}
		if e.Message == "" || e.Code == 0 {
			return errors.New("an error without code or message")
		}
		return nil
	}
	if in.Model != model || name != "" {
		return fmt.Errorf("the model is %q: %s", in.Model, data)
	}
	blocked := in.Feedback != nil && in.Feedback.BlockReason != "" && len(in.Candidates) == 0
	if err := g.id.is(in.ID); err != nil && !blocked {
		return err
	}
	if u := in.Usage; u != nil {
		r.usage = &usage{u.Prompt, u.Candidates + u.Thoughts}
	}
	switch {
	case blocked:
		r.stop = filtered
		return nil
	case len(in.Candidates) == 0 && in.Usage != nil:
		return nil
	case len(in.Candidates) != 1 || in.Candidates[0].Index != 0 || r.stop != unended:
		return fmt.Errorf("the candidates of %s, when it stopped for %q", data, r.stop)
	}
	c := in.Candidates[0]
	for _, p := range c.Content.Parts {
		switch {
		case p.Call != nil:
			var args any
			if err := strict(p.Call.Args, &args); err != nil {
				return err
			}
			compact, err := json.Marshal(args)
			if err != nil {
				return err
			}
			r.calls = append(r.calls, toolCall{p.Call.Name, string(compact)})
		case p.Text == nil:
			return fmt.Errorf("a part that is none: %s", data)
		case p.Thought:
			r.thought += *p.Text
		default:
			r.text += *p.Text
		}
	}
	if c.FinishReason == "" {
		return nil
	}
	if r.stop = geminiStops[c.FinishReason]; r.stop == unended {
		return fmt.Errorf("it stops for %q", c.FinishReason)
	}
	if r.stop == ended && len(r.calls) > 0 {
		r.stop = asksTool // a call ends with STOP
	}
	return nil
}

func (g *geminiReader) end(r *reading) error {
	if r.stop == unended {
		return errors.New("it ends without a reason to stop")
	}
	return nil
}
