package tooltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// SQL is the suite for drivers of SQL databases.
func SQL(t *testing.T, d resource.Driver[sqldb.DB]) {
	if d.Scheme == "athena" || d.Scheme == "bigquery" {
		sqlService(t, d)
		return
	}
	w := sqlWorld(t, d.Scheme)
	open := func(t *testing.T) (sqldb.DB, *sqlPlace) {
		t.Helper()
		p := w.place(t)
		return openDB(t, p.url, false), p
	}
	t.Run("answers with its types", func(t *testing.T) { sqlTypes(t, w, open) })
	t.Run("describes its tables", func(t *testing.T) {
		db, _ := open(t)
		ctx, m := Effect(t, Command(), 1)
		tables, err := db.Tables(ctx)
		if err != nil || len(tables) != 2 || tables[0].Name != "history" || len(tables[0].Columns) != 5 || tables[1].Name != "totals" {
			t.Fatalf("tables: %+v, %v", tables, err)
		}
		within(t, m, db.TablesBound())
	})
	t.Run("never writes", func(t *testing.T) { sqlNoWrite(t, w, open) })
	t.Run("refuses what it cannot run", func(t *testing.T) { sqlRefuse(t, w, open) })
	t.Run("stops at its limits", func(t *testing.T) { sqlLimits(t, w, open) })
	t.Run("is interrupted", func(t *testing.T) { sqlInterrupt(t, w, open) })
	t.Run("answers many at once", func(t *testing.T) {
		db, _ := open(t)
		sqlMany(t, db)
	})
	t.Run("checks", func(t *testing.T) {
		db, _ := open(t)
		if err := db.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if w.network {
		t.Run("counts what goes over the wire", func(t *testing.T) { sqlBytes(t, open) })
		t.Run("says that nobody is there", func(t *testing.T) { sqlNobody(t, w) })
		t.Run("reads again when a connection breaks", func(t *testing.T) { sqlBroken(t, open) })
	}
	t.Run("exec", func(t *testing.T) { sqlExec(t, w) })
}

func openDB(t *testing.T, url string, write bool) sqldb.DB {
	t.Helper()
	db, _, _, err := resource.Open("sql", url, resource.With{Write: write}, sqldb.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

type openSQL func(*testing.T) (sqldb.DB, *sqlPlace)

var roomy = sqldb.Limits{Rows: 100, Bytes: 1 << 16}

func shown(rows sqldb.Rows) string {
	var b strings.Builder
	fmt.Fprint(&b, rows.Columns)
	for _, r := range rows.Rows {
		b.Write(r)
	}
	return b.String()
}

// within checks that no more was counted than an operation may consume.
func within(t *testing.T, m *effect.Meter, bound []price.Reading) {
	t.Helper()
	_, all := counted(m)
	for _, b := range bound {
		if all[b.Meter] > b.Quantity {
			t.Errorf("counted %d %s, and the bound is %d", all[b.Meter], b.Meter, b.Quantity)
		}
		delete(all, b.Meter)
	}
	for meter, n := range all {
		t.Errorf("counted %d %s, for which there is no bound", n, meter)
	}
}

// wantUsed checks what was counted but for bytes on the wire.
func wantUsed(t *testing.T, m *effect.Meter, want map[price.Meter]int64) {
	t.Helper()
	sure, _ := counted(m)
	for _, meter := range []price.Meter{price.MeterQueries, price.MeterRows} {
		if sure[meter] != want[meter] {
			t.Errorf("counted %d %s, wanted %d", sure[meter], meter, want[meter])
		}
	}
}

func sqlTypes(t *testing.T, w *sqlKind, open openSQL) {
	db, _ := open(t)
	for _, c := range w.types {
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, c.query, c.params, roomy)
		if err != nil || shown(rows) != c.want || rows.More {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.query, shown(rows), err, c.want)
		}
		wantUsed(t, m, map[price.Meter]int64{price.MeterQueries: 1, price.MeterRows: int64(len(rows.Rows))})
		within(t, m, db.Bound(roomy))
	}
}

func sqlNoWrite(t *testing.T, w *sqlKind, open openSQL) {
	db, p := open(t)
	dir := t.TempDir()
	before := p.dump(t)
	for _, q := range w.writes(dir) {
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, q, nil, roomy)
		within(t, m, db.Bound(roomy))
		if err == nil {
			t.Errorf("%s: was run and gave %s", q, shown(rows))
			continue
		}
		WantError(t, err, effect.Refused, "")
		if after := p.dump(t); after != before {
			t.Fatalf("%s: changed the database:\n%s\nwas\n%s", q, after, before)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 0 {
		t.Errorf("a query made %v, %v", made, err)
	}
	if rows, err := db.Query(t.Context(), "SELECT count(*) AS n FROM history", nil, roomy); err != nil || shown(rows) != "[n][10]" {
		t.Errorf("afterwards: %s, %v", shown(rows), err)
	}
}

// sqlCase is a query and what its answer or error has.
type sqlCase struct {
	query  string
	params []any
	want   string
}

func sqlRefuse(t *testing.T, w *sqlKind, open openSQL) {
	db, _ := open(t)
	for _, c := range append(w.refused, []sqlCase{
		{"SELECT 1; SELECT 2", nil, "one statement"},
		{"SELECT 1; x", nil, "one statement"},
		{"", nil, "empty"},
		{" -- nothing", nil, "empty"},
		{"SELECT\x001", nil, "NUL"},
		{"SELEC 1", nil, ""},
		{"SELECT profit FROM history", nil, "profit"},
		{"SELECT * FROM nowhere", nil, "nowhere"},
		{"SELECT ?", nil, "1 parameters and 0 values"},
		{"SELECT 1", []any{"a"}, "0 parameters and 1 values"},
		{"SELECT ?", []any{[]any{}}, "params[0]"},
		{"SELECT '" + strings.Repeat("x", 30_000) + "'", nil, ""},
	}...) {
		ctx, m := Effect(t, Command(), 1)
		_, err := db.Query(ctx, c.query, c.params, roomy)
		if err == nil {
			t.Errorf("%.60s: was run", c.query)
			continue
		}
		WantError(t, err, effect.Refused, c.want)
		within(t, m, db.Bound(roomy))
	}
}

func sqlLimits(t *testing.T, w *sqlKind, open openSQL) {
	db, _ := open(t)
	for _, c := range []struct {
		query  string
		limits sqldb.Limits
		rows   int
	}{
		{w.many, sqldb.Limits{Rows: 7, Bytes: 1 << 16}, 7},
		{w.many, sqldb.Limits{Rows: 1000, Bytes: 30}, 9},
		{"SELECT company FROM history ORDER BY company, year", sqldb.Limits{Rows: 10, Bytes: 1 << 16}, 10},
		{"SELECT company FROM history ORDER BY company, year", sqldb.Limits{Rows: 9, Bytes: 1 << 16}, 9},
		{w.wide, sqldb.Limits{Rows: 10, Bytes: 1000}, 0},
		{w.wider, sqldb.Limits{Rows: 10, Bytes: 1000}, 0},
	} {
		if c.query == "" {
			continue
		}
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, c.query, nil, c.limits)
		if err != nil || len(rows.Rows) != c.rows || rows.More != (c.limits.Rows != 10 || c.rows == 0) {
			t.Errorf("%.40s: %d rows, more %v, %v; wanted %d", c.query, len(rows.Rows), rows.More, err, c.rows)
		}
		wantUsed(t, m, map[price.Meter]int64{price.MeterQueries: 1, price.MeterRows: int64(c.rows)})
		within(t, m, db.Bound(c.limits))
	}
	for _, q := range w.greedy {
		ctx, m := Effect(t, Command(), 1)
		_, err := db.Query(ctx, q, nil, roomy)
		WantError(t, err, effect.Refused, "memory")
		within(t, m, db.Bound(roomy))
		if _, err := db.Query(ctx, "SELECT 1", nil, roomy); err != nil {
			t.Fatalf("after %s: %v", q, err)
		}
	}
}

func sqlInterrupt(t *testing.T, w *sqlKind, open openSQL) {
	db, p := open(t)
	ctx, m := Effect(t, Command(), 1)
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := db.Query(ctx, w.endless, nil, roomy)
	WantError(t, err, effect.NotDone, "longer than its limit")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	wantUsed(t, m, map[price.Meter]int64{price.MeterQueries: 1})

	ctx, m = Effect(t, Command(), 1)
	ctx, cancel = context.WithCancel(ctx)
	go func() {
		p.running(t, true) // the server says so
		cancel()
	}()
	_, err = db.Query(ctx, w.endless, nil, roomy)
	WantError(t, err, effect.NotDone, "cancelled")
	within(t, m, db.Bound(roomy))
	p.running(t, false) // and it has stopped, too

	ctx, m = Cancelled(t)
	_, err = db.Query(ctx, "SELECT 1", nil, roomy)
	WantError(t, err, effect.NotDone, "cancelled")
	WantCounted(t, m, nil)

	ctx, _ = Effect(t, Command(), 1)
	if _, err := db.Query(ctx, "SELECT 1", nil, roomy); err != nil {
		t.Fatalf("after an interrupt: %v", err)
	}
}

func sqlMany(t *testing.T, db sqldb.DB) {
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			ctx, _ := Effect(t, Command(), 1)
			rows, err := db.Query(ctx, "SELECT count(*) AS n FROM history", nil, roomy)
			if err != nil || shown(rows) != "[n][10]" {
				t.Errorf("%s, %v", shown(rows), err)
			}
		})
	}
	wg.Wait()
}

