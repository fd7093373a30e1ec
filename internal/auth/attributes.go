package auth

import (
	"fmt"
	"strings"
)

// Priority says whose calls are served first where there is not room for all. A
// key's is what its calls have, and the most that they can ask for.
type Priority string

// The priorities. "" is Normal.
const (
	Low    Priority = "low"
	Normal Priority = "normal"
	High   Priority = "high"
)

// Priorities are the priorities, the least first.
var Priorities = []Priority{Low, Normal, High}

// Rank orders priorities: below zero is less than normal. ok is false for what is none.
func (p Priority) Rank() (rank int, ok bool) {
	switch p {
	case Low:
		return -1, true
	case Normal, "":
		return 0, true
	case High:
		return 1, true
	}
	return 0, false
}

// Most is the highest priority that the principal's calls may ask for: the key's,
// and any for the owner of the data directory.
func (p *Principal) Most() Priority {
	switch {
	case p.Key == "":
		return High
	case p.Priority == "":
		return Normal
	}
	return p.Priority
}

const (
	maxTags = 16
	maxTag  = 64
)

// Tags are the tags of a list, in small letters, or what is wrong with the first bad
// one. A tag is a word, or a kind and a value: zdr, geo:eu, region:eu-west-1.
func Tags(list []string) ([]string, error) {
	if len(list) > maxTags {
		return nil, fmt.Errorf("%d tags are too many; at most %d are allowed", len(list), maxTags)
	}
	var tags []string
	for _, t := range list {
		t = strings.ToLower(strings.TrimSpace(t))
		if t == "" || len(t) > maxTag || strings.ContainsFunc(t, notOfTags) {
			return nil, fmt.Errorf("%q is not a tag; write one such as geo:eu, cloud:aws or zdr", short(t))
		}
		tags = append(tags, t)
	}
	return tags, nil
}

func notOfTags(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(":-_./", r)
}

func short(s string) string {
	if len(s) > maxTag {
		return strings.ToValidUTF8(s[:maxTag], "") + "…"
	}
	return s
}

// attributes checks what a key says of its calls, and puts it into one spelling.
func (n *New) attributes() error {
	if _, ok := n.Priority.Rank(); !ok {
		return &FieldError{"priority", fmt.Sprintf("%q is not a priority; use low, normal or high", short(string(n.Priority)))}
	}
	if n.Priority == Normal { // one spelling for what is not out of the ordinary
		n.Priority = ""
	}
	tags, err := Tags(n.Require)
	if err != nil {
		return &FieldError{"require", err.Error()}
	}
	n.Require = tags
	return nil
}
