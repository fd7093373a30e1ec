package azure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const mostDocument = 2 << 20

// documentOf reads a document that is to be written, and checks it against its
// partition. Numbers are doubles, as they are at the service: what a double does not
// hold is lost.
func (c *collection) documentOf(r *standin.Request, partition string) (map[string]any, string, *refusal) {
	wrong := func(format string, args ...any) (map[string]any, string, *refusal) {
		return nil, "", &refusal{status: http.StatusBadRequest, code: "BadRequest",
			message: `Message: {"Errors":["` + fmt.Sprintf(format, args...) + `"]}`}
	}
	if len(r.Body) > mostDocument {
		return nil, "", &refusal{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: "Request size is too large."}
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "" && kind != jsonType {
		return wrong("Content-Type %s is not application/json.", kind)
	}
	var doc map[string]any
	if err := json.Unmarshal(r.Body, &doc); err != nil || doc == nil {
		return wrong("The input content is invalid because it is not a JSON object.")
	}
	id, ok := doc["id"].(string)
	switch {
	case !ok && doc["id"] == nil:
		return wrong("The input content is invalid because the required properties - 'id; ' - are missing")
	case !ok || id == "" || len(id) > 255 || strings.HasSuffix(id, " ") || strings.ContainsAny(id, `/\?#`):
		return wrong("The input name is invalid. Ensure to provide a unique non-empty string of at most 255 characters, none of them '/', '\\\\', '?', '#'.")
	}
	switch key := doc[c.key].(type) {
	case string, float64, bool, nil:
		if string(toJSON(key)) == partition {
			return doc, id, nil
		}
	}
	_, _, bad := wrong("PartitionKey extracted from document doesn't match the one specified in the header. Learn more: https://aka.ms/CosmosDB/sql/errors/wrong-pk-value")
	bad.header = map[string]string{"x-ms-substatus": "1001"}
	return nil, "", bad
}

// stamp gives a document what the service keeps in it.
func (s *cosmos) stamp(r *standin.Request, c *collection, doc map[string]any, was *document) *document {
	n := s.ids.next()
	c.lsn++
	d := &document{members: doc, etag: fmt.Sprintf(`"%08x-0000-0700-0000-%012x"`, n, n), order: n}
	d.members["_rid"] = fmt.Sprintf("%s%08d==", c.rid, n)
	if was != nil {
		d.order, d.members["_rid"] = was.order, was.members["_rid"]
	}
	d.members["_self"] = fmt.Sprintf("dbs/XP0mAA==/colls/%s/docs/%s/", c.rid, d.members["_rid"])
	d.members["_etag"], d.members["_attachments"], d.members["_ts"] = d.etag, "attachments/", r.Now.Unix()
	d.size = len(toJSON(d.members))
	_, d.command = standin.Effect(r.Request)
	return d
}

func (s *cosmos) create(r *standin.Request, p place, c *collection, partition string) standin.Outcome {
	doc, id, bad := c.documentOf(r, partition)
	if bad != nil {
		return s.fail(r, *bad)
	}
	key := docKey{partition, id}
	resource := p.resource + "/" + partitionName("["+partition+"]") + "/" + id
	was := c.docs[key]
	upsert := strings.EqualFold(r.Header.Get("x-ms-documentdb-is-upsert"), "true")
	if was != nil && !upsert {
		out := s.refuse(r, refusal{status: http.StatusConflict, code: "Conflict", message: "Message: {\"Errors\":[\"Resource with specified id or name already exists. Learn more: https://aka.ms/cosmosdb-tsg-conflict\"]}"}, failedCharge)
		_, command := standin.Effect(r.Request)
		out.Resource, out.Bytes, out.Duplicate = resource, int64(len(r.Body)), command != "" && was.command == command
		return out
	}
	status, first := http.StatusCreated, int64(createCharge)
	if was != nil {
		if m := r.Header.Get("If-Match"); m != "" && m != "*" && m != was.etag {
			return s.refuse(r, docChanged, failedCharge)
		}
		status, first = http.StatusOK, changeCharge
	}
	out := s.store(r, c, key, s.stamp(r, c, doc, was), status, first)
	out.Resource = resource
	return out
}

func (s *cosmos) replace(r *standin.Request, p place, c *collection, partition string) standin.Outcome {
	doc, id, bad := c.documentOf(r, partition)
	if bad != nil {
		return s.fail(r, *bad)
	}
	key := docKey{partition, p.key}
	was := c.docs[key]
	if was == nil {
		return s.refuse(r, docNotFound, readCharge)
	}
	if id != p.key {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "BadRequest", message: "Replacing the id of a document is not supported: the body says " + id + "."})
	}
	if m := r.Header.Get("If-Match"); m != "" && m != "*" && m != was.etag {
		out := s.refuse(r, docChanged, failedCharge)
		_, command := standin.Effect(r.Request)
		out.Bytes, out.Duplicate = int64(len(r.Body)), command != "" && was.command == command
		return out
	}
	return s.store(r, c, key, s.stamp(r, c, doc, was), http.StatusOK, changeCharge)
}

func (s *cosmos) store(r *standin.Request, c *collection, key docKey, d *document, status int, first int64) standin.Outcome {
	c.docs[key] = d
	out := s.answer(r, status, joined(c.session(), map[string]string{"etag": d.etag}), writeCost(first, d.size))
	out.Body, out.Bytes, out.Done = toJSON(d.members), int64(len(r.Body)), true
	if r.Header.Get("Prefer") == "return=minimal" {
		out.Body = nil
	}
	return out
}
