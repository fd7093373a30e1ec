package fakecloud

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// converseFormat is Bedrock's Converse and ConverseStream.
type converseFormat struct{}

func (converseFormat) provider() (service, op string) { return "bedrock", "converse" }
func (converseFormat) automatic() bool                { return false }
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
		MaxTokens *int64   `json:"maxTokens"`
		Stop      []string `json:"stopSequences"`
	} `json:"inferenceConfig"`
	ToolConfig *struct {
		Tools []struct {
			Spec *struct {
				Name        string `json:"name"`
				Description string `json:"description"`
				InputSchema struct {
					JSON json.RawMessage `json:"json"`
				} `json:"inputSchema"`
			} `json:"toolSpec"`
			CachePoint *cachePoint `json:"cachePoint"`
		} `json:"tools"`
		Choice *struct {
			Auto *struct{} `json:"auto"`
			Any  *struct{} `json:"any"`
			Tool *struct {
				Name string `json:"name"`
			} `json:"tool"`
		} `json:"toolChoice"`
	} `json:"toolConfig"`
	Additional struct {
		Thinking *struct {
			Type   string `json:"type"`
			Budget int64  `json:"budget_tokens"`
		} `json:"thinking"`
	} `json:"additionalModelRequestFields"`
	Output struct {
		TextFormat *struct {
			Type      string `json:"type"`
			Structure struct {
				JSONSchema struct {
					Schema string `json:"schema"`
				} `json:"jsonSchema"`
			} `json:"structure"`
		} `json:"textFormat"`
	} `json:"outputConfig"`
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

