package azure_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

var tableHeader = storageKey.with(header{"Accept": "application/json;odata=minimalmetadata", "Content-Type": "application/json"})

const rows = "/tables/acct/findings"

func rowAt(partition, row string) string {
	return rows + "(PartitionKey='" + url.PathEscape(partition) + "',RowKey='" + url.PathEscape(row) + "')"
}

func entityOf(partition, row, rest string) string {
	return fmt.Sprintf(`{"PartitionKey":%q,"RowKey":%q%s}`, partition, row, rest)
}

// An entity is inserted once, and changed and deleted under its etag.
func TestTablesKeepEntities(t *testing.T) {
	l := newLab(t)
	body := entityOf("O'Hara & Sons", "q1", `,"n":12,"price":1.5,"big":"9007199254740993","big@odata.type":"Edm.Int64","none":null`)
	made := l.ask("POST", rows, tableHeader, body).want(t, 201, `"big":"9007199254740993"`)
	if ln := l.logged("tables", "InsertEntity", "findings/O'Hara & Sons/q1", map[string]int64{"requests.write": 1, "bytes.sent": int64(len(body)), "bytes.read": int64(len(made.body))}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", rows, tableHeader, body).want(t, 409, "EntityAlreadyExists")
	if ln := l.last(); !ln.Duplicate || ln.Done {
		t.Fatalf("%+v", ln)
	}
	at := rowAt("O''Hara & Sons", "q1")
	got := l.ask("GET", at, tableHeader, "").want(t, 200, `"price@odata.type":"Edm.Double"`)
	etag := got.Header.Get("ETag")
	var e map[string]any
	got.json(t, &e)
	if e["odata.etag"] != etag || e["PartitionKey"] != "O'Hara & Sons" || e["Timestamp"] == nil || etag != made.Header.Get("ETag") {
		t.Fatalf("%v with %s", e, etag)
	}
	if _, ok := e["none"]; ok {
		t.Fatal("what is null is not stored")
	}
	plain := l.ask("GET", at, tableHeader.with(header{"Accept": "application/json;odata=nometadata"}), "").want(t, 200, `"n":12`)
	if strings.Contains(plain.body, "odata") {
		t.Fatalf("metadata where none was asked for: %s", plain.body)
	}
	l.ask("PUT", at, tableHeader.with(header{"If-Match": `W/"old"`}), `{"n":13}`).want(t, 412, "UpdateConditionNotSatisfied")
	merged := l.ask("POST", at, tableHeader.with(header{"If-Match": etag, "X-HTTP-Method": "MERGE"}), `{"n":13}`).want(t, 204, "")
	l.ask("GET", at, tableHeader, "").want(t, 200, `"price":1.5`)
	l.ask("PUT", at, tableHeader.with(header{"If-Match": etag}), `{"n":14}`).want(t, 412, "UpdateConditionNotSatisfied")
	put := l.ask("PUT", at, tableHeader.with(header{"If-Match": merged.Header.Get("ETag")}), `{"n":14}`).want(t, 204, "")
	if now := l.ask("GET", at, tableHeader, "").want(t, 200, `"n":14`); strings.Contains(now.body, "price") {
		t.Fatalf("a replaced entity has old properties: %s", now.body)
	}
	l.ask("DELETE", at, tableHeader, "").want(t, 400, "MissingRequiredHeader")
	l.ask("DELETE", at, tableHeader.with(header{"If-Match": etag}), "").want(t, 412, "UpdateConditionNotSatisfied")
	l.ask("DELETE", at, tableHeader.with(header{"If-Match": put.Header.Get("ETag")}), "").want(t, 204, "")
	if !l.last().Done {
		t.Fatalf("%+v", l.last())
	}
	l.ask("DELETE", at, tableHeader.with(header{"If-Match": "*"}), "").want(t, 404, "ResourceNotFound")
	l.ask("GET", at, tableHeader, "").want(t, 404, "ResourceNotFound")
	l.ask("PUT", at, tableHeader, `{"n":1}`).want(t, 204, "") // without a condition it is made
	quiet := l.ask("POST", rows, tableHeader.with(header{"Prefer": "return-no-content"}), entityOf("a", "b", "")).want(t, 204, "")
	if quiet.body != "" || quiet.Header.Get("ETag") == "" {
		t.Fatalf("%q %v", quiet.body, quiet.Header)
	}
}

func TestTablesAreQueried(t *testing.T) {
	l := newLab(t)
	for _, p := range []string{"acme", "bolt"} {
		for i := range 5 {
			l.ask("POST", rows, tableHeader, entityOf(p, "q"+strconv.Itoa(5-i), fmt.Sprintf(`,"n":%d,"day":"2026-01-0%dT00:00:00Z","day@odata.type":"Edm.DateTime"`, i, i+1))).want(t, 201, "")
		}
	}
	find := func(query string) (found []string, next string) {
		t.Helper()
		a := l.ask("GET", rows+"()?"+query, tableHeader, "").want(t, 200, "value")
		var page struct {
			Value []struct{ PartitionKey, RowKey string }
		}
		a.json(t, &page)
		for _, e := range page.Value {
			found = append(found, e.PartitionKey+e.RowKey)
		}
		l.logged("tables", "QueryEntities", "findings", map[string]int64{"requests.read": 1, "bytes.read": int64(len(a.body))})
		if k := a.Header.Get("x-ms-continuation-NextPartitionKey"); k != "" {
			next = "&NextPartitionKey=" + url.QueryEscape(k) + "&NextRowKey=" + url.QueryEscape(a.Header.Get("x-ms-continuation-NextRowKey"))
		}
		return found, next
	}
	filter := "$filter=" + url.QueryEscape("PartitionKey eq 'acme' and RowKey ge 'q2' and RowKey le 'q4'") + "&$top=2"
	first, next := find(filter)
	second, end := find(filter + next)
	if strings.Join(first, " ") != "acmeq2 acmeq3" || strings.Join(second, " ") != "acmeq4" || next == "" || end != "" {
		t.Fatalf("%q, %q", first, second)
	}
	for text, want := range map[string]int{
		"n gt 2": 4, "n lt 2 and not (PartitionKey eq 'acme')": 2, "day ge datetime'2026-01-04T00:00:00Z'": 4, "RowKey eq 'q1' or RowKey eq 'q2'": 4, "none eq 1": 0, "n eq 'x'": 0, "": 10,
	} {
		if found, _ := find("$filter=" + url.QueryEscape(text)); len(found) != want {
			t.Errorf("%s finds %d, want %d", text, len(found), want)
		}
	}
	l.ask("GET", rows+"()?$filter="+url.QueryEscape("PartitionKey ="), tableHeader, "").want(t, 400, "InvalidInput")
	l.ask("GET", rows+"()?$top=1001", tableHeader, "").want(t, 400, "InvalidInput")
	chosen := l.ask("GET", rows+"()?$top=1&$select=RowKey,n", tableHeader, "").want(t, 200, `"RowKey":"q1"`)
	if strings.Contains(chosen.body, "PartitionKey") {
		t.Fatal(chosen.body)
	}
}

func TestTableRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	for rest, code := range map[string]string{
		`,"x":{"a":1}`: "InvalidInput", `,"x":[1]`: "InvalidInput", `,"a-b":1`: "PropertyNameInvalid", `,"x":1,"x@odata.type":"Edm.Thing"`: "InvalidInput",
		`,"x":"y","x@odata.type":"Edm.Int64"`: "InvalidInput", `,"x":"` + strings.Repeat("y", 33<<10) + `"`: "PropertyValueTooLarge",
		`,"x":"` + strings.Repeat("y", 1<<20) + `"`: "EntityTooLarge",
	} {
		l.ask("POST", rows, tableHeader, entityOf("p", "r", rest)).want(t, 400, code)
	}
	l.ask("POST", rows, tableHeader, `{"PartitionKey":"p"}`).want(t, 400, "PropertiesNeedValue")
	l.ask("POST", rows, tableHeader, entityOf("a/b", "r", "")).want(t, 400, "OutOfRangeInput")
	l.ask("POST", rows, tableHeader, entityOf(strings.Repeat("k", 1025), "r", "")).want(t, 400, "KeyValueTooLarge")
	l.ask("POST", rows, tableHeader, `nothing`).want(t, 400, "InvalidInput")
	l.ask("POST", "/tables/acct/none", tableHeader, entityOf("p", "r", "")).want(t, 404, "TableNotFound")
	l.ask("GET", "/tables/acct/Tables('findings')", tableHeader, "").want(t, 200, "findings")
	l.ask("GET", "/tables/acct/Tables('none')", tableHeader, "").want(t, 404, "ResourceNotFound")
	l.ask("PUT", rowAt("p", "r"), tableHeader.with(header{"If-None-Match": "*"}), `{}`).want(t, 400, "InvalidInput")
}

func TestOneOfManyInsertsAnEntity(t *testing.T) {
	l := newLab(t)
	got := race(24, func(int) answer { return l.ask("POST", rows, tableHeader, entityOf("p", "r", "")) })
	if got[201] != 1 || got[409] != 23 {
		t.Fatalf("answers %v", got)
	}
	etag := l.ask("GET", rowAt("p", "r"), tableHeader, "").Header.Get("ETag")
	got = race(24, func(int) answer {
		return l.ask("PUT", rowAt("p", "r"), tableHeader.with(header{"If-Match": etag}), `{"n":1}`)
	})
	if got[204] != 1 || got[412] != 23 {
		t.Fatalf("answers %v", got)
	}
	l.order(fakecloud.Fault{Service: "tables", Kind: fakecloud.TooMany, Count: 1})
	l.ask("GET", rowAt("p", "r"), tableHeader, "").want(t, 503, "ServerBusy")
}
