package tooltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/table"
)

// tablePlace is an empty table for one driver: "findings" with the partition key
// company, or "ledger" with the sort key year beside it.
type tablePlace struct {
	Place
	session *clouds.Session // nil where no cloud is asked
	// judge reads the table back without any driver of ours.
	judge tableJudge
	// trims says that the server loses blanks at the ends of a key, as Google's emulator
	// of Firestore does when it reads an item back.
	trims bool
}

// tableJudge reads a table by the vendor's SDK, or by plain requests.
type tableJudge interface {
	all(t *testing.T) []judged
	// plant stores an item as others would, who know nothing of commands, and says how it
	// is to be shown; nil where items of others cannot be there.
	plant(t *testing.T, company, text string) json.RawMessage
}

// judged is an item as a judge sees it.
type judged struct{ company, year, text, command string }

// tableService is where a driver is tested: in a stand-in of our own, or against a
// server that a variable names.
type tableService struct {
	name     string
	variable string // "" is always there
	place    func(t *testing.T, address string, sorted bool) *tablePlace
}

// Table is the suite for drivers of tables, over every service that the driver has.
func Table(t *testing.T, d resource.Driver[table.Table]) {
	services := tableServices[d.Scheme]
	if len(services) == 0 {
		t.Fatalf("the driver %s: has no place to be tested in: add one to tableServices", d.Scheme)
	}
	for _, s := range services {
		t.Run(s.name, func(t *testing.T) {
			address := reachable(t, s.variable)
			tableSuite(t, &tableBench{scheme: d.Scheme, service: s, address: address})
		})
	}
}

