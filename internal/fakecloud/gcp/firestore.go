package gcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// firestore is Firestore in Native mode over REST, without transactions. A collection
// is there as soon as a document is in it.
// https://cloud.google.com/firestore/docs/reference/rest
type firestore struct {
	resources standin.Resources
	ids       *ids

	mu        sync.Mutex
	databases map[string]*database // by its name, "projects/p/databases/d"
}

type database struct {
	documents map[string]*document // by name
	last      time.Time            // of the last commit
}

type document struct {
	name       string
	fields     map[string]value
	made       time.Time
	changed    time.Time
	command    string // that wrote it last
	collection string // its parent's name
}

func newFirestore(r standin.Resources, ids *ids) *firestore {
	return &firestore{resources: r, ids: ids, databases: map[string]*database{}}
}

func (s *firestore) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) < 6 || path[0] != "v1" || path[1] != "projects" || path[3] != "databases" {
		return place{}, false
	}
	p := place{project: path[2], name: strings.Join(path[1:5], "/"), scope: "firestore/" + path[2] + "/" + path[4]}
	last := len(path) - 1
	rest, verb, custom := strings.Cut(path[last], ":")
	if custom && r.Method == http.MethodPost {
		path = append(append([]string{}, path[:last]...), rest)
	} else {
		custom = false
	}
	if path[5] != "documents" {
		return place{}, false
	}
	p.key = strings.Join(path[6:], "/")
	depth := len(path) - 6
	p.resource = p.key
	switch m := r.Method; {
	case custom && verb == "commit" && depth == 0:
		p.op = "Commit"
		s.chargeCommit(r, &p)
	case custom && verb == "batchGet" && depth == 0:
		p.op = "BatchGet"
		var in struct{ Documents []string }
		_ = json.Unmarshal(r.Body, &in) // what is wrong with it is told by the work
		p.charge(price.MeterReads, 1)
		p.charge(price.MeterReadUnits, int64(len(in.Documents)))
		p.narrow(in.Documents)
	case custom && verb == "runQuery" && depth%2 == 0:
		p.op = "RunQuery"
		p.charge(price.MeterReads, 1)
		var in queryRequest
		if json.Unmarshal(r.Body, &in) == nil && len(in.StructuredQuery.From) == 1 {
			p.resource = strings.TrimPrefix(p.key+"/"+in.StructuredQuery.From[0].CollectionID, "/")
			p.scope += "/" + p.resource
		}
	case custom:
	case depth == 0:
	case m == http.MethodPost && depth%2 == 1:
		p.op = "CreateDocument"
		if id := r.URL.Query().Get("documentId"); id != "" {
			p.resource += "/" + id
		}
		p.charge(price.MeterWrites, 1)
		p.charge(price.MeterWriteUnits, 1)
	case m == http.MethodGet && depth%2 == 0:
		p.op = "GetDocument"
		p.charge(price.MeterReads, 1)
		p.charge(price.MeterReadUnits, 1)
	case m == http.MethodPatch && depth%2 == 0:
		p.op = "UpdateDocument"
		p.charge(price.MeterWrites, 1)
		p.charge(price.MeterWriteUnits, 1)
	case m == http.MethodDelete && depth%2 == 0:
		p.op = "DeleteDocument"
		p.charge(price.MeterWrites, 1)
		p.charge(price.MeterDeleteUnits, 1)
	}
	if p.op != "RunQuery" && depth > 0 {
		p.scope += "/" + p.key
	}
	return p, true
}

// narrow makes the scope of p the collection that the documents are all in; it stays the
// database where they are in several.
func (p *place) narrow(names []string) {
	if len(names) == 0 {
		return
	}
	collectionOf := func(name string) string {
		_, key, _ := strings.Cut(name, "/documents/")
		collection, _, _ := strings.Cut(key, "/")
		return collection
	}
	_, p.resource, _ = strings.Cut(names[0], "/documents/")
	for _, name := range names {
		if collectionOf(name) != collectionOf(names[0]) {
			return
		}
	}
	p.scope += "/" + collectionOf(names[0])
}

