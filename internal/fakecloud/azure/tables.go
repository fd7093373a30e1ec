package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// tables is Table Storage, in JSON.
// https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api
type tables struct {
	storage
	resources standin.Resources

	mu     sync.Mutex
	tables map[string]*entityTable // by account/table
}

type entityTable struct{ rows map[rowKey]*row }

type rowKey struct{ partition, row string }

type row struct {
	members map[string]any // with annotations, without keys, time and tag
	etag    string
	changed time.Time
	command string // that wrote it last
}

func newTables(r standin.Resources, ids *ids) *tables {
	return &tables{storage: storage{ids}, resources: r, tables: map[string]*entityTable{}}
}

var (
	tableCall   = regexp.MustCompile(`^([A-Za-z0-9]*)(?:\((.*)\))?$`)
	entityKeys  = regexp.MustCompile(`^PartitionKey='((?:[^']|'')*)',\s*RowKey='((?:[^']|'')*)'$`)
	describeKey = regexp.MustCompile(`^'([A-Za-z0-9]+)'$`)
)

func quoted(s string) string { return strings.ReplaceAll(s, "''", "'") }

func (s *tables) locate(r *standin.Request, path []string) place {
	p := place{account: unescaped(path[0]), scope: "tables/" + unescaped(path[0])}
	if len(path) < 2 {
		return p
	}
	call := tableCall.FindStringSubmatch(unescaped(strings.Join(path[1:], "/")))
	if call == nil {
		return p
	}
	method := r.Method
	if tunnel := r.Header.Get("X-HTTP-Method"); method == http.MethodPost && tunnel != "" {
		method = tunnel
	}
	p.name = call[1]
	read := method == http.MethodGet
	keys := entityKeys.FindStringSubmatch(call[2])
	switch {
	case p.name == "Tables":
		if name := describeKey.FindStringSubmatch(call[2]); name != nil && read {
			p.op, p.name = "GetTable", name[1]
		}
	case keys != nil:
		p.key = quoted(keys[1]) + "\x00" + quoted(keys[2])
		p.op = map[string]string{http.MethodGet: "GetEntity", http.MethodPut: "UpdateEntity", "MERGE": "MergeEntity",
			http.MethodPatch: "MergeEntity", http.MethodDelete: "DeleteEntity"}[method]
	case call[2] == "" && read:
		p.op = "QueryEntities"
	case call[2] == "" && method == http.MethodPost:
		p.op = "InsertEntity"
	}
	p.resource, p.scope = p.name, p.scope+"/"+p.name
	if p.key != "" {
		p.resource = p.name + "/" + strings.Replace(p.key, "\x00", "/", 1)
	}
	meter := price.MeterWrites
	if read {
		meter = price.MeterReads
	}
	if p.op != "" {
		p.charged(meter, 1)
	}
	return p
}

// fail is an error in OData's form.
func (s *tables) fail(r *standin.Request, f refusal) standin.Outcome {
	f = f.own()
	out := s.answer(r, f.status, nil, joined(map[string]string{"x-ms-error-code": f.code, "Content-Type": "application/json;odata=minimalmetadata;streaming=true;charset=utf-8"}, f.header))
	out.Body = toJSON(map[string]any{"odata.error": map[string]any{"code": f.code, "message": map[string]string{"lang": "en-US",
		"value": f.message + "\nRequestId:" + out.Header["x-ms-request-id"] + "\nTime:" + r.Now.UTC().Format("2006-01-02T15:04:05.0000000Z")}}})
	return out
}

func (s *tables) do(r *standin.Request, p place) standin.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := p.account + "/" + p.name
	t := s.tables[id]
	if t == nil {
		if _, ok := s.resources.Tables[p.name]; !ok {
			if p.op == "GetTable" {
				return s.fail(r, rowNotFound)
			}
			return s.fail(r, refusal{status: http.StatusNotFound, code: "TableNotFound", message: "The table specified does not exist."})
		}
		t = &entityTable{rows: map[rowKey]*row{}}
		s.tables[id] = t
	}
	partition, key, _ := strings.Cut(p.key, "\x00")
	k := rowKey{partition, key}
	switch p.op {
	case "GetTable":
		return s.answer(r, http.StatusOK, toJSON(map[string]any{"TableName": p.name}), map[string]string{"Content-Type": odata(r)})
	case "QueryEntities":
		return s.query(r, t)
	case "InsertEntity":
		return s.insert(r, p, t)
	case "GetEntity":
		if t.rows[k] == nil {
			return s.fail(r, rowNotFound)
		}
		body := toJSON(t.rows[k].shown(r, k))
		out := s.answer(r, http.StatusOK, body, map[string]string{"Content-Type": odata(r), "ETag": t.rows[k].etag})
		out.Bytes = int64(len(body))
		return out
	case "DeleteEntity":
		return s.remove(r, t, k)
	}
	return s.change(r, p, t, k)
}

var (
	rowNotFound = refusal{status: http.StatusNotFound, code: "ResourceNotFound", message: "The specified resource does not exist."}
	rowChanged  = refusal{status: http.StatusPreconditionFailed, code: "UpdateConditionNotSatisfied", message: "The update condition specified in the request was not satisfied."}
)

// odata is the media type in which entities are answered.
func odata(r *standin.Request) string {
	return "application/json;odata=" + metadataLevel(r) + ";streaming=true;charset=utf-8"
}

func metadataLevel(r *standin.Request) string {
	_, level, _ := strings.Cut(r.Header.Get("Accept"), "odata=")
	level, _, _ = strings.Cut(level, ";")
	level, _, _ = strings.Cut(level, ",")
	switch level = strings.TrimSpace(level); level {
	case "nometadata", "fullmetadata":
		return level
	}
	return "minimalmetadata"
}