func tableSuite(t *testing.T, b *tableBench) {
	t.Run("creates once for a command", func(t *testing.T) { tableCreate(t, b) })
	t.Run("queries in order", func(t *testing.T) { tableQuery(t, b) })
	t.Run("queries ranges of sort keys", func(t *testing.T) { tableRange(t, b) })
	t.Run("changes the version that was seen", func(t *testing.T) { tableChange(t, b) })
	t.Run("takes over items of others", func(t *testing.T) { tableForeign(t, b) })
	t.Run("keeps any key", func(t *testing.T) { tableKeys(t, b) })
	t.Run("keeps any value", func(t *testing.T) { tableValues(t, b) })
	t.Run("reads no more than it may", func(t *testing.T) { tableLarge(t, b) })
	t.Run("counts what the service serves", func(t *testing.T) { tableCounts(t, b) })
	t.Run("one of many commands creates", func(t *testing.T) { tableRace(t, b) })
	t.Run("one of many commands replaces", func(t *testing.T) { tableReplaceRace(t, b) })
	t.Run("is cancelled", func(t *testing.T) { tableCancel(t, b) })
	t.Run("ends with its context", func(t *testing.T) { tableStall(t, b) })
	t.Run("may do what its grants say", func(t *testing.T) { tableAccess(t, b) })
	t.Run("survives a fault", func(t *testing.T) { tableFaults(t, b) })
	t.Run("says what is known after faults", func(t *testing.T) { tableOutcomes(t, b) })
	t.Run("checks", func(t *testing.T) {
		tab, _ := b.open(t, false)
		if tab.Names() != (table.Names{Partition: "company"}) {
			t.Errorf("its keys are %+v", tab.Names())
		}
		if err := tab.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// tableBench opens tables of one driver at one service.
type tableBench struct {
	scheme, address string
	service         tableService
}

func (b *tableBench) open(t *testing.T, sorted bool) (*boundedTable, *tablePlace) {
	t.Helper()
	p := b.service.place(t, b.address, sorted)
	return b.openAs(t, p, true), p
}

// openAs opens a place's table once more, to be written to or not.
func (b *tableBench) openAs(t *testing.T, p *tablePlace, write bool) *boundedTable {
	t.Helper()
	tab, _, _, err := resource.Open("table", p.URL, resource.With{Write: write, Change: write, Session: p.session}, table.Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
	return &boundedTable{tab, t}
}

// boundedTable checks what every call promises: that it stays within its bound, and
// that its error is an effect's.
type boundedTable struct {
	table.Table
	t *testing.T
}

func (b *boundedTable) call(ctx context.Context, op table.Op, size table.Size, do func(context.Context) error) {
	m := &effect.Meter{}
	err := do(effect.WithMeter(ctx, m))
	var known *effect.Error
	if err != nil && !errors.As(err, &known) {
		b.t.Errorf("%s: the error is %T: %v", op, err, err)
	}
	bound := map[price.Meter]int64{}
	for _, r := range b.Bound(op, size) {
		bound[r.Meter] += r.Quantity
	}
	used := map[price.Meter]int64{}
	for _, r := range m.Readings() {
		effect.MeterFrom(ctx).Count(r.Meter, r.Quantity, r.Source)
		used[r.Meter] += r.Quantity
	}
	for meter, n := range used {
		if n > bound[meter] {
			b.t.Errorf("%s consumed %d %s, and its bound is %d", op, n, meter, bound[meter])
		}
	}
}

func (b *boundedTable) Get(ctx context.Context, key table.Key) (item table.Item, err error) {
	b.call(ctx, table.OpGet, table.Size{Items: 1}, func(ctx context.Context) error {
		item, err = b.Table.Get(ctx, key)
		return err
	})
	return item, err
}

func (b *boundedTable) Query(ctx context.Context, q table.Query, limit int) (items []table.Item, more bool, err error) {
	b.call(ctx, table.OpQuery, table.Size{Items: limit + 1}, func(ctx context.Context) error {
		items, more, err = b.Table.Query(ctx, q, limit)
		return err
	})
	return items, more, err
}

func (b *boundedTable) Create(ctx context.Context, key table.Key, item json.RawMessage, command string) (c table.Created, err error) {
	b.call(ctx, table.OpCreate, table.Size{Bytes: len(item)}, func(ctx context.Context) error {
		c, err = b.Table.Create(ctx, key, item, command)
		return err
	})
	return c, err
}

func (b *boundedTable) Replace(ctx context.Context, key table.Key, item json.RawMessage, version, command string) (c table.Changed, err error) {
	b.call(ctx, table.OpReplace, table.Size{Bytes: len(item)}, func(ctx context.Context) error {
		c, err = b.Table.(table.Changer).Replace(ctx, key, item, version, command)
		return err
	})
	return c, err
}

func (b *boundedTable) Delete(ctx context.Context, key table.Key, version, command string) (c table.Changed, err error) {
	b.call(ctx, table.OpDelete, table.Size{}, func(ctx context.Context) error {
		c, err = b.Table.(table.Changer).Delete(ctx, key, version, command)
		return err
	})
	return c, err
}

// changes says that the driver's items can be changed; a test of changes is over where
// they cannot.
func (b *boundedTable) changes() bool {
	_, ok := b.Table.(table.Changer)
	return ok
}

func item(company, text string) json.RawMessage {
	return fmt.Appendf(nil, `{"company":%s,"text":"<%s> & 12345678901234567890.1"}`, jsonText(company), text)
}

func itemOf(key table.Key, text string) json.RawMessage {
	if key.Sort == "" {
		return fmt.Appendf(nil, `{"company":%s,"text":%s}`, jsonText(key.Partition), jsonText(text))
	}
	return fmt.Appendf(nil, `{"company":%s,"year":%s,"text":%s}`, jsonText(key.Partition), jsonText(key.Sort), jsonText(text))
}

func jsonText(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a text always encodes
	}
	return b
}

// must creates an item for a test that needs one.
func (b *boundedTable) must(t *testing.T, key table.Key, text string) (version string) {
	t.Helper()
	command := Command()
	ctx, _ := Effect(t, command, 1)
	created, err := b.Create(ctx, key, itemOf(key, text), command)
	if err != nil || created.Taken || created.Repeat {
		t.Fatalf("create %q: %+v, %v", key, created, err)
	}
	return created.Version
}

// wantItems checks what the service holds.
func (p *tablePlace) wantItems(t *testing.T, want ...judged) {
	t.Helper()
	got := map[judged]int{}
	for _, j := range p.judge.all(t) {
		got[j]++
	}
	for _, w := range want {
		if got[w] != 1 {
			t.Errorf("the service has not %+v once: %+v", w, got)
		}
		delete(got, w)
	}
	for j := range got {
		t.Errorf("the service has %+v, and nobody put it there", j)
	}
}
