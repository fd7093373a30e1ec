package table

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What documents can hold, from https://firebase.google.com/docs/firestore/quotas
// (general knowledge).
const (
	firestoreMostID    = 1500
	firestoreMostDepth = 20
	firestoreSeparator = "|"
	firestoreForbidden = "/"
)

// listAttr marks an array inside of an array, which Firestore does not have:
// {"skein_list":[…]}.
const listAttr = "skein_list"

// firestoreID is the id of a key's document: the partition key or, with a sort key,
//
//	partition|sort
//
// A slash, and in a partition beside a sort key a |, are escaped; a key that cannot be
// an id (".", "..", "__x__") gets a mark at its end.
func firestoreID(n Names, k Key) (string, error) {
	if err := checkKey(n, k, firestoreMostID); err != nil {
		return "", err
	}
	var id string
	var err error
	if n.Sort == "" {
		if id, err = escapeKey(k.Partition, firestoreForbidden); err != nil {
			return "", err
		}
		if id == "." || id == ".." || strings.HasPrefix(id, "__") && strings.HasSuffix(id, "__") {
			id += tailMark
		}
	} else if id, err = firestoreComposite(k.Partition, firestoreSeparator, k.Sort); err != nil {
		return "", err
	}
	if len(id) > firestoreMostID {
		return "", refuse("the key %q is longer than %d bytes as an id of Firestore", cut(k.Partition, 80), firestoreMostID)
	}
	return id, nil
}

// firestoreComposite is an id of two parts. Its end is never "__", so it needs no mark
// but one after a sort key that ends so.
func firestoreComposite(partition, separator, sort string) (string, error) {
	p, err := escapeKey(partition, firestoreForbidden+firestoreSeparator)
	if err != nil {
		return "", err
	}
	s, err := escapeKey(sort, firestoreForbidden)
	if err != nil {
		return "", err
	}
	id := p + separator + s
	if strings.HasPrefix(id, "__") && strings.HasSuffix(id, "__") {
		id += tailMark
	}
	return id, nil
}

// firestoreRange are the ids between which a partition's items are: the last is one of
// them where the query says up to where, and else the first after them.
func firestoreRange(q Query) (first, last string, err error) {
	if first, err = firestoreComposite(q.Partition, firestoreSeparator, q.From); err != nil {
		return "", "", err
	}
	if q.To == "" {
		last, err = firestoreComposite(q.Partition, string(firestoreSeparator[0]+1), "")
		return first, last, err
	}
	last, err = firestoreComposite(q.Partition, firestoreSeparator, q.To)
	return first, last, err
}

// firestoreName refuses what cannot be the name of a field.
func firestoreName(name string) error {
	if name == "" || len(name) > firestoreMostID || strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return refuse("the item has a member %q, which cannot be a field of Firestore: give it another name", cut(name, 80))
	}
	return nil
}

// firestoreFields is an item as the fields of a document, with the command that writes
// it. Integers of 64 bits and decimals that a double holds exactly have Firestore's own
// types; any other number is kept as a text in a map, {"skein_number":"1e400"}, so that
// every number comes back as it went.
func firestoreFields(n Names, k Key, item json.RawMessage, command string) (any, error) {
	v, err := written(n, k, item, commandAttr)
	if err != nil {
		return nil, err
	}
	v[commandAttr] = command
	return firestoreMap(v, 0)
}

type firestoreValue map[string]any

