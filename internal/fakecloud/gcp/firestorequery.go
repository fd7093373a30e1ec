package gcp

import (
	"encoding/json"
	"fmt"
	"slices"
)

type queryRequest struct {
	StructuredQuery structuredQuery `json:"structuredQuery"`
	Transaction     string          `json:"transaction"`
}

// structuredQuery is a query over one collection: filters that must all hold, an order,
// a cursor at either end, a limit.
// https://cloud.google.com/firestore/docs/reference/rest/v1/StructuredQuery
type structuredQuery struct {
	Select *struct {
		Fields []fieldRef `json:"fields"`
	} `json:"select"`
	From []struct {
		CollectionID   string `json:"collectionId"`
		AllDescendants bool   `json:"allDescendants"`
	} `json:"from"`
	Where   *queryFilter    `json:"where"`
	OrderBy []order         `json:"orderBy"`
	StartAt *cursor         `json:"startAt"`
	EndAt   *cursor         `json:"endAt"`
	Offset  int             `json:"offset"`
	Limit   json.RawMessage `json:"limit"` // a number, or an object around one in older clients
}

type fieldRef struct {
	FieldPath string `json:"fieldPath"`
}

type order struct {
	Field     fieldRef `json:"field"`
	Direction string   `json:"direction"`
}

type cursor struct {
	Values []value `json:"values"`
	Before bool    `json:"before"`
}

type queryFilter struct {
	CompositeFilter *struct {
		Op      string        `json:"op"`
		Filters []queryFilter `json:"filters"`
	} `json:"compositeFilter"`
	FieldFilter *fieldFilter    `json:"fieldFilter"`
	UnaryFilter json.RawMessage `json:"unaryFilter"`
}

type fieldFilter struct {
	Field fieldRef `json:"field"`
	Op    string   `json:"op"`
	Value value    `json:"value"`
}

const (
	nameField = "__name__"
	up        = "ASCENDING"
	down      = "DESCENDING"
)

// flat is every field filter of a filter whose parts must all hold.
func (f *queryFilter) flat() ([]fieldFilter, error) {
	switch {
	case f == nil:
		return nil, nil
	case f.FieldFilter != nil:
		switch f.FieldFilter.Op {
		case "EQUAL", "LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL":
			return []fieldFilter{*f.FieldFilter}, nil
		}
		return nil, fmt.Errorf("the filter operator %q is not served here", f.FieldFilter.Op)
	case f.CompositeFilter != nil && f.CompositeFilter.Op == "AND" && len(f.CompositeFilter.Filters) > 0:
		var all []fieldFilter
		for i := range f.CompositeFilter.Filters {
			part, err := f.CompositeFilter.Filters[i].flat()
			if err != nil {
				return nil, err
			}
			all = append(all, part...)
		}
		return all, nil
	}
	return nil, fmt.Errorf("a filter is a fieldFilter, or a compositeFilter with AND")
}

func (f *fieldFilter) holds(v value, ok bool) bool {
	if !ok || valueKinds[v.kind] != valueKinds[f.Value.kind] {
		return false
	}
	n := compareValues(v, f.Value)
	switch f.Op {
	case "EQUAL":
		return n == 0
	case "LESS_THAN":
		return n < 0
	case "LESS_THAN_OR_EQUAL":
		return n <= 0
	case "GREATER_THAN":
		return n > 0
	}
	return n >= 0
}

// field is a field of a document, its name as a reference among them.
func (d *document) field(path string) (value, bool) {
	if path == nameField {
		return value{"referenceValue", d.name}, true
	}
	return at(d.fields, path)
}

// sorting is the order of a query: what it says, the fields of its ranges, and the name
// last, each in the direction of the one before.
func (q *structuredQuery) sorting(filters []fieldFilter) ([]order, error) {
	sorting := slices.Clone(q.OrderBy)
	for i := range sorting {
		switch sorting[i].Direction {
		case "", "DIRECTION_UNSPECIFIED":
			sorting[i].Direction = up
		case up, down:
		default:
			return nil, fmt.Errorf("the direction %q is not one", sorting[i].Direction)
		}
	}
	has := func(path string) bool {
		return slices.ContainsFunc(sorting, func(o order) bool { return o.Field.FieldPath == path })
	}
	direction := up
	if len(sorting) > 0 {
		direction = sorting[len(sorting)-1].Direction
	}
	for _, f := range filters {
		if f.Op != "EQUAL" && !has(f.Field.FieldPath) {
			sorting = append(sorting, order{f.Field, direction})
		}
	}
	if !has(nameField) {
		sorting = append(sorting, order{fieldRef{nameField}, direction})
	}
	return sorting, nil
}

// compare says where a document stands to a cursor.
func (c *cursor) compare(sorting []order, doc func(int) value) int {
	return compare(sorting[:len(c.Values)], doc, func(i int) value { return c.Values[i] })
}
