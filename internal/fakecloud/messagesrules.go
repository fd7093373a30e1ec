package fakecloud

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// The members of a request: those that everybody may use, those that need a beta, and
// those that a cloud does not take.
var (
	messagesMembers = names("model messages max_tokens system tools tool_choice stream stop_sequences thinking temperature top_p top_k " +
		"metadata output_config service_tier cache_control container inference_geo")
	messagesBetas = map[string]string{
		"context_management": "context-management-2025-06-27", "mcp_servers": "mcp-client-", "output_format": "structured-outputs-2025-11-13",
		"speed": "fast-mode-", "diagnostics": "", "fallbacks": "", "fallback_credit_token": "", "compaction": "compact-",
	}
	cloudMembers   = names("anthropic_version anthropic_beta output_format context_management")
	cloudStrangers = names("model container inference_geo service_tier mcp_servers speed")
	blockMembers   = map[string][]string{
		"text": names("type text citations cache_control"), "thinking": names("type thinking signature"), "redacted_thinking": names("type data"),
		"image": names("type source cache_control transformations"), "document": names("type source context title cache_control citations"),
		"tool_use":      names("type id name input toolset_name cache_control caller"),
		"tool_result":   names("type tool_use_id toolset_name is_error cache_control content"),
		"search_result": names("type source title content cache_control citations"),
	}
	toolMembers = names("type name description input_schema cache_control strict eager_input_streaming defer_loading allowed_callers input_examples")
)

// betasOf are the betas that a request asks for, in its header or, on a cloud, its body.
func betasOf(at *incoming, in *messagesRequest) []string {
	betas := slices.Clone(in.Beta)
	for _, line := range at.header.Values("Anthropic-Beta") {
		for b := range strings.SplitSeq(line, ",") {
			betas = append(betas, strings.TrimSpace(b))
		}
	}
	return betas
}

func asksFor(betas []string, prefix string) bool {
	return slices.ContainsFunc(betas, func(b string) bool { return strings.HasPrefix(b, prefix) })
}

// strangers refuses members that the API does not know, or not without a beta.
func (f messagesFormat) strangers(body []byte, in *messagesRequest, betas []string) *apiError {
	refuse := func(name string) *apiError { return invalid("", "%s: Extra inputs are not permitted", name) }
	for _, m := range fieldsOf(body) {
		beta, needs := messagesBetas[m.name]
		switch {
		case f.service != "" && slices.Contains(cloudMembers, m.name):
		case f.service != "" && slices.Contains(cloudStrangers, m.name):
			return refuse(m.name)
		case slices.Contains(messagesMembers, m.name):
		case f.service == "vertex" && m.name == "stream":
		case needs && asksFor(betas, beta):
		case needs && beta == "": // in the API since the version of October 2026
		default:
			return refuse(m.name)
		}
	}
	return nil
}

var (
	claude = regexp.MustCompile(`claude-(?:(?:opus|sonnet|haiku|fable|mythos)-)?v?(\d+)(?:-(\d{1,2}))?(?:\D|$)`)
	family = regexp.MustCompile(`(^|\.)claude-(opus|sonnet|haiku|fable|mythos|instant|v?\d)`)
)

func servesClaude(model string) bool { return family.MatchString(model) && !absent(model) }

// generation is the version of a Claude model, 45 for 4.5; a name without one is of
// the newest.
func generation(model string) int {
	m := claude.FindStringSubmatch(model)
	if m == nil {
		return 99
	}
	major, _ := strconv.Atoi(m[1]) // digits, as the pattern says
	minor, _ := strconv.Atoi(m[2]) // or nothing
	return min(major*10+minor, 99)
}

// thinks reports whether thinking is asked for, so that blocks of it come.
func (in *messagesRequest) thinks() bool {
	return in.Thinking != nil && (in.Thinking.Type == "adaptive" || in.Thinking.Type == "enabled" || in.Thinking.Type == "between_tools")
}

