package tooltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/table"
)

// TablePlace makes an empty table, whose partition key is company, for a driver.
func TablePlace(t *testing.T, scheme string) Place {
	t.Helper()
	switch scheme {
	case "sqlite":
		return Place{URL: "sqlite:" + filepath.ToSlash(filepath.Join(t.TempDir(), "find ings.db")) + "?table=findings&partition_key=company"}
	case "fake":
		s, host := cloud(t, fakecloud.Options{})
		return Place{URL: "fake://" + host + "/findings?partition_key=company", Cloud: s}
	}
	t.Fatalf("the driver %s: has no place to be tested in: add one to TablePlace", scheme)
	return Place{}
}

// Table is the suite for drivers of tables.
func Table(t *testing.T, d resource.Driver[table.Table]) {
	open := func(t *testing.T) (table.Table, Place) {
		t.Helper()
		p := TablePlace(t, d.Scheme)
		tab, _, _, err := resource.Open("table", p.URL, resource.With{Write: true}, table.Drivers())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := tab.Close(); err != nil {
				t.Error(err)
			}
		})
		return tab, p
	}
	t.Run("creates once for a command", func(t *testing.T) { tableCreate(t, open) })
	t.Run("queries in order", func(t *testing.T) { tableQuery(t, open) })
	t.Run("counts units", func(t *testing.T) { tableUnits(t, open) })
	t.Run("one of many commands creates", func(t *testing.T) { tableRace(t, open) })
	t.Run("is cancelled", func(t *testing.T) { tableCancel(t, open) })
	t.Run("survives faults", func(t *testing.T) { tableFaults(t, open) })
	t.Run("checks", func(t *testing.T) {
		tab, _ := open(t)
		if tab.Names() != (table.Names{Partition: "company"}) {
			t.Errorf("its keys are %+v", tab.Names())
		}
		if err := tab.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

type openTable func(*testing.T) (table.Table, Place)

func item(company, text string) json.RawMessage {
	return fmt.Appendf(nil, `{"company":%q,"text":"<%s> & 12345678901234567890.10"}`, company, text)
}

// same reports whether two items are the same JSON, numbers digit by digit.
func same(a, b json.RawMessage) bool {
	var vs [2]any
	for i, raw := range []json.RawMessage{a, b} {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&vs[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(vs[0], vs[1])
}

func tableCreate(t *testing.T, open openTable) {
	tab, _ := open(t)
	mine, other := Command(), Command()
	key := table.Key{Partition: "ACME / é"}
	first := item(key.Partition, "first")
	for try := 1; try <= 3; try++ {
		ctx, _ := Effect(t, mine, try)
		got, err := tab.Create(ctx, key, first, mine)
		if err != nil || got.Taken || got.Repeat != (try > 1) {
			t.Fatalf("try %d: %+v, %v", try, got, err)
		}
	}
	ctx, _ := Effect(t, other, 1)
	got, err := tab.Create(ctx, key, item(key.Partition, "second"), other)
	if err != nil || !got.Taken || got.Repeat || got.By != mine || !same(got.Item, first) {
		t.Fatalf("another command: %+v (%s), %v; wanted that it is taken by the first", got, got.Item, err)
	}
	there, err := tab.Get(ctx, key)
	if err != nil || !same(there.JSON, first) {
		t.Fatalf("the item is %s, %v; wanted %s", there.JSON, err, first)
	}
	if none, err := tab.Get(ctx, table.Key{Partition: "NONE"}); none.JSON != nil || err != nil {
		t.Fatalf("an item that is not there: %s, %v", none.JSON, err)
	}
}

func tableQuery(t *testing.T, open openTable) {
	tab, _ := open(t)
	for _, company := range []string{"C", "A", "B"} {
		command := Command()
		ctx, _ := Effect(t, command, 1)
		if _, err := tab.Create(ctx, table.Key{Partition: company}, item(company, "x"), command); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		partition string
		limit     int
		want      string
		more      bool
	}{{"", 10, "ABC", false}, {"", 3, "ABC", false}, {"", 2, "AB", true}, {"B", 10, "B", false}, {"D", 10, "", false}} {
		ctx, _ := Effect(t, Command(), 1)
		items, more, err := tab.Query(ctx, table.Query{Partition: c.partition}, c.limit)
		got := ""
		for _, it := range items {
			var in struct{ Company string }
			if err := json.Unmarshal(it.JSON, &in); err != nil {
				t.Fatal(err)
			}
			got += in.Company
		}
		if err != nil || got != c.want || more != c.more {
			t.Errorf("query %q: %q, more %v, %v; wanted %q, more %v", c.partition, got, more, err, c.want, c.more)
		}
	}
}

func tableUnits(t *testing.T, open openTable) {
	tab, p := open(t)
	large := fmt.Appendf(nil, `{"company":"L","text":"%s"}`, strings.Repeat("x", 9000))
	mine, other := Command(), Command()
	for _, c := range []struct{ key, command string }{{"L", mine}, {"L", mine}, {"L", other}} {
		ctx, m := Effect(t, c.command, 1)
		if _, err := tab.Create(ctx, table.Key{Partition: c.key}, large, c.command); err != nil {
			t.Fatal(err)
		}
		WantCounted(t, m, map[price.Meter]int64{price.MeterWrites: 1, price.MeterWriteUnits: 9})
	}
	p.wantServed(t, other+"/1", func() *effect.Meter {
		m := &effect.Meter{}
		m.Count(price.MeterWrites, 1, price.Counted)
		m.Count(price.MeterWriteUnits, 9, price.Reported)
		return m
	}())
	for key, units := range map[string]int64{"L": 3, "NONE": 1} {
		command := Command()
		ctx, m := Effect(t, command, 1)
		if _, err := tab.Get(ctx, table.Key{Partition: key}); err != nil {
			t.Fatal(err)
		}
		WantCounted(t, m, map[price.Meter]int64{price.MeterReads: 1, price.MeterReadUnits: units})
		p.wantServed(t, command+"/1", m)
	}
}

func tableRace(t *testing.T, open openTable) {
	tab, _ := open(t)
	const n = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range n {
		wg.Go(func() {
			command := Command()
			ctx, _ := Effect(t, command, 1)
			got, err := tab.Create(ctx, table.Key{Partition: "R"}, item("R", command), command)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if !got.Taken {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d commands created the item", won)
	}
}

func tableCancel(t *testing.T, open openTable) {
	tab, _ := open(t)
	ctx, _ := Cancelled(t)
	_, err := tab.Get(ctx, table.Key{Partition: "A"})
	WantError(t, err, effect.NotDone, "cancelled")
	_, err = tab.Create(ctx, table.Key{Partition: "A"}, item("A", "x"), Command())
	WantError(t, err, effect.NotDone, "cancelled")
	if there, err := tab.Get(context.WithoutCancel(ctx), table.Key{Partition: "A"}); there.JSON != nil || err != nil {
		t.Fatalf("what was cancelled was done: %s, %v", there, err)
	}
}

func tableFaults(t *testing.T, open openTable) {
	for _, f := range faults() {
		t.Run(string(f.Kind), func(t *testing.T) {
			tab, p := open(t)
			p.Order(t, f)
			command := Command()
			ctx, m := Effect(t, command, 1)
			created, err := tab.Create(ctx, table.Key{Partition: "A"}, item("A", "x"), command)
			if err != nil || created.Taken {
				t.Fatalf("create: %+v, %v", created, err)
			}
			p.wantServed(t, command+"/1", m)

			p.Order(t, f)
			command = Command()
			ctx, m = Effect(t, command, 1)
			if items, _, err := tab.Query(ctx, table.Query{}, 10); err != nil || len(items) != 1 {
				t.Fatalf("query: %s, %v", items, err)
			}
			p.wantServed(t, command+"/1", m)
		})
	}
}
