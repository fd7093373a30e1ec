package aws

import (
	"slices"
	"strings"
)

// update is an update expression, made ready.
type update struct{ actions []action }

// action is one change of one attribute.
type action struct {
	clause string // SET REMOVE ADD DELETE
	path   []step
	to     *expr // nil for REMOVE
}

// parseUpdate reads SET path = value, … REMOVE path, … ADD path value, … DELETE path value, …
func parseUpdate(text string, ph *placeholders) (*update, error) {
	p := newParser("UpdateExpression", text, ph)
	u, seen := &update{}, map[string]bool{}
	for p.err == nil && p.at < len(p.tokens) {
		clause := strings.ToUpper(p.peek())
		switch clause {
		case "SET", "REMOVE", "ADD", "DELETE":
			p.at++
		default:
			p.unexpected()
		}
		if seen[clause] {
			p.fail("The %q section can only be used once in an update expression;", clause)
		}
		seen[clause] = true
		for more := true; more && p.err == nil; more = p.word(",") {
			u.actions = append(u.actions, p.action(clause))
		}
	}
	if p.err == nil {
		p.overlaps(u)
	}
	return u, p.end()
}

func (p *parser) action(clause string) action {
	a := action{clause: clause, path: p.readPath()}
	switch clause {
	case "SET":
		p.want("=")
		a.to = p.setValue()
		if op := p.peek(); op == "+" || op == "-" {
			p.at++
			a.to = &expr{op: op, args: []*expr{a.to, p.setValue()}}
		}
	case "ADD", "DELETE":
		if a.to = p.operand(); a.to != nil && a.to.op != "value" {
			p.unexpected()
		}
		if p.err == nil && !a.to.val.isSet() && (clause == "DELETE" || a.to.val.kind != "N") {
			p.fail("Incorrect operand type for operator or function; operator: %s, operand type: %s", clause, a.to.val.kind)
		}
	}
	return a
}

// setValue reads an operand of SET, which may be one of two functions.
func (p *parser) setValue() *expr {
	defer func() { p.depth-- }()
	if p.deeper() {
		return nil
	}
	f := p.peek()
	if (f != "if_not_exists" && f != "list_append") || !p.follows("(") {
		return p.operand()
	}
	p.at++
	p.want("(")
	e := &expr{op: f, args: []*expr{p.setValue()}}
	p.want(",")
	e.args = append(e.args, p.setValue())
	p.want(")")
	if p.err == nil && f == "if_not_exists" && e.args[0].op != "path" {
		p.fail("Operator or function requires a document path; operator or function: if_not_exists")
	}
	return e
}

func (p *parser) overlaps(u *update) {
	for i, a := range u.actions {
		for _, b := range u.actions[:i] {
			if n := min(len(a.path), len(b.path)); slices.Equal(a.path[:n], b.path[:n]) {
				p.fail("Two document paths overlap with each other; must remove or rewrite one of these paths;")
			}
		}
	}
}

// spares refuses to change the key.
func (u *update) spares(t *table) error {
	for _, a := range u.actions {
		for _, part := range t.keys {
			if a.path[0].name == part.name {
				return invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", part.name)
			}
		}
	}
	return nil
}

func (u *update) paths() [][]step {
	paths := [][]step{}
	for _, a := range u.actions {
		paths = append(paths, a.path)
	}
	return paths
}

// apply changes it. All values are those before the update.
func (u *update) apply(it item) error {
	values := make([]*value, len(u.actions))
	for i, a := range u.actions {
		v, err := a.value(it)
		if err != nil {
			return err
		}
		values[i] = v
	}
	// Of a list the last go first, so that those before them keep their places.
	order := make([]int, 0, len(u.actions))
	for i := range u.actions {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return u.actions[j].path[len(u.actions[j].path)-1].index - u.actions[i].path[len(u.actions[i].path)-1].index
	})
	for _, i := range order {
		if err := u.actions[i].place(it, values[i]); err != nil {
			return err
		}
	}
	return nil
}

var (
	errType = invalid("An operand in the update expression has an incorrect data type")
	errPath = invalid("The document path provided in the update expression is invalid for update")
	errNone = invalid("The provided expression refers to an attribute that does not exist in the item")
)

// value is what the attribute becomes; nil is nothing.
func (a *action) value(it item) (*value, error) {
	was := find(it, a.path)
	switch a.clause {
	case "REMOVE":
		return nil, nil
	case "SET":
		return a.to.set(it)
	}
	by := a.to.val
	switch {
	case was == nil && a.clause == "ADD":
		return by.clone(), nil
	case was == nil:
		return nil, nil
	case was.kind != by.kind:
		return nil, errType
	case by.kind == "N":
		return sumOf(was, by)
	}
	v := was.clone()
	for _, m := range by.list {
		v.list = slices.DeleteFunc(v.list, m.equal)
		if a.clause == "ADD" {
			v.list = append(v.list, m.clone())
		}
	}
	if len(v.list) == 0 {
		return nil, nil // a set that has no members is not there
	}
	return v, nil
}

// set is the value of an operand of SET.
func (e *expr) set(it item) (*value, error) {
	if e.op == "if_not_exists" {
		if v := e.args[0].operand(it); v != nil {
			return v.clone(), nil
		}
		return e.args[1].set(it)
	}
	if len(e.args) == 2 {
		x, err := e.args[0].set(it)
		if err != nil {
			return nil, err
		}
		y, err := e.args[1].set(it)
		if err != nil {
			return nil, err
		}
		switch {
		case e.op == "list_append" && x.kind == "L" && y.kind == "L":
			return &value{kind: "L", list: append(x.list, y.list...)}, nil
		case e.op == "list_append" || x.kind != "N" || y.kind != "N":
			return nil, errType
		case e.op == "-":
			y.number = y.number.negated()
		}
		return sumOf(x, y)
	}
	v := e.operand(it)
	if v == nil {
		return nil, errNone
	}
	return v.clone(), nil
}

func sumOf(x, y *value) (*value, error) {
	n, err := x.number.add(y.number)
	if err != nil {
		return nil, err
	}
	return &value{kind: "N", number: n}, nil
}

// place puts the value at the end of the path, or takes away what is there.
func (a *action) place(it item, v *value) error {
	at := &value{kind: "M", items: it}
	if len(a.path) > 1 {
		if at = find(it, a.path[:len(a.path)-1]); at == nil {
			return errPath
		}
	}
	last := a.path[len(a.path)-1]
	switch {
	case last.name != "" && at.kind == "M":
		if v == nil {
			delete(at.items, last.name)
		} else {
			if at.items == nil {
				at.items = item{}
			}
			at.items[last.name] = v
		}
	case last.name == "" && at.kind == "L":
		switch n := len(at.list); {
		case v == nil && last.index < n:
			at.list = slices.Delete(at.list, last.index, last.index+1)
		case v != nil && last.index < n:
			at.list[last.index] = v
		case v != nil:
			at.list = append(at.list, v)
		}
	default:
		return errPath
	}
	return nil
}
