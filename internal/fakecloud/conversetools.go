package fakecloud

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

type converseTools struct {
	Tools []struct {
		Spec *struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			InputSchema struct {
				JSON json.RawMessage `json:"json"`
			} `json:"inputSchema"`
		} `json:"toolSpec"`
		CachePoint *cachePoint     `json:"cachePoint"`
		System     json.RawMessage `json:"systemTool"`
	} `json:"tools"`
	Choice *struct {
		Auto *struct{} `json:"auto"`
		Any  *struct{} `json:"any"`
		Tool *struct {
			Name string `json:"name"`
		} `json:"tool"`
	} `json:"toolChoice"`
}

func (c *converseTools) read(a *ask, thinks bool) *apiError {
	if len(c.Tools) == 0 {
		return invalid("", "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	for i, t := range c.Tools {
		switch {
		case t.Spec != nil && !toolName.MatchString(t.Spec.Name):
			return invalid("", "1 validation error detected: Value '%s' at 'toolConfig.tools.%d.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+", t.Spec.Name, i+1)
		case t.Spec != nil && a.has(t.Spec.Name):
			return invalid("", "The tool name %s is used more than once in toolConfig.tools. Use unique names and try again.", t.Spec.Name)
		case t.Spec != nil && fieldsOf(t.Spec.InputSchema.JSON) == nil:
			return invalid("", "The toolConfig.tools.%d.toolSpec.inputSchema.json field must be a JSON object.", i)
		case t.Spec != nil:
			a.Tools = append(a.Tools, analyst.Tool{Name: t.Spec.Name, Description: t.Spec.Description, Schema: t.Spec.InputSchema.JSON})
		case t.CachePoint != nil:
			a.toolMark = t.CachePoint.lasts()
			a.marked++
		case given(t.System):
			a.served = true
		default:
			return invalid("", "The toolConfig.tools.%d field has no tool in it: set one of toolSpec, systemTool and cachePoint.", i)
		}
	}
	ch := c.Choice
	if ch == nil {
		return nil
	}
	a.MustCall = ch.Any != nil
	if ch.Tool != nil {
		a.Named = ch.Tool.Name
		if !a.has(a.Named) {
			return invalid("", "The tool %s of toolConfig.toolChoice is not in toolConfig.tools.", a.Named)
		}
	}
	if thinks && (a.MustCall || a.Named != "") {
		return invalid("", "The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.")
	}
	return nil
}

// conversePassed are the members that a Claude model takes beside those that Converse
// has itself: what is passed on to a model has to be what the model knows.
var conversePassed = names("thinking top_k anthropic_beta output_config reasoning_config context_management tool_choice tools")

// passed checks what goes to the model as it is, and with it the rules that Anthropic
// has for its models.
func (f converseFormat) passed(at *incoming, in *converseRequest) *apiError {
	if !strings.Contains(at.model, "anthropic.claude") {
		return nil
	}
	complain := func(e *apiError) *apiError {
		if e != nil {
			e.message = "The model returned the following errors: " + e.message
		}
		return e
	}
	var m messagesRequest
	for _, field := range fieldsOf(in.Additional) {
		if !slices.Contains(conversePassed, field.name) {
			return complain(invalid("", "%s: Extra inputs are not permitted", field.name))
		}
	}
	if given(in.Additional) {
		if err := json.Unmarshal(in.Additional, &m); err != nil {
			return complain(invalid("", "additionalModelRequestFields: %v", err))
		}
	}
	most := int64(64_000) // what Bedrock sets where the request does not
	if in.Inference.MaxTokens != nil {
		most = *in.Inference.MaxTokens
	}
	m.Model, m.MaxTokens, m.StopSequences = at.model, &most, in.Inference.Stop
	m.Temperature, m.TopP = in.Inference.Temperature, in.Inference.TopP
	if e := m.rules(m.Beta); e != nil {
		return complain(e)
	}
	in.thinking = m.thinks()
	in.budget = in.thinking && m.Thinking.Type == "enabled"
	return nil
}
