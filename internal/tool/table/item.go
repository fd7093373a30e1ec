package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// parse reads an item, its numbers digit by digit.
func parse(raw json.RawMessage) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after it")
	}
	if v == nil {
		return nil, errors.New("it is null")
	}
	return v, nil
}

// written is an item to write, with its key attributes. What it would itself have
// under a name that the driver keeps is refused, and so is another key.
func written(n Names, k Key, raw json.RawMessage, kept ...string) (map[string]any, error) {
	v, err := parse(raw)
	if err != nil {
		return nil, refuse("the item is no JSON object: %v", err)
	}
	for _, name := range kept {
		if _, ok := v[name]; ok {
			return nil, refuse("the item has a member %q, which is kept beside items here: give it another name", name)
		}
	}
	for name, value := range map[string]string{n.Partition: k.Partition, n.Sort: k.Sort} {
		if name == "" {
			continue
		}
		if has, ok := v[name]; ok && has != value {
			return nil, refuse("the item's %s is not the %q of its key", name, cut(value, 80))
		}
		v[name] = value
	}
	return v, nil
}

// encode is JSON without the escapes that HTML needs; names are in order.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// keyOf is an item's key, for ordering what came.
func keyOf(n Names, v map[string]any) Key {
	text := func(name string) string {
		s, _ := v[name].(string)
		if name == "" { // there is no sort key, and may be a member without a name
			return ""
		}
		return s
	}
	return Key{text(n.Partition), text(n.Sort)}
}

// keyed is an item that came, with its key.
type keyed struct {
	Item
	key Key
}

// listed is what a Query has so far.
type listed struct {
	items []keyed
	size  int  // in bytes
	cut   bool // more came than is kept, or than was read
}

// wants says that there is room, in number and in bytes.
func (l *listed) wants(most int) bool { return len(l.items) < most && l.size < MostListed && !l.cut }

func (l *listed) add(page ...keyed) {
	for _, k := range page {
		if l.size >= MostListed {
			l.cut = true
			return
		}
		l.items, l.size = append(l.items, k), l.size+len(k.JSON)
	}
}

// inOrder is what came in the order of its keys, limit items at most.
func (l *listed) inOrder(limit int) (items []Item, more bool) {
	slices.SortStableFunc(l.items, func(a, b keyed) int {
		if c := strings.Compare(a.key.Partition, b.key.Partition); c != 0 {
			return c
		}
		return strings.Compare(a.key.Sort, b.key.Sort)
	})
	for _, k := range l.items[:min(limit, len(l.items))] {
		items = append(items, k.Item)
	}
	return items, l.cut || len(l.items) > limit
}

// native says that a service which keeps numbers as int64 or IEEE doubles gives a
// number back as it is written: an integer of at most that size, or the shortest
// decimal of a double in the range where nobody writes exponents.
func native(n json.Number, mostInteger int64) bool {
	s := n.String()
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return -mostInteger <= i && i <= mostInteger && strconv.FormatInt(i, 10) == s
	}
	text, ok := shortest(s)
	return ok && text == s && strings.Contains(s, ".")
}

// shortest is a double without an exponent, where its size allows that.
func shortest(s string) (string, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if a := math.Abs(f); err != nil || a < 1e-4 || a >= 1e15 {
		return "", false
	}
	return strconv.FormatFloat(f, 'f', -1, 64), true
}

// plainNumber is a double as native has it, whatever way the service writes it.
func plainNumber(n json.Number) json.Number {
	if strings.ContainsAny(n.String(), ".eE") {
		if text, ok := shortest(n.String()); ok {
			return json.Number(text)
		}
	}
	return n
}

// numberAttr marks a number that the service would round, in an object of its own:
// {"skein_number":"12345678901234567890.10"}.
const numberAttr = "skein_number"

// decimal is a number of a marked text; false where it is none.
func decimal(s string) (json.Number, bool) {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || !json.Valid([]byte(s)) {
		return "", false
	}
	return json.Number(s), true
}
