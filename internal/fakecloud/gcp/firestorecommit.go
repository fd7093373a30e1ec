package gcp

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const (
	mostWrites   = 500
	mostDocument = 1 << 20
)

// apply does writes in their order, all of them or none. It answers when each document
// was last changed, and the time of the commit.
func (d *database) apply(r *standin.Request, database string, writes []write) (changed []time.Time, at time.Time, bad *refusal) {
	_, command := standin.Effect(r.Request)
	at = d.now(r)
	after := map[string]*document{} // nil: deleted
	look := func(name string) *document {
		if doc, ok := after[name]; ok {
			return doc
		}
		return d.documents[name]
	}
	for i := range writes {
		w := &writes[i]
		if bad := w.check(database); bad != nil {
			return nil, at, bad
		}
		name := w.name()
		was := look(name)
		if bad := w.CurrentDocument.hold(name, was); bad != nil {
			return nil, at, bad
		}
		if w.Update == nil {
			after[name] = nil
			changed = append(changed, time.Time{})
			continue
		}
		now := &document{name: name, fields: w.Update.Fields, made: at, changed: at, command: command, collection: name[:strings.LastIndexByte(name, '/')]}
		if w.UpdateMask != nil {
			fields, err := masked(was, w.Update.Fields, w.UpdateMask.FieldPaths)
			if err != nil {
				f := invalid(err.Error())
				return nil, at, &f
			}
			now.fields = fields
		}
		if was != nil {
			now.made = was.made
			if reflect.DeepEqual(fieldsOf(was.fields), fieldsOf(now.fields)) { // nothing has changed, and no time
				now.changed = was.changed
			}
		}
		after[name] = now
		changed = append(changed, now.changed)
	}
	d.last = at
	for name, doc := range after {
		if doc == nil {
			delete(d.documents, name)
		} else {
			d.documents[name] = doc
		}
	}
	return changed, at, nil
}

// fieldsOf is fields with none as none.
func fieldsOf(f map[string]value) map[string]value {
	if f == nil {
		return map[string]value{}
	}
	return f
}

// masked is what a document has after those of its fields that a mask names were
// replaced; one that is not in in is taken away. Only fields of the document itself can
// be named.
func masked(was *document, in map[string]value, paths []string) (map[string]value, error) {
	out := map[string]value{}
	if was != nil {
		for name, v := range was.fields {
			out[name] = v
		}
	}
	for _, path := range paths {
		parts, err := fieldPath(path)
		if err != nil {
			return nil, err
		}
		if len(parts) != 1 {
			return nil, fmt.Errorf("fields within fields, such as %s, cannot be named in a mask here", path)
		}
		if v, ok := in[parts[0]]; ok {
			out[parts[0]] = v
		} else {
			delete(out, parts[0])
		}
	}
	return out, nil
}

// refuse is a refusal of a write, and whether it was refused because the same command
// had done it before.
func (s *firestore) refuse(r *standin.Request, d *database, writes []write, bad refusal) standin.Outcome {
	out := s.fail(r, bad)
	_, command := standin.Effect(r.Request)
	for i := range writes {
		if doc := d.documents[writes[i].name()]; doc != nil && command != "" && doc.command == command {
			out.Duplicate = true
		}
	}
	out.Bytes = int64(len(r.Body))
	return out
}

func (s *firestore) commit(r *standin.Request, p place, d *database) standin.Outcome {
	var in commitRequest
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	switch {
	case in.Transaction != "":
		return s.fail(r, invalid("Transactions are not served here."))
	case len(in.Writes) > mostWrites:
		return s.fail(r, invalid("maximum 500 writes allowed per request"))
	}
	changed, at, bad := d.apply(r, p.name, in.Writes)
	if bad != nil {
		return s.refuse(r, d, in.Writes, *bad)
	}
	results := []any{}
	for _, t := range changed {
		one := map[string]any{}
		if !t.IsZero() {
			one["updateTime"] = microTime(t)
		}
		results = append(results, one)
	}
	out := answer(map[string]any{"writeResults": results, "commitTime": microTime(at)})
	out.Done, out.Bytes = len(in.Writes) > 0, int64(len(r.Body))
	return out
}
