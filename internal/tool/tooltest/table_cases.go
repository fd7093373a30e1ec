package tooltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/table"
)

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

func tableCreate(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	mine, other := Command(), Command()
	key := table.Key{Partition: "ACME / é"}
	first := item(key.Partition, "first")
	version := ""
	for try := 1; try <= 3; try++ {
		ctx, _ := Effect(t, mine, try)
		got, err := tab.Create(ctx, key, first, mine)
		if err != nil || got.Taken || got.Repeat != (try > 1) {
			t.Fatalf("try %d: %+v, %v", try, got, err)
		}
		if try > 1 && got.Version != version {
			t.Errorf("try %d has the version %q, and the first had %q", try, got.Version, version)
		}
		version = got.Version
	}
	ctx, _ := Effect(t, other, 1)
	got, err := tab.Create(ctx, key, item(key.Partition, "second"), other)
	if err != nil || !got.Taken || got.Repeat || got.By != mine || !same(got.Item, first) {
		t.Fatalf("another command: %+v (%s), %v; wanted that it is taken by the first", got, got.Item, err)
	}
	there, err := tab.Get(ctx, key)
	if err != nil || !same(there.JSON, first) || tab.changes() && (there.Version != version || got.Version != version) {
		t.Fatalf("the item is %s %q, %v; wanted %s %q", there.JSON, there.Version, err, first, version)
	}
	if none, err := tab.Get(ctx, table.Key{Partition: "NONE"}); none.JSON != nil || err != nil {
		t.Fatalf("an item that is not there: %s, %v", none.JSON, err)
	}
	p.wantItems(t, judged{key.Partition, "", "<first> & 12345678901234567890.1", mine})
}

// partitions reads the companies of items, and their years where they have one.
func partitions(t *testing.T, items []table.Item) string {
	t.Helper()
	var got []string
	for _, it := range items {
		var in struct{ Company, Year string }
		if err := json.Unmarshal(it.JSON, &in); err != nil {
			t.Fatal(err)
		}
		got = append(got, in.Company+in.Year)
	}
	return strings.Join(got, " ")
}

func tableQuery(t *testing.T, b *tableBench) {
	tab, _ := b.open(t, false)
	ctx, _ := Effect(t, Command(), 1)
	if items, more, err := tab.Query(ctx, table.Query{}, 10); len(items) != 0 || more || err != nil {
		t.Fatalf("an empty table: %v, more %v, %v", items, more, err)
	}
	for _, company := range []string{"C", "A", "B"} {
		tab.must(t, table.Key{Partition: company}, "x")
	}
	s, ok := tab.Table.(table.Scanner)
	unordered := ok && s.Unordered()
	for _, c := range []struct {
		partition string
		limit     int
		want      string
		more      bool
	}{{"", 10, "A B C", false}, {"", 3, "A B C", false}, {"", 2, "A B", true}, {"B", 10, "B", false}, {"D", 10, "", false}} {
		ctx, _ := Effect(t, Command(), 1)
		items, more, err := tab.Query(ctx, table.Query{Partition: c.partition}, c.limit)
		got := partitions(t, items)
		if c.more && unordered { // any two of them, in order
			if names := strings.Fields(got); err != nil || !more || len(names) != c.limit || !slices.IsSorted(names) {
				t.Errorf("query %q: %q, more %v, %v", c.partition, got, more, err)
			}
			continue
		}
		if err != nil || got != c.want || more != c.more {
			t.Errorf("query %q: %q, more %v, %v; wanted %q, more %v", c.partition, got, more, err, c.want, c.more)
		}
	}
}

