package tooltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// sqlExec is what a driver that writes must keep: everything or nothing, and once for
// a command.
func sqlExec(t *testing.T, w *sqlKind) {
	open := func(t *testing.T) (sqldb.Executor, sqldb.DB, *sqlPlace) {
		t.Helper()
		p := w.place(t)
		if w.effects != "" {
			p.do(t, w.effects)
		}
		db := openDB(t, p.url, true)
		x, ok := db.(sqldb.Executor)
		if !ok {
			t.Fatal("opened for writing, it cannot execute")
		}
		return x, db, p
	}
	row := func(company string, year int) sqldb.Statement {
		return sqldb.Statement{Text: w.upsert, Params: []any{company, json.Number(fmt.Sprint(year)), json.Number("7")}}
	}
	x, db, p := open(t)
	if err := db.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if x.ExecBasis() == "" || w.effects != x.EffectsTable() {
		t.Errorf("its basis is %q, its effects table %q", x.ExecBasis(), x.EffectsTable())
	}
	count := func(t *testing.T, p *sqlPlace, company string) string {
		return strings.TrimSuffix(p.ask(t, "SELECT count(*) FROM history WHERE company = '"+company+"'"), "|\n")
	}
	t.Run("does all statements once for a command", func(t *testing.T) {
		command := Command()
		in := []sqldb.Statement{row("ONCE", 1), row("ONCE", 2), {Text: "UPDATE history SET revenue = revenue + ? WHERE company = 'ONCE'", Params: []any{json.Number("1")}},
			{Text: "DELETE FROM history WHERE company = 'NOBODY'"}}
		ctx, m := Effect(t, command, 1)
		done, err := x.Exec(ctx, in, command)
		if err != nil || done.Repeat || fmt.Sprint(done.Rows) != "[1 1 2 0]" {
			t.Fatalf("first: %+v, %v", done, err)
		}
		wantUsed(t, m, map[price.Meter]int64{price.MeterQueries: 6, price.MeterRows: 4})
		within(t, m, x.ExecBound())
		ctx, m = Effect(t, command, 2)
		again, err := x.Exec(ctx, in, command)
		if err != nil || !again.Repeat || fmt.Sprint(again.Rows) != "[1 1 2 0]" {
			t.Fatalf("again: %+v, %v", again, err)
		}
		within(t, m, x.ExecBound())
		if got := p.ask(t, "SELECT year, revenue FROM history WHERE company = 'ONCE' ORDER BY year"); got != "1|8|\n2|8|\n" {
			t.Errorf("there is %s", got)
		}
		rows, err := db.Query(ctx, "SELECT count(*) AS n FROM history WHERE company = 'ONCE'", nil, roomy)
		if err != nil || shown(rows) != "[n][2]" {
			t.Errorf("%s, %v", shown(rows), err)
		}
		_, err = db.Query(ctx, "DELETE FROM history WHERE company = 'ONCE'", nil, roomy)
		WantError(t, err, effect.Refused, "")
	})
	t.Run("does nothing where one statement fails", func(t *testing.T) {
		command := Command()
		for range 2 {
			ctx, _ := Effect(t, command, 1)
			_, err := x.Exec(ctx, []sqldb.Statement{row("HALF", 1), {Text: "INSERT INTO history (company) VALUES ('HALF')"}}, command)
			WantError(t, err, effect.Refused, "statements[1]")
		}
		if n := count(t, p, "HALF"); n != "0" {
			t.Errorf("there are %s rows", n)
		}
		ctx, _ := Effect(t, command, 2)
		if done, err := x.Exec(ctx, []sqldb.Statement{row("HALF", 1)}, command); err != nil || done.Repeat {
			t.Errorf("after a failure: %+v, %v", done, err)
		}
	})
	t.Run("refuses what is no change of data", func(t *testing.T) {
		before := p.dump(t)
		for _, text := range append([]string{"", "  ", "DELETE FROM skein_effects", "UPDATE \"skein_effects\" SET rows = ''", "INSERT INTO Skein_Effects VALUES ('a', 'b', 'c')",
			"DELETE FROM history; DELETE FROM history", "DELETE FROM history WHERE x = '"}, w.ddl...) {
			ctx, m := Effect(t, Command(), 1)
			_, err := x.Exec(ctx, []sqldb.Statement{{Text: text}}, Command())
			if err == nil {
				t.Errorf("%q was run", text)
				continue
			}
			WantError(t, err, effect.Refused, "")
			within(t, m, x.ExecBound())
		}
		ctx, _ := Effect(t, Command(), 1)
		_, err := x.Exec(ctx, nil, Command())
		WantError(t, err, effect.Refused, "between 1 and 20")
		_, err = x.Exec(ctx, make([]sqldb.Statement, 21), Command())
		WantError(t, err, effect.Refused, "between 1 and 20")
		_, err = x.Exec(ctx, []sqldb.Statement{{Text: "DELETE FROM history WHERE year = ?"}}, Command())
		WantError(t, err, effect.Refused, "1 parameters and 0 values")
		_, err = x.Exec(ctx, []sqldb.Statement{row("A", 1)}, "")
		WantError(t, err, effect.Refused, "command")
		if after := p.dump(t); after != before {
			t.Errorf("the database is\n%s\nand was\n%s", after, before)
		}
	})
	t.Run("two owners of one command do it once", func(t *testing.T) {
		other := openDB(t, p.url, true).(sqldb.Executor)
		for round := range 5 {
			command, company := Command(), fmt.Sprint("RACE", round)
			var wg sync.WaitGroup
			var mu sync.Mutex
			first := 0
			for _, owner := range []sqldb.Executor{x, other, x, other} {
				wg.Go(func() {
					ctx, _ := Effect(t, command, 1)
					done, err := owner.Exec(ctx, []sqldb.Statement{row(company, 1)}, command)
					if err != nil || fmt.Sprint(done.Rows) != "[1]" {
						t.Errorf("%+v, %v", done, err)
					}
					mu.Lock()
					defer mu.Unlock()
					if !done.Repeat {
						first++
					}
				})
			}
			wg.Wait()
			if n := count(t, p, company); n != "1" || first != 1 {
				t.Errorf("there are %s rows, and %d say that they made them", n, first)
			}
		}
	})
	t.Run("is cancelled", func(t *testing.T) {
		ctx, m := Cancelled(t)
		_, err := x.Exec(ctx, []sqldb.Statement{row("GONE", 1)}, Command())
		WantError(t, err, effect.NotDone, "cancelled")
		WantCounted(t, m, nil)
		if n := count(t, p, "GONE"); n != "0" {
			t.Errorf("there are %s rows", n)
		}
	})
	if !w.network {
		return
	}
	t.Run("says what is missing", func(t *testing.T) {
		bare := w.place(t)
		db := openDB(t, bare.url, true)
		WantError(t, db.Check(t.Context()), effect.Refused, w.effects)
		ctx, _ := Effect(t, Command(), 1)
		_, err := db.(sqldb.Executor).Exec(ctx, []sqldb.Statement{row("A", 1)}, Command())
		WantError(t, err, effect.Refused, w.effects)
		if n := count(t, bare, "A"); n != "0" {
			t.Errorf("there are %s rows", n)
		}
	})
	t.Run("two transactions that wait for each other", func(t *testing.T) { sqlDeadlock(t, open) })
	if w.special != nil {
		t.Run("what only it can do wrong", func(t *testing.T) {
			x, _, p := open(t)
			w.special(t, x, p)
		})
	}
	t.Run("a commit whose answer is lost", func(t *testing.T) { sqlCut(t, w, open, row, count) })
	t.Run("waits for a lock no longer than its time", func(t *testing.T) {
		x, _, p := open(t)
		command := Command()
		release := p.hold(t, "UPDATE history SET revenue = 1 WHERE company = 'ACME' AND year = 2021")
		ctx, m := Effect(t, command, 1)
		ctx, cancel := context.WithTimeout(ctx, 400*time.Millisecond)
		defer cancel()
		in := []sqldb.Statement{{Text: "UPDATE history SET revenue = 99 WHERE company = 'ACME' AND year = 2021"}}
		_, err := x.Exec(ctx, in, command)
		var e *effect.Error
		if !errors.As(err, &e) || e.Outcome != effect.NotDone {
			t.Errorf("the error is %v", err)
		}
		within(t, m, x.ExecBound())
		release()
		ctx, _ = Effect(t, command, 2)
		if done, err := x.Exec(ctx, in, command); err != nil || done.Repeat || fmt.Sprint(done.Rows) != "[1]" {
			t.Errorf("%+v, %v", done, err)
		}
	})
}