// shown is an entity as it is answered. Without metadata the types are left out.
func (w *row) shown(r *standin.Request, k rowKey) map[string]any {
	out := map[string]any{"PartitionKey": k.partition, "RowKey": k.row, "Timestamp": w.changed.UTC().Format("2006-01-02T15:04:05.0000000Z")}
	plain := metadataLevel(r) == "nometadata"
	if !plain {
		out["odata.etag"] = w.etag
	}
	for name, v := range w.members {
		if !plain || !strings.Contains(name, "@odata.type") {
			out[name] = v
		}
	}
	return out
}

const (
	mostEntity     = 1 << 20
	mostValue      = 64 << 10 // of a text in UTF-16
	mostProperties = 252
	mostTableKey   = 1 << 10
)

// readEntity reads an entity that is to be written.
// https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
func readEntity(body []byte) (map[string]any, rowKey, *refusal) {
	wrong := func(code, message string) (map[string]any, rowKey, *refusal) {
		return nil, rowKey{}, &refusal{status: http.StatusBadRequest, code: code, message: message}
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var in map[string]any
	if err := dec.Decode(&in); err != nil || in == nil || dec.More() {
		return wrong("InvalidInput", "An error occurred while processing this request. The body is not a JSON object.")
	}
	if len(body) > mostEntity {
		return wrong("EntityTooLarge", "The entity is larger than the maximum allowed size (1MB).")
	}
	var k rowKey
	var ok, ok2 bool
	if in["PartitionKey"] != nil {
		if k.partition, ok = in["PartitionKey"].(string); !ok {
			return wrong("InvalidInput", "PartitionKey is not a string.")
		}
	}
	if in["RowKey"] != nil {
		if k.row, ok2 = in["RowKey"].(string); !ok2 {
			return wrong("InvalidInput", "RowKey is not a string.")
		}
	}
	out := map[string]any{}
	for name, v := range in {
		base, annotated := strings.CutSuffix(name, "@odata.type")
		switch {
		case name == "PartitionKey" || name == "RowKey" || base == "Timestamp" || strings.HasPrefix(name, "odata.") || v == nil:
			continue
		case len(base) > 255 || !identifier.MatchString(base):
			return wrong("PropertyNameInvalid", "The property name is invalid. ("+base+")")
		}
		kind, _ := in[base+"@odata.type"].(string)
		if annotated {
			if in[base] == nil {
				continue
			}
			out[name] = v
			continue
		}
		value, problem := readValue(kind, v)
		if problem != "" {
			return wrong(problem, "The value of "+name+" is not one of its type, or is too large.")
		}
		out[name] = value
		if kind == "" {
			if _, ok := value.(float64); ok {
				out[name+"@odata.type"] = "Edm.Double"
			}
		}
	}
	n := 0
	for name := range out {
		if !strings.Contains(name, "@") {
			n++
		}
	}
	if n > mostProperties {
		return wrong("TooManyProperties", "The entity contains more properties than allowed.")
	}
	return out, k, nil
}

var kinds = map[string]bool{"": true, "Edm.String": true, "Edm.Boolean": true, "Edm.Int32": true, "Edm.Int64": true, "Edm.Double": true,
	"Edm.DateTime": true, "Edm.Guid": true, "Edm.Binary": true}

// readValue is a property's value; problem is the code of what is wrong with it.
func readValue(kind string, v any) (value any, problem string) {
	if !kinds[kind] {
		return nil, "InvalidInput"
	}
	switch v := v.(type) {
	case string:
		switch {
		case len(utf16.Encode([]rune(v)))*2 > mostValue:
			return nil, "PropertyValueTooLarge"
		case kind == "Edm.Int64":
			if _, err := strconv.ParseInt(v, 10, 64); err != nil {
				return nil, "InvalidInput"
			}
		case kind == "Edm.DateTime":
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				return nil, "InvalidInput"
			}
		case kind == "Edm.Int32" || kind == "Edm.Boolean":
			return nil, "InvalidInput"
		}
		return v, ""
	case bool:
		if kind != "" && kind != "Edm.Boolean" {
			return nil, "InvalidInput"
		}
		return v, ""
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 32)
		if err == nil && (kind == "" || kind == "Edm.Int32") {
			return n, ""
		}
		f, err := v.Float64() // a number without a type that is no Int32 is a double
		if err != nil || kind != "" && kind != "Edm.Double" {
			return nil, "InvalidInput"
		}
		return f, ""
	}
	return nil, "InvalidInput" // objects and lists
}

func checkKeys(k rowKey) *refusal {
	for _, text := range []string{k.partition, k.row} {
		switch {
		case len(text) > mostTableKey:
			return &refusal{status: http.StatusBadRequest, code: "KeyValueTooLarge", message: "The value specified for one of the keys is larger than 1KB."}
		case strings.ContainsAny(text, `/\#?`) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }):
			return &refusal{status: http.StatusBadRequest, code: "OutOfRangeInput", message: "The '" + text + "' parameter of value is out of range."}
		}
	}
	return nil
}

func (s *tables) keep(r *standin.Request, t *entityTable, k rowKey, members map[string]any) *row {
	_, command := standin.Effect(r.Request)
	w := &row{members: members, changed: r.Now, command: command}
	// A time alone would be the same for two writes within its grain.
	w.etag = fmt.Sprintf(`W/"datetime'%s.%07dZ'"`, strings.ReplaceAll(r.Now.UTC().Format("2006-01-02T15:04:05"), ":", "%3A"), s.ids.next()%1e7)
	t.rows[k] = w
	return w
}
