package aws

import (
	"regexp"
	"slices"
	"strings"
)

// expressions is what requests have for them.
type expressions struct {
	ExpressionAttributeNames  *map[string]string
	ExpressionAttributeValues *item
	ph                        *placeholders
}

var (
	namePlace  = regexp.MustCompile(`^#[A-Za-z0-9_]+$`)
	valuePlace = regexp.MustCompile(`^:[A-Za-z0-9_]+$`)
)

// begin checks the placeholders themselves; any says whether there are expressions.
func (e *expressions) begin(any bool) error {
	e.ph = &placeholders{usedN: map[string]bool{}, usedV: map[string]bool{}}
	if e.ExpressionAttributeNames != nil {
		if !any {
			return invalid("ExpressionAttributeNames can only be specified when using expressions")
		}
		if e.ph.names = *e.ExpressionAttributeNames; len(e.ph.names) == 0 {
			return invalid("ExpressionAttributeNames must not be empty")
		}
	}
	if e.ExpressionAttributeValues != nil {
		if !any {
			return invalid("ExpressionAttributeValues can only be specified when using expressions: Expressions are null")
		}
		if e.ph.values = *e.ExpressionAttributeValues; len(e.ph.values) == 0 {
			return invalid("ExpressionAttributeValues must not be empty")
		}
	}
	for name := range e.ph.names {
		if !namePlace.MatchString(name) {
			return invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", name)
		}
	}
	for name := range e.ph.values {
		if !valuePlace.MatchString(name) {
			return invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", name)
		}
	}
	return e.ph.values.whole()
}

// end refuses placeholders that no expression uses.
func (e *expressions) end() error {
	if unused := without(e.ph.names, e.ph.usedN); unused != "" {
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", unused)
	}
	if unused := without(e.ph.values, e.ph.usedV); unused != "" {
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", unused)
	}
	return nil
}

func without[V any](all map[string]V, used map[string]bool) string {
	var left []string
	for name := range all {
		if !used[name] {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return strings.Join(left, ", ")
}

// project is an item with only the attributes that a projection names.
func project(it item, paths [][]step) item {
	if paths == nil {
		return it
	}
	out := item{}
	for _, path := range paths {
		if v := find(it, path); v != nil {
			place(out, path, v)
		}
	}
	return out
}

// place puts a value at the end of a path, making the maps and lists on the way. Of a
// list only what was asked for comes back, in order.
func place(it item, path []step, v *value) {
	at := &value{kind: "M", items: it}
	for i, s := range path {
		next := v
		if i+1 < len(path) {
			next = &value{kind: "M", items: item{}}
			if path[i+1].name == "" {
				next = &value{kind: "L"}
			}
		}
		if s.name == "" {
			at.list = append(at.list, next)
			at = next
			continue
		}
		if was := at.items[s.name]; was != nil && was.kind == next.kind && i+1 < len(path) {
			next = was
		}
		at.items[s.name] = next
		at = next
	}
}

// parseProjection reads a list of paths; nil where there is none.
func parseProjection(text *string, ph *placeholders) ([][]step, error) {
	if text == nil {
		return nil, nil
	}
	p := newParser("ProjectionExpression", *text, ph)
	paths := [][]step{}
	for p.err == nil {
		path := p.readPath()
		for _, other := range paths {
			if short := min(len(other), len(path)); p.err == nil && slices.Equal(other[:short], path[:short]) {
				p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths;")
			}
		}
		if paths = append(paths, path); !p.word(",") {
			break
		}
	}
	return paths, p.end()
}
