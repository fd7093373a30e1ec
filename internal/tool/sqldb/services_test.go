package sqldb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
	"github.com/skein-run/skein/internal/tool/tooltest"
)

// scripted is a service that gives prepared answers, by what is asked, and keeps the
// requests. A list of answers is gone through; its last stays.
type scripted struct {
	mu      sync.Mutex
	answers map[string][]string
	asked   []string
	bodies  map[string]map[string]any // the last of each kind
	on      map[string]func()
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in map[string]any
	_ = json.Unmarshal(body, &in) // requests without a body have none
	what := r.Method + " " + r.URL.Path
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		what = strings.TrimPrefix(target, "AmazonAthena.")
	}
	if in["dryRun"] == true {
		what = "dry " + what
	}
	s.mu.Lock()
	s.asked = append(s.asked, what)
	s.bodies[what] = in
	answers, on := s.answers[what], s.on[what]
	if len(answers) > 1 {
		s.answers[what] = answers[1:]
	}
	s.mu.Unlock()
	if on != nil {
		on()
	}
	w.Header().Set("Content-Type", "application/json")
	if len(answers) == 0 {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, `{"error":{"message":"nothing is prepared for %s"}}`, what)
		return
	}
	_, _ = io.WriteString(w, answers[0])
}

func (s *scripted) has(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if a == what {
			return true
		}
	}
	return false
}

func openScripted(t *testing.T, url string, answers map[string][]string) (sqldb.DB, *scripted) {
	t.Helper()
	s := &scripted{answers: answers, bodies: map[string]map[string]any{}, on: map[string]func(){}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: srv.URL}, GCP: cloud.GCPOptions{Token: "t", Endpoint: srv.URL}})
	db, _, _, err := resource.Open("sql", url, resource.With{Session: session}, sqldb.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, s
}

const (
	queries = "POST /bigquery/v2/projects/acme/queries"
	results = "GET /bigquery/v2/projects/acme/queries/j1"
	job     = "GET /bigquery/v2/projects/acme/jobs/j1"
	stop    = "POST /bigquery/v2/projects/acme/jobs/j1/cancel"
	select1 = `{"statementType":"SELECT","totalBytesProcessed":"1000","jobComplete":true}`
	running = `{"jobComplete":false,"jobReference":{"projectId":"acme","jobId":"j1","location":"EU"}}`
)

var some = sqldb.Limits{Rows: 10, Bytes: 10_000}

func TestBigQuerySaysWhatAStatementIsBeforeItRuns(t *testing.T) {
	for dry, want := range map[string]string{
		`{"statementType":"INSERT","jobComplete":true}`:                     "reads it as INSERT",
		`{"statementType":"SCRIPT","jobComplete":true}`:                     "reads it as SCRIPT",
		`{"statementType":"SELECT","totalBytesProcessed":"10737418240000"}`: "10000 GB, and 10 GB is the most",
	} {
		db, s := openScripted(t, "bigquery://acme/d", map[string][]string{"dry " + queries: {dry}})
		ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
		_, err := db.Query(ctx, "SELECT 1", nil, some)
		tooltest.WantError(t, err, effect.Refused, want)
		if s.has(queries) {
			t.Error("it was run")
		}
		for _, r := range m.Readings() {
			if r.Meter == price.MeterBytesScanned || r.Meter == price.MeterQueries {
				t.Errorf("counted %v", r)
			}
		}
	}
}

