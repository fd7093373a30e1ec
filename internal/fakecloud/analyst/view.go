package analyst

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// view is what a request shows, sorted by what an analyst asks of it.
type view struct {
	req     Request
	goal    string // system and user text
	company string // that the goal is about; "" where it is about none
	tools   toolbox
	calls   []done // in the order in which they were made
}

// done is a call that was made, with its result.
type done struct {
	tool   string
	args   map[string]json.RawMessage
	result string
	failed bool
}

// toolbox is the tools by what they are for; a zero tool is one that is missing.
type toolbox struct {
	list, read, schema, query, put, publish, calculate, todo tool
}

// tool is one tool with the names of its arguments, taken from its schema.
type tool struct {
	name        string
	description string
	properties  map[string]json.RawMessage
	required    []string
}

func (t tool) there() bool { return t.name != "" }

// arg is the name of the tool's argument: the first of the given ones that its
// schema has, else the first required one, else the first given.
func (t tool) arg(names ...string) string {
	for _, n := range names {
		if _, ok := t.properties[n]; ok {
			return n
		}
	}
	if len(t.required) > 0 {
		return t.required[0]
	}
	return names[0]
}

func look(r Request) *view {
	v := &view{req: r}
	var text []string
	open := map[string]int{}
	for _, turn := range r.Turns {
		for _, p := range turn.Parts {
			switch {
			case p.Kind == Text && turn.Role != Assistant:
				text = append(text, p.Text)
			case p.Kind == Call:
				d := done{tool: p.Name}
				_ = json.Unmarshal(p.Args, &d.args) // arguments that were cut off are none
				open[p.ID] = len(v.calls)
				v.calls = append(v.calls, d)
			case p.Kind == Result:
				if i, ok := open[p.ID]; ok {
					v.calls[i].result = p.Text
					v.calls[i].failed = p.IsError || looksFailed(p.Text)
				}
			}
		}
	}
	v.goal = strings.Join(text, "\n")
	v.company = companyIn(v.goal)
	if !r.NoTools {
		v.tools = sortTools(r.Tools)
	}
	return v
}

// looksFailed recognises the ways in which a result says that it is an error, for
// the format that has no flag for it.
func looksFailed(text string) bool {
	text = strings.TrimLeft(text, " \n[(*#")
	if len(text) >= 5 && strings.EqualFold(text[:5], "error") {
		return true
	}
	var object map[string]json.RawMessage // "{" is not trimmed, so an object is still whole
	return json.Unmarshal([]byte(text), &object) == nil && len(object) <= 3 && len(object["error"]) > 0 && string(object["error"]) != "null"
}

// sortTools finds out what each tool is for, by the ending of its name and by
// words of its description.
func sortTools(tools []Tool) toolbox {
	var box toolbox
	slots := []struct {
		into  *tool
		ends  []string
		words []string
	}{
		{&box.schema, []string{"_schema", "schema"}, []string{"schema of", "tables and columns"}},
		{&box.query, []string{"_query", "query", "_sql"}, []string{"sql query", "select"}},
		{&box.put, []string{"_put", "_create", "_record"}, []string{"item", "document"}},
		{&box.publish, []string{"_publish", "_notify", "_send"}, []string{"notif"}},
		{&box.calculate, []string{"calculate", "calculator"}, []string{"starlark", "arithmetic"}},
		{&box.todo, []string{"todo_write", "todo"}, []string{"to-do"}},
		{&box.list, []string{"_list"}, []string{"object", "file", "key"}},
		{&box.read, []string{"_read", "_get"}, []string{"object", "file"}},
	}
	for _, byName := range []bool{true, false} {
		for _, t := range tools {
			for _, s := range slots {
				fits := hasEnding(t.Name, s.ends)
				if !byName {
					fits = fits || hasWord(t.Description, s.words)
				}
				// A table can be queried, listed and read, too; what is meant here are
				// SQL and objects.
				if s.into == &box.query {
					d := describe(t)
					fits = fits && sqlArg(d) != ""
				}
				if s.into == &box.list || s.into == &box.read {
					fits = fits && hasWord(t.Description, s.words) && !hasWord(t.Description, []string{"item"})
				}
				if fits && !s.into.there() && !box.has(t.Name) {
					*s.into = describe(t)
					break
				}
			}
		}
	}
	return box
}

