package fakecloud

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// fieldsOf reads the members of a JSON object in their order; nil where raw is none.
func fieldsOf(raw json.RawMessage) []member {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	out := []member{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil
		}
		m := member{name: fmt.Sprint(name)}
		if dec.Decode(&m.value) != nil {
			return nil
		}
		out = append(out, m)
	}
	return out
}

type member struct {
	name  string
	value json.RawMessage
}

// names is a set of members' names, written as one text.
func names(text string) []string { return strings.Fields(text) }

// stranger is the first member that is not among the known ones, "" where all are.
func stranger(raw json.RawMessage, known ...[]string) string {
	for _, m := range fieldsOf(raw) {
		if !slices.ContainsFunc(known, func(list []string) bool { return slices.Contains(list, m.name) }) {
			return m.name
		}
	}
	return ""
}

// given reports whether a member is there and not null.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// absent reports whether a name says of itself that it is no model's. Beyond that the
// services know the models of their makers by how names begin, as people try new ones
// before anybody writes them down here.
func absent(model string) bool {
	return slices.ContainsFunc([]string{"does-not-exist", "nonexistent", "non-existent", "no-such"}, func(s string) bool { return strings.Contains(model, s) })
}
