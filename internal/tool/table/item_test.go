package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

func TestEscapedKeysKeepTheirOrder(t *testing.T) {
	for _, c := range []struct{ key, forbidden, want string }{
		{"ACME", "/", "ACME"},
		{"a/b", "/", "a." + highMark + "b"},
		{"a.b", "/", "a.b"},
		{`/\#?%`, azForbidden, "." + highMark + "[" + highMark + `"` + highMark + ">" + highMark + "$" + highMark},
	} {
		if got, err := escapeKey(c.key, c.forbidden); err != nil || got != c.want {
			t.Errorf("%q is %q, %v; wanted %q", c.key, got, err, c.want)
		}
	}
	for _, key := range []string{"a\nb", "a\x7f", "a\u009f", "a" + highMark, "a" + tailMark} {
		if got, err := escapeKey(key, "/"); err == nil {
			t.Errorf("%q is %q", key, got)
		}
	}
}

func FuzzEscapeKey(f *testing.F) {
	f.Add("a/b", "a.b")
	f.Add("a/", "a.\U0010FFFE")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || strings.Contains(a+b, "\U0010FFFE") || strings.Contains(a+b, "\U0010FFFF") {
			t.Skip() // that are no characters
		}
		for _, forbidden := range []string{"/", "/|", azForbidden, cosmosForbidden} {
			x, err1 := escapeKey(a, forbidden)
			y, err2 := escapeKey(b, forbidden)
			if err1 != nil || err2 != nil {
				continue
			}
			if strings.ContainsAny(x, forbidden) {
				t.Fatalf("%q is %q", a, x)
			}
			if strings.Compare(x, y) != strings.Compare(a, b) {
				t.Fatalf("%q and %q are %q and %q", a, b, x, y)
			}
		}
	})
}

// numbers are worth the same where their fractions are.
func worthOf(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return "number " + r.String()
		}
	case []any:
		return list(v, worthOf)
	case map[string]any:
		m := map[string]any{}
		for name := range v {
			m[name] = worthOf(v[name])
		}
		return m
	}
	return v
}

