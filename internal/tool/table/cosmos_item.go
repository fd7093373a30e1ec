package table

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// cosmosOwn are the members of documents that are the service's or the driver's.
var cosmosOwn = []string{"_rid", "_self", "_etag", "_attachments", "_ts", "_lsn", commandAttr, cosmosIDAttr}

// cosmosIDAttr keeps an item's own member "id", since a document's id is its key.
const cosmosIDAttr = "skein_id"

const (
	cosmosForbidden = `/\?#%`
	cosmosMostID    = 255
	cosmosMostItem  = 2 << 20
)

// cosmosID is the id of a key's document: the sort key, or the partition key where
// there is none, so that documents of others whose ids are such are found as well.
// https://learn.microsoft.com/rest/api/cosmos-db/create-a-document
func cosmosID(n Names, k Key) (string, error) {
	text := k.Partition
	if n.Sort != "" {
		text = k.Sort
	}
	id, err := escapeKey(text, cosmosForbidden)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(id, " ") || id == "." || id == ".." { // an id cannot end so, and a path goes elsewhere
		id += tailMark
	}
	if len(id) > cosmosMostID {
		return "", refuse("the key %q is longer than %d bytes as an id of Cosmos DB", cut(text, 80), cosmosMostID)
	}
	return id, nil
}

// cosmosDocument is an item as it is stored: the item, the id, and the command. Cosmos
// DB's numbers are doubles: one that a double would round is kept as a text in an
// object of its own, {"skein_number":"0.10"}. A member "id" of the item is kept
// as skein_id, unless it is the key itself.
func cosmosDocument(n Names, k Key, id string, item json.RawMessage, command string) ([]byte, error) {
	v, err := written(n, k, item, cosmosOwn...)
	if err != nil {
		return nil, err
	}
	marked, err := markNumbers(v, 0)
	if err != nil {
		return nil, err
	}
	doc := marked.(map[string]any)
	if own, ok := doc["id"]; ok && (own != id || !n.has("id")) {
		doc[cosmosIDAttr] = own
	}
	doc["id"], doc[commandAttr] = id, command
	body, err := encode(doc)
	if err == nil && len(body) > cosmosMostItem {
		err = refuse("the item has %d bytes, and Cosmos DB stores %d at most: shorten its texts", len(body), cosmosMostItem)
	}
	return body, err
}

// cosmosItem is a document as an item is seen.
func cosmosItem(n Names, body []byte) (item Item, k Key, command string, err error) {
	v, err := parse(body)
	if err != nil {
		return Item{}, Key{}, "", fmt.Errorf("a document is no JSON object: %w", err)
	}
	item.Version, _ = v["_etag"].(string)
	command, ours := v[commandAttr].(string)
	if own, ok := v[cosmosIDAttr]; ok {
		v["id"] = own
	} else if ours && !n.has("id") {
		delete(v, "id")
	}
	for _, name := range cosmosOwn {
		delete(v, name)
	}
	plain := unmarkNumbers(v).(map[string]any)
	item.JSON, err = encode(plain)
	return item, keyOf(n, plain), command, err
}

func (n Names) has(name string) bool { return slices.Contains([]string{n.Partition, n.Sort}, name) }

// mostExact is up to where doubles hold every integer.
const mostExact = 1<<53 - 1

// mostDepth is how deep values are stored.
const mostDepth = 100

// markNumbers puts numbers that a double would round into objects of their own.
func markNumbers(v any, depth int) (any, error) {
	if depth > mostDepth {
		return nil, refuse("the item is nested more than %d deep", mostDepth)
	}
	var err error
	switch v := v.(type) {
	case json.Number:
		if !native(v, mostExact) {
			return map[string]any{numberAttr: v.String()}, nil
		}
	case []any:
		for i := range v {
			if v[i], err = markNumbers(v[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if _, ok := v[numberAttr]; ok {
			return nil, refuse("the item has a member %q, which marks numbers here: give it another name", numberAttr)
		}
		for name := range v {
			if v[name], err = markNumbers(v[name], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func unmarkNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return plainNumber(v)
	case []any:
		for i := range v {
			v[i] = unmarkNumbers(v[i])
		}
	case map[string]any:
		if text, ok := v[numberAttr].(string); ok && len(v) == 1 {
			if n, ok := decimal(text); ok {
				return n
			}
		}
		for name := range v {
			v[name] = unmarkNumbers(v[name])
		}
	}
	return v
}
