package tooltest

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// sqlServicePlace is a dataset at a service that is asked over HTTP and bills by the
// bytes that a query reads.
func sqlServicePlace(t *testing.T, scheme string) (Place, *clouds.Session) {
	t.Helper()
	var fill strings.Builder
	fill.WriteString("CREATE TABLE history (company TEXT, year INTEGER, revenue INTEGER, margin REAL);")
	for year := 2021; year <= 2025; year++ {
		for _, company := range []string{"ACME", "GLOBEX"} {
			fmt.Fprintf(&fill, "INSERT INTO history VALUES ('%s', %d, %d, %d.25);", company, year, (year-2020)*1000000007, year-2020)
		}
	}
	s, err := fakecloud.New(fakecloud.Options{Resources: standin.Resources{Datasets: map[string]string{"history": fill.String()}}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Clear()
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := Place{Cloud: s}
	if scheme == "athena" {
		t.Setenv("AWS_ACCESS_KEY_ID", "test")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		p.URL = "athena://history?output=s3://results/skein/&most_scanned=1GB"
		return p, clouds.New(clouds.Options{AWS: clouds.AWSOptions{Region: "us-east-1", Endpoint: srv.URL + "/cloud/aws"}})
	}
	p.URL = "bigquery://acme/history"
	return p, clouds.New(clouds.Options{GCP: clouds.GCPOptions{Region: "eu", Token: "t", Endpoint: srv.URL + "/cloud/gcp"}})
}

// sqlService is the suite for drivers of such services.
func sqlService(t *testing.T, d resource.Driver[sqldb.DB]) {
	open := func(t *testing.T) (sqldb.DB, Place) {
		t.Helper()
		p, session := sqlServicePlace(t, d.Scheme)
		db, _, _, err := resource.Open("sql", p.URL, resource.With{Session: session}, sqldb.Drivers())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db, p
	}
	t.Run("answers and counts what the service bills", func(t *testing.T) {
		db, p := open(t)
		for query, c := range map[string]struct {
			params []any
			want   string
		}{
			"SELECT company, year, revenue, margin FROM history WHERE year = ? AND company = ?": {[]any{json.Number("2025"), "ACME"}, `[company year revenue margin]["ACME",2025,5000000035,5.25]`},
			"SELECT count(*) AS n FROM history WHERE company <> ? -- '":                         {[]any{"it's ? 'x"}, "[n][10]"},
			"WITH h AS (SELECT max(year) AS y FROM history WHERE revenue > ?) SELECT y FROM h;": {[]any{json.Number("1.5")}, "[y][2025]"},
			"SELECT company FROM history WHERE year = 1":                                        {nil, "[company]"},
		} {
			command := Command()
			ctx, m := Effect(t, command, 1)
			rows, err := db.Query(ctx, query, c.params, roomy)
			if err != nil || shown(rows) != c.want || rows.More {
				t.Errorf("%s: %s, %v; wanted %s", query, shown(rows), err, c.want)
			}
			within(t, m, db.Bound(roomy))
			wantUsed(t, m, map[price.Meter]int64{price.MeterQueries: 1, price.MeterRows: int64(len(rows.Rows))})
			wantScanned(t, p, command+"/1", m, true)
		}
	})
	t.Run("asks once for an effect", func(t *testing.T) {
		db, p := open(t)
		command := Command()
		for range 2 {
			ctx, _ := Effect(t, command, 1)
			if rows, err := db.Query(ctx, "SELECT count(year) AS n FROM history", nil, roomy); err != nil || shown(rows) != "[n][10]" {
				t.Fatalf("%s, %v", shown(rows), err)
			}
		}
		repeats := 0
		for _, ln := range p.Cloud.Log().Lines() {
			if ln.Duplicate {
				repeats++
			}
		}
		if repeats != 1 {
			t.Errorf("%d requests were known to the service, wanted one", repeats)
		}
	})
	t.Run("reads only, one statement, with its parameters", func(t *testing.T) {
		db, p := open(t)
		for query, want := range map[string]string{
			"DELETE FROM history": "only SELECT", "INSERT INTO history VALUES ('X', 1, 1, 1)": "only SELECT", "SELECT 1; DELETE FROM history": "more than one",
			"CREATE TABLE x AS SELECT 1": "only SELECT", "UNLOAD (SELECT 1) TO 's3://x/'": "only SELECT", "": "empty", "SELECT 'a": "not closed", "SELECT ?": "1 parameters",
			"SELECT profit FROM history": "profit", "SELECT * FROM nowhere": "nowhere", "BEGIN TRANSACTION": "only SELECT", "EXPORT DATA OPTIONS(uri='gs://x') AS SELECT 1": "only SELECT",
			"MERGE history USING x ON 1=1": "only SELECT", "USING EXTERNAL FUNCTION f(x INT) RETURNS INT LAMBDA 'x' SELECT f(1)": "only SELECT", "EXECUTE IMMEDIATE 'DROP TABLE history'": "only SELECT",
		} {
			command := Command()
			ctx, m := Effect(t, command, 1)
			_, err := db.Query(ctx, query, nil, roomy)
			WantError(t, err, effect.Refused, want)
			within(t, m, db.Bound(roomy))
			wantScanned(t, p, command+"/1", m, true)
		}
		_, session := sqlServicePlace(t, d.Scheme)
		if _, _, _, err := resource.Open("sql", p.URL, resource.With{Write: true, Session: session}, sqldb.Drivers()); err == nil || !strings.Contains(err.Error(), "access: read") {
			t.Errorf("opened for writing: %v", err)
		}
	})
	t.Run("stops at its limits", func(t *testing.T) {
		db, _ := open(t)
		for _, c := range []struct {
			limits sqldb.Limits
			rows   int
			more   bool
		}{{sqldb.Limits{Rows: 3, Bytes: 1000}, 3, true}, {sqldb.Limits{Rows: 100, Bytes: 30}, 3, true}, {sqldb.Limits{Rows: 10, Bytes: 1000}, 10, false}} {
			ctx, m := Effect(t, Command(), 1)
			rows, err := db.Query(ctx, "SELECT year FROM history ORDER BY year, company", nil, c.limits)
			if c.limits.Bytes == 30 {
				c.rows = 5 // [2021] five times
			}
			if err != nil || len(rows.Rows) != c.rows || rows.More != c.more {
				t.Errorf("%+v: %d rows, %v, %v", c.limits, len(rows.Rows), rows.More, err)
			}
			within(t, m, db.Bound(c.limits))
		}
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, "SELECT a.year, b.year, c.year, d.year FROM history a, history b, history c, history d", nil, sqldb.Limits{Rows: 2500, Bytes: 1 << 20})
		if err != nil || len(rows.Rows) != 2500 || !rows.More {
			t.Errorf("many pages: %d rows, %v, %v", len(rows.Rows), rows.More, err)
		}
		within(t, m, db.Bound(sqldb.Limits{Rows: 2500, Bytes: 1 << 20}))
	})
	t.Run("survives faults", func(t *testing.T) {
		for _, f := range faults() {
			for nth := 1; nth <= 3; nth++ {
				t.Run(fmt.Sprint(f.Kind, nth), func(t *testing.T) {
					db, p := open(t)
					f.Match.Nth = nth
					p.Order(t, f)
					command := Command()
					ctx, m := Effect(t, command, 1)
					rows, err := db.Query(ctx, "SELECT count(year) AS n FROM history", nil, roomy)
					within(t, m, db.Bound(roomy))
					wantScanned(t, p, command+"/1", m, false)
					if err != nil || shown(rows) != "[n][10]" {
						t.Errorf("%s, %v", shown(rows), err)
					}
				})
			}
		}
		t.Run("for ever", func(t *testing.T) {
			db, p := open(t)
			p.Order(t, fakecloud.Fault{Kind: fakecloud.FailAfter})
			command := Command()
			ctx, m := Effect(t, command, 1)
			_, err := db.Query(ctx, "SELECT count(year) AS n FROM history", nil, roomy)
			WantError(t, err, effect.NotDone, "500")
			within(t, m, db.Bound(roomy))
			wantScanned(t, p, command+"/1", m, false)
		})
	})
	t.Run("is cancelled", func(t *testing.T) {
		db, _ := open(t)
		ctx, m := Cancelled(t)
		_, err := db.Query(ctx, "SELECT 1", nil, roomy)
		WantError(t, err, effect.NotDone, "cancelled")
		WantCounted(t, m, nil)
	})
}

// wantScanned compares what was counted with what the service says that it bills.
func wantScanned(t *testing.T, p Place, id string, m *effect.Meter, exact bool) {
	t.Helper()
	var served int64
	for _, ln := range p.Cloud.Log().Lines() {
		if ln.Effect == id {
			served += ln.Readings[string(price.MeterBytesScanned)]
		}
	}
	sure, all := counted(m)
	n, most := sure[price.MeterBytesScanned], all[price.MeterBytesScanned]
	if served < n || served > most || exact && n != served {
		t.Errorf("the service bills %d bytes, and counted were %d to %d", served, n, most)
	}
}