func (s *firestore) chargeCommit(r *standin.Request, p *place) {
	var in commitRequest
	_ = json.Unmarshal(r.Body, &in) // what is wrong with it is told by the work
	p.charge(price.MeterWrites, 1)
	var writes, deletes int64
	var names []string
	for _, w := range in.Writes {
		if w.Delete != "" {
			deletes++
			names = append(names, w.Delete)
			continue
		}
		writes++
		if w.Update != nil {
			names = append(names, w.Update.Name)
		}
	}
	if writes > 0 {
		p.charge(price.MeterWriteUnits, writes)
	}
	if deletes > 0 {
		p.charge(price.MeterDeleteUnits, deletes)
	}
	p.narrow(names)
}

// fail is an error; where an answer is a stream, the error is the stream's only element.
func (s *firestore) fail(r *standin.Request, f refusal) standin.Outcome {
	out := plainError(f)
	if strings.HasSuffix(r.URL.Path, ":runQuery") || strings.HasSuffix(r.URL.Path, ":batchGet") {
		out.Body = append(append([]byte("["), out.Body...), ']')
	}
	return out
}

func (s *firestore) database(name string) *database {
	d := s.databases[name]
	if d == nil {
		d = &database{documents: map[string]*document{}}
		s.databases[name] = d
	}
	return d
}

// now is the time of a read or commit, in microseconds, each commit after the last.
func (d *database) now(r *standin.Request) time.Time {
	t := r.Now.UTC().Truncate(time.Microsecond)
	if !t.After(d.last) {
		t = d.last.Add(time.Microsecond)
	}
	return t
}

func microTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func (s *firestore) do(r *standin.Request, p place) standin.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.database(p.name)
	switch p.op {
	case "Commit":
		return s.commit(r, p, d)
	case "CreateDocument":
		return s.create(r, p, d)
	case "UpdateDocument", "DeleteDocument":
		return s.change(r, p, d)
	case "RunQuery":
		return s.runQuery(r, p, d)
	case "BatchGet":
		return s.batchGet(r, p, d)
	}
	name := p.name + "/documents/" + p.key
	doc := d.documents[name]
	if doc == nil {
		return s.fail(r, notFound(fmt.Sprintf("Document %q not found.", name)))
	}
	out := answer(doc.shown())
	out.Bytes = int64(len(out.Body))
	return out
}

func (d *document) shown() map[string]any {
	out := map[string]any{"name": d.name, "createTime": microTime(d.made), "updateTime": microTime(d.changed)}
	if len(d.fields) > 0 { // what is empty is left out
		out["fields"] = d.fields
	}
	return out
}

// batchGet answers the documents in the order in which they were asked for, which the
// service does not promise.
func (s *firestore) batchGet(r *standin.Request, p place, d *database) standin.Outcome {
	var in struct {
		Documents      []string
		Transaction    string
		NewTransaction json.RawMessage
	}
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	if in.Transaction != "" || in.NewTransaction != nil {
		return s.fail(r, invalid("Transactions are not served here."))
	}
	list := []any{}
	at := microTime(d.now(r))
	for _, name := range in.Documents {
		if bad := checkName(p.name, name); bad != nil {
			return s.fail(r, *bad)
		}
		if doc := d.documents[name]; doc != nil {
			list = append(list, map[string]any{"found": doc.shown(), "readTime": at})
		} else {
			list = append(list, map[string]any{"missing": name, "readTime": at})
		}
	}
	out := answer(list)
	out.Bytes = int64(len(out.Body))
	return out
}

var reserved = regexp.MustCompile(`^__.*__$`)

const mostNameBytes = 1500

// checkName says what is wrong with a document's name in a database.
// https://cloud.google.com/firestore/quotas#collections_documents_and_fields
func checkName(database, name string) *refusal {
	key, ok := strings.CutPrefix(name, database+"/documents/")
	parts := strings.Split(key, "/")
	if !ok || len(parts)%2 != 0 {
		f := invalid(fmt.Sprintf("Document name %q is not one of a document in %s.", name, database))
		return &f
	}
	for _, part := range parts {
		if part == "" || part == "." || part == ".." || len(part) > mostNameBytes || reserved.MatchString(part) {
			f := invalid(fmt.Sprintf("Resource id %q is invalid because it is empty, reserved or too long.", part))
			return &f
		}
	}
	return nil
}
