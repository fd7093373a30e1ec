package azure

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// filter is a $filter: comparisons of a property with a constant, joined by and, or,
// not and parentheses.
// https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities
type filter struct {
	op          string // and, or, not, or a comparison
	left, right *filter
	name        string
	kind        string // of the constant: "" a text, number, boolean, datetime, guid
	value       any
}

// holds says whether the filter finds an entity. A property that is not there, or of
// another type, is not found.
func (f *filter) holds(k rowKey, w *row) bool {
	if f == nil {
		return true
	}
	switch f.op {
	case "and":
		return f.left.holds(k, w) && f.right.holds(k, w)
	case "or":
		return f.left.holds(k, w) || f.right.holds(k, w)
	case "not":
		return !f.left.holds(k, w)
	}
	v, ok := w.members[f.name]
	switch f.name {
	case "PartitionKey":
		v, ok = k.partition, true
	case "RowKey":
		v, ok = k.row, true
	}
	if !ok {
		return false
	}
	n, ok := f.compare(v, w.members[f.name+"@odata.type"])
	if !ok {
		return false
	}
	switch f.op {
	case "eq":
		return n == 0
	case "ne":
		return n != 0
	case "gt":
		return n > 0
	case "ge":
		return n >= 0
	case "lt":
		return n < 0
	}
	return n <= 0
}

func (f *filter) compare(v, kind any) (int, bool) {
	switch want := f.value.(type) {
	case float64:
		switch v := v.(type) {
		case int64:
			return cmp.Compare(float64(v), want), true
		case float64:
			return cmp.Compare(v, want), true
		case string:
			n, err := strconv.ParseFloat(v, 64)
			return cmp.Compare(n, want), err == nil && kind == "Edm.Int64"
		}
	case bool:
		have, ok := v.(bool)
		if have == want {
			return 0, ok
		}
		return 1, ok
	case string:
		have, ok := v.(string)
		typed := map[string]string{"datetime": "Edm.DateTime", "guid": "Edm.Guid"}[f.kind]
		if typed != "" && kind != typed || typed == "" && kind != nil && kind != "Edm.String" {
			return 0, false
		}
		return strings.Compare(have, want), ok
	}
	return 0, false
}

var filterToken = regexp.MustCompile(`^\s*(datetime'[^']*'|guid'[^']*'|'(?:[^']|'')*'|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?L?|[A-Za-z_][A-Za-z0-9_]*|[()])`)

type filterParser struct {
	tokens []string
	at     int
}

const mostDepth = 64

// parseFilter reads a filter; an empty one is nil and finds everything.
func parseFilter(text string) (*filter, error) {
	p := &filterParser{}
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := filterToken.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("at %.20q", strings.TrimSpace(rest))
		}
		p.tokens = append(p.tokens, m[1])
		rest = rest[len(m[0]):]
	}
	if len(p.tokens) == 0 {
		return nil, nil
	}
	f, err := p.either(0)
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("at %q", p.tokens[p.at])
	}
	return f, err
}

func (p *filterParser) take(word string) bool {
	if p.at < len(p.tokens) && p.tokens[p.at] == word {
		p.at++
		return true
	}
	return false
}

func (p *filterParser) next() string {
	if p.at == len(p.tokens) {
		return ""
	}
	p.at++
	return p.tokens[p.at-1]
}

func (p *filterParser) either(depth int) (*filter, error) {
	return p.joined("or", depth, func(d int) (*filter, error) { return p.joined("and", d, p.one) })
}

func (p *filterParser) joined(op string, depth int, part func(int) (*filter, error)) (*filter, error) {
	f, err := part(depth)
	for err == nil && p.take(op) {
		var right *filter
		right, err = part(depth)
		f = &filter{op: op, left: f, right: right}
	}
	return f, err
}

func (p *filterParser) one(depth int) (*filter, error) {
	if depth > mostDepth {
		return nil, fmt.Errorf("too deep")
	}
	if p.take("not") {
		f, err := p.one(depth + 1)
		return &filter{op: "not", left: f}, err
	}
	if p.take("(") {
		f, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return f, err
	}
	f := &filter{name: p.next()}
	if !isName(f.name) {
		return nil, fmt.Errorf("at %q", f.name)
	}
	switch f.op = p.next(); f.op {
	case "eq", "ne", "gt", "ge", "lt", "le":
	default:
		return nil, fmt.Errorf("at %q", f.op)
	}
	return f, f.constant(p.next())
}

func (f *filter) constant(t string) error {
	switch kind, rest, hasQuote := strings.Cut(t, "'"); {
	case hasQuote:
		f.kind, f.value = kind, quoted(strings.TrimSuffix(rest, "'"))
		if kind == "" {
			f.value = quoted(t[1 : len(t)-1])
		}
		return nil
	case t == "true" || t == "false":
		f.kind, f.value = "boolean", t == "true"
		return nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(t, "L"), 64)
	f.kind, f.value = "number", n
	if err != nil {
		return fmt.Errorf("at %q", t)
	}
	return nil
}
