package gcp

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a value of Firestore's, of one of its types.
// https://cloud.google.com/firestore/docs/reference/rest/Shared.Types/ArrayOrValue#Value
type value struct {
	kind string // "stringValue"
	v    any    // nil, bool, int64, float64, string, [2]float64, []value or map[string]value; bytes and times as text
}

// valueKinds are the types in the order in which their values are sorted.
// https://cloud.google.com/firestore/docs/concepts/data-types
var valueKinds = map[string]int{"nullValue": 0, "booleanValue": 1, "integerValue": 2, "doubleValue": 2, "timestampValue": 3, "stringValue": 4,
	"bytesValue": 5, "referenceValue": 6, "geoPointValue": 7, "arrayValue": 8, "mapValue": 9}

// UnmarshalJSON reads a value in its one form.
func (v *value) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	if len(members) != 1 {
		return fmt.Errorf("a value has one type, not %d", len(members))
	}
	for kind, raw := range members {
		if _, ok := valueKinds[kind]; !ok {
			return fmt.Errorf("unknown name %q at 'value': Cannot find field", kind)
		}
		v.kind = kind
		return v.read(raw)
	}
	return nil
}

func (v *value) read(raw json.RawMessage) error {
	fail := func() error { return fmt.Errorf("invalid value at '%s': %.80s", v.kind, raw) }
	if v.kind == "nullValue" {
		if s := string(raw); s != "null" && s != `"NULL_VALUE"` {
			return fail()
		}
		return nil
	}
	if string(raw) == "null" {
		return fail()
	}
	var err error
	switch v.kind {
	case "booleanValue":
		v.v, err = decoded[bool](raw)
	case "integerValue": // a text, since JSON's numbers are doubles; a number is taken, too
		v.v, err = strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	case "doubleValue":
		v.v, err = readDouble(raw)
	case "stringValue", "referenceValue":
		v.v, err = decoded[string](raw)
	case "bytesValue":
		var text string
		if err = json.Unmarshal(raw, &text); err == nil {
			var data []byte
			if data, err = base64.StdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(text)); err == nil {
				v.v = base64.StdEncoding.EncodeToString(data)
			}
		}
	case "timestampValue":
		var text string
		if err = json.Unmarshal(raw, &text); err == nil {
			var t time.Time
			if t, err = time.Parse(time.RFC3339Nano, text); err == nil {
				v.v = t.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.999999Z07:00")
			}
		}
	case "geoPointValue":
		var p struct{ Latitude, Longitude float64 }
		err = json.Unmarshal(raw, &p)
		v.v = [2]float64{p.Latitude, p.Longitude}
	case "arrayValue":
		var a struct{ Values []value }
		err = json.Unmarshal(raw, &a)
		for _, one := range a.Values {
			if one.kind == "arrayValue" {
				return fmt.Errorf("an array cannot contain another array")
			}
		}
		v.v = a.Values
	case "mapValue":
		var m struct{ Fields map[string]value }
		err = json.Unmarshal(raw, &m)
		v.v = m.Fields
	}
	if err != nil {
		return fmt.Errorf("%w: %w", fail(), err)
	}
	return nil
}

func decoded[T any](raw json.RawMessage) (any, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

func readDouble(raw json.RawMessage) (float64, error) {
	switch string(raw) {
	case `"NaN"`:
		return math.NaN(), nil
	case `"Infinity"`:
		return math.Inf(1), nil
	case `"-Infinity"`:
		return math.Inf(-1), nil
	}
	return strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
}

// MarshalJSON writes a value in its one form.
func (v value) MarshalJSON() ([]byte, error) {
	var out any = v.v
	switch x := v.v.(type) {
	case int64:
		out = strconv.FormatInt(x, 10)
	case float64:
		switch {
		case math.IsNaN(x):
			out = "NaN"
		case math.IsInf(x, 1):
			out = "Infinity"
		case math.IsInf(x, -1):
			out = "-Infinity"
		}
	case [2]float64:
		out = map[string]float64{"latitude": x[0], "longitude": x[1]}
	case []value:
		out = map[string]any{}
		if len(x) > 0 {
			out = map[string]any{"values": x}
		}
	case map[string]value:
		out = map[string]any{}
		if len(x) > 0 {
			out = map[string]any{"fields": x}
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(map[string]any{v.kind: out})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// size is how much a value counts in its document's size.
// https://cloud.google.com/firestore/docs/storage-size
func (v value) size() int {
	switch x := v.v.(type) {
	case int64, float64:
		return 8
	case string:
		switch v.kind {
		case "timestampValue":
			return 8
		case "bytesValue":
			return len(x) * 3 / 4
		}
		return len(x) + 1
	case [2]float64:
		return 16
	case []value:
		n := 0
		for _, one := range x {
			n += one.size()
		}
		return n
	case map[string]value:
		return fieldsSize(x)
	}
	return 1
}

func fieldsSize(fields map[string]value) int {
	n := 0
	for name, v := range fields {
		n += len(name) + 1 + v.size()
	}
	return n
}

// compareValues orders values of all types.
func compareValues(a, b value) int {
	if n := cmp.Compare(valueKinds[a.kind], valueKinds[b.kind]); n != 0 {
		return n
	}
	switch x := a.v.(type) {
	case bool:
		y, _ := b.v.(bool)
		return cmp.Compare(bit(x), bit(y))
	case int64:
		if y, ok := b.v.(int64); ok {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(float64(x), b.v.(float64))
	case float64:
		if y, ok := b.v.(int64); ok {
			return cmp.Compare(x, float64(y))
		}
		return cmp.Compare(x, b.v.(float64)) // NaN first
	case string:
		if a.kind == "timestampValue" {
			t, _ := time.Parse(time.RFC3339Nano, x)
			u, _ := time.Parse(time.RFC3339Nano, b.v.(string))
			return t.Compare(u)
		}
		return strings.Compare(x, b.v.(string))
	case [2]float64:
		y := b.v.([2]float64)
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	case []value:
		return slices.CompareFunc(x, b.v.([]value), compareValues)
	case map[string]value:
		y := b.v.(map[string]value)
		names, others := slices.Sorted(maps.Keys(x)), slices.Sorted(maps.Keys(y))
		for i := range min(len(names), len(others)) {
			if n := cmp.Or(strings.Compare(names[i], others[i]), compareValues(x[names[i]], y[others[i]])); n != 0 {
				return n
			}
		}
		return cmp.Compare(len(names), len(others))
	}
	return 0
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
