package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// policy is a policy document as a session has it.
type policy struct {
	Version   string
	Statement oneOrMore[statement]
}

type statement struct {
	Sid                   string
	Effect                string
	Action, NotAction     oneOrMore[string]
	Resource, NotResource oneOrMore[string]
	Condition             map[string]map[string]oneOrMore[string]
}

// oneOrMore is a list, which may be written as its one member.
type oneOrMore[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '[' {
		return strict(b, (*[]T)(l))
	}
	var v T
	if err := strict(b, &v); err != nil {
		return err
	}
	*l = []T{v}
	return nil
}

func strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// need is leave to do one thing, with what conditions may ask about the request.
type need struct {
	action, resource string
	keys             map[string][]string
}

// readPolicy reads a document, and says what is wrong with it.
func readPolicy(text string) (*policy, error) {
	p := &policy{}
	if err := strict([]byte(text), p); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if p.Version != "" && p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return nil, fmt.Errorf("the version %q is not one of policies", p.Version)
	}
	if len(p.Statement) == 0 {
		return nil, fmt.Errorf("the policy has no statement")
	}
	for _, s := range p.Statement {
		if err := s.validate(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (s *statement) validate() error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Errorf("the effect %q is not Allow or Deny", s.Effect)
	}
	if (len(s.Action) == 0) == (len(s.NotAction) == 0) {
		return fmt.Errorf("a statement has either Action or NotAction")
	}
	if (len(s.Resource) == 0) == (len(s.NotResource) == 0) {
		return fmt.Errorf("a statement has either Resource or NotResource")
	}
	for _, a := range slices.Concat(s.Action, s.NotAction) {
		if service, name, ok := strings.Cut(a, ":"); a != "*" && (!ok || service == "" || name == "") {
			return fmt.Errorf("the action %q is not a service's", a)
		}
	}
	for _, r := range slices.Concat(s.Resource, s.NotResource) {
		if r != "*" && (!strings.HasPrefix(r, "arn:") || strings.Count(r, ":") < 5) {
			return fmt.Errorf("the resource %q is not an ARN", r)
		}
	}
	for op := range s.Condition {
		if _, _, _, ok := operator(op); !ok {
			return fmt.Errorf("the condition %q is not known", op)
		}
	}
	return nil
}

// allows reports whether the policy lets n be done: some statement allows it, and
// none denies it.
func (p *policy) allows(n need) bool {
	allowed := false
	for _, s := range p.Statement {
		if !s.covers(n) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s *statement) covers(n need) bool {
	action := func(pattern string) bool {
		return glob(strings.ToLower(pattern), strings.ToLower(n.action))
	}
	resource := func(pattern string) bool { return glob(pattern, n.resource) }
	if len(s.Action) > 0 && !slices.ContainsFunc(s.Action, action) || slices.ContainsFunc(s.NotAction, action) {
		return false
	}
	if len(s.Resource) > 0 && !slices.ContainsFunc(s.Resource, resource) || slices.ContainsFunc(s.NotResource, resource) {
		return false
	}
	for op, keys := range s.Condition {
		for key, patterns := range keys {
			if !holds(op, patterns, n.keys[strings.ToLower(key)]) {
				return false
			}
		}
	}
	return true
}

// operator takes a condition's name apart: how values of the request are taken
// together, how one is compared, and whether a key that is not there will do.
func operator(name string) (set, compare string, ifExists, ok bool) {
	if rest, found := strings.CutPrefix(name, "ForAllValues:"); found {
		set, name = "all", rest
	} else if rest, found := strings.CutPrefix(name, "ForAnyValue:"); found {
		set, name = "any", rest
	}
	compare, ifExists = strings.CutSuffix(name, "IfExists")
	switch compare {
	case "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "Bool", "Null":
		return set, compare, ifExists, true
	}
	return "", "", false, false
}

// holds reports whether the values of a request's key meet a condition.
func holds(op string, patterns, values []string) bool {
	set, compare, ifExists, _ := operator(op)
	if compare == "Null" {
		return slices.Contains(patterns, fmt.Sprint(len(values) == 0))
	}
	not := compare == "StringNotEquals" || compare == "StringNotLike"
	if len(values) == 0 {
		return ifExists || set == "all" || not
	}
	meets := func(value string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			switch compare {
			case "StringLike", "StringNotLike":
				return glob(pattern, value)
			case "StringEqualsIgnoreCase", "Bool":
				return strings.EqualFold(pattern, value)
			}
			return pattern == value
		}) != not
	}
	if set == "all" {
		return !slices.ContainsFunc(values, func(v string) bool { return !meets(v) })
	}
	return slices.ContainsFunc(values, meets)
}

// glob matches * and ?, across every character.
func glob(pattern, s string) bool {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for _, r := range pattern {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	return err == nil && re.MatchString(s)
}
