package gcp_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/firestore/v1"

	"github.com/skein-run/skein/internal/fakecloud"
)

const (
	database = "projects/p/databases/(default)"
	docs     = "/v1/" + database + "/documents"
)

func fieldsOf(company, quarter string, n int) string {
	return fmt.Sprintf(`{"company":{"stringValue":%q},"quarter":{"stringValue":%q},"n":{"integerValue":"%d"}}`, company, quarter, n)
}

func update(id, fields, precondition string) string {
	return fmt.Sprintf(`{"writes":[{"update":{"name":"%s/documents/findings/%s","fields":%s}%s}]}`, database, id, fields, precondition)
}

const free = `,"currentDocument":{"exists":false}`

func at(time string) string { return `,"currentDocument":{"updateTime":"` + time + `"}` }

// A document is created once, and replaced and deleted only as it was seen.
func TestFirestoreHoldsPreconditions(t *testing.T) {
	l := newLab(t)
	body := update("a", fieldsOf("acme", "q1", 12), free)
	var made struct {
		WriteResults []struct{ UpdateTime string }
		CommitTime   string
	}
	a := l.ask("POST", docs+":commit", owner, body).want(t, 200, "")
	a.json(t, &made)
	if ln := l.logged("firestore", "Commit", "findings/a", map[string]int64{"requests.write": 1, "units.write": 1, "bytes.sent": int64(len(body)), "bytes.read": int64(len(a.body))}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", docs+":commit", owner, body).want(t, 409, "ALREADY_EXISTS")
	if ln := l.logged("firestore", "Commit", "findings/a", map[string]int64{"requests.write": 1, "units.write": 1, "bytes.sent": int64(len(body))}); ln.Done || !ln.Duplicate {
		t.Fatalf("%+v", ln)
	}
	l.as("run_2/1/0", "POST", docs+":commit", owner, body).want(t, 409, "ALREADY_EXISTS")
	if l.last().Duplicate {
		t.Fatal("another command's document is no repeat")
	}
	var doc struct {
		CreateTime, UpdateTime string
		Fields                 map[string]map[string]any
	}
	got := l.ask("GET", docs+"/findings/a", owner, "").want(t, 200, "")
	got.json(t, &doc)
	if doc.UpdateTime != made.WriteResults[0].UpdateTime || doc.CreateTime != made.CommitTime || doc.Fields["n"]["integerValue"] != "12" {
		t.Fatalf("%+v after %+v", doc, made)
	}
	l.logged("firestore", "GetDocument", "findings/a", map[string]int64{"requests.read": 1, "units.read": 1, "bytes.read": int64(len(got.body))})
	l.ask("GET", docs+"/findings/none", owner, "").want(t, 404, "NOT_FOUND")
	l.logged("firestore", "GetDocument", "findings/none", map[string]int64{"requests.read": 1, "units.read": 1})

	l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q1", 13), at("2026-01-01T00:00:00Z"))).want(t, 400, "FAILED_PRECONDITION")
	l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q1", 13), at("2026-01-01T00:00:00.000000001Z"))).want(t, 400, "INVALID_ARGUMENT")
	// What changes nothing leaves the time as it was.
	l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q1", 12), at(doc.UpdateTime))).want(t, 200, doc.UpdateTime)
	l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q1", 13), at(doc.UpdateTime))).want(t, 200, "")
	l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q1", 14), at(doc.UpdateTime))).want(t, 400, "does not match the required base version")
	l.ask("POST", docs+":commit", owner, update("none", fieldsOf("acme", "q1", 14), `,"currentDocument":{"exists":true}`)).want(t, 404, "NOT_FOUND")
	old := doc.UpdateTime
	l.ask("GET", docs+"/findings/a", owner, "").want(t, 200, "").json(t, &doc)
	l.ask("DELETE", docs+"/findings/a?currentDocument.updateTime="+old, owner, "").want(t, 400, "FAILED_PRECONDITION")
	l.ask("DELETE", docs+"/findings/a?currentDocument.updateTime="+doc.UpdateTime, owner, "").want(t, 200, "{}")
	if ln := l.logged("firestore", "DeleteDocument", "findings/a", map[string]int64{"requests.write": 1, "units.delete": 1, "bytes.read": 2}); !ln.Done {
		t.Fatalf("%+v", ln)
	}
	l.ask("DELETE", docs+"/findings/a", owner, "").want(t, 200, "{}") // without a condition it need not be there
}

// All writes of a commit are done, or none.
func TestFirestoreCommitsTogether(t *testing.T) {
	l := newLab(t)
	one := func(id, precondition string) string {
		return strings.TrimSuffix(strings.TrimPrefix(update(id, fieldsOf("acme", "q1", 1), precondition), `{"writes":[`), "]}")
	}
	l.ask("POST", docs+":commit", owner, `{"writes":[`+one("a", free)+`,`+one("a", free)+`]}`).want(t, 409, "ALREADY_EXISTS")
	l.ask("GET", docs+"/findings/a", owner, "").want(t, 404, "")
	l.ask("POST", docs+":commit", owner, `{"writes":[`+one("a", free)+`,{"delete":"`+database+`/documents/findings/a"},`+one("b", free)+`]}`).want(t, 200, "")
	if ln := l.last(); ln.Readings["units.write"] != 2 || ln.Readings["units.delete"] != 1 {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", docs+":batchGet", owner, `{"documents":["`+database+`/documents/findings/a","`+database+`/documents/findings/b"]}`).want(t, 200, `{"missing":"`+database+`/documents/findings/a"`)
	if ln := l.last(); ln.Readings["units.read"] != 2 || ln.Readings["requests.read"] != 1 {
		t.Fatalf("%+v", ln)
	}
	l.ask("PATCH", docs+"/findings/b?updateMask.fieldPaths=n&updateMask.fieldPaths=company", owner, `{"fields":{"n":{"doubleValue":1.5}}}`).want(t, 200, `"doubleValue":1.5`)
	if got := l.ask("GET", docs+"/findings/b", owner, "").want(t, 200, "quarter"); strings.Contains(got.body, "company") {
		t.Fatalf("a field that was masked and not given is still there: %s", got.body)
	}
}

// Google's own client creates, reads and commits. Its answers to queries and batches it
// cannot read, since they are lists.
func TestFirestoreServesGooglesClient(t *testing.T) {
	l := newLab(t)
	s, err := firestore.NewService(t.Context(), l.client("t", "/")...)
	if err != nil {
		t.Fatal(err)
	}
	d := s.Projects.Databases.Documents
	doc := &firestore.Document{Fields: map[string]firestore.Value{"x": {StringValue: "y"}, "list": {ArrayValue: &firestore.ArrayValue{Values: []*firestore.Value{{IntegerValue: 7}}}}}}
	made, err := d.CreateDocument(database+"/documents", "findings", doc).DocumentId("b c").Do()
	if err != nil || made.Name != database+"/documents/findings/b c" || made.UpdateTime == "" {
		t.Fatalf("%+v: %v", made, err)
	}
	_, err = d.CreateDocument(database+"/documents", "findings", doc).DocumentId("b c").Do()
	wantCode(t, err, 409, "ALREADY_EXISTS")
	got, err := d.Get(made.Name).Do()
	if err != nil || got.Fields["list"].ArrayValue.Values[0].IntegerValue != 7 {
		t.Fatalf("%+v: %v", got, err)
	}
	if _, err = d.Commit(database, &firestore.CommitRequest{Writes: []*firestore.Write{{Delete: made.Name, CurrentDocument: &firestore.Precondition{UpdateTime: made.UpdateTime}}}}).Do(); err != nil {
		t.Fatal(err)
	}
	_, err = d.Get(made.Name).Do()
	wantCode(t, err, 404, "NOT_FOUND")
}

func filter(field, op, v string) string {
	kind := "stringValue"
	if field == "__name__" {
		kind, v = "referenceValue", database+"/documents/findings/"+v
	}
	return fmt.Sprintf(`{"fieldFilter":{"field":{"fieldPath":%q},"op":%q,"value":{%q:%q}}}`, field, op, kind, v)
}

func TestFirestoreQueries(t *testing.T) {
	l := newLab(t)
	for _, company := range []string{"acme", "bolt"} {
		for _, q := range []string{"q3", "q1", "q5", "q2", "q4"} {
			l.ask("POST", docs+"/findings?documentId="+company+"-"+q, owner, `{"fields":`+fieldsOf(company, q, 1)+`}`).want(t, 200, "")
		}
	}
	query := func(rest string) answer {
		return l.ask("POST", docs+":runQuery", owner, `{"structuredQuery":{"from":[{"collectionId":"findings"}]`+rest+`}}`)
	}
	find := func(rest string) string {
		t.Helper()
		a := query(rest).want(t, 200, "readTime")
		var list []struct {
			Document *struct{ Name string }
			ReadTime string
		}
		a.json(t, &list)
		var ids []string
		for _, d := range list {
			if d.Document != nil {
				ids = append(ids, d.Document.Name[strings.LastIndex(d.Document.Name, "/")+1:])
			}
		}
		if ln := l.last(); ln.Readings["units.read"] != int64(max(1, len(ids))) || ln.Readings["requests.read"] != 1 || ln.Resource != "findings" {
			t.Fatalf("%d found, and %+v", len(ids), ln)
		}
		return strings.Join(ids, " ")
	}
	where := func(filters ...string) string {
		return `,"where":{"compositeFilter":{"op":"AND","filters":[` + strings.Join(filters, ",") + `]}}`
	}
	byQuarter := `,"orderBy":[{"field":{"fieldPath":"quarter"},"direction":"ASCENDING"}]`
	for rest, want := range map[string]string{
		where(filter("company", "EQUAL", "acme"), filter("quarter", "GREATER_THAN_OR_EQUAL", "q2"), filter("quarter", "LESS_THAN_OR_EQUAL", "q4")) + byQuarter: "acme-q2 acme-q3 acme-q4",
		where(filter("company", "EQUAL", "acme")) + `,"limit":2`: "acme-q1 acme-q2",
		where(filter("__name__", "GREATER_THAN_OR_EQUAL", "acme-q4"), filter("__name__", "LESS_THAN", "bolt-q2")) + `,"orderBy":[{"field":{"fieldPath":"__name__"}}]`:  "acme-q4 acme-q5 bolt-q1",
		where(filter("company", "EQUAL", "bolt")) + byQuarter + `,"startAt":{"values":[{"stringValue":"q2"}]},"endAt":{"values":[{"stringValue":"q4"}],"before":true}`: "bolt-q3",
		where(filter("company", "EQUAL", "none")): "",
		where(filter("n", "EQUAL", "1")):          "",
		where(filter("company", "EQUAL", "bolt")) + byQuarter + `,"startAt":{"values":[{"stringValue":"q4"}],"before":true},"limit":1,"select":{"fields":[{"fieldPath":"n"}]}`: "bolt-q4",
	} {
		if got := find(rest); got != want {
			t.Errorf("%s\nfinds %q, want %q", rest, got, want)
		}
	}
	query(where(filter("company", "EQUAL", "acme"))+`,"orderBy":[{"field":{"fieldPath":"n"}}]`).want(t, 400, `[{"error":{"code":400,"message":"The query requires an index`)
	query(where(filter("company", "IN", "acme"))).want(t, 400, "is not served here")
	query(`,"limit":-1`).want(t, 400, "limit")
	query(`,"where":{"fieldFilter":{"field":{"fieldPath":"x"},"op":"EQUAL","value":{"oddValue":1}}}`).want(t, 400, "oddValue")
	l.ask("POST", docs+":runQuery", owner, `{"structuredQuery":{}}`).want(t, 400, "over one collection")
}

func TestFirestoreRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	commit := func(body string) answer { return l.ask("POST", docs+":commit", owner, body) }
	commit(update("__x__", "{}", "")).want(t, 400, "reserved")
	commit(update("a/b", "{}", "")).want(t, 400, "is not one of a document")
	commit(update("a", `{"x":{"stringValue":"y","nullValue":null}}`, "")).want(t, 400, "one type, not 2")
	commit(update("a", `{"x":{"integerValue":"1.5"}}`, "")).want(t, 400, "integerValue")
	commit(update("a", `{"x":{"stringValue":"`+strings.Repeat("y", 1<<20)+`"}}`, "")).want(t, 400, "exceeds the maximum allowed size")
	commit(`{"writes":[{}]}`).want(t, 400, "exactly one of")
	commit(`{"writes":[{"delete":"x"}]}`).want(t, 400, "is not one of a document")
	commit(`{"writes":[],"transaction":"eA=="}`).want(t, 400, "Transactions")
	commit(`{`).want(t, 400, "Invalid JSON payload")
	l.ask("POST", docs+"/findings?documentId=a", owner, `{"name":"x"}`).want(t, 400, "name must not be set")
	all := `{"a":{"mapValue":{"fields":{"b":{"timestampValue":"2026-01-01T02:00:00+01:00"},"c":{"bytesValue":"-_8="},"d":{"doubleValue":"NaN"},"e":{"geoPointValue":{"latitude":1,"longitude":2}},"f":{"nullValue":null},"g":{"arrayValue":{}},"h":{"booleanValue":true},"i":{"referenceValue":"r"}}}}}`
	commit(update("a", all, "")).want(t, 200, "")
	got := l.ask("GET", docs+"/findings/a", owner, "")
	for _, want := range []string{`"timestampValue":"2026-01-01T01:00:00Z"`, `"bytesValue":"+/8="`, `"doubleValue":"NaN"`, `"nullValue":null`, `"arrayValue":{}`, `"longitude":2`} {
		got.want(t, 200, want)
	}
}

func TestOneOfManyCreatesADocument(t *testing.T) {
	l := newLab(t)
	got := race(24, func(i int) answer {
		return l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q1", i), free))
	})
	if got[200] != 1 || got[409] != 23 {
		t.Fatalf("answers %v", got)
	}
	var doc struct{ UpdateTime string }
	l.ask("GET", docs+"/findings/a", owner, "").json(t, &doc)
	got = race(24, func(i int) answer {
		return l.ask("POST", docs+":commit", owner, update("a", fieldsOf("acme", "q2", 100+i), at(doc.UpdateTime)))
	})
	if got[200] != 1 || got[400] != 23 {
		t.Fatalf("answers %v", got)
	}
	times := map[string]bool{}
	for i := range 20 { // each commit has a time of its own, though the clock stands still
		var made struct{ CommitTime string }
		l.ask("POST", docs+":commit", owner, update("t"+strconv.Itoa(i), "{}", free)).json(t, &made)
		times[made.CommitTime] = true
	}
	if len(times) != 20 {
		t.Fatalf("%d times of 20 commits", len(times))
	}
}

func TestFirestoreFaults(t *testing.T) {
	l := newLab(t)
	body := update("a", "{}", free)
	l.order(fakecloud.Fault{Service: "firestore", Kind: fakecloud.TooMany, Count: 1})
	l.ask("POST", docs+":commit", owner, body).want(t, 429, "RESOURCE_EXHAUSTED")
	if l.last().Readings != nil {
		t.Fatalf("%+v", l.last())
	}
	l.order(fakecloud.Fault{Service: "firestore", Match: fakecloud.Match{Op: "Commit"}, Kind: fakecloud.FailAfter, Count: 1})
	l.ask("POST", docs+":commit", owner, body).want(t, 500, "INTERNAL")
	if ln := l.last(); !ln.Done || ln.Readings["units.write"] != 1 {
		t.Fatalf("%+v", ln)
	}
	l.ask("POST", docs+":commit", owner, body).want(t, 409, "ALREADY_EXISTS")
}

// Preconditions end as at Google's own emulator.
func TestFirestoreRefusesAsGooglesEmulator(t *testing.T) {
	places := map[string]func(t *testing.T) *lab{
		"stand-in": newLab,
		"emulator": func(t *testing.T) *lab {
			address := os.Getenv("SKEIN_TEST_FIRESTORE")
			if address == "" {
				t.Skip("SKEIN_TEST_FIRESTORE is not set: test/clouds/run.py starts the emulator and sets it")
			}
			return &lab{t: t, url: strings.TrimRight(address, "/")}
		},
	}
	for place, open := range places {
		t.Run(place, func(t *testing.T) {
			l := open(t)
			h := owner.with(header{"Authorization": "Bearer owner"}) // the emulator's word for who may do everything
			id := "x" + strconv.FormatInt(time.Now().UnixNano(), 36)
			remove := func(id, precondition string) string {
				return fmt.Sprintf(`{"writes":[{"delete":"%s/documents/findings/%s"%s}]}`, database, id, precondition)
			}
			const old = "2026-01-01T00:00:00Z"
			var made struct{ WriteResults []struct{ UpdateTime string } }
			l.ask("POST", docs+":commit", h, update(id, fieldsOf("acme", "q1", 1), free)).want(t, 200, "").json(t, &made)
			seen := made.WriteResults[0].UpdateTime
			for _, c := range []struct {
				body   string
				status int
				says   string
			}{
				{update(id, "{}", free), 409, "ALREADY_EXISTS"},
				{update(id, "{}", at(old)), 400, "does not match the required base version (1767225600000000)"},
				{update(id+"none", "{}", at(old)), 400, "the stored version (0) does not match"},
				{remove(id+"none", at(old)), 400, "the stored version (0) does not match"},
				{remove(id+"none", `,"currentDocument":{"exists":true}`), 404, "NOT_FOUND"},
				{remove(id+"none", ""), 200, "commitTime"},
				{update(id, fieldsOf("acme", "q1", 1), at(seen)), 200, seen}, // nothing has changed
				{update("__x__", "{}", ""), 400, "reserved"},
				{update(id, `{"x":{"arrayValue":{"values":[{"arrayValue":{}}]}}}`, ""), 400, "INVALID_ARGUMENT"},
				{remove(id, at(seen)), 200, "commitTime"},
			} {
				l.ask("POST", docs+":commit", h, c.body).want(t, c.status, c.says)
			}
			l.ask("GET", docs+"/findings/"+id, h, "").want(t, 404, "NOT_FOUND")
			l.ask("POST", docs+":runQuery", h, `{"structuredQuery":{"from":[{"collectionId":"nothing"}]}}`).want(t, 200, "readTime")
		})
	}
}
