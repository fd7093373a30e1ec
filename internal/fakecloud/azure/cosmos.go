package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// cosmos is Cosmos DB for NoSQL over REST.
// https://learn.microsoft.com/rest/api/cosmos-db/
type cosmos struct {
	resources standin.Resources
	ids       *ids

	mu          sync.Mutex
	collections map[string]*collection // by account/db/container
}

type collection struct {
	rid  string
	key  string // the attribute that is the partition key
	docs map[docKey]*document
	lsn  int64
}

// docKey is a document's id in its partition, the partition's key as JSON.
type docKey struct{ partition, id string }

type document struct {
	members map[string]any // with those of the service
	etag    string
	order   int64  // in which it was made
	size    int    // as it is answered
	command string // that wrote it last
}

func newCosmos(r standin.Resources, ids *ids) *cosmos {
	return &cosmos{resources: r, ids: ids, collections: map[string]*collection{}}
}

func (s *cosmos) locate(r *standin.Request, path []string) place {
	for i := range path {
		path[i] = unescaped(path[i])
	}
	p := place{account: path[0], scope: "cosmos/" + path[0]}
	if len(path) < 5 || path[1] != "dbs" || path[3] != "colls" || len(path) > 5 && path[5] != "docs" || len(path) > 7 {
		return p
	}
	p.name, p.resource = path[2]+"/"+path[4], path[4]
	p.scope += "/" + p.name
	query := strings.EqualFold(r.Header.Get("x-ms-documentdb-isquery"), "true") || strings.EqualFold(r.Header.Get("x-ms-documentdb-query"), "true")
	if len(path) == 7 {
		p.key = path[6]
		p.resource += "/" + partitionName(r.Header.Get(partitionHeader)) + "/" + p.key
	}
	read, write := false, false
	switch {
	case len(path) == 5 && r.Method == http.MethodGet:
		p.op, read = "ReadContainer", true
	case len(path) == 6 && r.Method == http.MethodPost && query:
		p.op, read = "Query", true
	case len(path) == 6 && r.Method == http.MethodPost:
		p.op, write = "CreateDocument", true
	case len(path) == 7 && r.Method == http.MethodGet:
		p.op, read = "ReadDocument", true
	case len(path) == 7 && r.Method == http.MethodPut:
		p.op, write = "ReplaceDocument", true
	case len(path) == 7 && r.Method == http.MethodDelete:
		p.op, write = "DeleteDocument", true
	}
	if read {
		p.charged(price.MeterReads, 1)
	}
	if write {
		p.charged(price.MeterWrites, 1)
	}
	return p
}

const partitionHeader = "x-ms-documentdb-partitionkey"

// partitionName is a partition's key for the log.
func partitionName(header string) string {
	var list []any
	if json.Unmarshal([]byte(header), &list) != nil || len(list) != 1 {
		return header
	}
	return fmt.Sprint(list[0])
}

