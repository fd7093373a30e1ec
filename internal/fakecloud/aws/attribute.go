package aws

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// item is a DynamoDB item: attributes by name.
type item map[string]*value

// value is an attribute's value. Its kind is the name of its one member in JSON.
type value struct {
	kind   string // S N B BOOL NULL L M SS NS BS
	text   string // S, and B as its bytes
	number number
	truth  bool
	list   []*value // L, and the members of sets as S, N or B
	items  item     // M
}

const (
	mostItem  = 400 << 10
	mostDepth = 32
)

// errInvalid is an error whose message is DynamoDB's own.
type errInvalid string

func (e errInvalid) Error() string { return string(e) }

func invalid(format string, args ...any) error { return errInvalid(fmt.Sprintf(format, args...)) }

// UnmarshalJSON implements [json.Unmarshaler].
func (v *value) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	if len(members) == 0 {
		return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	}
	if len(members) > 1 {
		return invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	for kind, raw := range members {
		*v = value{kind: kind}
		if err := v.read(raw); err != nil {
			return err
		}
	}
	return nil
}

func (v *value) read(raw json.RawMessage) error {
	switch v.kind {
	case "S", "N", "B":
		var text *string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		if text == nil {
			return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
		}
		return v.scalar(*text)
	case "BOOL", "NULL":
		if err := json.Unmarshal(raw, &v.truth); err != nil {
			return err
		}
		if v.kind == "NULL" && !v.truth {
			return invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		return nil
	case "L":
		return json.Unmarshal(raw, &v.list)
	case "M":
		return json.Unmarshal(raw, &v.items)
	case "SS", "NS", "BS":
		var texts []string
		if err := json.Unmarshal(raw, &texts); err != nil {
			return err
		}
		return v.set(texts)
	}
	return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}

func (v *value) scalar(text string) (err error) {
	v.text = text
	switch v.kind {
	case "N":
		v.number, err = readNumber(text)
		v.text = ""
		if err != nil {
			return err
		}
	case "B":
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("read a binary value: %w", err)
		}
		v.text = string(b)
	}
	return nil
}

func (v *value) set(texts []string) error {
	if len(texts) == 0 {
		return invalid("One or more parameter values were invalid: An %s set  may not be empty", map[string]string{"SS": "string", "NS": "number", "BS": "binary"}[v.kind])
	}
	for _, text := range texts {
		m := &value{kind: v.kind[:1]}
		if err := m.scalar(text); err != nil {
			return err
		}
		if v.holds(m) {
			return invalid("One or more parameter values were invalid: Input collection [%s] contains duplicates.", strings.Join(texts, ", "))
		}
		v.list = append(v.list, m)
	}
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (v *value) MarshalJSON() ([]byte, error) {
	var inner any
	switch v.kind {
	case "S", "N", "B":
		inner = v.plain()
	case "BOOL", "NULL":
		inner = v.truth
	case "L":
		inner = append([]*value{}, v.list...) // never null
	case "M":
		inner = v.items
		if v.items == nil {
			inner = item{}
		}
	case "SS", "NS", "BS":
		var texts []string
		for _, m := range v.list {
			texts = append(texts, m.plain())
		}
		inner = texts
	default:
		return nil, errors.New("a value has no kind")
	}
	b, err := json.Marshal(inner)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(`{"`+v.kind+`":`), b, []byte("}")), nil
}

// plain is the text of S, N and B as JSON has it.
func (v *value) plain() string {
	switch v.kind {
	case "N":
		return v.number.String()
	case "B":
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	}
	return v.text
}
