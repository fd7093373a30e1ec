package tool

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/objects"
)

// mostObject is the most that one write may store.
const mostObject = 256 << 10

func (t *objectsTool) addWrite() {
	t.add(t.op("write", agent.Keyed, "Writes a new object. One that exists is never overwritten.",
		`{"type":"object","additionalProperties":false,"required":["key","content"],"properties":{
			"key":{"type":"string","minLength":1,"maxLength":1024,"description":"a path such as notes/2026/acme.md"},
			"content":{"type":"string","description":"the whole text"}}}`,
		t.bucket.Basis(), plus(t.most.Put, price.MeterBytesSent, t.most.Tries*mostObject)), t.write)
}

func (t *objectsTool) addReplace() {
	t.add(t.op("replace", agent.Keyed, "Overwrites an object, if it is still as you have seen it.",
		fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["key","version","content"],"properties":{
			`+keySchema+`,
			"version":{"type":"string","minLength":1,"maxLength":200,"description":"as %[1]s_list or %[1]s_read shows it"},
			"content":{"type":"string","description":"the whole new text"}}}`, t.name),
		t.change.ChangeBasis(), plus(t.most.Put, price.MeterBytesSent, t.most.Tries*mostObject)), t.replace)
}

func (t *objectsTool) addDelete() {
	t.add(t.op("delete", agent.Keyed, "Deletes an object, if it is still as you have seen it.",
		fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["key","version"],"properties":{
			`+keySchema+`,
			"version":{"type":"string","minLength":1,"maxLength":200,"description":"as %[1]s_list or %[1]s_read shows it"}}}`, t.name),
		t.change.ChangeBasis(), t.most.Delete), t.delete)
}

func tooLarge(content string) error {
	if len(content) > mostObject {
		return refuse("content has %d bytes, and one write stores %d at most: write it in several objects", len(content), mostObject)
	}
	return nil
}

// wrote is what a write gave, the same however often it is done.
type wrote struct {
	Key     string `json:"key"`
	Size    int    `json:"size"`
	Version string `json:"version,omitempty"`
}

func (t *objectsTool) write(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	var in struct{ Key, Content string }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	if err := tooLarge(in.Content); err != nil {
		return Result{}, err
	}
	created, err := t.bucket.Create(ctx, in.Key, []byte(in.Content), command)
	switch {
	case err != nil:
		return Result{}, err
	case created.Taken:
		by := "before this run"
		if created.By != "" {
			by = "by " + created.By
		}
		how := "read it, or choose another key"
		if t.change != nil {
			how = fmt.Sprintf("choose another key, or read it and use %s_replace", t.name)
		}
		return Result{}, refuse("there is an object %q already, written %s; nothing is overwritten: %s", in.Key, by, how)
	}
	if t.change == nil {
		created.Version = ""
	}
	return result(wrote{in.Key, len(in.Content), created.Version}, created.Repeat)
}

func (t *objectsTool) replace(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	var in struct{ Key, Version, Content string }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	if err := tooLarge(in.Content); err != nil {
		return Result{}, err
	}
	changed, err := t.change.Replace(ctx, in.Key, []byte(in.Content), in.Version, command)
	if err == nil {
		err = stale(in.Key, "replaced", changed)
	}
	if err != nil {
		return Result{}, err
	}
	return result(wrote{in.Key, len(in.Content), changed.Version}, changed.Repeat)
}

func (t *objectsTool) delete(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	var in struct{ Key, Version string }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	changed, err := t.change.Delete(ctx, in.Key, in.Version, command)
	if err == nil {
		err = stale(in.Key, "deleted", changed)
	}
	if err != nil {
		return Result{}, err
	}
	return result(map[string]any{"key": in.Key, "deleted": true}, changed.Repeat)
}

// stale is that an object is not as it was seen.
func stale(key, what string, c objects.Changed) error {
	switch {
	case !c.Stale:
		return nil
	case c.Version == "":
		return refuse("there is no object %q any more, so it is not %s", key, what)
	}
	return refuse("the object %q has changed since you saw it (its version is %s now), so it is not %s: read it again and decide anew", key, c.Version, what)
}
