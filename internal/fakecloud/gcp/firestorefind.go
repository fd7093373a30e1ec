package gcp

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

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