// admit takes the form of Cosmos DB's own tokens, which is no Bearer.
func (s *cosmos) admit(r *standin.Request) (string, *refusal) {
	wrong := &refusal{status: http.StatusUnauthorized, code: "Unauthorized",
		message: "The input authorization token can't serve the request. The wrong key is being used or the expected payload is not built as per the protocol."}
	text, err := url.QueryUnescape(strings.ReplaceAll(r.Header.Get("Authorization"), "+", "%2B"))
	if text == "" {
		wrong.message = "Required Header authorization is missing. Ensure a valid Authorization token is passed."
		return "", wrong
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(text, "&") {
		k, v, _ := strings.Cut(part, "=")
		parts[k] = v
	}
	kind := parts["type"]
	if err != nil || kind != "aad" && kind != "master" && kind != "resource" || parts["ver"] != "1.0" || parts["sig"] == "" {
		wrong.message = "The authorization header is not in the form type={master|resource|aad}&ver=1.0&sig={signature or token}, escaped."
		return "", wrong
	}
	if _, err := http.ParseTime(r.Header.Get("x-ms-date")); err != nil {
		wrong.message = "The input date header is invalid format. Please pass in RFC 1123 style date format."
		return "", wrong
	}
	if r.Header.Get("x-ms-version") == "" {
		return "", &refusal{status: http.StatusBadRequest, code: "BadRequest", message: "Invalid API version. Ensure a valid x-ms-version header value is passed."}
	}
	if kind == "aad" {
		return parts["sig"], nil
	}
	return "key", nil
}

func (s *cosmos) forbid(_ *standin.Request, p place) refusal {
	action := map[string]string{"ReadContainer": "readMetadata", "Query": "sqlDatabases/containers/executeQuery", "CreateDocument": "sqlDatabases/containers/items/create",
		"ReadDocument": "sqlDatabases/containers/items/read", "ReplaceDocument": "sqlDatabases/containers/items/replace", "DeleteDocument": "sqlDatabases/containers/items/delete"}[p.op]
	db, coll, _ := strings.Cut(p.name, "/")
	return refusal{status: http.StatusForbidden, code: "Forbidden", message: "Request is blocked because principal [00000000-0000-0000-0000-000000000000] does not have required RBAC permissions to perform action [Microsoft.DocumentDB/databaseAccounts/" +
		action + "] on resource [dbs/" + db + "/colls/" + coll + "]. Learn more: https://aka.ms/cosmos-native-rbac."}
}

// fail is an error of Cosmos DB's. Only that of too many requests has a word to say
// about when to come again.
func (s *cosmos) fail(r *standin.Request, f refusal) standin.Outcome {
	header := map[string]string{"Content-Type": jsonType}
	switch f.code {
	case throttled:
		f.code, f.message = "429", "The request rate is large. More Request Units may be needed, so no changes were made. Please retry this request later. Learn more: http://aka.ms/cosmosdb-error-429"
		header["x-ms-retry-after-ms"], header["x-ms-substatus"] = "12", "3200"
	case internal:
		f.code = "InternalServerError"
	}
	out := s.answer(r, f.status, joined(header, f.header), 0)
	out.Body = toJSON(map[string]string{"code": f.code, "message": f.message + "\r\nActivityId: " + out.Header["x-ms-activity-id"]})
	return out
}

// answer is an answer with the headers that all have, and its charge in hundredths of
// a request unit.
func (s *cosmos) answer(r *standin.Request, status int, header map[string]string, charge int64) standin.Outcome {
	h := map[string]string{"x-ms-activity-id": guid(s.ids.next()), "x-ms-gatewayversion": "2.0.0", "Content-Type": jsonType}
	if id := r.Header.Get("x-ms-activity-id"); id != "" {
		h["x-ms-activity-id"] = id
	}
	out := standin.Outcome{Status: status}
	if charge > 0 {
		h["x-ms-request-charge"] = fmt.Sprintf("%d.%02d", charge/100, charge%100)
		out.Readings = map[string]int64{string(price.MeterRequestUnits): charge * 10}
	}
	out.Header = joined(h, header)
	return out
}

// refuse is an error that costs something, as those do that are found out in the container.
func (s *cosmos) refuse(r *standin.Request, f refusal, charge int64) standin.Outcome {
	out, charged := s.fail(r, f), s.answer(r, 0, nil, charge)
	if charge > 0 {
		out.Header["x-ms-request-charge"] = charged.Header["x-ms-request-charge"]
		out.Readings = charged.Readings
	}
	return out
}

// What operations cost, in hundredths of a request unit. Real charges depend on
// indexing, consistency and luck; these are of the same size, and always the same. A
// point read of 1 KB is 1 unit and one of 100 KB about 10
// (https://learn.microsoft.com/azure/cosmos-db/request-units); here every KB is one.
const (
	kilobyte     = 1 << 10
	readCharge   = 100 // each started KB
	createCharge = 571 // of the first KB
	moreCharge   = 95  // of each KB more that is written
	changeCharge = 1067
	deleteCharge = 571
	failedCharge = 124 // a condition that did not hold
	queryCharge  = 230
	foundCharge  = 7 // each document found
)

func readCost(size int) int64 { return readCharge * started(size, kilobyte) }

func writeCost(first int64, size int) int64 { return first + moreCharge*(started(size, kilobyte)-1) }

func (s *cosmos) collection(p place) *collection {
	id := p.account + "/" + p.name
	if c := s.collections[id]; c != nil {
		return c
	}
	_, name, _ := strings.Cut(p.name, "/")
	table, ok := s.resources.Tables[name]
	if !ok {
		return nil
	}
	c := &collection{rid: fmt.Sprintf("XP0mA%07d", s.ids.next()), key: table.PartitionKey, docs: map[docKey]*document{}}
	s.collections[id] = c
	return c
}

func (s *cosmos) do(r *standin.Request, p place) standin.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.collection(p)
	if c == nil {
		return s.fail(r, refusal{status: http.StatusNotFound, code: "NotFound", message: "Message: {\"Errors\":[\"Owner resource does not exist\"]}",
			header: map[string]string{"x-ms-substatus": "1003"}})
	}
	switch p.op {
	case "ReadContainer":
		_, name, _ := strings.Cut(p.name, "/")
		out := s.answer(r, http.StatusOK, nil, readCharge)
		out.Body = toJSON(map[string]any{"id": name, "_rid": c.rid, "_self": "dbs/XP0mAA==/colls/" + c.rid + "/", "_etag": `"00000000-0000-0000-0000-000000000000"`,
			"_ts": r.Now.Unix(), "_docs": "docs/", "indexingPolicy": map[string]any{"indexingMode": "consistent", "automatic": true},
			"partitionKey": map[string]any{"paths": []string{"/" + c.key}, "kind": "Hash", "version": 2}})
		return out
	case "Query":
		return s.query(r, p, c)
	}
	partition, bad := partitionOf(r.Header)
	if bad != nil {
		return s.fail(r, *bad)
	}
	switch p.op {
	case "CreateDocument":
		return s.create(r, p, c, partition)
	case "ReplaceDocument":
		return s.replace(r, p, c, partition)
	}
	d := c.docs[docKey{partition, p.key}]
	if d == nil {
		return s.refuse(r, docNotFound, readCharge)
	}
	if p.op == "DeleteDocument" {
		if m := r.Header.Get("If-Match"); m != "" && m != "*" && m != d.etag {
			return s.refuse(r, docChanged, failedCharge)
		}
		delete(c.docs, docKey{partition, p.key})
		out := s.answer(r, http.StatusNoContent, c.session(), deleteCharge)
		out.Done = true
		return out
	}
	if r.Header.Get("If-None-Match") == d.etag {
		return s.answer(r, http.StatusNotModified, map[string]string{"etag": d.etag}, readCharge)
	}
	out := s.answer(r, http.StatusOK, joined(c.session(), map[string]string{"etag": d.etag}), readCost(d.size))
	out.Body, out.Bytes = toJSON(d.members), int64(d.size)
	return out
}