func TestBigQueryIsWaitedForAndItsValuesAreExact(t *testing.T) {
	const page = `{"jobComplete":true,"jobReference":{"projectId":"acme","jobId":"j1","location":"EU"},"schema":{"fields":[
		{"name":"i","type":"INTEGER"},{"name":"n","type":"NUMERIC"},{"name":"f","type":"FLOAT"},{"name":"b","type":"BOOLEAN"},{"name":"t","type":"TIMESTAMP"},{"name":"d","type":"DATETIME"},
		{"name":"x","type":"BYTES"},{"name":"j","type":"JSON"},{"name":"l","type":"INTEGER","mode":"REPEATED"},{"name":"r","type":"RECORD","fields":[{"name":"a","type":"STRING"},{"name":"b","type":"FLOAT"}]},{"name":"z","type":"STRING"}]},
		"rows":[{"f":[{"v":"9007199254740993"},{"v":"12345678901234567890.123456789"},{"v":"NaN"},{"v":"true"},{"v":"1767322995123456"},{"v":"2026-01-02T03:04:05"},
		{"v":"AP8="},{"v":"{\"k\": [1.50]}"},{"v":[{"v":"1"},{"v":"2"}]},{"v":{"f":[{"v":"q"},{"v":"1.0E300"}]}},{"v":null}]}]}`
	db, s := openScripted(t, "bigquery://acme/d?region=EU", map[string][]string{
		"dry " + queries: {select1}, queries: {running}, results: {`{"jobComplete":false}`, page},
		job: {`{"status":{"state":"DONE"},"statistics":{"query":{"totalBytesBilled":"20971520"}}}`},
	})
	ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
	rows, err := db.Query(ctx, "SELECT ?, ?, ?, ?, ?", []any{"a", json.Number("1"), json.Number("1.5"), true, nil}, some)
	const want = `[9007199254740993,12345678901234567890.123456789,"NaN",true,"2026-01-02T03:03:15.123456Z","2026-01-02T03:04:05","AP8=",{"k":[1.50]},[1,2],{"a":"q","b":1.0E300},null]`
	if err != nil || len(rows.Rows) != 1 || string(rows.Rows[0]) != want {
		t.Fatalf("%s, %v", rows.Rows, err)
	}
	got := map[price.Meter]price.Reading{}
	for _, r := range m.Readings() {
		got[r.Meter] = r
	}
	if r := got[price.MeterBytesScanned]; r.Quantity != 20<<20 || r.Source != price.Reported {
		t.Errorf("counted %v", m.Readings())
	}
	in := s.bodies[queries]
	shown, err := json.Marshal(in["queryParameters"])
	const params = `[{"parameterType":{"type":"STRING"},"parameterValue":{"value":"a"}},{"parameterType":{"type":"INT64"},"parameterValue":{"value":"1"}},` +
		`{"parameterType":{"type":"BIGNUMERIC"},"parameterValue":{"value":"1.5"}},{"parameterType":{"type":"BOOL"},"parameterValue":{"value":"true"}},{"parameterType":{"type":"STRING"},"parameterValue":{"value":null}}]`
	if err != nil || in["useLegacySql"] != false || in["maximumBytesBilled"] != "10737418240" || in["parameterMode"] != "POSITIONAL" || len(in["requestId"].(string)) != 36 || string(shown) != params || in["location"] != "EU" {
		t.Errorf("asked %v with %s", in, shown)
	}
	if s.has(stop) {
		t.Error("it was stopped")
	}
}

func TestBigQueryStopsWhatNobodyWaitsFor(t *testing.T) {
	db, s := openScripted(t, "bigquery://acme/d", map[string][]string{
		"dry " + queries: {select1}, queries: {running}, results: {`{"jobComplete":false}`}, stop: {`{}`}, job: {`{"status":{"state":"RUNNING"}}`},
	})
	ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
	ctx, cancel := context.WithCancel(ctx)
	s.on[results] = cancel
	_, err := db.Query(ctx, "SELECT 1", nil, some)
	tooltest.WantError(t, err, effect.NotDone, "cancelled")
	if !s.has(stop) {
		t.Errorf("it runs on: %v", s.asked)
	}
	for _, r := range m.Readings() {
		if r.Meter == price.MeterBytesScanned && (r.Quantity != 10<<30 || r.Source != price.Estimated) {
			t.Errorf("counted %v", r)
		}
	}
}

