package tool

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/skein-run/skein/internal/tool/table"
)

// addChanges adds the operations that change items, each under the version that the
// model has seen: one that somebody else has changed since is left alone. op is that
// of putting, whose limits and class they share.
func (t *tableTool) addChanges(to *operated, op Operation, name string, spec Spec) {
	const kind = `:{"type":"string","maxLength":1024,"description":"as it was shown with the item"}`
	required, properties := t.keyMembers()
	op.Basis = t.changer.ChangeBasis()

	op.Name = name + "_replace"
	op.Description = describe(spec, fmt.Sprintf("Replaces an item whole, if it still has the version that %s_get or %s_query showed.", name, name))
	op.Schema = schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["item","version"],"properties":{
		"item":{"type":"object","description":"the whole new item","required":[%s],"properties":{%s}},"version"%s}}`, required, properties, kind))
	op.Bound = t.Bound(table.OpReplace, table.Size{Bytes: mostItem})
	to.add(op, t.replace)

	op.Name = name + "_delete"
	op.Description = describe(spec, fmt.Sprintf("Deletes the item of one %s, if it still has the version that %s_get or %s_query showed.", t.keyWords(), name, name))
	op.Schema = schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":[%s,%q],"properties":{%s,%q%s}}`, required, t.versionName(), properties, t.versionName(), kind))
	op.Bound = t.Bound(table.OpDelete, table.Size{})
	to.add(op, t.delete)
}

// versionName is what a version is called beside the key attributes.
func (t *tableTool) versionName() string {
	if t.keys.Partition == "version" || t.keys.Sort == "version" {
		return "seen_version"
	}
	return "version"
}

func (t *tableTool) replace(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	var in struct{ Item json.RawMessage }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	version, err := member(args, "version")
	if err != nil {
		return Result{}, err
	}
	key, item, err := t.item(in.Item)
	if err != nil {
		return Result{}, err
	}
	changed, err := t.changer.Replace(ctx, key, item, version, command)
	switch {
	case err != nil:
		return Result{}, err
	case changed.Stale:
		return Result{}, t.stale(changed)
	}
	return t.done("replaced", key, changed.Repeat)
}

func (t *tableTool) delete(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	key, err := t.key(args)
	if err != nil {
		return Result{}, err
	}
	version, err := member(args, t.versionName())
	if err != nil {
		return Result{}, err
	}
	changed, err := t.changer.Delete(ctx, key, version, command)
	switch {
	case err != nil:
		return Result{}, err
	case changed.Stale:
		return Result{}, t.stale(changed)
	}
	return t.done("deleted", key, changed.Repeat)
}

// stale tells what is there instead of the version that was seen.
func (t *tableTool) stale(c table.Changed) error {
	if c.Item == nil {
		return refuse("there is no item of this %s any more; nothing is changed", t.keyWords())
	}
	return refuse("the item has another version by now, %s; nothing is changed: %s", quote(c.Version), t.part(c.Item))
}
