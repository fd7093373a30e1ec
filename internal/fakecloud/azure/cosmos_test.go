package azure_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

var cosmosHeader = header{"Authorization": "type%3Daad%26ver%3D1.0%26sig%3Dt", "x-ms-date": "Wed, 25 Nov 2026 09:00:00 GMT", "x-ms-version": "2018-12-31", "Content-Type": "application/json"}

const docs = "/cosmos/acct/dbs/db/colls/findings/docs"

func in(partition string) header {
	return cosmosHeader.with(header{"x-ms-documentdb-partitionkey": string(must(json.Marshal([]string{partition})))})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func doc(id, company, quarter string) string {
	return fmt.Sprintf(`{"id":%q,"company":%q,"quarter":%q,"n":12}`, id, company, quarter)
}

func milli(t *testing.T, a answer) int64 {
	t.Helper()
	f, err := strconv.ParseFloat(a.Header.Get("x-ms-request-charge"), 64)
	if err != nil {
		t.Fatalf("x-ms-request-charge: %v", err)
	}
	return int64(f*1000 + 0.5)
}

// A document is created once in its partition, replaced and deleted under its etag, and
// carries what the service keeps of it.
func TestCosmosKeepsDocuments(t *testing.T) {
	l := newLab(t)
	made := l.ask("POST", docs, in("acme"), doc("a", "acme", "q1")).want(t, 201, `"n":12`)
	var d struct {
		ETag string `json:"_etag"`
		RID  string `json:"_rid"`
		TS   int64  `json:"_ts"`
		Self string `json:"_self"`
	}
	made.json(t, &d)
	if d.ETag == "" || d.ETag != made.Header.Get("etag") || d.RID == "" || d.TS != 1795597200 || d.Self == "" {
		t.Fatalf("made %+v", d)
	}
	if ln := l.logged("cosmos", "CreateDocument", "findings/acme/a", map[string]int64{"requests.write": 1, "units.milli_ru": milli(t, made),
		"bytes.sent": int64(len(doc("a", "acme", "q1"))), "bytes.read": int64(len(made.body))}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	no := l.ask("POST", docs, in("acme"), doc("a", "acme", "q2")).want(t, 409, "Conflict")
	if ln := l.last(); !ln.Duplicate || ln.Done || ln.Readings["units.milli_ru"] != milli(t, no) || ln.Readings["requests.write"] != 1 {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", docs, in("bolt"), doc("a", "bolt", "q1")).want(t, 201, "") // an id is unique in its partition only
	got := l.ask("GET", docs+"/a", in("acme"), "").want(t, 200, `"quarter":"q1"`)
	if c := got.Header.Get("x-ms-request-charge"); c != "1.00" {
		t.Fatalf("a read of a small document costs %s", c)
	}
	l.ask("GET", docs+"/a", in("acme").with(header{"If-None-Match": d.ETag}), "").want(t, 304, "")
	l.ask("PUT", docs+"/a", in("acme").with(header{"If-Match": `"old"`}), doc("a", "acme", "q9")).want(t, 412, "PreconditionFailed")
	put := l.ask("PUT", docs+"/a", in("acme").with(header{"If-Match": d.ETag}), doc("a", "acme", "q9")).want(t, 200, "q9")
	if put.Header.Get("etag") == d.ETag {
		t.Fatal("a new version has the old one's tag")
	}
	l.ask("DELETE", docs+"/a", in("acme").with(header{"If-Match": d.ETag}), "").want(t, 412, "PreconditionFailed")
	l.ask("DELETE", docs+"/a", in("acme").with(header{"If-Match": put.Header.Get("etag")}), "").want(t, 204, "")
	l.ask("DELETE", docs+"/a", in("acme"), "").want(t, 404, "NotFound")
	l.ask("PUT", docs+"/a", in("acme"), doc("a", "acme", "q9")).want(t, 404, "NotFound")
}

func TestCosmosRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	l.ask("POST", docs, cosmosHeader, doc("a", "acme", "q1")).want(t, 400, "PartitionKey value must be supplied")
	l.ask("POST", docs, in("bolt"), doc("a", "acme", "q1")).want(t, 400, "doesn't match the one specified in the header")
	l.ask("POST", docs, in("acme"), `{"company":"acme"}`).want(t, 400, "'id; '")
	l.ask("POST", docs, in("acme"), `{"id":"a/b","company":"acme"}`).want(t, 400, "BadRequest")
	l.ask("POST", docs, in("acme"), `[1]`).want(t, 400, "not a JSON object")
	l.ask("POST", docs, in("acme"), `{"id":"a","company":"acme","x":"`+strings.Repeat("x", 2<<20)+`"}`).want(t, 413, "RequestEntityTooLarge")
	l.ask("POST", strings.Replace(docs, "findings", "other", 1), in("acme"), doc("a", "acme", "q1")).want(t, 404, "Owner resource does not exist")
	l.ask("GET", strings.TrimSuffix(docs, "/docs"), cosmosHeader, "").want(t, 200, `"paths":["/company"]`)
	// Numbers are doubles there, and this one is not.
	l.ask("POST", docs, in("acme"), `{"id":"n","company":"acme","big":9007199254740993}`).want(t, 201, `"big":9007199254740992`)
}

func (l *lab) query(h header, text string, parameters ...string) answer {
	type parameter struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	}
	list := []parameter{}
	for i := 0; i < len(parameters); i += 2 {
		list = append(list, parameter{parameters[i], parameters[i+1]})
	}
	body := must(json.Marshal(map[string]any{"query": text, "parameters": list}))
	return l.ask("POST", docs, h.with(header{"Content-Type": "application/query+json", "x-ms-documentdb-isquery": "True"}), string(body))
}

// A query finds a partition's documents between two keys, in their order, page by page.
func TestCosmosQueriesAPartition(t *testing.T) {
	l := newLab(t)
	for _, company := range []string{"acme", "bolt"} {
		for _, q := range []string{"q3", "q1", "q5", "q2", "q4"} {
			l.ask("POST", docs, in(company), doc(company+q, company, q)).want(t, 201, "")
		}
	}
	found := func(a answer) (ids []string) {
		t.Helper()
		var page struct {
			Count     int `json:"_count"`
			Documents []struct{ ID string }
		}
		a.want(t, 200, "").json(t, &page)
		for _, d := range page.Documents {
			ids = append(ids, d.ID)
		}
		if page.Count != len(ids) || a.Header.Get("x-ms-item-count") != strconv.Itoa(len(ids)) {
			t.Fatalf("it counts %d and %s of %d", page.Count, a.Header.Get("x-ms-item-count"), len(ids))
		}
		if ln := l.last(); ln.Readings["units.milli_ru"] != milli(t, a) || ln.Readings["requests.read"] != 1 || ln.Readings["bytes.read"] != int64(len(a.body)) {
			t.Fatalf("%+v", ln)
		}
		return ids
	}
	const ranged = `SELECT * FROM c WHERE c.company = @p AND c["quarter"] >= @from AND c.quarter <= @to ORDER BY c.quarter ASC`
	h := in("acme").with(header{"x-ms-max-item-count": "2"})
	first := l.query(h, ranged, "@p", "acme", "@from", "q2", "@to", "q4")
	if got := found(first); strings.Join(got, " ") != "acmeq2 acmeq3" {
		t.Fatalf("found %q", got)
	}
	next := first.Header.Get("x-ms-continuation")
	second := l.query(h.with(header{"x-ms-continuation": next}), ranged, "@p", "acme", "@from", "q2", "@to", "q4")
	if got := found(second); strings.Join(got, " ") != "acmeq4" || second.Header.Get("x-ms-continuation") != "" {
		t.Fatalf("found %q, and on with %q", got, second.Header.Get("x-ms-continuation"))
	}
	if got := found(l.query(cosmosHeader, "SELECT * FROM root r WHERE (r.company = 'bolt' and r.quarter BETWEEN 'q4' AND 'q9') ORDER BY r.quarter DESC")); strings.Join(got, " ") != "boltq5 boltq4" {
		t.Fatalf("found %q", got)
	}
	all := cosmosHeader.with(header{"x-ms-documentdb-query-enablecrosspartition": "True"})
	if got := found(l.query(all, "SELECT * FROM c WHERE c.n = 12 AND STARTSWITH(c.quarter, @x)", "@x", "q1")); len(got) != 2 {
		t.Fatalf("found %q", got)
	}
	if got := found(l.query(all, "SELECT * FROM c WHERE c.n > '1'")); len(got) != 0 {
		t.Fatalf("a number is found by a text: %q", got)
	}
	l.query(cosmosHeader, "SELECT * FROM c").want(t, 400, "Cross partition query is required but disabled")
	l.query(all, "SELECT * FROM c ORDER BY c.quarter").want(t, 400, "can not be directly served by the gateway")
	l.query(in("acme"), "SELECT * FROM c ORDER BY c.quarter, c.n").want(t, 400, "composite index")
	l.query(in("acme"), "SELECT c.id FROM c").want(t, 400, "Syntax error")
	l.query(in("acme"), "SELECT * FROM c WHERE c.n = @x").want(t, 400, "@x")
	l.ask("POST", docs, in("acme").with(header{"x-ms-documentdb-isquery": "True"}), `{"query":"SELECT * FROM c"}`).want(t, 400, "application/query+json")
}

func TestOneOfManyCreatesADocument(t *testing.T) {
	l := newLab(t)
	got := race(24, func(i int) answer { return l.ask("POST", docs, in("acme"), doc("a", "acme", strconv.Itoa(i))) })
	if got[201] != 1 || got[409] != 23 {
		t.Fatalf("answers %v", got)
	}
	etag := l.ask("GET", docs+"/a", in("acme"), "").Header.Get("etag")
	got = race(24, func(i int) answer {
		return l.ask("PUT", docs+"/a", in("acme").with(header{"If-Match": etag}), doc("a", "acme", strconv.Itoa(i)))
	})
	if got[200] != 1 || got[412] != 23 {
		t.Fatalf("answers %v", got)
	}
}

func TestCosmosFaults(t *testing.T) {
	l := newLab(t)
	l.order(fakecloud.Fault{Service: "cosmos", Kind: fakecloud.TooMany, Count: 1})
	a := l.ask("POST", docs, in("acme"), doc("a", "acme", "q1")).want(t, 429, "request rate is large")
	if a.Header.Get("x-ms-retry-after-ms") == "" || a.Header.Get("x-ms-substatus") != "3200" || l.last().Readings != nil || l.last().Done {
		t.Fatalf("%v %+v", a.Header, l.last())
	}
	l.order(fakecloud.Fault{Service: "cosmos", Kind: fakecloud.FailAfter, Count: 1})
	l.ask("POST", docs, in("acme"), doc("a", "acme", "q1")).want(t, 500, "InternalServerError")
	if ln := l.last(); !ln.Done || ln.Readings["units.milli_ru"] == 0 || ln.Readings["bytes.read"] != 0 {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", docs, in("acme"), doc("a", "acme", "q1")).want(t, 409, "Conflict")
}
