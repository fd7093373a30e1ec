package raw

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/skein-run/skein/internal/llm"
)

// seeds are texts on both sides of the grammar's borders.
var seeds = []string{
	`null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `01`, `1.`, `.5`, `1e`, `-`, `""`, `"a\u00e9\ud83d\ude00\n"`, `"\ud800"`, `"\x"`,
	"\"\x01\"", `"unended`, `[]`, `[1,2]`, `[1,]`, `[,1]`, `{}`, `{"a":1}`, `{"a":1,}`, `{"a" : [ {"b":{}} ] }`, `{"a"}`, `{a:1}`, `[}`, `nul`,
	`{"long enough to be read eight bytes at a time":"and \"quoted\" there"}`, ` [ 1 , "x" ] `, `1 2`, ``,
}

func FuzzSkipAgreesWithTheStandardLibrary(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if deep(text) {
			return
		}
		if got, want := Valid(text), json.Valid(text); got != want {
			t.Fatalf("Valid(%q) = %v, want %v", text, got, want)
		}
	})
}

// deep: the limits of depth differ.
func deep(text []byte) bool {
	return bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 200
}

func FuzzTextDecodesAsTheStandardLibraryDoes(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return // replaced there, kept here: bodies are checked as a whole
		}
		var want string
		c := On(text)
		if c.Kind() != '"' || json.Unmarshal(text, &want) != nil {
			return
		}
		length := c
		got := c.Text()
		if c.End() != nil || got != want {
			t.Fatalf("Text(%q) = %q, want %q (%v)", text, got, want, c.Err())
		}
		if n := length.TextLen(); n != len(want) {
			t.Fatalf("TextLen(%q) = %d, want %d", text, n, len(want))
		}
		again := AppendString(nil, got)
		var back string
		if err := json.Unmarshal(again, &back); err != nil || back != want {
			t.Fatalf("AppendString(%q) = %s: %v", got, again, err)
		}
	})
}

func TestCursorWalksWithoutCopying(t *testing.T) {
	text := []byte(`{"a":"x","list":[1,{"b":null},"y"],"esc\u0061ped":true, "n" : 12 }`)
	c := On(text)
	var got []string
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		got = append(got, string(key)+"="+string(c.Raw()))
	}
	if err := c.End(); err != nil {
		t.Fatal(err)
	}
	want := []string{`a="x"`, `list=[1,{"b":null},"y"]`, `escaped=true`, `n=12`}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	for _, x := range []struct {
		text, path, what string
		read             func(c *Cursor)
	}{
		{`{"a":[{"b":7}]}`, "a[0].b", "want a string", func(c *Cursor) {
			for c.Object(); ; {
				if _, ok := c.Key(); !ok {
					return
				}
				for c.List(); c.More(); {
					for c.Object(); ; {
						if _, ok := c.Key(); !ok {
							break
						}
						c.Text()
					}
				}
			}
		}},
		{`{"a":{"b":tru}}`, "a.b", "invalid JSON: unexpected 't'", func(c *Cursor) { c.Skip() }},
		{`{"a":1.5}`, "a", "want a whole number", func(c *Cursor) { c.Object(); c.Key(); c.Int() }},
		{strings.Repeat("[", MaxDepth+1), "", "nested too deeply", func(c *Cursor) { c.Skip() }},
		{`{"a":1} x`, "", "text after the end of the JSON value", func(c *Cursor) { c.Skip() }},
	} {
		c := On([]byte(x.text))
		x.read(&c)
		err, _ := c.End().(*SyntaxError)
		if err == nil || err.What != x.what {
			t.Errorf("%.40s: got %v, want %s", x.text, err, x.what)
			continue
		}
		if path := PathAt([]byte(x.text), err.Offset); x.path != "" && path != x.path {
			t.Errorf("%.40s: path %q, want %q", x.text, path, x.path)
		}
	}
}

func TestWholeNumbersComeInManySpellings(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "42": 42, "-7": -7, "1e3": 1000, "10.0": 10, "null": 0} {
		c := On([]byte(text))
		if got := c.Int(); got != want || c.End() != nil {
			t.Errorf("%s: %d, %v", text, got, c.Err())
		}
	}
	for _, text := range []string{"1.5", "1e40", "99999999999999999999", `"1"`} {
		c := On([]byte(text))
		if c.Int(); c.Err() == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

// A count goes into sums and products; one that cannot be meant must not make them
// negative.
func TestCountsThatCannotBeMeantAreNone(t *testing.T) {
	for text, want := range map[string]int64{
		"7": 7, "1e3": 1000, "281474976710656": 1 << 48, "281474976710657": 0, "999999999999999999": 0, "1e15": 0, "9e99": 0, "-1": 0, `"7"`: 0, "null": 0, "[1]": 0, "1.5": 0,
	} {
		c := On([]byte(text))
		if got := c.Count(); got != want || c.End() != nil {
			t.Errorf("%s: %d, want %d (%v)", text, got, want, c.Err())
		}
	}
}

func TestBuilderPutsCommasWhereTheyBelong(t *testing.T) {
	var b Builder
	b.Object()
	b.PutString("a", "q\"\n\x01é\xff")
	b.Key("l")
	b.List()
	b.Int(1)
	b.Raw([]byte(" {\"x\": 1}\n"))
	b.Raw(nil)
	b.EndList()
	b.PutNumber("none", "")
	b.PutNumber("f", "1.50")
	b.PutBool("t", true)
	b.EndObject()
	want := `{"a":"q\"\n\u0001é` + "\uFFFD" + `","l":[1,{"x": 1},null],"f":1.50,"t":true}`
	if string(b.B) != want || !json.Valid(b.B) {
		t.Fatalf("got %s", b.B)
	}
}

func TestExtrasKeepTheirPlace(t *testing.T) {
	c := On([]byte(`{"a.b":1,"c":{"d":2}}`))
	var extra []llm.Extra
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		extra = Keep(extra, llm.Chat, "", key, &c)
	}
	extra = append(extra, llm.Extra{Format: llm.Chat, Path: "fn.x", Value: []byte("3")}, llm.Extra{Format: llm.Messages, Path: "other", Value: []byte("4")})
	var b Builder
	b.Object()
	b.Extras(extra, llm.Chat, "")
	b.Key("fn")
	b.Object()
	b.Extras(extra, llm.Chat, "fn.")
	b.EndObject()
	b.EndObject()
	if want := `{"a.b":1,"c":{"d":2},"fn":{"x":3}}`; string(b.B) != want {
		t.Fatalf("got %s", b.B)
	}
}

func TestBalanceKnowsWhenArgumentsAreWhole(t *testing.T) {
	whole := `{"a":"}\"{","b":[1,{"c":"\\"}]}`
	var b Balance
	for i := range whole {
		if b.Complete() {
			t.Fatalf("complete after %q", whole[:i])
		}
		b.Feed([]byte{whole[i]})
	}
	if !b.Complete() {
		t.Fatal("not complete at the end")
	}
}