type converseBlock struct {
	Text    *string `json:"text"`
	ToolUse *struct {
		ID    string          `json:"toolUseId"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	} `json:"toolUse"`
	ToolResult *struct {
		ID      string `json:"toolUseId"`
		Status  string `json:"status"`
		Content []struct {
			Text *string         `json:"text"`
			JSON json.RawMessage `json:"json"`
		} `json:"content"`
	} `json:"toolResult"`
	Reasoning *struct {
		Text *struct {
			Text      string `json:"text"`
			Signature string `json:"signature"`
		} `json:"reasoningText"`
		Redacted string `json:"redactedContent"`
	} `json:"reasoningContent"`
	CachePoint *cachePoint     `json:"cachePoint"`
	Image      json.RawMessage `json:"image"`
	Document   json.RawMessage `json:"document"`
	Video      json.RawMessage `json:"video"`
}

func (f converseFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in converseRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "The request body could not be read: %v", err)
	}
	var names map[string]json.RawMessage
	_ = json.Unmarshal(body, &names) // it was decoded before
	switch {
	case !strings.Contains(at.model, "."):
		return nil, invalid("", "The provided model identifier is invalid.")
	case len(in.Messages) == 0:
		return nil, invalid("", "A conversation must start with a user message. Try again with a conversation that starts with a user message.")
	case names["model"] != nil || names["stream"] != nil:
		return nil, invalid("", "The model and the kind of answer are named in the address")
	}
	a := &ask{model: at.model, stream: at.stream, wantsUsage: true, stop: in.Inference.Stop, marks: map[int]string{}}
	if in.Inference.MaxTokens != nil {
		if *in.Inference.MaxTokens < 1 {
			return nil, invalid("", "Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1")
		}
		a.maxOutput = *in.Inference.MaxTokens
	}
	if t := in.Additional.Thinking; t != nil && t.Type != "disabled" {
		a.showsThink = true
	}
	if t := in.Output.TextFormat; t != nil {
		a.JSON, a.Schema = true, json.RawMessage(t.Structure.JSONSchema.Schema)
	}
	if c := in.ToolConfig; c != nil {
		if len(c.Tools) == 0 {
			return nil, invalid("", "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1")
		}
		for i, t := range c.Tools {
			switch {
			case t.Spec != nil && t.Spec.Name != "":
				a.Tools = append(a.Tools, analyst.Tool{Name: t.Spec.Name, Description: t.Spec.Description, Schema: t.Spec.InputSchema.JSON})
			case t.CachePoint != nil:
				a.toolMark = t.CachePoint.lasts()
			default:
				return nil, invalid("", "toolConfig.tools.%d: a toolSpec with a name is needed", i)
			}
		}
		if ch := c.Choice; ch != nil {
			a.MustCall = ch.Any != nil
			if ch.Tool != nil {
				a.Named = ch.Tool.Name
			}
		}
	}
	if len(in.System) > 0 {
		turn := analyst.Turn{Role: analyst.System}
		for _, b := range in.System {
			if b.Text != nil {
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: *b.Text})
			}
			if b.CachePoint != nil {
				a.marks[0] = b.CachePoint.lasts()
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	open, role := map[string]bool{}, "assistant"
	for i, m := range in.Messages {
		if m.Role == role {
			return nil, invalid("", "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.")
		}
		role = m.Role
		if e := f.turn(a, m.Role, m.Content, open, i, in.ToolConfig != nil); e != nil {
			return nil, e
		}
	}
	if len(open) > 0 {
		return nil, invalid("", "Expected toolResult blocks at messages.%d.content for the following Ids: %s", len(in.Messages), strings.Join(sortedKeys(open), ", "))
	}
	return a, nil
}

func (converseFormat) turn(a *ask, role string, blocks []converseBlock, open map[string]bool, i int, tools bool) *apiError {
	turn := analyst.Turn{Role: analyst.Role(role)}
	if turn.Role != analyst.User && turn.Role != analyst.Assistant {
		return invalid("", "Value at 'messages.%d.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]", i+1)
	}
	if len(blocks) == 0 {
		return invalid("", "The content field in the Message object at messages.%d is empty. Add a ContentBlock object to the content field and try again.", i)
	}
	for j, b := range blocks {
		p := analyst.Part{Kind: analyst.Media}
		switch {
		case b.Text != nil:
			if strings.TrimSpace(*b.Text) == "" {
				return invalid("", "The text field in the ContentBlock object at messages.%d.content.%d is blank. Add text to the text field, and try again.", i, j)
			}
			p = analyst.Part{Kind: analyst.Text, Text: *b.Text}
		case b.CachePoint != nil:
			a.marks[len(a.Turns)] = b.CachePoint.lasts()
			continue
		case b.ToolUse != nil:
			if !tools {
				return invalid("", "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
			}
			if !toolUseID.MatchString(b.ToolUse.ID) {
				return invalid("", "Value '%s' at 'messages.%d.member.content.%d.member.toolUse.toolUseId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+", b.ToolUse.ID, i+1, j+1)
			}
			open[b.ToolUse.ID] = true
			p = analyst.Part{Kind: analyst.Call, ID: b.ToolUse.ID, Name: b.ToolUse.Name, Args: b.ToolUse.Input}
		case b.ToolResult != nil:
			if !open[b.ToolResult.ID] {
				return invalid("", "messages.%d.content: Conversation blocks and tool result blocks cannot be provided in the same turn, or the toolResult %s has no toolUse.", i, b.ToolResult.ID)
			}
			delete(open, b.ToolResult.ID)
			var text []string
			for _, c := range b.ToolResult.Content {
				if c.Text != nil {
					text = append(text, *c.Text)
				} else if len(c.JSON) > 0 {
					text = append(text, string(c.JSON))
				}
			}
			p = analyst.Part{Kind: analyst.Result, ID: b.ToolResult.ID, Text: strings.Join(text, "\n"), IsError: b.ToolResult.Status == "error"}
		case b.Reasoning != nil:
			if b.Reasoning.Text != nil && b.Reasoning.Text.Signature != messagesSignature {
				return invalid("", "The model returned the following errors: messages.%d.content.%d: Invalid `signature` in `thinking` block", i, j)
			}
			p = analyst.Part{Kind: analyst.Thinking}
			if b.Reasoning.Text != nil {
				p.Text = b.Reasoning.Text.Text
			}
		}
		turn.Parts = append(turn.Parts, p)
	}
	a.Turns = append(a.Turns, turn)
	return nil
}

func (s *Server) listBedrockModels(w http.ResponseWriter, r *http.Request) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, converseFormat{}, e, s.ids.next("", 24))
		return
	}
	data := []any{}
	for _, m := range bedrockModels {
		data = append(data, members{"modelId", m, "modelName", m, "modelArn", "arn:aws:bedrock:us-east-1::foundation-model/" + m})
	}
	writeJSON(w, http.StatusOK, members{"modelSummaries", data})
}

var bedrockModels = []string{"anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0", "amazon.titan-embed-text-v2:0"}
