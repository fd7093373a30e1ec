package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// shape holds the file against the Go types that the packages declare: every field
// that none of them declares and every value of another sort is a mistake, all of
// them said at once. A number where text is meant, such as a price or a model's
// name, is kept as it is written. What is wrong is left out of the file, so that the
// rest of it can be read and checked.
func shape(root ast.Node, into any, p *problems) {
	shaper{p}.value(root, reflect.TypeOf(into).Elem(), nil, func(ast.Node) {})
}

type shaper struct{ p *problems }

var (
	duration = reflect.TypeFor[time.Duration]()
	spelled  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value checks a node against a type; replace puts another node in its place.
func (s shaper) value(n ast.Node, t reflect.Type, f at, replace func(ast.Node)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch bare(n).(type) {
	case *ast.AliasNode, *ast.NullNode, nil:
		return // what an alias stands for is checked where it stands
	}
	wrong := ""
	switch {
	case t == duration:
		wrong = aDuration(n)
	case reflect.PointerTo(t).Implements(spelled):
		wrong = ownText(n, t)
	case t.Kind() == reflect.Struct:
		wrong = s.fields(n, t, f)
	case t.Kind() == reflect.Map:
		wrong = s.names(n, t, f)
	case t.Kind() == reflect.Slice:
		wrong = s.items(n, t, f)
	case t.Kind() == reflect.String:
		wrong = aText(n, replace)
	case t.Kind() == reflect.Bool:
		if _, ok := bare(n).(*ast.BoolNode); !ok {
			wrong = "want true or false"
		}
	case t.Kind() == reflect.Float64:
		wrong = aFraction(n)
	default:
		wrong = aNumber(n)
	}
	if wrong != "" {
		s.p.node(n, f, "%s", wrong)
		replace(ast.Null(n.GetToken()))
	}
}

// fields checks a mapping against a struct.
func (s shaper) fields(n ast.Node, t reflect.Type, f at) (wrong string) {
	if !isMapping(n) {
		return "want fields, such as " + strings.Join(fieldNames(t), ", ")
	}
	known := fieldTypes(t)
	for _, kv := range pairs(n) {
		name := kv.Key.GetToken().Value
		if _, merge := kv.Key.(*ast.MergeKeyNode); merge {
			continue
		}
		ft, ok := known[name]
		if !ok {
			s.p.node(kv.Key, f.key(name), "there is no such field; %s", meant(name, fieldNames(t)))
			continue
		}
		s.value(kv.Value, ft, f.key(name), func(v ast.Node) { kv.Value = v })
	}
	return ""
}

// names checks a mapping whose keys are the user's own.
func (s shaper) names(n ast.Node, t reflect.Type, f at) (wrong string) {
	if !isMapping(n) {
		return "want a mapping of names, each with what it stands for"
	}
	for _, kv := range pairs(n) {
		s.value(kv.Value, rowType(kv.Value, t.Elem()), f.key(kv.Key.GetToken().Value), func(v ast.Node) { kv.Value = v })
	}
	return ""
}

func (s shaper) items(n ast.Node, t reflect.Type, f at) (wrong string) {
	seq, ok := bare(n).(*ast.SequenceNode)
	if !ok {
		return "want a list, such as [one, two]"
	}
	for i, v := range seq.Values {
		s.value(v, t.Elem(), f.index(i), func(v ast.Node) { seq.Values[i] = v })
	}
	return ""
}

func aText(n ast.Node, replace func(ast.Node)) (wrong string) {
	switch bare(n).(type) {
	case *ast.StringNode, *ast.LiteralNode:
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		tk := bare(n).GetToken()
		replace(ast.String(token.New(tk.Value, tk.Origin, tk.Position)))
	case *ast.MappingNode, *ast.MappingValueNode:
		return "want a text; one with a colon is written in quotes: \"geo:eu\""
	default:
		return "want a text"
	}
	return ""
}

func aNumber(n ast.Node) (wrong string) {
	switch v := bare(n).(type) {
	case *ast.IntegerNode:
		return ""
	case *ast.StringNode: // as an environment variable gives it
		if _, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return ""
		}
	}
	return "want a whole number"
}

func aFraction(n ast.Node) (wrong string) {
	if _, err := strconv.ParseFloat(scalar(n), 64); err != nil {
		return "want a number, such as 0.5"
	}
	return ""
}

// ownText checks a value whose type reads it from text by itself.
func ownText(n ast.Node, t reflect.Type) (wrong string) {
	if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(scalar(n))); err != nil {
		return err.Error()
	}
	return ""
}

// scalar is a value's text; "" where it is no single value.
func scalar(n ast.Node) string {
	switch v := bare(n).(type) {
	case *ast.StringNode:
		return v.Value
	case *ast.IntegerNode, *ast.FloatNode:
		return v.GetToken().Value
	}
	return ""
}

func aDuration(n ast.Node) (wrong string) {
	const mend = "write it as 30s, 5m or 1h30m"
	switch v := bare(n).(type) {
	case *ast.StringNode:
		if _, err := time.ParseDuration(v.Value); err == nil {
			return ""
		}
		return fmt.Sprintf("%q is no time; %s", v.Value, mend)
	case *ast.IntegerNode:
		return "a number has no unit; " + mend
	}
	return mend
}

func isMapping(n ast.Node) bool {
	switch bare(n).(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// fieldTypes are a struct's fields by their names in YAML.
func fieldTypes(t reflect.Type) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if t.Field(i).IsExported() && name != "" && name != "-" {
			m[name] = t.Field(i).Type
		}
	}
	return m
}

func fieldNames(t reflect.Type) []string { return slices.Sorted(maps.Keys(fieldTypes(t))) }

// meant says which of the names somebody may have meant.
func meant(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := distance(name, n); d < least && d < len(n) {
			best, least = n, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "there are: " + strings.Join(names, ", ")
}

// distance is how many letters must be changed, added or taken out to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
