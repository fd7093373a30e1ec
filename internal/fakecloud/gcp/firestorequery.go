package gcp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
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

// indexed says whether there is an index for a query. Each field has one of its own, and
// those serve equalities together; what filters by one field and sorts by another needs
// one that somebody has made. Here that is the one over a table's two keys.
// https://cloud.google.com/firestore/docs/query-data/index-overview
func (s *firestore) indexed(collection string, filters []fieldFilter, sorting []order) bool {
	var equal, sorted []string
	for _, f := range filters {
		if f.Op == "EQUAL" && f.Field.FieldPath != nameField {
			equal = append(equal, f.Field.FieldPath)
		}
	}
	direction := up
	for _, o := range sorting {
		if o.Field.FieldPath != nameField && !slices.Contains(equal, o.Field.FieldPath) {
			sorted = append(sorted, o.Field.FieldPath)
		}
		if o.Direction != sorting[0].Direction {
			direction = "mixed"
		} else if o.Direction == down {
			direction = down
		}
	}
	switch {
	case len(sorted) == 0:
		return direction == up || len(equal) == 0 && direction == down
	case len(sorted) == 1 && len(equal) == 0:
		return direction != "mixed"
	}
	table, ok := s.resources.Tables[collection]
	if !ok || direction != up || table.SortKey == "" {
		return false
	}
	return len(equal) == 1 && equal[0] == table.PartitionKey && len(sorted) == 1 && sorted[0] == table.SortKey ||
		len(equal) == 0 && slices.Equal(sorted, []string{table.PartitionKey, table.SortKey})
}

// compare orders two documents, or a document and a cursor of as many values as it has.
func compare(sorting []order, a, b func(i int) value) int {
	for i, o := range sorting {
		n := compareValues(a(i), b(i))
		if o.Direction == down {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func (s *firestore) runQuery(r *standin.Request, p place, d *database) standin.Outcome {
	var in queryRequest
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	q := &in.StructuredQuery
	filters, err := q.Where.flat()
	if err != nil {
		return s.fail(r, invalid(err.Error()))
	}
	sorting, err := q.sorting(filters)
	if err != nil {
		return s.fail(r, invalid(err.Error()))
	}
	limit, bad := q.limit()
	switch {
	case in.Transaction != "":
		return s.fail(r, invalid("Transactions are not served here."))
	case len(q.From) != 1 || q.From[0].CollectionID == "" || q.From[0].AllDescendants:
		return s.fail(r, invalid("A query is over one collection here."))
	case bad || q.Offset < 0:
		return s.fail(r, invalid("limit and offset must not be negative."))
	}
	for _, c := range []*cursor{q.StartAt, q.EndAt} {
		if c != nil && len(c.Values) > len(sorting) {
			return s.fail(r, invalid("Cursor has too many values."))
		}
	}
	if !s.indexed(q.From[0].CollectionID, filters, sorting) {
		return s.fail(r, refusal{status: 400, code: "FAILED_PRECONDITION", message: "The query requires an index. You can create it here: https://console.firebase.google.com/v1/r/project/" +
			p.project + "/firestore/indexes?create_composite=" + q.From[0].CollectionID})
	}
	collection := strings.TrimSuffix(p.name+"/documents/"+p.key, "/") + "/" + q.From[0].CollectionID
	found := q.run(d, collection, filters, sorting)
	found = found[min(q.Offset, len(found)):]
	found = found[:min(limit, len(found))]
	at := microTime(d.now(r))
	list := []any{}
	for _, doc := range found {
		list = append(list, map[string]any{"document": q.shown(doc), "readTime": at})
	}
	if len(list) == 0 {
		list = append(list, map[string]any{"readTime": at})
	}
	out := answer(list)
	out.Bytes = int64(len(out.Body))
	out.Readings = map[string]int64{string(price.MeterReadUnits): int64(max(1, len(found)+q.Offset))}
	return out
}

func (q *structuredQuery) limit() (n int, bad bool) {
	if q.Limit == nil {
		return math.MaxInt, false
	}
	var wrapped struct{ Value int }
	if json.Unmarshal(q.Limit, &n) != nil {
		if json.Unmarshal(q.Limit, &wrapped) != nil {
			return 0, true
		}
		n = wrapped.Value
	}
	return n, n < 0
}

func (q *structuredQuery) run(d *database, collection string, filters []fieldFilter, sorting []order) []*document {
	fieldsOf := func(doc *document) func(int) value {
		return func(i int) value {
			v, _ := doc.field(sorting[i].Field.FieldPath)
			return v
		}
	}
	found := []*document{}
documents:
	for _, doc := range d.documents {
		if doc.collection != collection {
			continue
		}
		for _, f := range filters {
			if v, ok := doc.field(f.Field.FieldPath); !f.holds(v, ok) {
				continue documents
			}
		}
		for _, o := range sorting { // what lacks a field is not in its index
			if _, ok := doc.field(o.Field.FieldPath); !ok {
				continue documents
			}
		}
		if q.StartAt != nil {
			n := q.StartAt.compare(sorting, fieldsOf(doc))
			if n < 0 || n == 0 && !q.StartAt.Before {
				continue
			}
		}
		if q.EndAt != nil {
			n := q.EndAt.compare(sorting, fieldsOf(doc))
			if n > 0 || n == 0 && q.EndAt.Before {
				continue
			}
		}
		found = append(found, doc)
	}
	slices.SortFunc(found, func(a, b *document) int {
		return cmp.Or(compare(sorting, fieldsOf(a), fieldsOf(b)), strings.Compare(a.name, b.name))
	})
	return found
}

// compare says where a document stands to a cursor.
func (c *cursor) compare(sorting []order, doc func(int) value) int {
	return compare(sorting[:len(c.Values)], doc, func(i int) value { return c.Values[i] })
}

// shown is a document with the fields that were asked for.
func (q *structuredQuery) shown(doc *document) map[string]any {
	if q.Select == nil {
		return doc.shown()
	}
	part := *doc
	part.fields = map[string]value{}
	for _, f := range q.Select.Fields {
		if v, ok := doc.fields[strings.Trim(f.FieldPath, "`")]; ok {
			part.fields[strings.Trim(f.FieldPath, "`")] = v
		}
	}
	return part.shown()
}