// FuzzStored stores any JSON object in each form and reads it back: it is refused, or
// it is the same, and never is there a panic.
func FuzzStored(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,1.10,-0,1e400,[[]],{"b":null}]}`, `{"id":"x","a":"\ud800"}`, `{"skein_number":"1"}`, `{"skein_list":[]}`, `{"":1,"__a__":{}}`} {
		f.Add([]byte(seed))
	}
	n, k := Names{Partition: "company"}, Key{Partition: "ACME"}
	fs := &firestoreTable{names: n}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 10_000 || bytes.ContainsAny(raw, "eE") && bytes.Contains(raw, []byte("99999")) {
			t.Skip() // a fraction of so many digits takes long to compare
		}
		want, err := written(n, k, raw)
		if err != nil {
			return
		}
		check := func(form string, got json.RawMessage, command string, exact bool) {
			v, err := parse(got)
			if err != nil {
				t.Fatalf("%s: %s: %v", form, got, err)
			}
			if command != "run_f/1/0" {
				t.Fatalf("%s: the command is %q", form, command)
			}
			same := reflect.DeepEqual(v, want)
			if !exact {
				same = reflect.DeepEqual(worthOf(v), worthOf(want))
			}
			if !same {
				t.Fatalf("%s: %s comes back as %s", form, raw, got)
			}
		}
		refusal := func(form string, err error) {
			var e *effect.Error
			if !errors.As(err, &e) || e.Outcome != effect.Refused {
				t.Fatalf("%s: %v", form, err)
			}
		}
		if body, err := cosmosDocument(n, k, "ACME", raw, "run_f/1/0"); err != nil {
			refusal("cosmos", err)
		} else if item, key, command, err := cosmosItem(n, body); err != nil || key != k {
			t.Fatalf("cosmos: %s: %+v, %v", body, key, err)
		} else {
			check("cosmos", item.JSON, command, true)
		}
		if body, err := azEntity(n, k, "ACME", "", raw, "run_f/1/0"); err != nil {
			refusal("aztables", err)
		} else {
			body = append([]byte(`{"odata.etag":"e",`), body[1:]...)
			item, key, command, err := azItem(n, body)
			if err != nil || key != k {
				t.Fatalf("aztables: %s: %+v, %v", body, key, err)
			}
			check("aztables", item.JSON, command, true)
		}
		if fields, err := firestoreFields(n, k, raw, "run_f/1/0"); err != nil {
			refusal("firestore", err)
		} else {
			body, err := encode(map[string]any{"name": "x", "updateTime": "y", "fields": fields})
			if err != nil {
				t.Fatal(err)
			}
			item, key, command, err := fs.item(body)
			if err != nil || key != k {
				t.Fatalf("firestore: %s: %+v, %v", body, key, err)
			}
			check("firestore", item.JSON, command, true)
		}
		v, err := written(n, k, raw, commandAttr)
		if err != nil {
			refusal("dynamodb", err)
			return
		}
		row, err := toAttributes(v)
		if err != nil {
			refusal("dynamodb", err)
			return
		}
		row[commandAttr] = &types.AttributeValueMemberS{Value: "run_f/1/0"}
		if size := sizeOf(row); size <= 0 {
			t.Fatalf("dynamodb: the size of %s is %d", raw, size)
		}
		back, command := fromAttributes(row)
		got, err := encode(back)
		if err != nil {
			t.Fatal(err)
		}
		check("dynamodb", got, command, false)
	})
}

// FuzzAnswers reads whatever a service may send: an error, or an item that is JSON.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{`{"id":"a","_etag":"b"}`, `{"odata.etag":"a","skein_item":"{"}`, `{"odata.etag":"a","n@odata.type":"Edm.Int64","n":"1"}`,
		`{"name":"a","updateTime":"b","fields":{"a":{"integerValue":"1"},"b":{"doubleValue":"NaN"},"c":{"arrayValue":{}},"d":{"mapValue":{}},"e":{}}}`,
		`[{"document":{}},{"readTime":"x"}]`, `{"error":{"status":"NOT_FOUND"}}`, `[{"error":{"status":"ABORTED"}}]`, `{"__type":"a#ThrottlingException"}`,
		`{"odata.error":{"code":"TableNotFound","message":{"value":"x"}}}`, `{"value":[{"odata.etag":"a"},`} {
		f.Add([]byte(seed), "5.71")
	}
	f.Fuzz(func(t *testing.T, body []byte, charge string) {
		n := Names{Partition: "company", Sort: "year"}
		fs := &firestoreTable{names: n}
		for form, read := range map[string]func(json.RawMessage) (Item, Key, string, error){
			"cosmos":    func(b json.RawMessage) (Item, Key, string, error) { return cosmosItem(n, b) },
			"aztables":  func(b json.RawMessage) (Item, Key, string, error) { return azItem(n, b) },
			"firestore": fs.item,
		} {
			if item, _, _, err := read(body); err == nil && !json.Valid(item.JSON) {
				t.Fatalf("%s: %q is read as %q", form, body, item.JSON)
			}
		}
		a := answer{status: http.StatusBadRequest, body: body, header: http.Header{"X-Ms-Request-Charge": {charge}, "Retry-After": {charge}, "X-Ms-Retry-After-Ms": {charge}}}
		for _, said := range []fault{cosmosSaid(a), azTablesSaid(a), firestoreSaid(a)} {
			if said.after < 0 || len(said.words(400)) > 2*len(body)+400 || strings.Contains(said.words(400), "\n") {
				t.Fatalf("%q says %q after %v", body, said.words(400), said.after)
			}
		}
		for _, r := range cosmosCharge(a.header) {
			if r.Quantity <= 0 {
				t.Fatalf("%q is %d", charge, r.Quantity)
			}
		}
		_ = throttled(body)
	})
}

func TestNumbersBeyondDynamoDBAreRefused(t *testing.T) {
	for text, ok := range map[string]bool{
		"0": true, "-0.0": true, "1": true, "12345678901234567890123456789012345678": true, "123456789012345678901234567890123456789": false,
		"1234567890123456789012345678901234567800000": true, "0.00012345678901234567890123456789012345678": true,
		"1e125": true, "9.9e125": true, "1e126": false, "1e-130": true, "0.9e-130": false, "1e999999999999": false, "0e999": true, "-1e-131": false,
	} {
		if err := fits(json.Number(text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestChargesAreExact(t *testing.T) {
	for text, want := range map[string]int64{"1": 1000, "5.71": 5710, "0.01": 10, "12.345": 12345, "1.0001": 1001, "10000.00": 10000000, "": 0, "x": 0, "-1": 0, "1e3": 0, "0.00": 0} {
		var got int64
		for _, r := range cosmosCharge(http.Header{"X-Ms-Request-Charge": {text}}) {
			got += r.Quantity
			if r.Meter != price.MeterRequestUnits || r.Source != price.Reported {
				t.Errorf("%q is %+v", text, r)
			}
		}
		if got != want {
			t.Errorf("%q is %d, wanted %d", text, got, want)
		}
	}
}

func TestNativeNumbersComeBackAsTheyAreWritten(t *testing.T) {
	for text, ok := range map[string]bool{
		"0": true, "-1": true, "9007199254740991": true, "9007199254740992": false, "-0": false, "1.5": true, "1.10": false, "0.1": true, "1.0": false,
		"1e2": false, "0.00001": false, "1000000000000000.5": false, "0.30000000000000004": true, "0.3000000000000000400": false, "12345678901234567890.1": false,
	} {
		if got := native(json.Number(text), mostExact); got != ok {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestLongTextsAreCutBetweenCharacters(t *testing.T) {
	for _, s := range []string{"", "abc", strings.Repeat("é", 10), strings.Repeat("😀", 10), strings.Repeat("a😀", 10)} {
		pieces := splitText(s, 3)
		if strings.Join(pieces, "") != s {
			t.Errorf("%q is %q", s, pieces)
		}
		if slices.ContainsFunc(pieces, func(p string) bool { return !utf8.ValidString(p) }) {
			t.Errorf("%q is cut within a character: %q", s, pieces)
		}
	}
}
