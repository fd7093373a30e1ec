package wiretest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
)

// Value decodes a JSON text, numbers in their own spelling.
func Value(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// Diff lists the places where two JSON values differ, or nothing.
func Diff(want, got any) []string { return diff(nil, "", want, got) }

func diff(out []string, path string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		keys := map[string]bool{}
		for k := range w {
			keys[k] = true
		}
		for k := range g {
			keys[k] = true
		}
		names := make([]string, 0, len(keys))
		for k := range keys {
			names = append(names, k)
		}
		sort.Strings(names)
		for _, k := range names {
			a, inW := w[k]
			b, inG := g[k]
			switch {
			case !inG:
				out = append(out, fmt.Sprintf("%s.%s: lost %.80s", path, k, Text(a)))
			case !inW:
				out = append(out, fmt.Sprintf("%s.%s: made up %.80s", path, k, Text(b)))
			default:
				out = diff(out, path+"."+k, a, b)
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok {
			break
		}
		if len(w) != len(g) {
			return append(out, fmt.Sprintf("%s: %d values, got %d", path, len(w), len(g)))
		}
		for i := range w {
			out = diff(out, fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
		}
		return out
	}
	if !reflect.DeepEqual(want, got) {
		out = append(out, fmt.Sprintf("%s: want %.80s, got %.80s", path, Text(want), Text(got)))
	}
	return out
}

// Text is a value as JSON, for messages.
func Text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
