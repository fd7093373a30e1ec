package table

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Create implements [Table].
func (t *azTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error) {
	return create(ctx, t, key, item, command)
}

// Replace implements [Changer].
func (t *azTable) Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (Changed, error) {
	return replace(ctx, t, key, item, version, command)
}

// Delete implements [Changer].
func (t *azTable) Delete(ctx context.Context, key Key, version, command string) (Changed, error) {
	return remove(ctx, t, key, version, command)
}

func (t *azTable) write(ctx context.Context, w writing) (end writeEnd, etag string, err error) {
	if err := checkTag(w.version); err != nil {
		return 0, "", err
	}
	partition, row, path, err := t.place(w.key)
	if err != nil {
		return 0, "", err
	}
	const contributor = "the role Storage Table Data Contributor on the table"
	var r request
	switch {
	case w.version == "":
		r = t.ask(http.MethodPost, "/"+t.table, w.doing, contributor)
		r.header["Prefer"] = "return-no-content"
	case w.item == nil:
		r = t.ask(http.MethodDelete, path, w.doing, contributor)
	default:
		r = t.ask(http.MethodPut, path, w.doing, contributor)
	}
	if w.item != nil {
		if r.body, err = azEntity(t.names, w.key, partition, row, w.item, w.command); err != nil {
			return 0, "", err
		}
	}
	if w.version != "" {
		r.header["If-Match"] = w.version
	}
	r.expect = func(a answer) bool {
		if w.version == "" {
			return a.status == http.StatusConflict && azTablesSaid(a).code == "EntityAlreadyExists"
		}
		return a.status == http.StatusPreconditionFailed || azGone(a)
	}
	r.receive = func(a answer) error {
		switch {
		case a.ok() && (w.item != nil && a.header.Get("Etag") == "" || w.item == nil && a.status != http.StatusNoContent):
			return foreign(a)
		case a.ok():
			end, etag = writeDone, a.header.Get("Etag")
		case a.status == http.StatusNotFound:
			end = writeGone
		case a.status == http.StatusConflict:
			end = writeTaken
		default:
			end = writeChanged
		}
		return nil
	}
	err = t.do(ctx, r)
	return end, etag, err
}

func (t *azTable) Basis() string {
	return "insert of keys that are free; the entity keeps the command's id in " + commandAttr
}

// ChangeBasis implements [Changer].
func (t *azTable) ChangeBasis() string { return "If-Match with the entity's ETag" }

// What entities can hold, from
// https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
// (general knowledge): a text of 64 KB in UTF-16, and 1 MB in all. A text here stays a
// little below.
const (
	azMostKey   = 1 << 10
	azMostText  = 30_000 // units of UTF-16
	azMostTexts = 16
	azForbidden = `/\#?%`

	// azItemAttr keeps the item as it was given, in as many properties as that takes:
	// skein_item, skein_item2, … Table Storage has no values inside of values, nor
	// numbers that keep their digits.
	azItemAttr = "skein_item"
)

func azKey(s string) (string, error) {
	key, err := escapeKey(s, azForbidden)
	if err == nil && len(key) > azMostKey {
		err = refuse("the key %q is longer than %d bytes as a key of Table Storage", cut(s, 80), azMostKey)
	}
	return key, err
}

// azEntity is an item as it is stored.
func azEntity(n Names, k Key, partition, row string, item json.RawMessage, command string) ([]byte, error) {
	v, err := written(n, k, item)
	if err != nil {
		return nil, err
	}
	text, err := encode(v)
	if err != nil {
		return nil, err
	}
	entity := map[string]string{"PartitionKey": partition, "RowKey": row, commandAttr: command}
	pieces := splitText(string(text), azMostText)
	if len(pieces) > azMostTexts {
		return nil, refuse("the item has %d bytes, more than Table Storage can store: shorten its texts", len(text))
	}
	for i, piece := range pieces {
		entity[azPiece(i)] = piece
	}
	return encode(entity)
}

func azPiece(i int) string {
	if i == 0 {
		return azItemAttr
	}
	return azItemAttr + strconv.Itoa(i+1)
}

// splitText cuts s into pieces of at most so many units of UTF-16, between characters.
func splitText(s string, most int) (pieces []string) {
	from, n := 0, 0
	for i, r := range s {
		size := utf16.RuneLen(r)
		if n+size > most {
			pieces, from, n = append(pieces, s[from:i]), i, 0
		}
		n += size
	}
	return append(pieces, s[from:])
}

// azItem is an entity as an item is seen. One that others wrote has no skein_item: its
// properties are the item's members, texts but for numbers and booleans.
func azItem(n Names, body json.RawMessage) (item Item, k Key, command string, err error) {
	v, err := parse(body)
	if err != nil {
		return Item{}, Key{}, "", fmt.Errorf("an entity is no JSON object: %w", err)
	}
	item.Version, _ = v["odata.etag"].(string)
	if item.Version == "" {
		return Item{}, Key{}, "", fmt.Errorf("an entity has no ETag")
	}
	command, _ = v[commandAttr].(string)
	if first, ok := v[azItemAttr].(string); ok {
		text := first
		for i := 1; i < azMostTexts; i++ {
			piece, ok := v[azPiece(i)].(string)
			if !ok {
				break
			}
			text += piece
		}
		inner, err := parse(json.RawMessage(text))
		if err != nil {
			return Item{}, Key{}, "", fmt.Errorf("an entity's %s is no JSON object: %w", azItemAttr, err)
		}
		item.JSON = json.RawMessage(text)
		return item, keyOf(n, inner), command, nil
	}
	plain := map[string]any{}
	for name, value := range v {
		kind, _ := v[name+"@odata.type"].(string)
		text, isText := value.(string)
		switch {
		case strings.HasPrefix(name, "odata.") || strings.Contains(name, "@") || name == "PartitionKey" || name == "RowKey" || name == "Timestamp" || name == commandAttr:
			continue
		case kind == "Edm.Int64" && isText:
			plain[name] = number(text)
		default:
			plain[name] = value
		}
	}
	plain[n.Partition] = v["PartitionKey"]
	if n.Sort != "" {
		plain[n.Sort] = v["RowKey"]
	}
	item.JSON, err = encode(plain)
	return item, keyOf(n, plain), command, err
}

// azTablesSaid reads an error in OData's form.
func azTablesSaid(a answer) fault {
	var in struct {
		Error struct {
			Code    string
			Message struct{ Value string }
		} `json:"odata.error"`
	}
	_ = json.Unmarshal(a.body, &in) // then its header or status says it
	f := fault{code: in.Error.Code, message: in.Error.Message.Value, after: retryAfter(a.header)}
	if f.code == "" {
		f.code = a.header.Get("x-ms-error-code")
	}
	f.message, _, _ = strings.Cut(f.message, "\nRequestId:")
	f.unread = f.code == ""
	f.idle = a.status == http.StatusServiceUnavailable && f.code == "ServerBusy"
	if f.code == "TableNotFound" {
		f.message = "there is no such table"
	}
	return f
}
