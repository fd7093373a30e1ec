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
	keys    table.Names
	lim     Limits
	changer table.Changer // nil where items are only read and put
}

func openTable(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	tab, u, _, err := resource.Open("table", rawURL, opts, table.Drivers())
	if err != nil {
		return nil, err
	}
	tt := &tableTool{Table: tab, keys: tab.Names(), lim: spec.Limits}
	if c, ok := tab.(table.Changer); ok && spec.Access == "write" {
		tt.changer = c
	}
	t := &operated{resource: resourceOf(name, "table", u, spec.PricedAs), check: tab.Check, close: tab.Close}
	op := Operation{Class: agent.Read, Basis: "reads only", Timeout: tt.lim.Timeout, MaxResult: tt.lim.MaxResult}

	op.Name, op.Schema = name+"_get", tt.keySchema()
	op.Description = describe(spec, fmt.Sprintf("Gets the item of one %s, or says that there is none.", tt.keyWords()))
	op.Bound = tab.Bound(table.OpGet, table.Size{Items: 1})
	t.add(op, tt.get)

	op.Name, op.Schema = name+"_query", tt.querySchema()
	op.Description = describe(spec, tt.queryWords())
	op.Bound = tab.Bound(table.OpQuery, table.Size{Items: tt.lim.Rows + 1})
	t.add(op, tt.query)

	if spec.Access == "read" {
		return t, nil
	}
	op.Name, op.Class, op.Basis = name+"_put", agent.Keyed, tab.Basis()
	op.Description = describe(spec, fmt.Sprintf("Puts a new item, a JSON object with its %s. One that exists is never changed.", tt.keyWords()))
	op.Schema = tt.putSchema()
	op.Bound = tab.Bound(table.OpCreate, table.Size{Bytes: mostItem})
	t.add(op, tt.put)
	if tt.changer != nil {
		tt.addChanges(t, op, name, spec)
	}
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

// ranged says that a query can be about a part of a partition.
func (t *tableTool) ranged() bool {
	return t.keys.Sort != "" && t.keys.Partition != "from" && t.keys.Partition != "to"
}

func (t *tableTool) querySchema() json.RawMessage {
	properties := quote(t.keys.Partition) + ":" + keyProperty
	if t.ranged() {
		for _, end := range [][2]string{{"from", "the first "}, {"to", "the last "}} {
			properties += fmt.Sprintf(`,%q:{"type":"string","maxLength":256,"description":%s}`, end[0], quote(end[1]+t.keys.Sort+" of a "+t.keys.Partition))
		}
	}
	return schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"properties":{%s}}`, properties))
}

// queryWords say in which order items come, and where there is none.
func (t *tableTool) queryWords() string {
	part := t.keys.Partition
	if s, ok := t.Table.(table.Scanner); !ok || !s.Unordered() {
		return fmt.Sprintf("Lists items in the order of their %s, %d at most; with a %s, those of that one only.", t.keyWords(), t.lim.Rows, part)
	}
	words := fmt.Sprintf("Lists items, %d at most and in no order; with a %s, those of that one only", t.lim.Rows, part)
	if t.keys.Sort != "" {
		words += ", in the order of their " + t.keys.Sort
	}
	return words + "."
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

// member is a text among arguments, by its exact name: a key may be named like another
// argument in capitals.
func member(args json.RawMessage, name string) (text string, err error) {
	var members map[string]json.RawMessage
	if err := decode(args, &members); err != nil {
		return "", err
	}
	if raw, ok := members[name]; ok {
		err = decode(raw, &text)
	}
	return text, err
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
	return Result{Content: t.shown(item, `{"item":%s}`)}, nil
}

// shown is an item as JSON: with its version, where that is good for something.
func (t *tableTool) shown(item table.Item, otherwise string) []byte {
	if t.changer == nil {
		return fmt.Appendf(nil, otherwise, item.JSON)
	}
	return fmt.Appendf(nil, `{"item":%s,"version":%s}`, item.JSON, quote(item.Version))
}

func (t *tableTool) query(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
	key, err := t.key(args)
	if err != nil {
		return Result{}, err
	}
	q := table.Query{Partition: key.Partition}
	if t.ranged() {
		if q.From, err = member(args, "from"); err == nil {
			q.To, err = member(args, "to")
		}
		if err != nil {
			return Result{}, err
		}
	}
	if q.Partition == "" && (q.From != "" || q.To != "") {
		return Result{}, refuse("from and to are about one %s: say which", t.keys.Partition)
	}
	items, more, err := t.Query(ctx, q, t.lim.Rows)
	if err != nil {
		return Result{}, err
	}
	rows := make([][]byte, len(items))
	for i := range items {
		rows[i] = t.shown(items[i], "%s")
	}
	advice := "ask for one " + t.keys.Partition + " at a time to see others"
	if q.Partition != "" && t.ranged() {
		advice = "ask with from, the last " + t.keys.Sort + " that is shown, to see others"
	}
	return listing(`{"items":`, rows, more, advice, t.lim.MaxResult), nil
}

func (t *tableTool) put(ctx context.Context, args json.RawMessage, command string) (Result, error) {
	var in struct{ Item json.RawMessage }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	key, item, err := t.item(in.Item)
	if err != nil {
		return Result{}, err
	}
	created, err := t.Create(ctx, key, item, command)
	if err != nil {
		return Result{}, err
	}
	if created.Taken {
		by := "put by others"
		if created.By != "" {
			by = "put by " + created.By
		}
		return Result{}, refuse("there is an item of this %s already, %s; nothing is changed: %s", t.keyWords(), by, t.part(created.Item))
	}
	return t.done("stored", key, created.Repeat)
}

// item reads an item that is to be written, and its key.
func (t *tableTool) item(raw json.RawMessage) (table.Key, json.RawMessage, error) {
	var item bytes.Buffer
	if err := json.Compact(&item, raw); err != nil {
		return table.Key{}, nil, refuse("item is not JSON: %v", err)
	}
	if item.Len() > mostItem {
		return table.Key{}, nil, refuse("item has %d bytes, and %d at most are stored: shorten its texts", item.Len(), mostItem)
	}
	key, err := t.key(item.Bytes())
	return key, item.Bytes(), err
}

// part is as much of an item that is there as an error can show.
func (t *tableTool) part(item json.RawMessage) string {
	there := string(item)
	if most := min(1000, t.lim.MaxResult/2); len(there) > most {
		return cutText(there, most) + "…"
	}
	return there
}

// done says what was done to a key.
func (t *tableTool) done(what string, key table.Key, repeat bool) (Result, error) {
	said := map[string]any{what: true, t.keys.Partition: key.Partition}
	if t.keys.Sort != "" {
		said[t.keys.Sort] = key.Sort
	}
	return result(said, repeat)
}
