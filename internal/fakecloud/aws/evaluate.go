package aws

import (
	"slices"
	"strconv"
	"strings"
)

// checked refuses operands that can never be right, as DynamoDB does before it looks
// at any item.
func (p *parser) checked(e *expr) *expr {
	if p.err != nil || slices.Contains(e.args, nil) {
		return e
	}
	wrong := func(kind string) {
		p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", e.op, kind)
	}
	switch e.op {
	case "<", "<=", ">", ">=", "BETWEEN":
		for _, a := range e.args {
			if a.val != nil && !a.val.ordered() {
				wrong(a.val.kind)
			}
		}
		if e.op == "BETWEEN" && e.args[1].val != nil && e.args[2].val != nil {
			if order, ok := e.args[1].val.compare(e.args[2].val); !ok {
				p.fail("The BETWEEN operator requires same data type for lower and upper bounds")
			} else if order > 0 {
				p.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
			}
		}
	case "attribute_exists", "attribute_not_exists", "size", "attribute_type", "contains", "begins_with":
		first := e.args[0]
		if first.op != "path" && (e.op != "begins_with" || first.val == nil || first.val.kind != "S" && first.val.kind != "B") && e.op != "contains" && e.op != "size" {
			p.fail("Operator or function requires a document path; operator or function: %s", e.op)
		}
		if e.op == "attribute_type" && (e.args[1].val == nil || e.args[1].val.kind != "S") {
			p.fail("Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {S, N, B, NULL, M, L, SS, NS, BS, BOOL}")
		}
		if v := e.args[len(e.args)-1].val; e.op == "begins_with" && v != nil && v.kind != "S" && v.kind != "B" {
			wrong(v.kind)
		}
	}
	return e
}

// test reports whether the condition holds for an item; one that is not there has no
// attributes.
func (e *expr) test(it item) bool {
	switch e.op {
	case "AND":
		return e.args[0].test(it) && e.args[1].test(it)
	case "OR":
		return e.args[0].test(it) || e.args[1].test(it)
	case "NOT":
		return !e.args[0].test(it)
	}
	vs := make([]*value, len(e.args))
	for i, a := range e.args {
		vs[i] = a.operand(it)
	}
	switch e.op {
	case "attribute_exists":
		return vs[0] != nil
	case "attribute_not_exists":
		return vs[0] == nil
	case "<>":
		return vs[0] == nil || vs[1] == nil || !vs[0].equal(vs[1])
	}
	if slices.Contains(vs, nil) {
		return false
	}
	switch e.op {
	case "=":
		return vs[0].equal(vs[1])
	case "IN":
		return slices.ContainsFunc(vs[1:], vs[0].equal)
	case "BETWEEN":
		low, ok := vs[0].compare(vs[1])
		high, also := vs[0].compare(vs[2])
		return ok && also && low >= 0 && high <= 0
	case "attribute_type":
		return vs[0].kind == vs[1].text
	case "begins_with":
		return vs[0].kind == vs[1].kind && strings.HasPrefix(vs[0].text, vs[1].text)
	case "contains":
		return vs[0].kind == vs[1].kind && (vs[0].kind == "S" || vs[0].kind == "B") && strings.Contains(vs[0].text, vs[1].text) || vs[0].holds(vs[1])
	}
	order, ok := vs[0].compare(vs[1])
	return ok && map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[e.op]
}

// operand is the value of an operand; nil where the item has none.
func (e *expr) operand(it item) *value {
	switch e.op {
	case "value":
		return e.val
	case "path":
		return find(it, e.path)
	case "size":
		v := e.args[0].operand(it)
		if v == nil {
			return nil
		}
		n := len(v.text)
		switch v.kind {
		case "L", "SS", "NS", "BS":
			n = len(v.list)
		case "M":
			n = len(v.items)
		case "N", "BOOL", "NULL":
			return nil
		}
		size := &value{kind: "N"}
		if size.scalar(strconv.Itoa(n)) != nil {
			return nil
		}
		return size
	}
	return nil
}

// find is what is at the end of a path.
func find(it item, path []step) *value {
	at := &value{kind: "M", items: it}
	for _, s := range path {
		switch {
		case s.name != "" && at.kind == "M":
			at = at.items[s.name]
		case s.name == "" && at.kind == "L" && s.index < len(at.list):
			at = at.list[s.index]
		default:
			return nil
		}
		if at == nil {
			return nil
		}
	}
	return at
}
