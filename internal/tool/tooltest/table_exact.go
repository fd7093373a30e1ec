package tooltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/table"
)

// hostileKeys are what a model, or a filing that it has read, may name a company.
// The first must be kept by every driver, each apart from all others; the last may be
// refused instead.
var (
	hostileKeys = []string{
		"a/b", "a.b", `a\b`, "a#b", "a?b", "a?b=c&d", "a%2Fb", "a%b", "a+b", "a b", "ab ", " ab", "a|b", "a:b", "a;b", "a,b", "a~b",
		".", "..", "__x__", "_", "-", "$where", "{a}", "[a]", "(a)", "<a>", `"a"`, `"`, "'a'", "''", "' OR ''='", "a=b", "*", "@a", "A", "a", "null", "0", "1e2",
		"é", "e\u0301", "日本", "😀", "ACME, Inc. / “Élan” & Söhne", strings.Repeat("k", 200),
	}
	refusableKeys = []string{"a\tb", "a\nb", "a\x7fb", "a\u0085b", strings.Repeat("k", 256), strings.Repeat("é", 256), strings.Repeat("k", 3000), "a\U0010FFFDb"}
)

func tableKeys(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	var want []judged
	put := func(name string, refusable bool) {
		t.Helper()
		if p.trims && strings.TrimSpace(name) != name {
			return
		}
		key := table.Key{Partition: name}
		command := Command()
		ctx, _ := Effect(t, command, 1)
		created, err := tab.Create(ctx, key, itemOf(key, "x"), command)
		var e *effect.Error
		if refusable && errors.As(err, &e) && e.Outcome == effect.Refused {
			if len(e.Message) > 1000 {
				t.Errorf("%.80q is refused with %d bytes", name, len(e.Message))
			}
			return
		}
		if err != nil || created.Taken || created.Repeat && p.Cloud != nil { // somebody else's server may lose an answer by itself
			t.Errorf("create %.80q: %+v, %v", name, created, err)
			return
		}
		want = append(want, judged{name, "", "x", command})
		there, err := tab.Get(ctx, key)
		if err != nil || !same(there.JSON, itemOf(key, "x")) {
			t.Errorf("the item of %.80q is %.200s, %v", name, there.JSON, err)
		}
		items, more, err := tab.Query(ctx, table.Query{Partition: name}, 10)
		if err != nil || more || len(items) != 1 || !same(items[0].JSON, itemOf(key, "x")) {
			t.Errorf("a query of %.80q gives %d, more %v, %v", name, len(items), more, err)
		}
	}
	for _, name := range hostileKeys {
		put(name, false)
	}
	for _, name := range refusableKeys {
		put(name, true)
	}
	p.wantItems(t, want...)
	for _, name := range []string{"", "a\x00b", "a\xffb"} {
		ctx, _ := Effect(t, Command(), 1)
		if _, err := tab.Create(ctx, table.Key{Partition: name}, item("x", "x"), Command()); err == nil {
			t.Errorf("a key %q is taken", name)
		}
	}
	if !tab.changes() {
		return
	}
	for _, j := range want[:3] { // what is in a path must be found there to be changed
		key, command := table.Key{Partition: j.company}, Command()
		ctx, _ := Effect(t, command, 1)
		there, err := tab.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := tab.Delete(ctx, key, there.Version, command); err != nil || c.Stale || c.Repeat {
			t.Errorf("delete %q: %+v, %v", j.company, c, err)
		}
	}
	p.wantItems(t, want[3:]...)
}

// values are members that items may have.
var values = []string{
	`0`, `-1`, `1.5`, `1.10`, `0.1`, `100`, `1e2`, `1E+2`, `1.25e-3`, `-0.00001`, `9007199254740993`, `9223372036854775807`, `9223372036854775808`,
	`-9223372036854775808`, `-9223372036854775809`, `12345678901234567890.12345678901234`, `0.30000000000000004`, `3.14159265358979323846264338327950288`,
	`123456789012345678901234567890`, `1e20`, `1e-20`, `99999999999999999999999999999999999999`, `-0.0`, `1000000000000000.5`,
	`""`, `"x"`, `"é 日本 😀"`, `"<a> & \"b\" \\ \/ \n\t\r"`, `"\u2028\u2029"`, `"1.10"`, `"null"`, `" "`, `true`, `false`, `null`,
	`[]`, `{}`, `[[]]`, `[{}]`, `[[1,[2,[3]]],"x",null,1.10]`, `[1,"1",true,null,{"a":[]}]`, `{"a":{"b":{"c":{"d":[1.10,{"e":null}]}}}}`,
	`{"id":"x","_etag":"y","PartitionKey":"z","values":[1],"fields":{"S":"a"},"N":"1"}`, `{" ":1,"a.b":2,"a/b":3,"é":4,"$x":5,"#":6,"a b":7}`,
}