var (
	docNotFound = refusal{status: http.StatusNotFound, code: "NotFound", message: "Message: {\"Errors\":[\"Resource Not Found. Learn more: https://aka.ms/cosmosdb-tsg-not-found\"]}"}
	docChanged  = refusal{status: http.StatusPreconditionFailed, code: "PreconditionFailed", message: "Message: {\"Errors\":[\"One of the specified pre-condition is not met. Learn more: https://aka.ms/CosmosDB/sql/errors/precondition-failed\"]}"}
)

func (c *collection) session() map[string]string {
	return map[string]string{"x-ms-session-token": fmt.Sprintf("0:-1#%d", c.lsn)}
}

// partitionOf is the partition of a request, as the JSON of its one key.
func partitionOf(h http.Header) (string, *refusal) {
	wrong := &refusal{status: http.StatusBadRequest, code: "BadRequest"}
	text := h.Get(partitionHeader)
	if text == "" {
		wrong.message = "PartitionKey value must be supplied for this operation."
		return "", wrong
	}
	var list []any
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		wrong.message = "Partition key " + text + " is invalid."
		return "", wrong
	}
	switch list[0].(type) {
	case string, float64, bool, nil:
		return string(toJSON(list[0])), nil
	}
	wrong.message = "Partition key " + text + " is invalid."
	return "", wrong
}