func firestoreMap(v map[string]any, depth int) (map[string]firestoreValue, error) {
	fields := make(map[string]firestoreValue, len(v))
	for name, member := range v {
		err := firestoreName(name)
		if name == numberAttr || name == listAttr {
			err = refuse("the item has a member %q, which marks values here: give it another name", name)
		}
		if err == nil {
			fields[name], err = toFirestore(member, depth+1, false)
		}
		if err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func toFirestore(v any, depth int, inList bool) (firestoreValue, error) {
	if depth > firestoreMostDepth {
		return nil, refuse("the item is nested more than %d deep, which Firestore cannot store", firestoreMostDepth)
	}
	marked := func(name string, v firestoreValue) firestoreValue {
		return firestoreValue{"mapValue": map[string]any{"fields": map[string]firestoreValue{name: v}}}
	}
	switch v := v.(type) {
	case nil:
		return firestoreValue{"nullValue": nil}, nil
	case bool:
		return firestoreValue{"booleanValue": v}, nil
	case string:
		return firestoreValue{"stringValue": v}, nil
	case json.Number:
		switch {
		case !native(v, math.MaxInt64):
			return marked(numberAttr, firestoreValue{"stringValue": v.String()}), nil
		case strings.Contains(v.String(), "."):
			return firestoreValue{"doubleValue": v}, nil
		}
		return firestoreValue{"integerValue": v.String()}, nil
	case []any:
		values := make([]firestoreValue, len(v))
		for i := range v {
			var err error
			if values[i], err = toFirestore(v[i], depth+1, true); err != nil {
				return nil, err
			}
		}
		list := firestoreValue{"arrayValue": map[string]any{"values": values}}
		if inList {
			return marked(listAttr, list), nil
		}
		return list, nil
	case map[string]any:
		fields, err := firestoreMap(v, depth)
		return firestoreValue{"mapValue": map[string]any{"fields": fields}}, err
	}
	return nil, fmt.Errorf("a %T is no JSON", v)
}

// item is a document as an item is seen.
func (t *firestoreTable) item(body json.RawMessage) (item Item, k Key, command string, err error) {
	var in struct {
		Name       string
		Fields     map[string]map[string]json.RawMessage
		UpdateTime string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Item{}, Key{}, "", err
	}
	if in.Name == "" || in.UpdateTime == "" {
		return Item{}, Key{}, "", fmt.Errorf("a document has no name or time")
	}
	v := make(map[string]any, len(in.Fields))
	for name, value := range in.Fields {
		if v[name], err = fromFirestore(value); err != nil {
			return Item{}, Key{}, "", err
		}
	}
	command, _ = v[commandAttr].(string)
	delete(v, commandAttr)
	item.Version = in.UpdateTime
	item.JSON, err = encode(v)
	return item, keyOf(t.names, v), command, err
}

// fromFirestore reads a value. What JSON has not is written as Firestore's JSON does: a
// time, bytes and a reference as texts.
func fromFirestore(value map[string]json.RawMessage) (any, error) {
	for kind, raw := range value {
		switch kind {
		case "nullValue":
			return nil, nil
		case "booleanValue":
			return readAs[bool](raw)
		case "integerValue":
			// A text in the API's JSON, and a number in that of some stand-ins.
			if n, ok := decimal(strings.Trim(string(raw), `"`)); ok {
				return n, nil
			}
			return nil, fmt.Errorf("an integer is %s", cut(string(raw), 40))
		case "doubleValue":
			var f float64
			if err := json.Unmarshal(raw, &f); err != nil { // "NaN", "Infinity"
				return readAs[string](raw)
			}
			if text, ok := shortest(strconv.FormatFloat(f, 'g', -1, 64)); ok {
				return json.Number(text), nil
			}
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
		case "stringValue", "timestampValue", "bytesValue", "referenceValue":
			return readAs[string](raw)
		case "geoPointValue":
			return parse(raw)
		case "arrayValue":
			return firestoreList(raw)
		case "mapValue":
			return fromFirestoreMap(raw)
		default:
			return nil, fmt.Errorf("a value of a kind that is not known: %s", cut(kind, 40))
		}
	}
	return nil, nil
}

func readAs[T any](raw json.RawMessage) (any, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

func firestoreList(raw json.RawMessage) (any, error) {
	var in struct{ Values []map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	l := make([]any, len(in.Values))
	for i := range in.Values {
		var err error
		if l[i], err = fromFirestore(in.Values[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func fromFirestoreMap(raw json.RawMessage) (any, error) {
	var in struct {
		Fields map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	m := make(map[string]any, len(in.Fields))
	for name, value := range in.Fields {
		var err error
		if m[name], err = fromFirestore(value); err != nil {
			return nil, err
		}
	}
	if len(m) == 1 {
		if text, ok := m[numberAttr].(string); ok {
			if n, ok := decimal(text); ok {
				return n, nil
			}
		}
		if list, ok := m[listAttr].([]any); ok {
			return list, nil
		}
	}
	return m, nil
}