// sqlBytes compares what a driver counts with what a wire between it and the server
// carried.
func sqlBytes(t *testing.T, open openSQL) {
	db, p := open(t)
	p.wire.reset()
	for i := range 3 { // the first pays for the connection
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, "SELECT company, year, revenue FROM history WHERE year > ?", []any{json.Number("2000")}, roomy)
		if err != nil || len(rows.Rows) != 10 {
			t.Fatalf("%s, %v", shown(rows), err)
		}
		sent, read := p.wire.reset()
		sure, _ := counted(m)
		if sure[price.MeterBytesSent] != sent || sure[price.MeterBytesRead] != read || sent == 0 || read == 0 {
			t.Errorf("query %d: counted %d sent and %d read, and the wire had %d and %d", i, sure[price.MeterBytesSent], sure[price.MeterBytesRead], sent, read)
		}
	}
}

func sqlNobody(t *testing.T, w *sqlKind) {
	db := openDB(t, w.nobody, false)
	ctx, m := Effect(t, Command(), 1)
	_, err := db.Query(ctx, "SELECT 1", nil, roomy)
	WantError(t, err, effect.NotDone, "127.0.0.1:1 cannot be reached")
	WantCounted(t, m, nil)
	if e := (*effect.Error)(nil); !errors.As(err, &e) || !e.Retry {
		t.Errorf("the error is %+v", e)
	}
}

func sqlBroken(t *testing.T, open openSQL) {
	db, p := open(t)
	for range 2 {
		ctx, m := Effect(t, Command(), 1)
		rows, err := db.Query(ctx, "SELECT count(*) AS n FROM history", nil, roomy)
		if err != nil || shown(rows) != "[n][10]" {
			t.Fatalf("%s, %v", shown(rows), err)
		}
		within(t, m, db.Bound(roomy))
		p.wire.hangUp()
	}
}
