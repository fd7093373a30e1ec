package analyst

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// talk answers what is no analysis: it uses a tool that the last message plainly
// asks for, tells what tools gave, and otherwise chats.
func (v *view) talk() []Part {
	said := strings.TrimSpace(v.lastUser())
	if results := v.fresh(); len(results) > 0 {
		return v.say("This is what I found out: " + strings.Join(results, "; ") + ".")
	}
	if !v.req.NoTools {
		if calls := v.asked(said); len(calls) > 0 {
			return v.say("Let me look that up.", calls...)
		}
	}
	if v.company != "" && len(v.req.Tools) == 0 {
		return v.say(fmt.Sprintf("I cannot judge %s: I have no tools to read its filings with, and I do not guess figures.", v.company))
	}
	lower, text := strings.ToLower(said), long(said)
	switch {
	case text != "":
		return v.say(text)
	case said == "":
		return v.say("Hello! What can I do for you?")
	case strings.Contains(lower, "hello") || strings.HasPrefix(lower, "hi"):
		return v.say("Hello! I am the stand-in model of fakecloud, and I am glad to meet you.")
	}
	return v.say("I am a stand-in model and know only what I am shown. You said: " + said)
}

// fresh are the results that came after the last turn of a person.
func (v *view) fresh() []string {
	var out []string
	for _, t := range v.req.Turns {
		for _, p := range t.Parts {
			switch {
			case p.spoken() && t.Role == User:
				out = nil
			case p.Kind == Result:
				text := strings.TrimSpace(p.Text)
				if p.IsError || looksFailed(text) {
					text = "one tool failed (" + text + ")"
				}
				out = append(out, text)
			}
		}
	}
	return out
}

var (
	properNoun = regexp.MustCompile(`\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*`)
	nameWord   = regexp.MustCompile(`[a-z]{4,}`)
)

// asked are calls of the tool whose name has a word of the text in it: one for
// each proper noun, where the tool has one text to be given.
func (v *view) asked(said string) []next {
	lower := strings.ToLower(said)
	for _, raw := range v.req.Tools {
		words := nameWord.FindAllString(strings.ToLower(raw.Name), -1)
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) }) {
			continue
		}
		t := describe(raw)
		var calls []next
		for _, noun := range nouns(said) {
			if text := long(said); text != "" {
				noun += ": " + text
			}
			if args, ok := fill(raw.Schema, noun).(map[string]any); ok && !slices.ContainsFunc(calls, func(n next) bool { return maps.Equal(textsOf(n.args), textsOf(args)) }) {
				calls = append(calls, next{t, args})
			}
		}
		return calls
	}
	return nil
}

func textsOf(args map[string]any) map[string]string {
	out := map[string]string{}
	for k, v := range args {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// nouns are the proper nouns of a text that are not just its first word; the
// whole text where it has none.
func nouns(said string) []string {
	var out []string
	for _, at := range properNoun.FindAllStringIndex(said, -1) {
		if at[0] > 0 {
			out = append(out, said[at[0]:at[1]])
		}
	}
	if out == nil {
		out = []string{said}
	}
	return out
}

// forced calls the tool that has to be called, with what the text gives.
func forced(v *view) []Part {
	if v.req.Named == "" {
		if v.company != "" && v.canAnalyse() {
			if parts := v.analyse(); slices.ContainsFunc(parts, func(p Part) bool { return p.Kind == Call }) {
				return parts
			}
		}
		if calls := v.asked(v.lastUser()); len(calls) > 0 {
			return v.say("", calls...)
		}
	}
	for _, t := range v.req.Tools {
		if v.req.Named == "" || t.Name == v.req.Named {
			args, ok := fill(t.Schema, nouns(v.lastUser())[0]).(map[string]any)
			if !ok {
				args = map[string]any{}
			}
			return v.say("", next{describe(t), args})
		}
	}
	return v.say("The tool " + v.req.Named + " is not among those I was given.")
}

// fillJSON answers in JSON.
func fillJSON(schema json.RawMessage, said string) string {
	if text := long(said); text != "" {
		said = text
	}
	value := fill(schema, said)
	if value == nil {
		value = map[string]any{"text": said}
	}
	b, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return "{}" // values are texts, numbers and lists of them, which encode
	}
	return string(b)
}

// mostFilled is how many items a list is filled with at most; a schema may ask
// for more than memory has.
const mostFilled = 20

// fill makes the least value that a schema accepts, with the text wherever one is
// to be given; nil where there is no schema.
func fill(schema json.RawMessage, text string) any {
	var s struct {
		Type       json.RawMessage            `json:"type"`
		Enum       []any                      `json:"enum"`
		Const      any                        `json:"const"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Items      json.RawMessage            `json:"items"`
		MinItems   int                        `json:"minItems"`
		Minimum    json.Number                `json:"minimum"`
		MaxLength  int                        `json:"maxLength"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	switch kind := firstType(s.Type); {
	case s.Const != nil:
		return s.Const
	case len(s.Enum) > 0:
		return s.Enum[0]
	case kind == "object" || s.Properties != nil:
		out := map[string]any{}
		required := s.Required
		if len(required) == 0 && len(s.Properties) == 1 {
			required = slices.Collect(maps.Keys(s.Properties))
		}
		for _, name := range required {
			out[name] = fill(s.Properties[name], text)
		}
		return out
	case kind == "array":
		out := []any{}
		for range min(s.MinItems, mostFilled) {
			out = append(out, fill(s.Items, text))
		}
		return out
	case kind == "integer" || kind == "number":
		if s.Minimum != "" {
			return s.Minimum
		}
		return 0
	case kind == "boolean":
		return true
	case kind == "null":
		return nil
	}
	if s.MaxLength > 0 && len(text) > s.MaxLength {
		text = strings.ToValidUTF8(text[:s.MaxLength], "")
	}
	return text
}

// firstType reads a type that may be a list, as nullable ones are.
func firstType(raw json.RawMessage) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil && len(many) > 0 {
		return many[0]
	}
	return ""
}

// itemShape reads from a to-do list's schema what an item's text is called and
// how it is marked as waiting, being done and done.
func itemShape(list json.RawMessage) (text string, states [3]string) {
	text, states = "text", [3]string{"pending", "in_progress", "completed"}
	var s struct {
		Items struct {
			Properties map[string]struct {
				Enum []string `json:"enum"`
			} `json:"properties"`
		} `json:"items"`
	}
	if json.Unmarshal(list, &s) != nil {
		return text, states
	}
	for _, name := range []string{"text", "content", "title", "task", "description"} {
		if _, ok := s.Items.Properties[name]; ok {
			text = name
			break
		}
	}
	if enum := s.Items.Properties["status"].Enum; len(enum) > 0 {
		pick := func(words ...string) string {
			for _, w := range words {
				for _, e := range enum {
					if strings.Contains(strings.ToLower(e), w) {
						return e
					}
				}
			}
			return enum[0]
		}
		states = [3]string{pick("pend", "open", "todo", "wait"), pick("progress", "doing", "active"), pick("done", "complete", "finish")}
	}
	return text, states
}
