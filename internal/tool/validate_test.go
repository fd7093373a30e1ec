package tool_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/tool"
)

var strict = tool.Operation{Name: "x_do", Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["key"],"properties":{
	"key":{"type":"string","minLength":2,"maxLength":5},"n":{"type":"integer","minimum":1,"maximum":10},"s":{"enum":["a","b"]},
	"list":{"type":"array","maxItems":2,"items":{"type":"object","additionalProperties":false,"properties":{"v":{"type":["string","null"]}}}},
	"any":{}}}`)}

func TestValidateAcceptsWhatFits(t *testing.T) {
	for _, args := range []string{
		`{"key":"ab"}`, ` { "key" : "abcde" , "n" : 10 } `, `{"key":"ab","n":2.0}`, `{"key":"éééää"}`,
		`{"key":"ab","list":[{"v":null},{}],"any":{"a":[{"a":1},{"a":1}]}}`,
	} {
		if err := tool.Validate(&strict, json.RawMessage(args)); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
	free := tool.Operation{Name: "x", Schema: json.RawMessage(`{"type":"object"}`)}
	for _, args := range []string{"", "  ", "{}"} { // some models write nothing where there is nothing to say
		if err := tool.Validate(&free, json.RawMessage(args)); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestValidateNamesThePlaceAndWhatIsWanted(t *testing.T) {
	for args, want := range map[string]string{
		``:                                         `x_do was not called: the argument object lacks "key"`,
		`{}`:                                       `the argument object lacks "key"`,
		`{"key":5}`:                                `key is 5, and string is wanted`,
		`{"key":null}`:                             `key is null, and string is wanted`,
		`{"key":"a"}`:                              `key is "a", and at least 2 characters are wanted`,
		`{"key":"abcdef"}`:                         `key has 6 characters, and 5 are the most`,
		`{"key":"ab","kee":1,"b":1}`:               `the argument object has no property "b", "kee"; those it has are "any", "key", "list", "n", "s"`,
		`{"key":"ab","n":0}`:                       `n is 0, and at least 1 is wanted`,
		`{"key":"ab","n":11}`:                      `n is 11, and at most 10 is wanted`,
		`{"key":"ab","n":"3"}`:                     `n is "3", and integer is wanted`,
		`{"key":"ab","n":1.5}`:                     `n is 1.5, and integer is wanted`,
		`{"key":"ab","s":"c"}`:                     `s is "c", and one of "a", "b" is wanted`,
		`{"key":"ab","list":[{},{},{}]}`:           `list has 3 items, and 2 are the most`,
		`{"key":"ab","list":[{},{"v":[1]}]}`:       `list[1].v is a list of 1, and`,
		`{"key":"ab","list":[{"w":1}]}`:            `list[0] has no property "w"; those it has are "v"`,
		`{"key":"ab","list":{}}`:                   `list is an object, and array is wanted`,
		`{"key":"ab","key":"ab"}`:                  `given twice: /key`,
		`{"key":"ab","any":{"a":[{"b":1,"b":2}]}}`: `given twice: /any/a/0/b`,
		`{"key":"ab"} {}`:                          `something follows`,
		`{"key":"ab"`:                              `not JSON as it is wanted`,
		`[]`:                                       `an object is wanted`,
		`"{}"`:                                     `an object is wanted`,
		`{'key':1}`:                                `not JSON as it is wanted`,
		"{\"key\":\"a\xff\"}":                      `not JSON as it is wanted`,
		`{"key":"ab","any":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: `nested deeper than 64`,
		`{"key":"` + strings.Repeat("x", 1<<20) + `"}`:                                   `1048576 are the most`,
		`{"key":1,"n":"x","s":1,"list":1,"a":1,"b":1,"c":1}`:                             `; `,
	} {
		err := tool.Validate(&strict, json.RawMessage(args))
		var e *tool.Error
		if !errors.As(err, &e) || e.Outcome != tool.Refused || !strings.Contains(e.Message, want) {
			t.Errorf("%.80s: %v; wanted %q", args, err, want)
		}
	}
}

func TestValidateOpensNothing(t *testing.T) {
	for _, ref := range []string{"file:///etc/passwd", "http://127.0.0.1:1/x", "other.json"} {
		op := tool.Operation{Name: "x", Schema: json.RawMessage(`{"$ref":"` + ref + `"}`)}
		if err := tool.Validate(&op, json.RawMessage(`{}`)); err == nil || !strings.Contains(err.Error(), "outside it") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// Whatever a model writes, it is either what the schema says or an error that
// the model can read.
func FuzzValidate(f *testing.F) {
	w := newWorld(f)
	set := newSet(f, w)
	f.Add("reports_read", `{"key":"2025.txt","offset":1e2}`)
	f.Add("findings_put", `{"item":{"company":"A","a":{"b":[1,2,{"c":null}]}}}`)
	f.Add("ledger_put", `{"item":{"company":"A","year":"2025","year":"x"}}`)
	f.Add("history_query", `{"query":"SELECT ?","params":[1e400]}`)
	f.Add("todo_write", `{"items":[{"task":"a","status":"done"}]}`)
	f.Add("calculate", `{"program":"\ud800"}`)
	f.Add("alerts_publish", `{"subject":"a","message":"b","Subject":"c"}`)
	f.Fuzz(func(t *testing.T, name, args string) {
		tl, op, ok := set.Lookup(name)
		if !ok {
			return
		}
		if err := tool.Validate(op, json.RawMessage(args)); err != nil {
			var e *tool.Error
			if !errors.As(err, &e) || e.Outcome != tool.Refused || !utf8.ValidString(e.Message) || len(e.Message) > 4000 {
				t.Fatalf("%q: the error is %v", args, err)
			}
			return
		}
		if tl.Resource().Kind == "calculate" || tl.Resource().Cloud != "local" {
			return // they have fuzz targets of their own, or need a network
		}
		if _, err := do(t, set, name, args, "run_z/1/0"); err != nil && !utf8.ValidString(err.Error()) {
			t.Fatalf("%q: %v", args, err)
		}
	})
}