func tableRange(t *testing.T, b *tableBench) {
	tab, p := b.open(t, true)
	var want []judged
	for _, key := range []table.Key{{Partition: "A", Sort: "2025/01"}, {Partition: "A", Sort: "2024"}, {Partition: "A", Sort: "2025"}, {Partition: "A", Sort: "2025.5"},
		{Partition: "A", Sort: "é"}, {Partition: "AB", Sort: "2025"}, {Partition: "A|", Sort: "2025"}, {Partition: "B", Sort: "1"}} {
		command := Command()
		ctx, _ := Effect(t, command, 1)
		if c, err := tab.Create(ctx, key, itemOf(key, "x"), command); err != nil || c.Taken {
			t.Fatalf("create %q: %+v, %v", key, c, err)
		}
		want = append(want, judged{key.Partition, key.Sort, "x", command})
	}
	p.wantItems(t, want...)
	for _, c := range []struct {
		q     table.Query
		limit int
		want  string
		more  bool
	}{
		{table.Query{Partition: "A"}, 10, "A2024 A2025 A2025.5 A2025/01 Aé", false},
		{table.Query{Partition: "A"}, 2, "A2024 A2025", true},
		{table.Query{Partition: "A", From: "2025"}, 10, "A2025 A2025.5 A2025/01 Aé", false},
		{table.Query{Partition: "A", From: "2025"}, 1, "A2025", true},
		{table.Query{Partition: "A", To: "2025"}, 10, "A2024 A2025", false},
		{table.Query{Partition: "A", From: "2025", To: "2025/1"}, 10, "A2025 A2025.5 A2025/01", false},
		{table.Query{Partition: "A", From: "2025.6", To: "2025/01"}, 10, "A2025/01", false},
		{table.Query{Partition: "A", From: "3", To: "4"}, 10, "", false},
		{table.Query{Partition: "A|"}, 10, "A|2025", false},
		{table.Query{Partition: "A' OR 'x"}, 10, "", false},
	} {
		ctx, _ := Effect(t, Command(), 1)
		items, more, err := tab.Query(ctx, c.q, c.limit)
		if got := partitions(t, items); err != nil || got != c.want || more != c.more {
			t.Errorf("%+v: %q, more %v, %v; wanted %q, more %v", c.q, got, more, err, c.want, c.more)
		}
	}
	ctx, _ := Effect(t, Command(), 1)
	if items, more, err := tab.Query(ctx, table.Query{}, 20); err != nil || more || len(items) != 8 {
		t.Errorf("all: %s, more %v, %v", partitions(t, items), more, err)
	}
	_, err := tab.Get(ctx, table.Key{Partition: "A"})
	WantError(t, err, effect.Refused, "year")
}

func tableChange(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	if !tab.changes() {
		t.Skip("its items cannot be changed")
	}
	key := table.Key{Partition: "ACME"}
	v1 := tab.must(t, key, "one")
	mine, other := Command(), Command()
	var v2 string
	for try := 1; try <= 2; try++ {
		ctx, _ := Effect(t, mine, try)
		got, err := tab.Replace(ctx, key, itemOf(key, "two"), v1, mine)
		if err != nil || got.Stale || got.Repeat != (try > 1) || got.Version == v1 || got.Version == "" {
			t.Fatalf("replace, try %d: %+v, %v", try, got, err)
		}
		v2 = got.Version
	}
	p.wantItems(t, judged{"ACME", "", "two", mine})
	ctx, _ := Effect(t, other, 1)
	got, err := tab.Replace(ctx, key, itemOf(key, "three"), v1, other)
	if err != nil || !got.Stale || got.Repeat || got.Version != v2 || !same(got.Item, itemOf(key, "two")) {
		t.Fatalf("replace a version that has gone: %+v (%s), %v", got, got.Item, err)
	}
	items, _, err := tab.Query(ctx, table.Query{}, 10)
	if err != nil || len(items) != 1 || items[0].Version != v2 {
		t.Fatalf("a query shows %+v, %v; wanted the version %q", items, err, v2)
	}
	if got, err = tab.Delete(ctx, key, v1, other); err != nil || !got.Stale || got.Version != v2 || !same(got.Item, itemOf(key, "two")) {
		t.Fatalf("delete a version that has gone: %+v, %v", got, err)
	}
	p.wantItems(t, judged{"ACME", "", "two", mine})
	for try := 1; try <= 2; try++ {
		command := "run_test/delete/0"
		ctx, _ := Effect(t, command, try)
		if got, err = tab.Delete(ctx, key, v2, command); err != nil || got.Stale || got.Repeat != (try > 1) {
			t.Fatalf("delete, try %d: %+v, %v", try, got, err)
		}
	}
	p.wantItems(t)
	if got, err = tab.Replace(ctx, key, itemOf(key, "four"), v2, other); err != nil || !got.Stale || got.Item != nil {
		t.Fatalf("replace an item that has gone: %+v, %v", got, err)
	}
	p.wantItems(t)
	if v3 := tab.must(t, key, "five"); v3 == v1 || v3 == v2 {
		t.Errorf("a new item has the version %q of an old one", v3)
	}
}

