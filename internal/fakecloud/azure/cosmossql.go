package azure

import (
	"cmp"
	"reflect"
	"strings"
)

// sqlQuery is the part of Cosmos DB's SQL that is here:
//
//	SELECT [TOP n] * FROM c [WHERE c.a = @p AND c["b"] >= 'x' AND …] [ORDER BY c.b [ASC|DESC]] [OFFSET n LIMIT m]
//
// Conditions compare a property with a value (=, !=, <>, <, <=, >, >=, BETWEEN x AND y)
// or are STARTSWITH(property, value). What is of another type than it is compared with
// is not found.
type sqlQuery struct {
	where      []sqlCondition
	order      []sqlOrder
	top, limit int // -1 is none
	offset     int
}

type sqlCondition struct {
	path  []string
	op    string
	value any
}

type sqlOrder struct {
	path []string
	down bool
}

// pinned says whether the query is about one partition, and which.
func (q *sqlQuery) pinned(key string) (any, bool) {
	for _, c := range q.where {
		if c.op == "=" && len(c.path) == 1 && c.path[0] == key {
			return c.value, true
		}
	}
	return nil, false
}

func (q *sqlQuery) holds(doc map[string]any) bool {
	for _, c := range q.where {
		if !c.holds(valueAt(doc, c.path)) {
			return false
		}
	}
	return true
}

// undefined is the value of a property that is not there, other than null.
type undefined struct{}

func valueAt(doc map[string]any, path []string) any {
	var v any = doc
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return undefined{}
		}
		if v, ok = m[name]; !ok {
			return undefined{}
		}
	}
	if n, ok := v.(int64); ok { // _ts
		return float64(n)
	}
	return v
}

func (c *sqlCondition) holds(v any) bool {
	if c.op == "startswith" {
		text, ok := v.(string)
		prefix, ok2 := c.value.(string)
		return ok && ok2 && strings.HasPrefix(text, prefix)
	}
	if reflect.TypeOf(v) != reflect.TypeOf(c.value) || v == (undefined{}) {
		return false
	}
	if rank(v) == structured {
		return c.op == "=" && reflect.DeepEqual(v, c.value)
	}
	n := compareAny(v, c.value)
	switch c.op {
	case "=":
		return n == 0
	case "!=", "<>":
		return n != 0
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n >= 0
}

// compareAny orders by type first, as ORDER BY does: undefined, null, booleans, numbers,
// strings. Texts are compared by their bytes.
func compareAny(a, b any) int {
	if n := cmp.Compare(rank(a), rank(b)); n != 0 {
		return n
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case float64:
		return cmp.Compare(a, b.(float64))
	case bool:
		if a == b.(bool) {
			return 0
		}
		if a {
			return 1
		}
		return -1
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case undefined:
		return 0
	case nil:
		return 1
	case bool:
		return 2
	case float64:
		return 3
	case string:
		return 4
	}
	return structured
}

const structured = 5 // arrays and objects, which have no order