// rules are what depends on the model: how it may be told to think, and whether its
// sampling can be chosen.
func (in *messagesRequest) rules(betas []string) *apiError {
	gen, t := generation(in.Model), in.Thinking
	if t != nil {
		switch t.Type {
		case "disabled", "between_tools":
		case "adaptive":
			if gen < 46 {
				return invalid("", "adaptive thinking is not supported on this model")
			}
		case "enabled":
			switch {
			case gen >= 47:
				return invalid("", `"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`)
			case t.BudgetTokens < 1024:
				return invalid("", "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
			case t.BudgetTokens >= *in.MaxTokens && !asksFor(betas, "interleaved-thinking-"):
				return invalid("", "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size")
			}
		default:
			return invalid("", "thinking: Input tag '%s' found using 'type' does not match any of the expected tags: 'adaptive', 'disabled', 'enabled'", t.Type)
		}
	}
	switch {
	case gen >= 47 && (in.Temperature != nil && *in.Temperature != 1):
		return invalid("", "`temperature` is deprecated for this model.")
	case gen >= 47 && in.TopP != nil && *in.TopP < 0.99:
		return invalid("", "`top_p` is deprecated for this model.")
	case gen >= 47 && in.TopK != nil:
		return invalid("", "`top_k` is deprecated for this model.")
	case in.Temperature != nil && (*in.Temperature < 0 || *in.Temperature > 1):
		return invalid("", "temperature: range: 0..1")
	case gen >= 45 && in.Temperature != nil && in.TopP != nil:
		return invalid("", "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
	case in.thinks() && in.Temperature != nil && *in.Temperature != 1:
		return invalid("", "`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#important-considerations-when-using-extended-thinking")
	case in.thinks() && in.TopK != nil:
		return invalid("", "`top_k` must be unset when thinking is enabled.")
	}
	for _, s := range in.StopSequences {
		if strings.TrimSpace(s) == "" {
			return invalid("", "stop_sequences: each stop sequence must contain non-whitespace")
		}
	}
	return in.effort(gen)
}

func (in *messagesRequest) effort(gen int) *apiError {
	level := in.OutputConfig.Effort
	if level == "" {
		return nil
	}
	levels := []string{"high", "low", "max", "medium"}
	switch {
	case gen < 45 || gen == 45 && !strings.Contains(in.Model, "opus"):
		return invalid("", "This model does not support the effort parameter.")
	case gen == 45:
		levels = []string{"high", "low", "medium"}
	case gen >= 47:
		levels = append(levels, "xhigh")
	}
	if !slices.Contains(levels, level) {
		return invalid("", "This model does not support effort level '%s'. Supported levels: %s.", level, strings.Join(levels, ", "))
	}
	return nil
}

var (
	toolUseID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	toolName  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
)

// tools reads the definitions. What the provider runs itself this stand-in accepts and
// never uses.
func (messagesFormat) tools(a *ask, list []json.RawMessage) *apiError {
	seen := map[string]bool{}
	for i, raw := range list {
		var t struct {
			Type         string          `json:"type"`
			Name         string          `json:"name"`
			Description  string          `json:"description"`
			InputSchema  json.RawMessage `json:"input_schema"`
			CacheControl *cacheControl   `json:"cache_control"`
		}
		if err := json.Unmarshal(raw, &t); err != nil {
			return invalid("", "tools.%d: Input should be a valid dictionary: %v", i, err)
		}
		if t.CacheControl != nil {
			a.marked++
			a.toolMark = t.CacheControl.lasts()
		}
		if t.Type != "" && t.Type != "custom" {
			a.served = true
			continue
		}
		var schema struct{ Type string }
		switch {
		case !toolName.MatchString(t.Name):
			return invalid("", "tools.%d.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", i)
		case seen[t.Name]:
			return invalid("", "tools: Tool names must be unique.")
		case len(t.InputSchema) == 0:
			return invalid("", "tools.%d.custom.input_schema: Field required", i)
		case json.Unmarshal(t.InputSchema, &schema) != nil || schema.Type != "object":
			return invalid("", "tools.%d.custom.input_schema.type: Input should be 'object'", i)
		}
		if name := stranger(raw, toolMembers); name != "" {
			return invalid("", "tools.%d.custom.%s: Extra inputs are not permitted", i, name)
		}
		seen[t.Name] = true
		a.Tools = append(a.Tools, analyst.Tool{Name: t.Name, Description: t.Description, Schema: t.InputSchema})
	}
	return nil
}

// mostMarks is how many places of a request may be marked to be cached.
const mostMarks = 4

// marked checks the cache marks of a request and puts the one for the whole of it.
func (in *messagesRequest) marked(a *ask) *apiError {
	if in.CacheControl != nil {
		a.marked++
		if at := len(a.Turns) - 1; a.marks[at] == "" {
			a.marks[at] = in.CacheControl.lasts()
		}
	}
	if a.marked > mostMarks {
		return invalid("", "A maximum of %d blocks with cache_control may be provided. Found %d.", mostMarks, a.marked)
	}
	return nil
}