// sqlCut breaks the connection around COMMIT, which is where nobody knows.
func sqlCut(t *testing.T, w *sqlKind, open func(*testing.T) (sqldb.Executor, sqldb.DB, *sqlPlace), row func(string, int) sqldb.Statement, count func(*testing.T, *sqlPlace, string) string) {
	for _, c := range []struct {
		name   string
		at     string
		after  bool
		times  int
		known  bool // in the end
		there  string
		repeat bool
		said   bool // by something between
	}{
		{"before it begins", w.begin, false, 1, true, "1", false, false},
		{"before the first statement", "INSERT INTO HISTORY", false, 1, true, "1", false, false},
		{"after the first statement", "INSERT INTO HISTORY", true, 1, true, "1", false, false},
		{"before the commit arrives", w.commit, false, 1, true, "1", false, false},
		{"after the commit is done", w.commit, true, 1, true, "1", true, false},
		{"after each commit, for ever", w.commit, true, 99, true, "1", true, false},
		{"before each commit, for ever", w.commit, false, 99, false, "0", false, false},
		{"after the commit is done, and a proxy says that it lost the server", w.commit, true, 1, true, "1", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, _, p := open(t)
			command := Command()
			in := []sqldb.Statement{row("CUT", 1)}
			if c.said {
				p.wire.say(w.lost)
			}
			p.wire.cutAt(c.at, c.after, c.times)
			ctx, m := Effect(t, command, 1)
			done, err := x.Exec(ctx, in, command)
			within(t, m, x.ExecBound())
			if c.known {
				if err != nil || done.Repeat != c.repeat || fmt.Sprint(done.Rows) != "[1]" {
					t.Errorf("%+v, %v", done, err)
				}
			} else {
				WantError(t, err, effect.Unknown, "may have been")
			}
			if n := count(t, p, "CUT"); n != c.there {
				t.Errorf("there are %s rows, wanted %s", n, c.there)
			}
			p.wire.cutAt("", false, 0)
			ctx, _ = Effect(t, command, 2)
			again, err := x.Exec(ctx, in, command)
			if err != nil || again.Repeat != c.known || fmt.Sprint(again.Rows) != "[1]" {
				t.Errorf("again: %+v, %v", again, err)
			}
			if n := count(t, p, "CUT"); n != "1" {
				t.Errorf("in the end there are %s rows", n)
			}
		})
	}
}

