package converse

import (
	"encoding/json"

	"github.com/skein-run/skein/internal/wire/raw"
)

// fields reads what is said to the model in its maker's own words. All of it is kept
// as it is, for a model of that maker; what has a canonical place is read as well.
func (d *decoder) fields(key []byte) {
	c, r := &d.c, d.r
	if c.Kind() != '{' || emptyObject(*c) {
		r.Extra = raw.Keep(r.Extra, format, "", key, c)
		return
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		at := *c
		switch string(key) {
		case "thinking", "reasoning_config", "reasoningConfig":
			d.thinking(&at)
		case "reasoning_effort":
			r.Reasoning.Effort = at.TextIf()
		case "output_config":
			if at.Kind() == '{' {
				if effort := member(&at, "effort"); effort != "" {
					r.Reasoning.Effort = effort
				}
			}
		case "top_k", "k":
			r.TopK = number(&at)
		case configName:
			if at.Kind() == '{' {
				for at.Object(); ; {
					name, ok := at.Key()
					if !ok {
						break
					}
					if string(name) == "topK" {
						r.TopK = number(&at)
					} else {
						at.Skip()
					}
				}
			}
		}
		r.Extra = raw.Keep(r.Extra, format, fieldsName+".", key, c)
	}
}

// number takes a number; what is none counts as not stated.
func number(c *raw.Cursor) json.Number {
	if c.Kind() != '0' {
		c.Skip()
		return ""
	}
	return c.Number()
}

func (d *decoder) thinking(c *raw.Cursor) {
	want := &d.r.Reasoning
	if c.Kind() == '"' {
		want.Effort = c.Text()
		return
	}
	if c.Kind() != '{' {
		return
	}
	kind, effort, budget := "", "", int64(0)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "type":
			kind = c.TextIf()
		case "budget_tokens":
			budget = c.Count()
		case "maxReasoningEffort":
			effort = c.TextIf()
		default:
			c.Skip()
		}
	}
	yes, no := true, false
	switch kind {
	case "enabled":
		want.Enabled, want.Budget = &yes, budget
	case "adaptive":
		want.Enabled = &yes
	case "disabled":
		want.Enabled = &no
		return
	}
	if effort != "" {
		want.Effort = effort
	}
}
