package table

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// What DynamoDB can hold, from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
// (general knowledge): numbers of 38 digits between 1E-130 and 9.9…E+125, values
// 32 deep. A number is kept as what it is worth: 1.50 comes back as 1.5.
const (
	dynamoDigits = 38
	dynamoLeast  = -130
	dynamoMost   = 125
	dynamoDepth  = 32
)

// toAttributes writes a JSON object as an item. Strings, numbers, booleans, null, lists
// and maps each have a type of DynamoDB's.
func toAttributes(v map[string]any) (map[string]types.AttributeValue, error) {
	m, err := toAttribute(v, 0)
	if err != nil {
		return nil, err
	}
	return m.(*types.AttributeValueMemberM).Value, nil
}

func toAttribute(v any, depth int) (types.AttributeValue, error) {
	if depth > dynamoDepth {
		return nil, refuse("the item is nested more than %d deep, which DynamoDB cannot store", dynamoDepth)
	}
	switch v := v.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}, nil
	case string:
		return &types.AttributeValueMemberS{Value: v}, nil
	case json.Number:
		if err := fits(v); err != nil {
			return nil, err
		}
		return &types.AttributeValueMemberN{Value: v.String()}, nil
	case []any:
		l := make([]types.AttributeValue, len(v))
		for i := range v {
			var err error
			if l[i], err = toAttribute(v[i], depth+1); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberL{Value: l}, nil
	case map[string]any:
		m := make(map[string]types.AttributeValue, len(v))
		for name, member := range v {
			if name == "" {
				return nil, refuse("the item has a member without a name, which DynamoDB cannot store")
			}
			var err error
			if m[name], err = toAttribute(member, depth+1); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberM{Value: m}, nil
	}
	return nil, fmt.Errorf("a %T is no JSON", v)
}

// fits refuses a number that DynamoDB would not keep.
func fits(n json.Number) error {
	digits, exponent, ok := scientific(n.String())
	if !ok || len(digits) > dynamoDigits || digits != "" && (exponent > dynamoMost || exponent < dynamoLeast) {
		return refuse("the number %s cannot be stored: DynamoDB keeps %d digits, between 1e%d and 1e%d; write it as a text", cut(n.String(), 60), dynamoDigits, dynamoLeast, dynamoMost+1)
	}
	return nil
}

// scientific reads a JSON number as 0.d₁d₂… × 10^(exponent+1), without zeros at the
// ends: digits d₁d₂…, the first of which is worth 10^exponent. Zero has none.
func scientific(s string) (digits string, exponent int, ok bool) {
	s = strings.TrimPrefix(s, "-")
	mantissa, e, has := strings.Cut(strings.ToLower(s), "e")
	if has {
		var err error
		if exponent, err = strconv.Atoi(strings.TrimPrefix(e, "+")); err != nil || exponent > 1<<30 || exponent < -1<<30 {
			return "", 0, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = whole + fraction
	exponent += len(whole) - 1
	for strings.HasPrefix(digits, "0") {
		digits, exponent = digits[1:], exponent-1
	}
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		exponent = 0
	}
	return digits, exponent, true
}

// fromAttributes reads an item as JSON, and the command that wrote it. What JSON has
// not is written as what comes nearest: a set as an array, bytes as base64.
func fromAttributes(item map[string]types.AttributeValue) (v map[string]any, command string) {
	v = make(map[string]any, len(item))
	for name, a := range item {
		if s, ok := a.(*types.AttributeValueMemberS); ok && name == commandAttr {
			command = s.Value
			continue
		}
		v[name] = fromAttribute(a)
	}
	return v, command
}

func fromAttribute(a types.AttributeValue) any {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		return a.Value
	case *types.AttributeValueMemberN:
		return number(a.Value)
	case *types.AttributeValueMemberBOOL:
		return a.Value
	case *types.AttributeValueMemberB:
		return base64.StdEncoding.EncodeToString(a.Value)
	case *types.AttributeValueMemberL:
		return list(a.Value, fromAttribute)
	case *types.AttributeValueMemberM:
		m := make(map[string]any, len(a.Value))
		for name, member := range a.Value {
			m[name] = fromAttribute(member)
		}
		return m
	case *types.AttributeValueMemberSS:
		return list(a.Value, func(s string) any { return s })
	case *types.AttributeValueMemberNS:
		return list(a.Value, number)
	case *types.AttributeValueMemberBS:
		return list(a.Value, func(b []byte) any { return base64.StdEncoding.EncodeToString(b) })
	}
	return nil // NULL, and what a later DynamoDB may have
}

func list[T any](from []T, to func(T) any) []any {
	l := make([]any, len(from))
	for i := range from {
		l[i] = to(from[i])
	}
	return l
}

// number is a number as JSON writes it, or the text where it is none of JSON's.
func number(s string) any {
	if n, ok := decimal(s); ok {
		return n
	}
	return s
}

// sizeOf is an item's size by the rules of
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
// (general knowledge): names and texts in UTF-8, numbers a byte for two digits and one
// more, lists and maps three bytes and one for each of their values.
func sizeOf(item map[string]types.AttributeValue) int64 {
	var size int64
	for name, a := range item {
		size += int64(len(name)) + sizeOfValue(a)
	}
	return size
}

func sizeOfValue(a types.AttributeValue) (size int64) {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		return int64(len(a.Value))
	case *types.AttributeValueMemberB:
		return int64(len(a.Value))
	case *types.AttributeValueMemberN:
		return sizeOfNumber(a.Value)
	case *types.AttributeValueMemberSS:
		for _, s := range a.Value {
			size += int64(len(s))
		}
		return size
	case *types.AttributeValueMemberNS:
		for _, n := range a.Value {
			size += sizeOfNumber(n)
		}
		return size
	case *types.AttributeValueMemberBS:
		for _, b := range a.Value {
			size += int64(len(b))
		}
		return size
	case *types.AttributeValueMemberL:
		size = 3
		for _, v := range a.Value {
			size += 1 + sizeOfValue(v)
		}
		return size
	case *types.AttributeValueMemberM:
		return 3 + int64(len(a.Value)) + sizeOf(a.Value)
	}
	return 1 // BOOL, NULL
}

func sizeOfNumber(s string) int64 {
	digits, _, ok := scientific(s)
	if !ok {
		return int64(len(s))
	}
	size := int64(len(digits)+1)/2 + 1
	if strings.HasPrefix(s, "-") {
		size++
	}
	return size
}
