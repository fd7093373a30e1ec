package gcp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/bigquery/v2"

	"github.com/skein-run/skein/internal/fakecloud"
)

func bigqueryClient(t *testing.T, l *lab) *bigquery.Service {
	t.Helper()
	s, err := bigquery.NewService(t.Context(), l.client("t", "/bigquery/v2/")...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(query string) *bigquery.QueryRequest {
	no := false
	return &bigquery.QueryRequest{Query: query, UseLegacySql: &no}
}

func textOf(rows []*bigquery.TableRow) string {
	var lines []string
	for _, r := range rows {
		var cells []string
		for _, c := range r.F {
			cells = append(cells, fmt.Sprint(c.V))
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return strings.Join(lines, "; ")
}

const tenMegabytes = 10 << 20

// Google's own client queries with parameters, gets types and pages, and is billed by
// the columns that were read.
func TestBigQueryServesGooglesClient(t *testing.T) {
	l := newLab(t)
	s := bigqueryClient(t, l)
	r := request("SELECT quarter, income, margin, audited FROM `p.history.quarters` WHERE company = @company AND income >= @least ORDER BY quarter")
	parameter := func(name, kind, v string) *bigquery.QueryParameter {
		return &bigquery.QueryParameter{Name: name, ParameterType: &bigquery.QueryParameterType{Type: kind}, ParameterValue: &bigquery.QueryParameterValue{Value: v}}
	}
	r.ParameterMode, r.QueryParameters = "NAMED", []*bigquery.QueryParameter{parameter("company", "STRING", "acme"), parameter("least", "INT64", "12")}
	r.MaximumBytesBilled = tenMegabytes
	got, err := s.Jobs.Query("p", r).Do()
	if err != nil {
		t.Fatal(err)
	}
	kinds := ""
	for _, f := range got.Schema.Fields {
		kinds += f.Type + " "
	}
	// quarter and company are texts of 2 and 4 letters with 2 bytes more each, the rest 8 each; margin has one null.
	const processed = 3*(2+2) + (6 + 6 + 6) + 3*8 + 2*8 + 3*8
	if textOf(got.Rows) != "q1 12 0.5 true; q2 13 2.0 false" || kinds != "STRING INTEGER FLOAT BOOLEAN " || got.TotalRows != 2 || !got.JobComplete ||
		got.TotalBytesProcessed != processed || got.TotalBytesBilled != tenMegabytes || got.JobReference.JobId == "" {
		t.Fatalf("%s of %s, %d bytes of which %d billed, %+v", textOf(got.Rows), kinds, got.TotalBytesProcessed, got.TotalBytesBilled, got)
	}
	if ln := l.last(); ln.Service != "bigquery" || ln.Op != "Query" || ln.Resource != "history" || ln.Readings["queries"] != 1 || ln.Readings["bytes.scanned"] != tenMegabytes || ln.Done {
		t.Fatalf("%+v", ln)
	}
	r.MaximumBytesBilled = tenMegabytes - 1
	_, err = s.Jobs.Query("p", r).Do()
	wantCode(t, err, 400, "bytesBilledLimitExceeded")
	if ln := l.last(); ln.Readings["bytes.scanned"] != 0 {
		t.Fatalf("what was refused is billed: %+v", ln)
	}
	free, err := s.Jobs.Query("p", request("SELECT 1 + 1 AS two")).Do()
	if err != nil || free.TotalBytesBilled != 0 || textOf(free.Rows) != "2" || free.Schema.Fields[0].Type != "INTEGER" {
		t.Fatalf("%+v: %v", free, err)
	}
	dry := request("SELECT * FROM history.quarters")
	dry.DryRun = true
	would, err := s.Jobs.Query("p", dry).Do()
	if err != nil || would.TotalBytesProcessed != processed || len(would.Rows) != 0 || would.TotalBytesBilled != 0 || l.last().Readings["bytes.scanned"] != 0 || l.last().Readings["queries"] != 0 {
		t.Fatalf("%+v: %v %+v", would, err, l.last())
	}
}

func TestBigQueryPagesAndWaits(t *testing.T) {
	l := newLab(t)
	s := bigqueryClient(t, l)
	r := request("SELECT quarter FROM quarters ORDER BY company, quarter")
	r.DefaultDataset = &bigquery.DatasetReference{DatasetId: "history"}
	r.MaxResults = 2
	first, err := s.Jobs.Query("p", r).Do()
	if err != nil || textOf(first.Rows) != "q1; q2" || first.PageToken == "" || first.TotalRows != 3 {
		t.Fatalf("%+v: %v", first, err)
	}
	second, err := s.Jobs.GetQueryResults("p", first.JobReference.JobId).PageToken(first.PageToken).Do()
	if err != nil || textOf(second.Rows) != "q1" || second.PageToken != "" || second.TotalRows != 3 {
		t.Fatalf("%+v: %v", second, err)
	}
	r.TimeoutMs = 1
	running, err := s.Jobs.Query("p", r).Do()
	if err != nil || running.JobComplete || len(running.Rows) != 0 {
		t.Fatalf("%+v: %v", running, err)
	}
	done, err := s.Jobs.GetQueryResults("p", running.JobReference.JobId).Do()
	if err != nil || !done.JobComplete || len(done.Rows) != 3 {
		t.Fatalf("%+v: %v", done, err)
	}
	job, err := s.Jobs.Get("p", running.JobReference.JobId).Do()
	if err != nil || job.Status.State != "DONE" || job.Statistics.Query.TotalBytesBilled != tenMegabytes {
		t.Fatalf("%+v: %v", job, err)
	}
	_, err = s.Jobs.GetQueryResults("p", "none").Do()
	wantCode(t, err, 404, "Not found: Job")
}

// A request id makes the same request again the same job, for a quarter of an hour.
func TestBigQueryRemembersRequests(t *testing.T) {
	l := newLab(t)
	s := bigqueryClient(t, l)
	r := request("INSERT INTO history.quarters (company, quarter, income) VALUES ('acme', 'q3', 14)")
	r.RequestId = "run_1-1-0"
	first, err := s.Jobs.Query("p", r).Do()
	if err != nil || first.NumDmlAffectedRows != 1 || !l.last().Done {
		t.Fatalf("%+v: %v", first, err)
	}
	r.TimeoutMs = 5000
	again, err := s.Jobs.Query("p", r).Do()
	if err != nil || again.JobReference.JobId != first.JobReference.JobId || again.NumDmlAffectedRows != 1 || l.last().Done || !l.last().Duplicate {
		t.Fatalf("%+v: %v", again, err)
	}
	count := func() string {
		got, err := s.Jobs.Query("p", request("SELECT count(*) FROM history.quarters")).Do()
		if err != nil || got.TotalBytesBilled != 0 { // no column was read
			t.Fatalf("%+v: %v", got, err)
		}
		return textOf(got.Rows)
	}
	if n := count(); n != "4" {
		t.Fatalf("%s rows", n)
	}
	l.pass(16 * time.Minute)
	if _, err := s.Jobs.Query("p", r).Do(); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != "5" {
		t.Fatalf("%s rows", n)
	}
}

func TestBigQueryRequestsAreChecked(t *testing.T) {
	l := newLab(t)
	s := bigqueryClient(t, l)
	ask := func(query string) error {
		_, err := s.Jobs.Query("p", request(query)).Do()
		return err
	}
	wantCode(t, ask("SELEC 1"), 400, "invalidQuery")
	wantCode(t, ask("SELECT 1; SELECT 2"), 400, "more than one statement")
	wantCode(t, ask("SELECT * FROM quarters"), 400, "must be qualified with a dataset")
	wantCode(t, ask("SELECT * FROM history.none"), 404, "Not found: Table")
	wantCode(t, ask("SELECT * FROM history.quarters WHERE company = @x"), 400, "not found")
	wantCode(t, ask("ATTACH ':memory:' AS x"), 400, "invalidQuery")
	wantCode(t, ask("SELECT * FROM history.sqlite_schema"), 400, "invalidQuery")
	_, err := s.Jobs.Query("p", &bigquery.QueryRequest{Query: "SELECT 1"}).Do()
	wantCode(t, err, 400, "Legacy SQL")
	long := request("SELECT 1")
	long.RequestId = strings.Repeat("x", 37)
	_, err = s.Jobs.Query("p", long).Do()
	wantCode(t, err, 400, "requestId")
	none := request("SELECT 1")
	none.DefaultDataset = &bigquery.DatasetReference{DatasetId: "none"}
	_, err = s.Jobs.Query("p", none).Do()
	wantCode(t, err, 404, "Not found: Dataset")
	if _, err := s.Datasets.Get("p", "history").Do(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Datasets.Get("p", "none").Do()
	wantCode(t, err, 404, "Not found: Dataset")
	l.order(fakecloud.Fault{Service: "bigquery", Kind: fakecloud.ServerFail, Count: 1})
	l.ask("POST", "/bigquery/v2/projects/p/queries", owner, `{"query":"SELECT 1","useLegacySql":false}`).want(t, 500, "backendError")
}
