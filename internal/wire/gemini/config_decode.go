package gemini

import (
	"bytes"
	"encoding/json"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// generation reads generationConfig. What is read into canonical members, but could
// be spelled in several ways, is kept as it came beside them.
func (d *decoder) generation() {
	c, r := &d.c, d.r
	const path = "generationConfig."
	if c.Null() {
		return
	}
	var mime string
	var schema []byte
	googles := false
	for c.Object(); ; {
		key, ok := d.key(&d.as, path)
		if !ok {
			break
		}
		switch string(key) {
		case "temperature":
			r.Temperature = c.Number()
		case "topP":
			d.sampling(&r.TopP, 0.95)
		case "topK":
			d.sampling(&r.TopK, 64)
		case "candidateCount":
			r.Choices = whole(c)
		case capName:
			r.MaxOutput = whole(c)
		case "stopSequences":
			if c.Null() {
				continue
			}
			for c.List(); c.More(); {
				r.Stop = append(r.Stop, c.Text())
			}
		case "responseLogprobs":
			r.Logprobs = c.Bool()
		case "logprobs":
			r.TopLogprobs = whole(c)
		case "presencePenalty":
			r.Penalties.Presence = c.Number()
		case "frequencyPenalty":
			r.Penalties.Frequency = c.Number()
		case "seed":
			r.Seed = c.Number()
		case "responseMimeType":
			at := *c
			mime = text(&at)
			d.keep(&r.Extra, path)
		case "responseSchema", "responseJsonSchema", "_responseJsonSchema":
			at := *c
			if at.Kind() == '{' {
				schema, googles = at.Raw(), string(key) == "responseSchema"
			}
			d.keep(&r.Extra, path)
		case "responseModalities":
			d.modalities()
		case "thinkingConfig":
			at := *c
			d.thinking(&at)
			d.keep(&r.Extra, path)
		default:
			d.keep(&r.Extra, path)
		}
	}
	switch {
	case schema != nil && (mime == jsonType || mime == ""):
		r.Output = llm.OutputFormat{Kind: llm.JSONSchema, Schema: jsonSchema(schema, googles)}
		if strict(r.Output.Schema) { // the model is held to it
			yes := true
			r.Output.Strict = &yes
		}
	case mime == jsonType:
		r.Output.Kind = llm.JSONObject
	}
}

// sampling reads a setting. One that states what Google's models do of themselves, as
// Gemini CLI does with every request, asks for nothing: of other models, some of which
// have no such member and some of which refuse it, it would be another setting than
// their own.
func (d *decoder) sampling(to *json.Number, usual float64) {
	at := d.c
	n := at.Number()
	if f, err := n.Float64(); n != "" && err == nil && f == usual {
		d.keep(&d.r.Extra, "generationConfig.")
		return
	}
	d.c, *to = at, n
}

// modalities reads what an answer may be. Text alone is what every model answers.
func (d *decoder) modalities() {
	c, r := &d.c, d.r
	at := *c
	if at.Kind() == '[' {
		var kinds []string
		for at.List(); at.More(); {
			kinds = append(kinds, lower(text(&at)))
		}
		if len(kinds) > 1 || len(kinds) == 1 && kinds[0] != "text" {
			r.Modalities = kinds
		}
	}
	d.keep(&r.Extra, "generationConfig.")
}

func (d *decoder) thinking(c *raw.Cursor) {
	want := &d.r.Reasoning
	if c.Kind() != '{' {
		return
	}
	yes, no := true, false
	var room [64]byte
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(camel(room[:0], key)) {
		case "thinkingBudget":
			switch n := whole(c); {
			case n > 0:
				want.Budget, want.Enabled = n, &yes
			case n < 0: // as the model sees fit
				want.Enabled = &yes
			default:
				want.Enabled = &no
			}
		case "thinkingLevel":
			if level := lower(text(c)); level != "thinking_level_unspecified" {
				want.Effort = level
			}
		case "includeThoughts":
			if c.Bool() {
				want.Summary = "auto"
			}
		default:
			c.Skip()
		}
	}
}

// toolConfig reads how tools are to be called.
func (d *decoder) toolConfig() {
	c, r := &d.c, d.r
	const path = "toolConfig."
	if c.Null() {
		return
	}
	for c.Object(); ; {
		key, ok := d.key(&d.as, path)
		if !ok {
			return
		}
		if string(key) == "functionCallingConfig" && c.Kind() == '{' {
			d.config = c.Raw()
			continue
		}
		d.keep(&r.Extra, path)
	}
}

