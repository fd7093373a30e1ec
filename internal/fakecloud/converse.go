package fakecloud

import (
	"encoding/json"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// converseFormat is Bedrock's Converse and ConverseStream.
type converseFormat struct{}

func (converseFormat) provider() (service, op string) { return "bedrock", "converse" }
func (converseFormat) automatic() bool                { return false }
func (converseFormat) thought() thought               { return thoughtMixed }
func (converseFormat) sizes() (text, args int)        { return 24, 16 }
func (converseFormat) streamType() string             { return amazonStream }

func (converseFormat) ids(g *ids, a *answer) {
	for i := range a.parts {
		if a.parts[i].Kind == analyst.Call {
			a.parts[i].ID = g.next("tooluse_", 22)
		}
	}
}

func (converseFormat) header(requestID string) map[string]string {
	return map[string]string{"X-Amzn-Requestid": requestID}
}

type converseRequest struct {
	Messages []struct {
		Role    string          `json:"role"`
		Content []converseBlock `json:"content"`
	} `json:"messages"`
	System    []converseBlock `json:"system"`
	Inference struct {
		MaxTokens   *int64   `json:"maxTokens"`
		Stop        []string `json:"stopSequences"`
		Temperature *float64 `json:"temperature"`
		TopP        *float64 `json:"topP"`
	} `json:"inferenceConfig"`
	ToolConfig *converseTools  `json:"toolConfig"`
	Additional json.RawMessage `json:"additionalModelRequestFields"`
	Output     struct {
		TextFormat *struct {
			Type      string `json:"type"`
			Structure struct {
				JSONSchema struct {
					Schema string `json:"schema"`
				} `json:"jsonSchema"`
			} `json:"structure"`
		} `json:"textFormat"`
	} `json:"outputConfig"`

	thinking, budget bool
}

type cachePoint struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

func (c *cachePoint) lasts() string {
	if c.TTL == "" {
		return "5m"
	}
	return c.TTL
}

func (f converseFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in converseRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "The request body could not be read: %v", err)
	}
	switch {
	case len(in.Messages) == 0:
		return nil, invalid("", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
	case at.model == "" || absent(at.model):
		return nil, invalid("", "The provided model identifier is invalid.")
	}
	a := &ask{model: at.model, stream: at.stream, wantsUsage: true, stop: in.Inference.Stop, marks: map[int]string{}}
	if in.Inference.MaxTokens != nil {
		if *in.Inference.MaxTokens < 1 {
			return nil, invalid("", "Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1")
		}
		a.maxOutput = *in.Inference.MaxTokens
	}
	if e := f.passed(at, &in); e != nil {
		return nil, e
	}
	a.showsThink = in.thinking
	if t := in.Output.TextFormat; t != nil {
		a.JSON, a.Schema = true, json.RawMessage(t.Structure.JSONSchema.Schema)
	}
	if c := in.ToolConfig; c != nil {
		if e := c.read(a, in.budget); e != nil {
			return nil, e
		}
	}
	if len(in.System) > 0 {
		turn := analyst.Turn{Role: analyst.System}
		for _, b := range in.System {
			if b.Text == nil && b.CachePoint == nil && len(b.Guard) == 0 {
				return nil, invalid("", "The SystemContentBlock object must set one of the following keys: text, guardContent, cachePoint.")
			}
			if b.Text != nil {
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: *b.Text})
			}
			if b.CachePoint != nil {
				a.marks[0] = b.CachePoint.lasts()
				a.marked++
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	r := converseReader{a: a, open: map[string]bool{}, tools: in.ToolConfig != nil, claude: strings.Contains(at.model, "anthropic.claude"), prefill: at.prefill}
	for i, m := range in.Messages {
		if e := r.turn(m.Role, m.Content, i); e != nil {
			return nil, e
		}
	}
	return a, r.end(&in, at.model)
}
