package responses

import (
	"bytes"

	"github.com/skein-run/skein/internal/llm"
)

func (d *decoder) reasoning(key []byte) {
	c, r := &d.c, &d.r.Reasoning
	older := ""
	d.members(key, "reasoning.", func(key []byte) bool {
		if c.Kind() != '"' {
			return false
		}
		switch string(key) {
		case "effort":
			r.Effort = c.Text()
		case "summary":
			r.Summary = c.Text()
		case "generate_summary": // the older name
			at := *c
			older = at.Text()
			return false
		default:
			return false
		}
		return true
	})
	if r.Summary == "" && older != "" {
		r.Summary = older
		d.r.Extra = keep(d.r.Extra, "reasoning.summary.older", []byte("true"))
	}
}

func (d *decoder) text(key []byte) {
	c := &d.c
	d.members(key, "text.", func(key []byte) bool {
		if string(key) != "format" || c.Kind() != '{' {
			return false
		}
		before, extra := *c, len(d.r.Extra)
		if d.format() {
			return true
		}
		*c, d.r.Extra, d.r.Output = before, d.r.Extra[:extra], llm.OutputFormat{}
		return false
	})
}

// format reads a form of output, and reports whether it is one that is known.
func (d *decoder) format() bool {
	c, o := &d.c, &d.r.Output
	kind, strict := "", false
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch {
		case string(key) == "type" && c.Kind() == '"':
			kind = c.Text()
		case string(key) == "name" && c.Kind() == '"':
			o.Name = c.Text()
		case string(key) == "description" && c.Kind() == '"':
			o.Description = c.Text()
		case string(key) == "schema" && c.Kind() == '{':
			o.Schema = bytes.Clone(c.Raw())
		case string(key) == "strict" && (c.Kind() == 't' || c.Kind() == 'f'):
			v := c.Bool()
			o.Strict, strict = &v, true
		default:
			d.keep("text.format.", key)
		}
	}
	switch kind {
	case "json_schema":
		o.Kind = llm.JSONSchema
		if !strict {
			d.r.Extra = keep(d.r.Extra, "text.format.strict.default", []byte("true"))
		}
	case "json_object":
		o.Kind = llm.JSONObject
	default:
		return false
	}
	return true
}

// include keeps each thing that the answer is to have as a member of its own, as
// they mean different things.
func (d *decoder) include(key []byte) {
	c, r := &d.c, d.r
	if c.Kind() != '[' {
		d.keep("", key)
		return
	}
	n := 0
	for c.List(); c.More(); n++ {
		what := c.Text()
		r.Logprobs = r.Logprobs || what == includeLogprobs
		r.Extra = keep(r.Extra, "include."+what, []byte("true"))
	}
	if n == 0 {
		r.Extra = keep(r.Extra, "include", []byte("[]"))
	}
}
