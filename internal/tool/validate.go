package tool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	wrong "github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// mostArguments is the most that the arguments of one call may have, in bytes.
const mostArguments = 1 << 20

// mostDepth is how deep arguments may be nested.
const mostDepth = 64

// mostProblems is how many mistakes are named at once.
const mostProblems = 5

// Validate checks a call's arguments against its operation's schema. The error
// is a *[Error], [Refused], that a model can act on: it names each place, what is
// wrong there and what is wanted. A property that the schema does not have is
// refused where the schema says so, and one given twice always is.
func Validate(op *Operation, args json.RawMessage) (err error) {
	defer caught(op.Name, Refused, &err)
	args = orEmpty(args)
	if len(args) > mostArguments {
		return refuse("%s: the arguments have %d bytes, and %d are the most", op.Name, len(args), mostArguments)
	}
	if err := wellFormed(args); err != nil {
		return refuse("%s: the arguments are not JSON as it is wanted: %v", op.Name, err)
	}
	compiled := op.compiled
	if compiled == nil {
		if compiled, err = compile(op.Schema); err != nil {
			return fmt.Errorf("operation %s: %w", op.Name, err)
		}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(args))
	if err != nil {
		return refuse("%s: the arguments are not JSON: %v", op.Name, err)
	}
	var bad *jsonschema.ValidationError
	switch err := compiled.Validate(value); {
	case err == nil:
		return nil
	case !errors.As(err, &bad):
		return fmt.Errorf("check the arguments of %s: %w", op.Name, err)
	}
	problems := (&explainer{value, op.Schema}).explain(bad)
	if n := len(problems); n > mostProblems {
		problems = append(problems[:mostProblems], fmt.Sprintf("and %d more", n-mostProblems))
	}
	return refuse("%s was not called: %s", op.Name, strings.Join(problems, "; "))
}

// compile makes a schema ready to check with. It may refer to nothing outside.
func compile(schema json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("its schema is not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nowhere{})
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, fmt.Errorf("its schema cannot be used: %w", err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		return nil, fmt.Errorf("its schema cannot be used: %w", err)
	}
	return s, nil
}

// nowhere loads nothing: a schema is no reason to open a file or a connection.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("the schema refers to %s, which is outside it", url)
}

// wellFormed refuses what JSON's grammar leaves open: names given twice, text
// that is not UTF-8, a second value, and nesting without end.
func wellFormed(args []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(args))
	for first := true; ; first = false {
		tok, err := dec.ReadToken()
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return fmt.Errorf("a property is given twice: %s", dec.StackPointer())
		case err != nil:
			return errors.New(strings.TrimPrefix(err.Error(), "jsontext: "))
		case first && tok.Kind() != '{':
			return errors.New("an object is wanted")
		case tok.Kind() == '0' && !ordinary(tok.String()):
			return fmt.Errorf("%s is a number that is too long, too large or too small to count with", dec.StackPointer())
		case dec.StackDepth() > mostDepth:
			return fmt.Errorf("it is nested deeper than %d", mostDepth)
		}
		if dec.StackDepth() == 0 {
			break
		}
	}
	if len(bytes.TrimSpace(args[dec.InputOffset():])) > 0 {
		return errors.New("something follows after the object's end")
	}
	return nil
}

// mostDigits is how long a number may be written.
const mostDigits = 100

// ordinary reports whether a number is one of those that people count with. The
// schema's checks are exact, and 1e999999 has a million digits.
func ordinary(number string) bool {
	if len(number) > mostDigits {
		return false
	}
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && (f != 0 || !strings.ContainsAny(mantissa(number), "123456789"))
}

// mantissa is a number without its exponent.
func mantissa(number string) string {
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		return number[:i]
	}
	return number
}

var english = message.NewPrinter(language.English)

// explainer puts mistakes into words.
type explainer struct {
	args   any
	schema json.RawMessage
}

// explain says each mistake. Only leaves count: what stands above them merely
// says that something below is wrong.
func (x *explainer) explain(e *jsonschema.ValidationError) []string {
	if len(e.Causes) > 0 {
		var all []string
		for _, c := range e.Causes {
			all = append(all, x.explain(c)...)
		}
		return all
	}
	at := place(e.InstanceLocation)
	got := shown(find(x.args, e.InstanceLocation))
	switch k := e.ErrorKind.(type) {
	case *wrong.Required:
		return []string{fmt.Sprintf("%s lacks %s", at, list(k.Missing))}
	case *wrong.AdditionalProperties:
		return []string{fmt.Sprintf("%s has no property %s%s", at, list(k.Properties), x.properties(e.InstanceLocation))}
	case *wrong.Type:
		return []string{fmt.Sprintf("%s is %s, and %s is wanted", at, got, strings.Join(k.Want, " or "))}
	case *wrong.Enum:
		var want []string
		for _, w := range k.Want {
			want = append(want, shown(w))
		}
		return []string{fmt.Sprintf("%s is %s, and one of %s is wanted", at, got, strings.Join(want, ", "))}
	case *wrong.MinLength:
		return []string{fmt.Sprintf("%s is %s, and at least %d characters are wanted", at, got, k.Want)}
	case *wrong.MaxLength:
		return []string{fmt.Sprintf("%s has %d characters, and %d are the most", at, k.Got, k.Want)}
	case *wrong.MaxItems:
		return []string{fmt.Sprintf("%s has %d items, and %d are the most", at, k.Got, k.Want)}
	case *wrong.Minimum:
		return []string{fmt.Sprintf("%s is %s, and at least %s is wanted", at, got, k.Want.RatString())}
	case *wrong.Maximum:
		return []string{fmt.Sprintf("%s is %s, and at most %s is wanted", at, got, k.Want.RatString())}
	}
	return []string{fmt.Sprintf("%s is %s: %s", at, got, cutText(e.ErrorKind.LocalizedString(english), 200))}
}

// properties names those that there are at a place, as far as the schema says so
// plainly.
func (x *explainer) properties(path []string) string {
	type node struct {
		Properties map[string]json.RawMessage
		Items      json.RawMessage
	}
	at := x.schema
	for _, p := range path {
		var n node
		if json.Unmarshal(at, &n) != nil {
			return ""
		}
		if at = n.Properties[p]; at == nil {
			at = n.Items
		}
	}
	var n node
	if json.Unmarshal(at, &n) != nil || len(n.Properties) == 0 {
		return ""
	}
	return "; those it has are " + list(slices.Collect(maps.Keys(n.Properties)))
}

// place is a location as people write it: items[2].status.
func place(path []string) string {
	var b strings.Builder
	for _, p := range path {
		switch _, err := strconv.Atoi(p); {
		case err == nil:
			b.WriteString("[" + p + "]")
		case b.Len() == 0:
			b.WriteString(cutText(p, 60))
		default:
			b.WriteString("." + cutText(p, 60))
		}
	}
	if b.Len() == 0 {
		return "the argument object"
	}
	return b.String()
}

func find(v any, path []string) any {
	for _, p := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[p]
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		}
	}
	return v
}

// shown is a value, short enough to be read.
func shown(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case string:
		if len(v) > 60 {
			return fmt.Sprintf("%q…", cutText(v, 60))
		}
		return strconv.Quote(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "something that cannot be shown"
	}
	return cutText(string(b), 60)
}

func list(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	for i := range names {
		names[i] = strconv.Quote(cutText(names[i], 60))
	}
	return strings.Join(names, ", ")
}

// cutText is at most n bytes of s, in whole characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