func TestServicesDescribeTheirTables(t *testing.T) {
	const tables = "GET /bigquery/v2/projects/acme/datasets/d/tables"
	bq, _ := openScripted(t, "bigquery://acme/d", map[string][]string{
		tables:        {`{"tables":[{"tableReference":{"tableId":"a"}},{"tableReference":{"tableId":"b"}}]}`},
		tables + "/a": {`{"schema":{"fields":[{"name":"x","type":"INTEGER"},{"name":"y","type":"STRING","mode":"REPEATED"}]}}`}, tables + "/b": {`{}`},
	})
	at, _ := openScripted(t, "athena://d", map[string][]string{"ListTableMetadata": {
		`{"TableMetadataList":[{"Name":"a","Columns":[{"Name":"x","Type":"bigint"}],"PartitionKeys":[{"Name":"y","Type":"string"}]}],"NextToken":"n"}`, `{"TableMetadataList":[{"Name":"b"}]}`}})
	for _, c := range []struct {
		db   sqldb.DB
		want string
	}{{bq, "[{a [{x INTEGER} {y ARRAY<STRING>}]} {b []}]"}, {at, "[{a [{x bigint} {y string}]} {b []}]"}} {
		got, err := c.db.Tables(t.Context())
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v, %v; wanted %s", got, err, c.want)
		}
	}
}

func athenaState(state, more string) string {
	return `{"QueryExecution":{"QueryExecutionId":"q1","StatementType":"DML","Status":{"State":"` + state + `"` + more + `}}`
}

func TestAthenaIsWaitedForStoppedAndCounted(t *testing.T) {
	const (
		scanned = `},"Statistics":{"DataScannedInBytes":26214401`
		rows    = `{"ResultSet":{"ResultSetMetadata":{"ColumnInfo":[{"Name":"a","Type":"decimal"},{"Name":"t","Type":"timestamp with time zone"},{"Name":"b","Type":"varbinary"},{"Name":"z","Type":"varchar"}]},
			"Rows":[{"Data":[{"VarCharValue":"a"},{"VarCharValue":"t"},{"VarCharValue":"b"},{"VarCharValue":"z"}]},{"Data":[{"VarCharValue":"1.50"},{"VarCharValue":"2026-01-02 03:04:05.678 UTC"},{"VarCharValue":"00 ff"},{}]}]}}`
	)
	for name, c := range map[string]struct {
		states  []string
		want    string
		counted price.Reading
	}{
		"done":      {[]string{athenaState("QUEUED", "}"), athenaState("RUNNING", "}"), athenaState("SUCCEEDED", scanned+"}")}, "", price.Reading{Meter: price.MeterBytesScanned, Quantity: 26 << 20, Source: price.Reported}},
		"little":    {[]string{athenaState("SUCCEEDED", `},"Statistics":{"DataScannedInBytes":7}`)}, "", price.Reading{Meter: price.MeterBytesScanned, Quantity: 10 << 20, Source: price.Reported}},
		"failed":    {[]string{athenaState("FAILED", `,"StateChangeReason":"SYNTAX_ERROR: line 1:8"`+scanned+"}")}, "SYNTAX_ERROR", price.Reading{}},
		"stopped":   {[]string{athenaState("CANCELLED", `,"StateChangeReason":"Bytes scanned limit was exceeded"`+scanned+"}")}, "limit was exceeded", price.Reading{Meter: price.MeterBytesScanned, Quantity: 26 << 20, Source: price.Reported}},
		"cancelled": {[]string{athenaState("RUNNING", "}")}, "cancelled", price.Reading{Meter: price.MeterBytesScanned, Quantity: 1 << 30, Source: price.Estimated}},
	} {
		t.Run(name, func(t *testing.T) {
			db, s := openScripted(t, "athena://d?most_scanned=1GB", map[string][]string{"StartQueryExecution": {`{"QueryExecutionId":"q1"}`}, "GetQueryExecution": c.states, "GetQueryResults": {rows}, "StopQueryExecution": {`{}`}})
			ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
			if name == "cancelled" {
				var cancel func()
				ctx, cancel = context.WithCancel(ctx)
				s.on["GetQueryExecution"] = cancel
			}
			got, err := db.Query(ctx, "SELECT ?", []any{"it's"}, some)
			switch {
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v", err)
			case c.want == "" && (err != nil || string(got.Rows[0]) != `[1.50,"2026-01-02T03:04:05.678Z","AP8=",null]`):
				t.Errorf("%s, %v", got.Rows, err)
			}
			if stopped := s.has("StopQueryExecution"); stopped != (name == "cancelled") {
				t.Errorf("stopped: %v", stopped)
			}
			var reading price.Reading
			for _, r := range m.Readings() {
				if r.Meter == price.MeterBytesScanned {
					reading = r
				}
			}
			if reading != c.counted {
				t.Errorf("counted %v, wanted %v", reading, c.counted)
			}
			in := s.bodies["StartQueryExecution"]
			if fmt.Sprint(in["ExecutionParameters"]) != "['it''s']" || len(in["ClientRequestToken"].(string)) != 64 || in["WorkGroup"] != "primary" {
				t.Errorf("asked %v", in)
			}
		})
	}
}

