package table

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// Create implements [Table].
func (t *firestoreTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error) {
	return create(ctx, t, key, item, command)
}

// Replace implements [Changer].
func (t *firestoreTable) Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (Changed, error) {
	return replace(ctx, t, key, item, version, command)
}

// Delete implements [Changer].
func (t *firestoreTable) Delete(ctx context.Context, key Key, version, command string) (Changed, error) {
	return remove(ctx, t, key, version, command)
}

// write commits one write under a precondition. No page that was read says whether one
// that its precondition refuses is charged for; it is counted.
func (t *firestoreTable) write(ctx context.Context, w writing) (end writeEnd, version string, err error) {
	id, err := firestoreID(t.names, w.key)
	if err != nil {
		return 0, "", err
	}
	name := t.name + "/" + t.collection + "/" + id
	change := map[string]any{"currentDocument": map[string]any{"updateTime": w.version}}
	units, needs := price.MeterWriteUnits, "datastore.entities.update"
	if w.version == "" {
		change["currentDocument"], needs = map[string]any{"exists": false}, "datastore.entities.create"
	}
	if w.item == nil {
		change["delete"], units, needs = name, price.MeterDeleteUnits, "datastore.entities.delete"
	} else {
		fields, err := firestoreFields(t.names, w.key, w.item, w.command)
		if err != nil {
			return 0, "", err
		}
		change["update"] = map[string]any{"name": name, "fields": fields}
	}
	r, err := t.ask(http.MethodPost, ":commit", map[string]any{"writes": []any{change}}, w.doing, needs)
	if err != nil {
		return 0, "", err
	}
	r.class, r.counts = agent.Keyed, firestoreCounts(price.MeterWrites, units, 1)
	r.expect = func(a answer) bool {
		_, conflict := firestoreEnd(firestoreSaid(a))
		return conflict
	}
	r.receive = func(a answer) error {
		if !a.ok() {
			end, _ = firestoreEnd(firestoreSaid(a))
			effect.MeterFrom(ctx).Count(units, 1, price.Derived)
			return nil
		}
		var in struct{ WriteResults []struct{ UpdateTime string } }
		if err := json.Unmarshal(a.body, &in); err != nil {
			return err
		}
		if len(in.WriteResults) != 1 {
			return errors.New("it is not about one write")
		}
		end, version = writeDone, in.WriteResults[0].UpdateTime
		effect.MeterFrom(ctx).Count(units, 1, price.Derived)
		return nil
	}
	err = t.do(ctx, r)
	return end, version, err
}

// firestoreEnd tells the errors of a precondition from others.
func firestoreEnd(f fault) (writeEnd, bool) {
	switch f.code {
	case "ALREADY_EXISTS":
		return writeTaken, true
	case "FAILED_PRECONDITION":
		return writeChanged, true
	case "NOT_FOUND":
		return writeGone, !noDatabase(f)
	}
	return 0, false
}

func (t *firestoreTable) Basis() string {
	return "commit under exists=false; the document keeps the command's id in " + commandAttr
}

// ChangeBasis implements [Changer].
func (t *firestoreTable) ChangeBasis() string { return "commit under the document's updateTime" }

// firestoreSaid reads an error of Google's, which a query sends as the element of an
// array.
func firestoreSaid(a answer) fault {
	type said struct {
		Error struct{ Message, Status string }
	}
	var in said
	if json.Unmarshal(a.body, &in) != nil {
		var list []said
		if json.Unmarshal(a.body, &list) == nil && len(list) > 0 {
			in = list[0]
		}
	}
	return fault{code: in.Error.Status, message: in.Error.Message, after: retryAfter(a.header), unread: in.Error.Status == "",
		idle: in.Error.Status == "ABORTED" || in.Error.Status == "RESOURCE_EXHAUSTED"}
}