func tableForeign(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	theirs := p.judge.plant(t, "ACME", "theirs")
	if theirs == nil {
		t.Skip("it has no items of others")
	}
	key := table.Key{Partition: "ACME"}
	command := Command()
	ctx, _ := Effect(t, command, 1)
	there, err := tab.Get(ctx, key)
	if err != nil || !same(there.JSON, theirs) {
		t.Fatalf("an item of others is %s, %v", there.JSON, err)
	}
	created, err := tab.Create(ctx, key, itemOf(key, "ours"), command)
	if err != nil || !created.Taken || created.Repeat || created.By != "" || !same(created.Item, there.JSON) {
		t.Fatalf("create over it: %+v, %v", created, err)
	}
	if !tab.changes() {
		return
	}
	for try := 1; try <= 2; try++ {
		ctx, _ := Effect(t, command, try)
		changed, err := tab.Replace(ctx, key, itemOf(key, "ours"), there.Version, command)
		if err != nil || changed.Stale || changed.Repeat != (try > 1) {
			t.Fatalf("replace it, try %d: %+v, %v", try, changed, err)
		}
	}
	p.wantItems(t, judged{"ACME", "", "ours", command})
	other := Command()
	ctx, _ = Effect(t, other, 1)
	if changed, err := tab.Delete(ctx, key, there.Version, other); err != nil || !changed.Stale {
		t.Fatalf("delete it by the old version: %+v, %v", changed, err)
	}
}

func tableRace(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	const n = 8
	var wg sync.WaitGroup
	var mu sync.Mutex
	var won []string
	for range n {
		wg.Go(func() {
			command := Command()
			ctx, _ := Effect(t, command, 1)
			got, err := tab.Create(ctx, table.Key{Partition: "R"}, itemOf(table.Key{Partition: "R"}, command), command)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if !got.Taken {
				won = append(won, command)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d commands created the item", len(won))
	}
	p.wantItems(t, judged{"R", "", won[0], won[0]})
}

func tableReplaceRace(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	if !tab.changes() {
		t.Skip("its items cannot be changed")
	}
	key := table.Key{Partition: "R"}
	version := tab.must(t, key, "x")
	var wg sync.WaitGroup
	var mu sync.Mutex
	var won []string
	for range 8 {
		wg.Go(func() {
			command := Command()
			ctx, _ := Effect(t, command, 1)
			got, err := tab.Replace(ctx, key, itemOf(key, command), version, command)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if !got.Stale {
				won = append(won, command)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d commands replaced one version", len(won))
	}
	p.wantItems(t, judged{"R", "", won[0], won[0]})
}

func tableCancel(t *testing.T, b *tableBench) {
	tab, p := b.open(t, false)
	key := table.Key{Partition: "A"}
	version := tab.must(t, key, "x")
	ctx, _ := Cancelled(t)
	_, err := tab.Get(ctx, key)
	WantError(t, err, effect.NotDone, "cancelled")
	_, _, err = tab.Query(ctx, table.Query{}, 1)
	WantError(t, err, effect.NotDone, "cancelled")
	_, err = tab.Create(ctx, table.Key{Partition: "B"}, item("B", "x"), Command())
	WantError(t, err, effect.NotDone, "cancelled")
	if tab.changes() {
		_, err = tab.Replace(ctx, key, item("A", "y"), version, Command())
		WantError(t, err, effect.NotDone, "cancelled")
		_, err = tab.Delete(ctx, key, version, Command())
		WantError(t, err, effect.NotDone, "cancelled")
	}
	there, _, err := tab.Query(context.WithoutCancel(ctx), table.Query{}, 10)
	if err != nil || len(there) != 1 || !same(there[0].JSON, itemOf(key, "x")) {
		t.Fatalf("what was cancelled was done: %s, %v", there, err)
	}
	if got := p.judge.all(t); len(got) != 1 {
		t.Errorf("the service has %+v", got)
	}
}

// tableLarge has a query stop, and say so, long before it has read everything.
func tableLarge(t *testing.T, b *tableBench) {
	tab, _ := b.open(t, false)
	text := strings.Repeat("<é", 30<<10) // 90 KB, which JSON may write as more
	for i := range 16 {
		tab.must(t, table.Key{Partition: fmt.Sprintf("L%02d", i)}, text)
	}
	ctx, _ := Effect(t, Command(), 1)
	items, more, err := tab.Query(ctx, table.Query{}, 100)
	size := 0
	for _, it := range items {
		size += len(it.JSON)
	}
	if err != nil || !more || len(items) >= 16 || size < table.MostListed || size > table.MostListed+300<<10 {
		t.Errorf("%d items of %d bytes, more %v, %v", len(items), size, more, err)
	}
}
