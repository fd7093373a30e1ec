package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// at is the place of a field: the keys that lead to it, and the indexes as [0].
type at []string

func field(keys ...string) at { return keys }

func (a at) key(k string) at { return append(slices.Clip(a), k) }
func (a at) below(dotted string) at {
	return append(slices.Clip(a), strings.Split(dotted, ".")...)
}
func (a at) index(i int) at   { return append(slices.Clip(a), "["+strconv.Itoa(i)+"]") }
func (a at) String() string   { return strings.ReplaceAll(strings.Join(a, "."), ".[", "[") }
func (a at) parent() (at, at) { return a[:len(a)-1], a[len(a)-1:] }

// Mistakes is everything that is wrong with a configuration, each with its line.
type Mistakes []error

// Error implements error.
func (m Mistakes) Error() string {
	if len(m) == 1 {
		return m[0].Error()
	}
	texts := make([]string, len(m))
	for i, e := range m {
		texts[i] = "  " + e.Error()
	}
	return fmt.Sprintf("%d mistakes:\n%s", len(m), strings.Join(texts, "\n"))
}

// Unwrap gives each mistake.
func (m Mistakes) Unwrap() []error { return m }

// problems collects what is wrong, so that one look at the messages mends all.
type problems struct {
	path  string
	root  ast.Node
	found []problem
	spelt map[int]bool // lines whose spelling is wrong: what follows from that is not said
	hide  []string     // secrets, which no message may hold
}

type problem struct {
	line int
	text string
}

// add notes a mistake at a field, or at the nearest one above it that is there.
func (p *problems) add(f at, format string, args ...any) {
	var n ast.Node
	for up := f; len(up) > 0 && n == nil; up, _ = up.parent() {
		n = find(p.root, up)
	}
	line := lineOf(n)
	if p.spelt[line] {
		return
	}
	p.note(line, f, format, args...)
}

// node notes a mistake in the spelling of a node.
func (p *problems) node(n ast.Node, f at, format string, args ...any) {
	line := lineOf(n)
	if p.spelt == nil {
		p.spelt = map[int]bool{}
	}
	p.spelt[line] = line > 0
	p.note(line, f, format, args...)
}

func (p *problems) note(line int, f at, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(f) > 0 {
		text = f.String() + ": " + text
	}
	for _, secret := range p.hide {
		text = strings.ReplaceAll(text, secret, "…")
	}
	p.found = append(p.found, problem{line, text})
}

func lineOf(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// err is all that was found, in the order of the file.
func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	slices.SortStableFunc(p.found, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	var m Mistakes
	for _, f := range p.found {
		where := p.path
		if f.line > 0 {
			where += ":" + strconv.Itoa(f.line)
		}
		m = append(m, fmt.Errorf("%s: %s", where, f.text))
	}
	return m
}

// read is the place that a field's text names, such as "tools.reports.objects", as
// far as the file has it. Names may hold dots, so each key takes the longest that fits.
func (p *problems) read(text string) (at, bool) {
	var f at
	n := p.root
	for text != "" {
		best := ""
		for _, kv := range pairs(n) {
			k := kv.Key.GetToken().Value
			if rest, ok := strings.CutPrefix(text, k); ok && len(k) > len(best) && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				best, n = k, kv.Value
			}
		}
		if best == "" {
			return append(f, text), len(f) > 0
		}
		f = append(f, best)
		text = strings.TrimPrefix(strings.TrimPrefix(text, best), ".")
	}
	return f, len(f) > 0
}

// find is the node of a field, a key's own where the field is a mapping's; nil
// where it is not there.
func find(n ast.Node, f at) ast.Node {
	var key ast.Node
	for _, k := range f {
		key, n = child(n, k)
		if n == nil {
			return nil
		}
	}
	return key
}

// child is what stands under a key or an index, with the node that names it.
func child(n ast.Node, key string) (name, value ast.Node) {
	if digits, ok := strings.CutPrefix(key, "["); ok {
		s, isSeq := bare(n).(*ast.SequenceNode)
		i, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
		if err != nil || !isSeq || i >= len(s.Values) {
			return nil, nil
		}
		return first(s.Values[i]), s.Values[i]
	}
	for _, kv := range pairs(n) {
		if kv.Key.GetToken().Value == key {
			return kv.Key, kv.Value
		}
	}
	return nil, nil
}

// first is the node at which a value begins: the token of a mapping is a colon.
func first(n ast.Node) ast.Node {
	if kvs := pairs(n); len(kvs) > 0 {
		return kvs[0].Key
	}
	return n
}

// pairs are a mapping's; none of anything else.
func pairs(n ast.Node) []*ast.MappingValueNode {
	switch m := bare(n).(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	}
	return nil
}

// bare is a node without its anchor and tag.
func bare(n ast.Node) ast.Node {
	for {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.TagNode:
			n = x.Value
		default:
			return n
		}
	}
}

// each takes joined errors apart.
func each(err error) []error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}
