package azure

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

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

func (s *tables) keep(r *standin.Request, t *entityTable, k rowKey, members map[string]any) *row {
	_, command := standin.Effect(r.Request)
	w := &row{members: members, changed: r.Now, command: command}
	// A time alone would be the same for two writes within its grain.
	w.etag = fmt.Sprintf(`W/"datetime'%s.%07dZ'"`, strings.ReplaceAll(r.Now.UTC().Format("2006-01-02T15:04:05"), ":", "%3A"), s.ids.next()%1e7)
	t.rows[k] = w
	return w
}
