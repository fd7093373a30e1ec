package converse

import (
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/wire"
)

// capNames are the names by which makers know an output cap. Beside the format's own
// they would undo what a budget sets.
var capNames = []string{"max_tokens", "max_completion_tokens", "max_tokens_to_sample", "max_new_tokens", "max_gen_len", "maxTokenCount", capName}

// fields reads what is said to the model in its maker's own words.
func (s *scanner) fields() {
	c := &s.c
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok || s.bad != nil {
			return
		}
		if s.capped(key) {
			return
		}
		switch string(key) {
		case "thinking", "reasoning_config", "reasoningConfig":
			s.thinking(string(key))
		case "reasoning_effort":
			effort := c.TextIf()
			s.Reasoning = s.Reasoning || effort != "" && effort != "none"
		case "anthropic_beta":
			s.betas()
		case "tools":
			s.fieldTools()
		case configName, "textGenerationConfig":
			s.fieldConfig()
		case "n", "num_generations", "numResults":
			s.Choices = max(s.Choices, c.Count())
		default:
			s.TextBytes += int64(len(c.Raw()))
		}
	}
}

func (s *scanner) capped(key []byte) bool {
	if !slices.Contains(capNames, string(key)) {
		return false
	}
	s.bad = wire.BadField(fieldsName+"."+string(key), "state the output cap as %s.%s", configName, capName)
	return true
}

// fieldConfig is where Amazon's models, newer and older, have settings of their own.
func (s *scanner) fieldConfig() {
	c := &s.c
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok || s.capped(key) {
			return
		}
		c.Skip()
	}
}

// thinking reads {"type":"enabled","budget_tokens":1024} of Anthropic's models,
// {"type":"enabled","maxReasoningEffort":"low"} of Amazon's, or "high" of others.
func (s *scanner) thinking(name string) {
	c := &s.c
	if c.Kind() == '"' {
		effort := c.Text()
		s.Reasoning = s.Reasoning || effort != "" && effort != "none"
		return
	}
	if c.Kind() != '{' {
		c.Skip()
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "type":
			t := c.TextIf()
			s.Reasoning = s.Reasoning || t != "disabled" && t != ""
		case "budget_tokens":
			if !s.Spans.ThinkingBudget.Empty() {
				s.bad = wire.BadField(fieldsName+"."+name+".budget_tokens", "is there twice; send it once")
				return
			}
			from := c.Pos()
			s.ThinkingBudget = c.Int()
			s.Spans.ThinkingBudget = wire.Span{From: from, To: c.Offset()}
		default:
			c.Skip()
		}
	}
}

func (s *scanner) betas() {
	c := &s.c
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	betas := slices.Clone(s.Betas)
	for c.List(); c.More(); {
		if flag := c.TextIf(); flag != "" && !slices.Contains(betas, flag) {
			betas = append(betas, flag)
		}
	}
	s.Betas = betas
}

// fieldTools are tools of Anthropic's that Converse has no form for, such as a
// computer; the client runs them.
func (s *scanner) fieldTools() {
	c := &s.c
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		s.Tools++
		tool := c.Raw()
		s.TextBytes += int64(len(tool))
		if kind := wire.TypeOf(tool); !clientTool(kind) {
			s.ServerTool = kind
		}
	}
}

// clientTool reports whether tools of a kind are run by the client, and so cost
// nothing beyond what the model writes.
func clientTool(kind string) bool {
	if kind == "" || kind == "custom" {
		return true
	}
	return slices.ContainsFunc([]string{"bash_", "text_editor_", "computer_", "memory_"}, func(begin string) bool { return strings.HasPrefix(kind, begin) })
}
