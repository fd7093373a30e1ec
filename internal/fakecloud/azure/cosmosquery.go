package azure

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const (
	defaultPage = 100
	mostPage    = 1000
)

// query answers one page of a query. Over all partitions the gateway serves only what
// it need not put together: filters, and no order, TOP or OFFSET; see
// https://learn.microsoft.com/rest/api/cosmos-db/querying-cosmosdb-resources-using-the-rest-api
// and the error in https://github.com/cfworker/cfworker/issues/123.
func (s *cosmos) query(r *standin.Request, p place, c *collection) standin.Outcome {
	wrong := func(code, message string) standin.Outcome {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: code, message: message})
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/query+json" {
		return wrong("BadRequest", "The content type "+kind+" of a query is not application/query+json.")
	}
	var in struct {
		Query      string `json:"query"`
		Parameters []struct {
			Name  string `json:"name"`
			Value any    `json:"value"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(r.Body, &in); err != nil {
		return wrong("BadRequest", "Syntax error, invalid JSON query specification.")
	}
	parameters := map[string]any{}
	for _, par := range in.Parameters {
		parameters[par.Name] = par.Value
	}
	q, err := parseQuery(in.Query, parameters)
	if err != nil {
		return wrong("BadRequest", `Message: {"errors":[{"severity":"Error","code":"SC1001","message":"`+err.Error()+`"}]}`)
	}
	partition := ""
	if r.Header.Get(partitionHeader) != "" {
		var bad *refusal
		if partition, bad = partitionOf(r.Header); bad != nil {
			return s.fail(r, *bad)
		}
	} else if key, pinned := q.pinned(c.key); pinned {
		partition = string(toJSON(key))
	}
	switch {
	case len(q.order) > 1:
		return wrong("BadRequest", "The order by query does not have a corresponding composite index that it can be served from.")
	case partition == "" && !strings.EqualFold(r.Header.Get("x-ms-documentdb-query-enablecrosspartition"), "true"):
		return wrong("BadRequest", "Cross partition query is required but disabled. Please set x-ms-documentdb-query-enablecrosspartition to true, specify x-ms-documentdb-partitionkey, or revise your query to avoid this exception.")
	case partition == "" && (len(q.order) > 0 || q.top >= 0 || q.limit >= 0):
		out := wrong("BadRequest", "The provided cross partition query can not be directly served by the gateway. This is a first chance (internal) exception that all newer clients will know how to handle gracefully.")
		out.Header["x-ms-substatus"] = "1004"
		return out
	}
	most := defaultPage
	if text := r.Header.Get("x-ms-max-item-count"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < -1 || n == 0 || n > mostPage {
			return wrong("BadRequest", "The value "+text+" of x-ms-max-item-count is not -1 or 1 to 1000.")
		}
		if n > 0 {
			most = n
		}
	}
	from := 0
	if text := r.Header.Get("x-ms-continuation"); text != "" {
		token, err := base64.StdEncoding.DecodeString(text)
		n, err2 := strconv.Atoi(strings.TrimPrefix(string(token), "+RID:~"))
		if err != nil || err2 != nil || n < 0 {
			return wrong("BadRequest", "Invalid Continuation Token")
		}
		from = n
	}
	found := q.run(c, partition)
	page := found[min(from, len(found)):]
	header := c.session()
	if len(page) > most {
		page = page[:most]
		header["x-ms-continuation"] = base64.StdEncoding.EncodeToString([]byte("+RID:~" + strconv.Itoa(from+most)))
	}
	header["x-ms-item-count"] = strconv.Itoa(len(page))
	list, size := []map[string]any{}, 0
	for _, d := range page {
		list, size = append(list, d.members), size+d.size
	}
	out := s.answer(r, http.StatusOK, header, queryCharge+foundCharge*int64(len(page))+readCharge/4*int64(size/kilobyte))
	out.Body, out.Bytes = toJSON(map[string]any{"_rid": c.rid, "Documents": list, "_count": len(page)}), int64(size)
	return out
}

// run is every document that the query finds, in its order: that of their making,
// where the query has none.
func (q *sqlQuery) run(c *collection, partition string) []*document {
	found := []*document{}
	for key, d := range c.docs {
		if (partition == "" || key.partition == partition) && q.holds(d.members) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *document) int { return int(a.order - b.order) })
	for _, o := range q.order {
		slices.SortStableFunc(found, func(a, b *document) int {
			n := compareAny(valueAt(a.members, o.path), valueAt(b.members, o.path))
			if o.down {
				return -n
			}
			return n
		})
	}
	if q.limit >= 0 {
		found = found[min(q.offset, len(found)):]
		found = found[:min(q.limit, len(found))]
	}
	if q.top >= 0 {
		found = found[:min(q.top, len(found))]
	}
	return found
}
