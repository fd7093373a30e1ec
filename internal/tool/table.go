package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/table"
)

// mostItem is the most that one item put by an agent may have. Tables hold
// larger ones, which are read all the same.
const mostItem = 100 << 10

// tableTool is a table as a model sees it: keys are named as its items name them.
type tableTool struct {
	table.Table
	keys table.Names
	lim  Limits
}

func openTable(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	tab, u, _, err := resource.Open("table", rawURL, opts, table.Drivers())
	if err != nil {
		return nil, err
	}
	tt := &tableTool{tab, tab.Names(), spec.Limits}
	t := &operated{resource: resourceOf(name, "table", u, spec.PricedAs), check: tab.Check, close: tab.Close}
	op := Operation{Class: agent.Read, Basis: "reads only", Timeout: tt.lim.Timeout, MaxResult: tt.lim.MaxResult}
	part := tt.keys.Partition

	op.Name, op.Schema = name+"_get", tt.keySchema()
	op.Description = describe(spec, fmt.Sprintf("Gets the item of one %s, or says that there is none.", tt.keyWords()))
	op.Bound = tab.Bound(table.OpGet, table.Size{Items: 1})
	t.add(op, tt.get)

	op.Name = name + "_query"
	op.Description = describe(spec, fmt.Sprintf("Lists items in the order of their %s, %d at most; with a %s, those of that one only.", tt.keyWords(), tt.lim.Rows, part))
	op.Schema = schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"properties":{%s:%s}}`, quote(part), keyProperty))
	op.Bound = tab.Bound(table.OpQuery, table.Size{Items: tt.lim.Rows + 1})
	t.add(op, tt.query)

	if spec.Access != "write" {
		return t, nil
	}
	op.Name, op.Class, op.Basis = name+"_put", agent.Keyed, tab.Basis()
	op.Description = describe(spec, fmt.Sprintf("Puts a new item, a JSON object with its %s. One that exists is never changed.", tt.keyWords()))
	op.Schema = tt.putSchema()
	op.Bound = tab.Bound(table.OpCreate, table.Size{Bytes: mostItem})
	t.add(op, tt.put)
	return t, nil
}

const keyProperty = `{"type":"string","minLength":1,"maxLength":256}`

func (t *tableTool) keyWords() string {
	if t.keys.Sort == "" {
		return t.keys.Partition
	}
	return t.keys.Partition + " and " + t.keys.Sort
}

// keyMembers are the key attributes as a schema's required and properties.
func (t *tableTool) keyMembers() (required, properties string) {
	required = quote(t.keys.Partition)
	properties = required + ":" + keyProperty
	if t.keys.Sort != "" {
		required += "," + quote(t.keys.Sort)
		properties += "," + quote(t.keys.Sort) + ":" + keyProperty
	}
	return required, properties
}

func (t *tableTool) keySchema() json.RawMessage {
	required, properties := t.keyMembers()
	return schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":[%s],"properties":{%s}}`, required, properties))
}

func (t *tableTool) putSchema() json.RawMessage {
	required, properties := t.keyMembers()
	return schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["item"],"properties":{
		"item":{"type":"object","description":"the whole item","required":[%s],"properties":{%s}}}}`, required, properties))
}

// key reads the key attributes of a JSON object.
func (t *tableTool) key(object json.RawMessage) (table.Key, error) {
	var members map[string]json.RawMessage
	if err := decode(object, &members); err != nil {
		return table.Key{}, err
	}
	var k table.Key
	for name, into := range map[string]*string{t.keys.Partition: &k.Partition, t.keys.Sort: &k.Sort} {
		if raw, ok := members[name]; ok && name != "" {
			if err := decode(raw, into); err != nil {
				return table.Key{}, err
			}
		}
	}
	return k, nil
}

func (t *tableTool) get(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
	key, err := t.key(args)
	if err != nil {
		return Result{}, err
	}
	item, err := t.Get(ctx, key)
	if err != nil {
		return Result{}, err
	}
	if item.JSON == nil {
		return Result{Content: []byte(`{"item":null}`)}, nil
	}
	if len(item.JSON)+noteRoom > t.lim.MaxResult {
		return Result{}, refuse("the item has %d bytes, and %d at most can be shown", len(item.JSON), t.lim.MaxResult-noteRoom)
	}
	return Result{Content: fmt.Appendf(nil, `{"item":%s}`, item.JSON)}, nil
}

func (t *tableTool) query(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
	key, err := t.key(args)
	if err != nil {
		return Result{}, err
	}
	items, more, err := t.Query(ctx, table.Query{Partition: key.Partition}, t.lim.Rows)
	if err != nil {
		return Result{}, err
	}
	rows := make([][]byte, len(items))
	for i := range items {
		rows[i] = items[i].JSON
	}
	return listing(`{"items":`, rows, more, "ask for one "+t.keys.Partition+" at a time to see others", t.lim.MaxResult), nil
}

func (t *tableTool) put(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	var in struct{ Item json.RawMessage }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	var item bytes.Buffer
	if err := json.Compact(&item, in.Item); err != nil {
		return Result{}, refuse("item is not JSON: %v", err)
	}
	if item.Len() > mostItem {
		return Result{}, refuse("item has %d bytes, and %d at most are stored: shorten its texts", item.Len(), mostItem)
	}
	key, err := t.key(item.Bytes())
	if err != nil {
		return Result{}, err
	}
	created, err := t.Create(ctx, key, item.Bytes(), command)
	if err != nil {
		return Result{}, err
	}
	if created.Taken {
		there := string(created.Item)
		if most := min(1000, t.lim.MaxResult/2); len(there) > most {
			there = cutText(there, most) + "…"
		}
		return Result{}, refuse("there is an item of this %s already, put by %s; nothing is changed: %s", t.keyWords(), created.By, there)
	}
	stored := map[string]any{"stored": true, t.keys.Partition: key.Partition}
	if t.keys.Sort != "" {
		stored[t.keys.Sort] = key.Sort
	}
	return result(stored, created.Repeat)
}