// choice reads functionCallingConfig, once the tools are known: names of all tools
// there are allow no less than no names.
func (d *decoder) choice() {
	if d.config == nil {
		return
	}
	r := d.r
	const path = "toolConfig.functionCallingConfig."
	outer := d.c
	defer func() { d.c = outer }()
	d.c = raw.On(d.config)
	c := &d.c
	mode := ""
	var names []string
	var namesAt int
	for c.Object(); ; {
		key, ok := d.key(&d.as, path)
		if !ok {
			break
		}
		switch string(key) {
		case "mode":
			at := *c
			mode = enum(&at, []string{"MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"})
		case "allowedFunctionNames":
			at := *c
			if at.Kind() == '[' {
				for at.List(); at.More(); {
					names = append(names, text(&at))
				}
			}
			namesAt = len(r.Extra)
		}
		d.keep(&r.Extra, path)
	}
	switch upper(mode) {
	case "ANY":
		r.ToolChoice.Mode = llm.ToolRequired
		if len(names) == 1 {
			r.ToolChoice = llm.ToolChoice{Mode: llm.ToolNamed, Name: names[0]}
		}
	case "AUTO", "VALIDATED":
		r.ToolChoice.Mode = llm.ToolAuto
	case "NONE":
		r.ToolChoice.Mode = llm.ToolNone
	}
	if upper(mode) == "VALIDATED" {
		d.validated()
	}
	if len(names) > 0 && (r.ToolChoice.Mode == llm.ToolNamed || d.all(names)) {
		r.Extra[namesAt].Path = noteAllowed
	}
}

// validated holds the arguments of functions to their schemas, where those are of the
// kind to which others hold them, too.
func (d *decoder) validated() {
	for i := range d.r.Tools {
		if t := &d.r.Tools[i]; t.From == "" && strict(t.Schema) {
			yes := true
			t.Strict = &yes
		}
	}
}

// all reports whether the names are those of all functions.
func (d *decoder) all(names []string) bool {
	for i := range d.r.Tools {
		t := &d.r.Tools[i]
		if t.From != "" {
			continue
		}
		if !contains(names, t.Name) {
			return false
		}
	}
	return true
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// tool reads one object of tools: functions, or things that Google runs.
func (d *decoder) tool() {
	c, r := &d.c, d.r
	first := true
	place := func(t *llm.Tool) {
		after := len(r.Tools) > 0 && r.Tools[len(r.Tools)-1].From == ""
		function := t.From == ""
		switch {
		case first && function && after:
			t.Extra = note(t.Extra, noteNew, "true")
		case !first && !(function && after):
			t.Extra = note(t.Extra, noteSame, "true")
		}
		first = false
		r.Tools = append(r.Tools, *t)
	}
	var as spelled
	for c.Object(); ; {
		key, ok := d.key(&as, "tool.")
		if !ok {
			return
		}
		if string(key) != "functionDeclarations" {
			name := string(key)
			var b raw.Builder
			b.Object()
			b.PutRaw(string(d.came), c.Raw())
			b.EndObject()
			if c.Err() == nil {
				place(&llm.Tool{From: llm.Gemini, Name: name, Raw: b.B})
			}
			continue
		}
		group := as
		as = nil
		d.each(&group, "tool.functionDeclarations", func() {
			t := d.function(group)
			group = nil
			place(&t)
		})
	}
}

func (d *decoder) function(as spelled) (t llm.Tool) {
	c := &d.c
	for c.Object(); ; {
		key, ok := d.key(&as, "")
		if !ok {
			break
		}
		switch string(key) {
		case "name":
			t.Name = c.Text()
		case "description":
			t.Description = c.Text()
		case "parameters", "parametersJsonSchema":
			at := *c
			object := at.Kind() == '{'
			came := at.Raw()
			if object && at.Err() == nil {
				t.Schema = jsonSchema(came, string(key) == "parameters")
			}
			if string(key) == "parameters" || !bytes.Equal(t.Schema, came) {
				d.keep(&t.Extra, "")
			} else {
				*c = at
			}
		default:
			d.keep(&t.Extra, "")
		}
	}
	t.Extra = as.keep(t.Extra)
	return t
}
