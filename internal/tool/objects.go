package tool

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/resource"
)

// objectsTool is what the operations on one bucket share.
type objectsTool struct {
	*operated
	name   string
	spec   Spec
	bucket objects.Bucket
	change objects.Changer // nil where objects stay as they are
	most   objects.Requests
	texts  texts
}

// keySchema is the property that every operation on one object has.
const keySchema = `"key":{"type":"string","minLength":1,"maxLength":1024,"description":"the object's key, as %[1]s_list shows it"}`

func openObjects(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	b, u, _, err := resource.Open("objects", rawURL, opts, objects.Drivers())
	if err != nil {
		return nil, err
	}
	t := &objectsTool{name: name, spec: spec, bucket: b, most: b.Requests(spec.Limits.Rows),
		operated: &operated{resource: resourceOf(name, "objects", u, spec.PricedAs), check: b.Check, close: b.Close}}
	if spec.Access == "write" {
		t.change, _ = b.(objects.Changer)
	}
	t.addList()
	t.addRead()
	t.addText()
	t.addRows()
	if spec.Access != "read" {
		t.addWrite()
	}
	if t.change != nil {
		t.addReplace()
		t.addDelete()
	}
	return t.operated, nil
}

// op is an operation with what all have.
func (t *objectsTool) op(verb string, class agent.Class, does, args, basis string, bound []price.Reading) Operation {
	return Operation{Name: t.name + "_" + verb, Description: describe(t.spec, does), Schema: schema(args), Class: class, Basis: basis,
		Timeout: t.spec.Limits.Timeout, MaxResult: t.spec.Limits.MaxResult, Bound: bound}
}

// times is a bound of n requests.
func times(bound []price.Reading, n int64) []price.Reading {
	bound = slices.Clone(bound)
	for i := range bound {
		bound[i].Quantity *= n
	}
	return bound
}

// plus is a bound with n more of a meter, which it may have already.
func plus(bound []price.Reading, meter price.Meter, n int64) []price.Reading {
	bound = slices.Clone(bound)
	for i := range bound {
		if bound[i].Meter == meter {
			bound[i].Quantity += n
			return bound
		}
	}
	return append(bound, price.Reading{Meter: meter, Quantity: n, Source: price.Counted})
}

func (t *objectsTool) addList() {
	t.add(t.op("list", agent.Read, "Lists the objects there are, with their sizes in bytes. A prefix narrows the list.",
		`{"type":"object","additionalProperties":false,"properties":{
			"prefix":{"type":"string","maxLength":1024,"description":"only keys that begin with this"}}}`, "lists only", t.most.List),
		func(ctx context.Context, args json.RawMessage, _ string) (Result, error) { return t.list(ctx, args) })
}

func (t *objectsTool) list(ctx context.Context, args json.RawMessage) (Result, error) {
	var in struct{ Prefix string }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	list, more, err := t.bucket.List(ctx, in.Prefix, t.spec.Limits.Rows)
	if err != nil {
		return Result{}, err
	}
	items := make([][]byte, len(list))
	for i := range list {
		if t.change == nil { // it is for changes, and each costs the model's reading
			list[i].Version = ""
		}
		if items[i], err = plainJSON(list[i]); err != nil {
			return Result{}, err
		}
	}
	return listing(`{"objects":`, items, more, "give a longer prefix to see others", t.spec.Limits.MaxResult), nil
}