// sqlDeadlock has transactions change the same rows in opposite orders, which the
// server ends by failing one of them: that one is done again.
func sqlDeadlock(t *testing.T, open func(*testing.T) (sqldb.Executor, sqldb.DB, *sqlPlace)) {
	x, _, p := open(t)
	change := func(years ...int) (in []sqldb.Statement) {
		for _, y := range years {
			in = append(in, sqldb.Statement{Text: "UPDATE history SET revenue = revenue + 1 WHERE year = ?", Params: []any{json.Number(fmt.Sprint(y))}})
		}
		return in
	}
	before := p.ask(t, "SELECT sum(revenue) FROM history")
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i := range 20 {
		in := change(2021, 2022, 2023)
		if i%2 == 1 {
			in = change(2023, 2022, 2021)
		}
		wg.Go(func() {
			command := Command()
			for try := 1; try <= 20; try++ {
				ctx, m := Effect(t, command, try)
				_, err := x.Exec(ctx, in, command)
				within(t, m, x.ExecBound())
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					done++
					return
				}
				if e := (*effect.Error)(nil); !errors.As(err, &e) || e.Outcome != effect.NotDone {
					t.Errorf("a deadlock is %v", err)
					return
				}
			}
			t.Error("it was never done")
		})
	}
	wg.Wait()
	var was, is int
	if _, err := fmt.Sscan(strings.TrimRight(before, "|\n"), &was); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(strings.TrimRight(p.ask(t, "SELECT sum(revenue) FROM history"), "|\n"), &is); err != nil {
		t.Fatal(err)
	}
	if is-was != 20*6 || done != 20 {
		t.Errorf("%d were done, and they changed %d; wanted 20 and 120", done, is-was)
	}
}
