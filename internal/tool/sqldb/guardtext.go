package sqldb

import (
	"encoding/json"
	"slices"
	"strings"
)

// readable takes a query apart and refuses what is none, by its first word. What the
// database itself enforces comes after it.
func (d *dialect) readable(source string, params []any, first ...string) (*statement, error) {
	st, err := d.lex(source)
	if err != nil {
		return nil, err
	}
	if !st.first().is(first...) {
		return nil, refuse("this is no query: only SELECT is allowed, the database can be read only")
	}
	return st, st.takes(params)
}

// writable takes statements apart that change data, and refuses those that do
// anything else: one that defines something would commit what came before it at MySQL,
// and one that touches the effects table could make a command look undone.
func (d *dialect) writable(in []Statement, effects string, first ...string) ([]*statement, error) {
	if len(in) == 0 || len(in) > mostStatements {
		return nil, refuse("%d statements were given: between 1 and %d are run together", len(in), mostStatements)
	}
	name := effects[strings.LastIndexByte(effects, '.')+1:]
	var out []*statement
	size := 0
	for i, s := range in {
		st, err := d.lex(s.Text)
		if err != nil {
			return nil, placed(i, err)
		}
		if !st.tokens[0].is(first...) {
			return nil, placed(i, refuse("only %s are allowed, and it begins with %q", listed(first), st.tokens[0].text))
		}
		for _, t := range st.tokens {
			if (t.kind == word || t.kind == quoted) && strings.EqualFold(t.text, name) {
				return nil, placed(i, refuse("the table %s belongs to the system and is not for statements", name))
			}
		}
		if err := st.takes(s.Params); err != nil {
			return nil, placed(i, err)
		}
		if size += len(st.text) + sizeOf(s.Params); size > mostExec {
			return nil, refuse("the statements and their values are larger than %d bytes: run them in parts", mostExec)
		}
		out = append(out, st)
	}
	return out, nil
}

func listed(words []string) string {
	return strings.ToUpper(strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1])
}

// takes checks that the values fit the parameters.
func (s *statement) takes(params []any) error {
	if s.params != len(params) {
		return refuse("the query has %d parameters and %d values were given in params", s.params, len(params))
	}
	for i, p := range params {
		switch p.(type) {
		case nil, bool, string, json.Number:
		default:
			return refuse("params[%d] is neither a text, a number, true, false nor null", i)
		}
	}
	if size := sizeOf(params); size > mostParams {
		return refuse("the values in params have %d bytes, and %d are the most", size, mostParams)
	}
	return nil
}

func sizeOf(params []any) int {
	size := 0
	for _, p := range params {
		switch v := p.(type) {
		case string:
			size += len(v)
		case json.Number:
			size += len(v)
		}
		size += 8
	}
	return size
}

// forbid refuses a statement that has one of these words outside of texts, names in
// quotes and comments.
func (s *statement) forbid(words map[string]bool) error {
	for _, t := range s.tokens {
		if t.kind == word && words[t.text] {
			return refuse("%s is not allowed: a query only reads", strings.ToUpper(t.text))
		}
	}
	return nil
}

func set(words string, without ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		if !slices.Contains(without, w) {
			m[w] = true
		}
	}
	return m
}
