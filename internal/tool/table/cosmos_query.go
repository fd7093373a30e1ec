package table

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/skein-run/skein/internal/price"
)

func (t *cosmosTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	doing, partition := "query the items", q.Partition
	if t.names.Partition == "id" && q.Partition != "" {
		id, err := cosmosID(t.names, Key{Partition: q.Partition})
		if err != nil {
			return nil, false, err
		}
		partition = id
	}
	body, err := t.sql(q, partition)
	if err != nil {
		return nil, false, err
	}
	var got listed
	next := ""
	for n := 0; n < mostPages && got.wants(limit+1) && (n == 0 || next != ""); n++ {
		r := t.ask(http.MethodPost, "", partition, doing, "executeQuery")
		r.body, r.counts = body, cosmosCounts(price.MeterReads, cosmosMostQuery)
		r.header["Content-Type"] = "application/query+json"
		r.header["x-ms-documentdb-isquery"] = "True"
		r.header["x-ms-max-item-count"] = strconv.Itoa(min(limit+1-len(got.items), 1000))
		if partition == "" {
			r.header["x-ms-documentdb-query-enablecrosspartition"] = "True"
		}
		if next != "" {
			r.header["x-ms-continuation"] = next
		}
		var page []keyed
		r.receive = func(a answer) error {
			var in struct{ Documents []json.RawMessage }
			if err := json.Unmarshal(a.body, &in); err != nil {
				return err
			}
			if in.Documents == nil {
				return fmt.Errorf("it has no Documents")
			}
			page = nil
			for _, raw := range in.Documents {
				item, key, _, err := cosmosItem(t.names, raw)
				if err != nil {
					return err
				}
				page = append(page, keyed{item, key})
			}
			next = a.header.Get("x-ms-continuation")
			t.session.keep(a.header)
			return nil
		}
		if err := t.do(ctx, r); err != nil {
			return nil, false, err
		}
		got.add(page...)
	}
	items, more := got.inOrder(limit)
	return items, more || next != "", nil
}

// sql is the body of a query. Only within a partition does the service order by
// itself; the names are attributes, of letters, digits and _.
func (t *cosmosTable) sql(q Query, partition string) ([]byte, error) {
	type parameter struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	text, parameters := "SELECT * FROM c", []parameter{}
	if partition != "" {
		text += fmt.Sprintf(" WHERE c[%q] = @p", t.names.Partition)
		parameters = append(parameters, parameter{"@p", partition})
		for _, end := range []struct{ is, name, value string }{{">=", "@from", q.From}, {"<=", "@to", q.To}} {
			if end.value == "" {
				continue
			}
			text += fmt.Sprintf(" AND c[%q] %s %s", t.names.Sort, end.is, end.name)
			if t.names.Sort == "id" {
				var err error
				if end.value, err = escapeKey(end.value, cosmosForbidden); err != nil {
					return nil, err
				}
			}
			parameters = append(parameters, parameter{end.name, end.value})
		}
		if t.names.Sort != "" {
			text += fmt.Sprintf(" ORDER BY c[%q] ASC", t.names.Sort)
		}
	}
	return encode(map[string]any{"query": text, "parameters": parameters})
}
