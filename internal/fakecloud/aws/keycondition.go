package aws

import "slices"

// keyCondition checks that a condition is one on a key: the partition key is equal to
// a value, and the sort key compared with one or two.
func (e *expr) keyCondition(t *table) error {
	var tests []*expr
	if err := e.conjuncts(&tests); err != nil {
		return err
	}
	seen := map[string]string{}
	for _, test := range tests {
		name := test.args[0].path
		if len(name) != 1 || !slices.ContainsFunc(t.keys, func(k keyPart) bool { return k.name == name[0].name }) {
			if len(tests) > len(t.keys) {
				return invalid("Query key condition not supported")
			}
			continue
		}
		if seen[name[0].name] != "" {
			return invalid("KeyConditionExpressions must only contain one condition per key")
		}
		seen[name[0].name] = test.op
		for _, part := range t.keys {
			for _, a := range test.args[1:] {
				if part.name == name[0].name && a.val.kind != part.kind {
					return invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
				}
				if part.name == name[0].name && a.val.kind != "N" && a.val.text == "" {
					return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", part.name)
				}
			}
		}
	}
	if len(tests) > len(t.keys) {
		return invalid("Query key condition not supported")
	}
	for i, part := range t.keys {
		op := seen[part.name]
		if op == "" && (i == 0 || len(tests) > len(seen)) {
			return invalid("Query condition missed key schema element: %s", part.name)
		}
		if i == 0 && op != "=" {
			return invalid("Query key condition not supported")
		}
	}
	if len(tests) > len(seen) {
		return invalid("Query key condition not supported")
	}
	return nil
}

// conjuncts takes a condition apart at its ANDs, into tests of a path against values.
func (e *expr) conjuncts(tests *[]*expr) error {
	switch e.op {
	case "AND":
		if err := e.args[0].conjuncts(tests); err != nil {
			return err
		}
		return e.args[1].conjuncts(tests)
	case "=", "<", "<=", ">", ">=", "BETWEEN", "begins_with":
		for i, a := range e.args {
			if (i == 0) != (a.op == "path") || i > 0 && a.op != "value" {
				return invalid("Invalid KeyConditionExpression: Invalid operand for operator or function; operator or function: %s", e.op)
			}
		}
		*tests = append(*tests, e)
		return nil
	}
	return invalid("Invalid operator used in KeyConditionExpression: %s", e.op)
}

// mentions is an attribute of the key that a condition asks about; "" is none.
func (e *expr) mentions(t *table) string {
	if e == nil {
		return ""
	}
	for _, part := range t.keys {
		if len(e.path) == 1 && e.path[0].name == part.name {
			return part.name
		}
	}
	for _, a := range e.args {
		if name := a.mentions(t); name != "" {
			return name
		}
	}
	return ""
}