func (b *toolbox) has(name string) bool {
	return slices.ContainsFunc([]tool{b.list, b.read, b.schema, b.query, b.put, b.publish, b.calculate, b.todo},
		func(t tool) bool { return t.name == name })
}

// sqlArg is the argument that takes a statement; "" where the tool has none.
func sqlArg(t tool) string {
	for _, n := range []string{"sql", "statement", "query"} {
		if _, ok := t.properties[n]; ok {
			return n
		}
	}
	return ""
}

func hasEnding(name string, ends []string) bool {
	return slices.ContainsFunc(ends, func(e string) bool { return strings.HasSuffix(strings.ToLower(name), e) })
}

func hasWord(text string, words []string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

func describe(t Tool) tool {
	var s struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	_ = json.Unmarshal(t.Schema, &s) // a tool without a readable schema has no arguments to know
	return tool{t.Name, t.Description, s.Properties, s.Required}
}

// canAnalyse reports whether there is anything to look at.
func (v *view) canAnalyse() bool { return v.tools.read.there() || v.tools.query.there() }

var companyPatterns = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\bfilings? of ([^\s,;:][^,;:\n]*)`),
	regexp.MustCompile(`(?i)\b(?:judge|analy[sz]e|assess) ([^\s,;:][^,;:\n]*?) as (?:a|an|the) `),
	regexp.MustCompile(`(?im)^\s*company\s*[:=]\s*(\S[^,;\n]*)`),
	regexp.MustCompile(`\b(?i:judge|analy[sz]e|assess) ((?:[A-Z][\w.&'-]*)(?: [A-Z][\w.&'-]*)*)`),
}

// companyIn is the company that a goal is about.
func companyIn(goal string) string {
	for _, re := range companyPatterns {
		if m := re.FindStringSubmatch(goal); m != nil {
			name, _, _ := strings.Cut(m[1], ". ")
			for _, word := range []string{" in ", " from ", " and ", " with ", " against "} {
				name, _, _ = strings.Cut(name, word)
			}
			return strings.Trim(strings.TrimSpace(name), `."'`)
		}
	}
	return ""
}

// made are the calls of a tool, of the given outcome.
func (v *view) made(t tool, failed bool) []done {
	var out []done
	for _, d := range v.calls {
		if t.there() && d.tool == t.name && d.failed == failed {
			out = append(out, d)
		}
	}
	return out
}

// failures counts how often exactly this call failed.
func (v *view) failures(t tool, args map[string]any) int {
	n := 0
	for _, d := range v.made(t, true) {
		if sameArgs(d.args, args) {
			n++
		}
	}
	return n
}

// result is what exactly this call gave, if it was made and went well.
func (v *view) result(t tool, args map[string]any) (string, bool) {
	for _, d := range slices.Backward(v.made(t, false)) {
		if sameArgs(d.args, args) {
			return d.result, true
		}
	}
	return "", false
}

func sameArgs(a map[string]json.RawMessage, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range b {
		var x, y any
		raw, err := json.Marshal(v)
		if err != nil || json.Unmarshal(raw, &x) != nil || json.Unmarshal(a[k], &y) != nil {
			return false
		}
		xb, _ := json.Marshal(x) // both were just decoded, so they encode
		yb, _ := json.Marshal(y)
		if string(xb) != string(yb) {
			return false
		}
	}
	return true
}

func (v *view) lastUser() string {
	for _, t := range slices.Backward(v.req.Turns) {
		if t.Role != User {
			continue
		}
		for _, p := range slices.Backward(t.Parts) {
			if p.spoken() {
				return p.Text
			}
		}
	}
	return ""
}

// spoken reports whether a part of a user's turn is what a person said, and not what a
// client tells the model beside it.
func (p Part) spoken() bool {
	return p.Kind == Text && !strings.HasPrefix(strings.TrimSpace(p.Text), "<system-reminder>")
}
