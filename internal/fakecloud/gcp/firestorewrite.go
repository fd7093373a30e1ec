package gcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

type documentIn struct {
	Name       string           `json:"name"`
	Fields     map[string]value `json:"fields"`
	CreateTime string           `json:"createTime"`
	UpdateTime string           `json:"updateTime"`
}

type precondition struct {
	Exists     *bool  `json:"exists"`
	UpdateTime string `json:"updateTime"`
}

type mask struct {
	FieldPaths []string `json:"fieldPaths"`
}

type write struct {
	Update           *documentIn     `json:"update"`
	Delete           string          `json:"delete"`
	Transform        json.RawMessage `json:"transform"`
	UpdateTransforms json.RawMessage `json:"updateTransforms"`
	UpdateMask       *mask           `json:"updateMask"`
	CurrentDocument  *precondition   `json:"currentDocument"`
}

type commitRequest struct {
	Writes      []write `json:"writes"`
	Transaction string  `json:"transaction"`
}

func (w *write) name() string {
	if w.Update != nil {
		return w.Update.Name
	}
	return w.Delete
}

// hold says why a precondition does not hold about a document, nil where there is none.
// That an update time other than the document's is FAILED_PRECONDITION, with these
// words, stands in people's reports:
// https://github.com/GoogleCloudPlatform/spring-cloud-gcp/issues/2163
func (p *precondition) hold(name string, doc *document) *refusal {
	if p == nil {
		return nil
	}
	switch {
	case p.Exists != nil && *p.Exists && doc == nil:
		f := notFound("No document to update: " + name)
		return &f
	case p.Exists != nil && !*p.Exists && doc != nil:
		return &refusal{status: http.StatusConflict, code: "ALREADY_EXISTS", message: "Document already exists: " + name}
	case p.UpdateTime == "":
		return nil
	}
	want, err := time.Parse(time.RFC3339Nano, p.UpdateTime)
	if err != nil || !want.Equal(want.Truncate(time.Microsecond)) {
		f := invalid("Invalid value at 'current_document.update_time': it is not a timestamp in microseconds.")
		return &f
	}
	var stored int64
	if doc != nil {
		stored = doc.changed.UnixMicro()
	}
	if stored != want.UnixMicro() {
		return &refusal{status: http.StatusBadRequest, code: "FAILED_PRECONDITION",
			message: fmt.Sprintf("the stored version (%d) does not match the required base version (%d)", stored, want.UnixMicro())}
	}
	return nil
}

// check says what is wrong with a write in itself.
func (w *write) check(database string) *refusal {
	kinds := 0
	for _, is := range []bool{w.Update != nil, w.Delete != "", w.Transform != nil} {
		kinds += bit(is)
	}
	switch {
	case kinds != 1:
		f := invalid("A write has exactly one of update, delete and transform.")
		return &f
	case w.Transform != nil || w.UpdateTransforms != nil:
		f := invalid("Transforms are not served here.")
		return &f
	case w.CurrentDocument != nil && w.CurrentDocument.Exists != nil && w.CurrentDocument.UpdateTime != "":
		f := invalid("A precondition has one of exists and updateTime.")
		return &f
	case w.Delete != "" && w.UpdateMask != nil:
		f := invalid("A delete has no mask.")
		return &f
	}
	if bad := checkName(database, w.name()); bad != nil {
		return bad
	}
	if w.Update == nil {
		return nil
	}
	return checkFields(w.Update)
}

func checkFields(d *documentIn) *refusal {
	for name := range d.Fields {
		if name == "" || len(name) > mostNameBytes || reserved.MatchString(name) {
			f := invalid(fmt.Sprintf("Property name %q is empty, reserved or too long.", name))
			return &f
		}
	}
	if n := len(d.Name) + 32 + fieldsSize(d.Fields); n > mostDocument {
		f := invalid(fmt.Sprintf("Document '%s' cannot be written because its size (%s bytes) exceeds the maximum allowed size of 1,048,576 bytes.", d.Name, strconv.Itoa(n)))
		return &f
	}
	return nil
}

func (s *firestore) create(r *standin.Request, p place, d *database) standin.Outcome {
	var in documentIn
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	if in.Name != "" {
		return s.fail(r, invalid("The document's name must not be set: it is made of the parent, the collection and documentId."))
	}
	id := r.URL.Query().Get("documentId")
	if id == "" {
		id = fmt.Sprintf("auto%016d", s.ids.next())
	}
	free := false
	in.Name = p.name + "/documents/" + p.key + "/" + id
	writes := []write{{Update: &in, CurrentDocument: &precondition{Exists: &free}}}
	out := s.one(r, p, d, writes)
	out.Resource = p.key + "/" + id
	return out
}

// change is the update or deletion of one document, with its precondition in the query.
func (s *firestore) change(r *standin.Request, p place, d *database) standin.Outcome {
	q := r.URL.Query()
	w := write{}
	if q.Has("currentDocument.exists") || q.Has("currentDocument.updateTime") {
		w.CurrentDocument = &precondition{UpdateTime: q.Get("currentDocument.updateTime")}
		if q.Has("currentDocument.exists") {
			exists, err := strconv.ParseBool(q.Get("currentDocument.exists"))
			if err != nil {
				return s.fail(r, invalid("Invalid value at 'current_document.exists'"))
			}
			w.CurrentDocument.Exists = &exists
		}
	}
	name := p.name + "/documents/" + p.key
	if p.op == "DeleteDocument" {
		w.Delete = name
		return s.one(r, p, d, []write{w})
	}
	var in documentIn
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	if in.Name != "" && in.Name != name {
		return s.fail(r, invalid("The document's name is not that of the address."))
	}
	in.Name = name
	w.Update = &in
	w.UpdateMask = maskOf(q)
	return s.one(r, p, d, []write{w})
}

func maskOf(q url.Values) *mask {
	if paths := q["updateMask.fieldPaths"]; len(paths) > 0 {
		return &mask{FieldPaths: paths}
	}
	return nil
}

// one does one write, and answers the document.
func (s *firestore) one(r *standin.Request, p place, d *database, writes []write) standin.Outcome {
	if _, _, bad := d.apply(r, p.name, writes); bad != nil {
		return s.refuse(r, d, writes, *bad)
	}
	out := answer(map[string]any{})
	if doc := d.documents[writes[0].name()]; doc != nil {
		out = answer(doc.shown())
	}
	out.Done, out.Bytes = true, int64(len(r.Body))
	return out
}
