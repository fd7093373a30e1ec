package aws

import (
	"strconv"
	"strings"
)

// parseCondition reads a whole condition, filter or key condition.
func parseCondition(what, text string, ph *placeholders) (*expr, error) {
	p := newParser(what, text, ph)
	if p.err != nil {
		return nil, p.err
	}
	e := p.condition()
	return e, p.end()
}

// condition reads: or := and {OR and}; and := not {AND not}; not := NOT not | test.
func (p *parser) condition() *expr {
	defer func() { p.depth-- }()
	if p.deeper() {
		return nil
	}
	left := p.and()
	for p.word("OR") {
		left = &expr{op: "OR", args: []*expr{left, p.and()}}
	}
	return left
}

func (p *parser) and() *expr {
	left := p.not()
	for p.word("AND") {
		left = &expr{op: "AND", args: []*expr{left, p.not()}}
	}
	return left
}

func (p *parser) not() *expr {
	defer func() { p.depth-- }()
	if p.deeper() {
		return nil
	}
	if p.word("NOT") {
		return &expr{op: "NOT", args: []*expr{p.not()}}
	}
	return p.test()
}

func (p *parser) test() *expr {
	if p.word("(") {
		e := p.condition()
		p.want(")")
		if e != nil && e.own {
			p.fail("The expression has redundant parentheses;")
		}
		if e != nil {
			e.own = true
		}
		return e
	}
	if n, ok := functions[p.peek()]; ok && p.peek() != "size" && p.follows("(") {
		return p.call(n)
	}
	left := p.operand()
	switch op := strings.ToUpper(p.peek()); op {
	case "=", "<>", "<", "<=", ">", ">=":
		p.at++
		return p.checked(&expr{op: op, args: []*expr{left, p.operand()}})
	case "BETWEEN":
		p.at++
		low := p.operand()
		p.want("AND")
		return p.checked(&expr{op: op, args: []*expr{left, low, p.operand()}})
	case "IN":
		p.at++
		p.want("(")
		e := &expr{op: op, args: []*expr{left, p.operand()}}
		for p.word(",") {
			e.args = append(e.args, p.operand())
		}
		p.want(")")
		if len(e.args) > mostIn+1 {
			p.fail("The IN operator is provided with too many operands; number of operands: %d", len(e.args)-1)
		}
		return e
	}
	p.unexpected()
	return nil
}

func (p *parser) follows(t string) bool {
	return p.at+1 < len(p.tokens) && p.tokens[p.at+1].text == t
}

// call reads a function with its operands.
func (p *parser) call(n int) *expr {
	e := &expr{op: p.peek()}
	p.at++
	p.want("(")
	e.args = append(e.args, p.operand())
	for p.word(",") {
		e.args = append(e.args, p.operand())
	}
	p.want(")")
	if p.err == nil && len(e.args) != n {
		p.fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", e.op, len(e.args))
	}
	return p.checked(e)
}

// operand reads a path, a value or size(path).
func (p *parser) operand() *expr {
	t := p.peek()
	switch {
	case t == "":
		p.unexpected()
		return nil
	case t == "size" && p.follows("("):
		return p.call(functions["size"])
	case t[0] == ':':
		p.at++
		v, ok := p.ph.values[t]
		if !ok {
			p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t)
			return nil
		}
		p.ph.usedV[t] = true
		return &expr{op: "value", val: v}
	}
	return &expr{op: "path", path: p.readPath()}
}

// readPath reads name{.name|[index]}.
func (p *parser) readPath() []step {
	path := []step{{name: p.name()}}
	for p.err == nil {
		switch {
		case p.word("."):
			path = append(path, step{name: p.name()})
		case p.word("["):
			n, err := strconv.Atoi(p.peek())
			if err != nil {
				p.unexpected()
				return nil
			}
			p.at++
			p.want("]")
			path = append(path, step{index: n})
		default:
			return path
		}
	}
	return nil
}

func (p *parser) name() string {
	t := p.peek()
	switch {
	case t == "" || t[0] != '#' && !letter(t[0]):
		p.unexpected()
		return ""
	case t[0] == '#':
		p.at++
		name, ok := p.ph.names[t]
		if !ok {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t)
			return ""
		}
		p.ph.usedN[t] = true
		return name
	case reserved[strings.ToUpper(t)]:
		p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t)
		return ""
	case t[0] == '_':
		p.unexpected()
		return ""
	}
	p.at++
	return t
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// end says that nothing may follow.
func (p *parser) end() error {
	if p.err == nil && p.at < len(p.tokens) {
		p.unexpected()
	}
	return p.err
}