// refusable are members that a service may have no way to keep; then it says so.
var refusable = []string{
	`1e400`, `1e-400`, `123456789012345678901234567890123456789`, `0.1234567890123456789012345678901234567890`, `"a\u0000b"`,
	`{"":1}`, `{"__x__":1}`, `{"skein_number":"1"}`, `{"skein_list":[1]}`, strings.Repeat("[", 25) + strings.Repeat("]", 25),
	strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), strings.Repeat("[", 150) + strings.Repeat("]", 150),
}

func tableValues(t *testing.T, b *tableBench) {
	tab, _ := b.open(t, false)
	keeps := func(n int, value string, refusable bool) {
		key := table.Key{Partition: fmt.Sprintf("V%d", n)}
		one := fmt.Appendf(nil, `{"company":%q,"v":%s,"deep":{"list":[%s]}}`, key.Partition, value, value)
		command := Command()
		ctx, _ := Effect(t, command, 1)
		_, err := tab.Create(ctx, key, one, command)
		var e *effect.Error
		if refusable && errors.As(err, &e) && e.Outcome == effect.Refused {
			return
		}
		if err != nil {
			t.Errorf("store %.80s: %v", value, err)
			return
		}
		there, err := tab.Get(ctx, key)
		if err != nil || !sameValue(there.JSON, one) {
			t.Errorf("%.80s comes back as %.200s, %v", value, there.JSON, err)
		}
		// DynamoDB and PostgreSQL keep what a number is worth; all others how it is written.
		if b.scheme != "dynamodb" && b.scheme != "postgres" && !same(there.JSON, one) {
			t.Errorf("%.80s is written %.200s", value, there.JSON)
		}
	}
	for i, v := range values {
		keeps(i, v, false)
	}
	for i, v := range refusable {
		keeps(1000+i, v, true)
	}
	for _, wrong := range []string{`{"company":"OTHER"}`, `{"company":1}`, `[]`, `null`, `1`, `{"company":"W"`, ``} {
		ctx, _ := Effect(t, Command(), 1)
		if _, err := tab.Create(ctx, table.Key{Partition: "W"}, json.RawMessage(wrong), Command()); err == nil {
			t.Errorf("the item %s of W is taken", wrong)
		}
	}
	// What the driver keeps in items is not the model's to write.
	for _, name := range []string{"skein_command", "skein_id", "skein_item", "_etag", "_ts", "id", "ID", "PartitionKey", "odata.etag"} {
		key := table.Key{Partition: "K" + name}
		one := fmt.Appendf(nil, `{"company":%q,%q:"mine"}`, key.Partition, name)
		command := Command()
		ctx, _ := Effect(t, command, 1)
		_, err := tab.Create(ctx, key, one, command)
		if err != nil {
			WantError(t, err, effect.Refused, name)
			continue
		}
		if there, err := tab.Get(ctx, key); err != nil || !same(there.JSON, one) {
			t.Errorf("%s comes back as %s, %v", one, there.JSON, err)
		}
		if again, err := tab.Create(ctx, key, one, command); err != nil || !again.Repeat {
			t.Errorf("%s, done again: %+v, %v", one, again, err)
		}
	}
}

// sameValue reports whether two items are worth the same, numbers exactly.
func sameValue(a, b json.RawMessage) bool {
	var vs [2]any
	for i, raw := range []json.RawMessage{a, b} {
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		dec.UseNumber()
		if dec.Decode(&vs[i]) != nil {
			return false
		}
		vs[i] = worth(vs[i])
	}
	return reflect.DeepEqual(vs[0], vs[1])
}

func worth(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(v.String())
		if !ok {
			return v
		}
		return "number " + r.String()
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = worth(v[i])
		}
		return l
	case map[string]any:
		m := make(map[string]any, len(v))
		for name := range v {
			m[name] = worth(v[name])
		}
		return m
	}
	return v
}