// A query that nobody saw the end of has read something, also where no limit is stated.
func TestAnAbandonedQueryOfAthenaIsNotFree(t *testing.T) {
	db, s := openScripted(t, "athena://d", map[string][]string{"StartQueryExecution": {`{"QueryExecutionId":"q1"}`}, "GetQueryExecution": {athenaState("RUNNING", "}")}, "StopQueryExecution": {`{}`}})
	ctx, m := tooltest.Effect(t, tooltest.Command(), 1)
	ctx, cancel := context.WithCancel(ctx)
	s.on["GetQueryExecution"] = cancel
	_, err := db.Query(ctx, "SELECT 1", nil, some)
	tooltest.WantError(t, err, effect.NotDone, "cancelled")
	if want := (price.Reading{Meter: price.MeterBytesScanned, Quantity: 10 << 20, Source: price.Estimated}); !slices.Contains(m.Readings(), want) {
		t.Errorf("counted %v, wanted %v", m.Readings(), want)
	}
}

func TestAthenasLimitIsTheWorkGroups(t *testing.T) {
	for group, want := range map[string]string{
		`{"WorkGroup":{"Name":"primary","State":"ENABLED","Configuration":{"BytesScannedCutoffPerQuery":1073741824}}}`: "",
		`{"WorkGroup":{"Name":"primary","State":"ENABLED","Configuration":{"BytesScannedCutoffPerQuery":2147483648}}}`: "does not stop a query at 1 GB",
		`{"WorkGroup":{"Name":"primary","State":"ENABLED","Configuration":{}}}`:                                        "BytesScannedCutoffPerQuery",
		`{"WorkGroup":{"Name":"primary","State":"DISABLED"}}`:                                                          "switched off",
	} {
		db, _ := openScripted(t, "athena://d?most_scanned=1GB", map[string][]string{"GetWorkGroup": {group}})
		if db.Bound(some) == nil {
			t.Error("it has no bound")
		}
		if err := db.Check(t.Context()); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v; wanted %q", err, want)
		}
	}
	db, _ := openScripted(t, "athena://d", map[string][]string{"GetWorkGroup": {`{"WorkGroup":{"Name":"primary","State":"ENABLED"}}`}})
	if err := db.Check(t.Context()); err != nil || db.Bound(some) != nil {
		t.Errorf("nothing is stated: %v, %v", err, db.Bound(some))
	}
}

func TestGrantsOfServicesAreForTheirDataAlone(t *testing.T) {
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "eu-west-1"}})
	for url, want := range map[string]string{
		"athena://d?workgroup=w&output=s3://out/x/&data=s3://in/y/": "arn:aws:athena:eu-west-1:*:workgroup/w arn:aws:athena:eu-west-1:*:datacatalog/AwsDataCatalog arn:aws:glue:eu-west-1:*:catalog " +
			"arn:aws:glue:eu-west-1:*:database/d arn:aws:glue:eu-west-1:*:table/d/* arn:aws:s3:::out arn:aws:s3:::out/x/* arn:aws:s3:::in arn:aws:s3:::in/y/*",
		"bigquery://acme/d":   "//cloudresourcemanager.googleapis.com/projects/acme //bigquery.googleapis.com/projects/acme/datasets/d",
		"postgres://u:p@h/db": "",
	} {
		grants, err := resource.Grants("sql", url, resource.With{Session: session}, sqldb.Drivers())
		var got []string
		for _, g := range grants {
			got = append(got, g.Resource)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", url, got, err)
		}
	}
}
