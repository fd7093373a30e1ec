package aws

import (
	"bytes"
	"maps"
	"slices"
)

// equal reports whether two values are the same; the order of sets does not count.
func (v *value) equal(w *value) bool {
	if v.kind != w.kind || v.text != w.text || v.number != w.number || v.truth != w.truth || len(v.list) != len(w.list) || len(v.items) != len(w.items) {
		return false
	}
	if v.isSet() {
		return !slices.ContainsFunc(v.list, func(m *value) bool { return !w.holds(m) })
	}
	return slices.EqualFunc(v.list, w.list, (*value).equal) && maps.EqualFunc(v.items, w.items, (*value).equal)
}

func (v *value) isSet() bool { return v.kind == "SS" || v.kind == "NS" || v.kind == "BS" }

// holds reports whether a list or set has the member.
func (v *value) holds(m *value) bool {
	return slices.ContainsFunc(v.list, func(x *value) bool { return x.equal(m) })
}

// compare orders two values of one of the kinds that have an order.
func (v *value) compare(w *value) (int, bool) {
	if v.kind != w.kind || !v.ordered() {
		return 0, false
	}
	if v.kind == "N" {
		return v.number.compare(w.number), true
	}
	return bytes.Compare([]byte(v.text), []byte(w.text)), true
}

func (v *value) ordered() bool { return v.kind == "S" || v.kind == "N" || v.kind == "B" }

// size is what the value takes, by
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (v *value) size() int {
	switch v.kind {
	case "S", "B":
		return len(v.text)
	case "N":
		return v.number.size()
	case "L":
		n := 3 + len(v.list)
		for _, m := range v.list {
			n += m.size()
		}
		return n
	case "M":
		return 3 + len(v.items) + v.items.size()
	case "SS", "NS", "BS":
		n := 0
		for _, m := range v.list {
			n += m.size()
		}
		return n
	}
	return 1
}

// size is what the item takes: names and values.
func (it item) size() int {
	n := 0
	for name, v := range it {
		n += len(name) + v.size()
	}
	return n
}

// depth is how deep lists and maps are nested.
func (v *value) depth() int {
	d := 0
	for _, m := range v.list {
		d = max(d, m.depth())
	}
	for _, m := range v.items {
		d = max(d, m.depth())
	}
	return d + 1
}

// whole says what is wrong with an item that came in: a value that is null, or
// nested too deep.
func (it item) whole() error {
	for _, v := range it {
		if !v.complete() {
			return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
		}
		if v.depth() > mostDepth {
			return invalid("Nesting Levels have exceeded supported limits: Attributes nested deeper than %d levels", mostDepth)
		}
	}
	return nil
}

func (v *value) complete() bool {
	if v == nil || v.kind == "" {
		return false
	}
	for _, m := range v.list {
		if !m.complete() {
			return false
		}
	}
	for _, m := range v.items {
		if !m.complete() {
			return false
		}
	}
	return true
}

// clone is a copy that shares nothing with the value.
func (v *value) clone() *value {
	w := *v
	w.list = nil
	for _, m := range v.list {
		w.list = append(w.list, m.clone())
	}
	w.items = v.items.clone()
	return &w
}

func (it item) clone() item {
	if it == nil {
		return nil
	}
	c := item{}
	for name, v := range it {
		c[name] = v.clone()
	}
	return c
}
