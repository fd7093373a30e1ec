// Package table reads and writes items: JSON objects under a key. A [Table] is
// one table with its driver; [Drivers] is the table of those.
//
// An item is created once and never changed. It keeps the id of the command
// that created it, for ever, so that the same command, executed again after a
// crash, finds its own work.
package table

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Key finds an item. Sort is empty where the table has no sort key.
type Key struct{ Partition, Sort string }

// Names are the attributes of items that make up their keys.
type Names struct{ Partition, Sort string }

// Table is a table of items. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type Table interface {
	Names() Names
	// Get reads one item; nil where there is none.
	Get(ctx context.Context, key Key) (json.RawMessage, error)
	// Query reads at most limit items of a partition, or of all where it is "",
	// in the order of their keys, and says whether there are more.
	Query(ctx context.Context, partition string, limit int) (items []json.RawMessage, more bool, err error)
	// Create stores an item under a key that is free, with the command's id.
	Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error)
	// Basis says what the keyed effect of Create rests on.
	Basis() string
	// Tries is how often one call asks the service at most.
	Tries() int64
	// Check is a read that costs next to nothing.
	Check(ctx context.Context) error
	Close() error
}

// Created is how a Create ended.
type Created struct {
	Repeat bool            // it had been done before, by the same command
	Taken  bool            // the key is another command's
	By     string          // that command
	Item   json.RawMessage // what is there, where the key was taken
}

// Drivers is every driver of tables.
func Drivers() []resource.Driver[Table] {
	return []resource.Driver[Table]{
		{Scheme: "sqlite", Service: "local/sqlite", Form: "sqlite:path?table=name&partition_key=attribute",
			Options: []string{"table", "partition_key", "sort_key"}, Open: openSQLite},
		{Scheme: "fake", Service: "local/fake", Form: "fake://host:port/table?partition_key=attribute",
			Options: []string{"partition_key"}, Open: openFake},
	}
}

// Sizes in which tables are counted, as DynamoDB does for a write and a strongly
// consistent read. That reads go in steps of 4 KB, and that reading an item that is
// not there costs too, stands in
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
// (an archived excerpt, read 2026-11-24); the other sizes are from secondary
// pages that agree.
const (
	WriteUnit = 1 << 10
	ReadUnit  = 4 << 10
	// MostItem is the largest item there can be.
	MostItem = 400 << 10
)

var attribute = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// names reads the key attributes out of a URL.
func names(u *resource.URL) (Names, error) {
	n := Names{u.Options["partition_key"], u.Options["sort_key"]}
	for option, name := range map[string]string{"partition_key": n.Partition, "sort_key": n.Sort} {
		if name == "" && option == "sort_key" {
			continue
		}
		if !attribute.MatchString(name) {
			return n, fmt.Errorf("%s=%s: name an attribute of the items, such as company", option, name)
		}
	}
	if n.Partition == n.Sort {
		return n, fmt.Errorf("sort_key=%s: it is the partition key already", n.Sort)
	}
	return n, nil
}

// consumed counts one read or write of n bytes, by the rule of the units.
func consumed(ctx context.Context, requests, units price.Meter, n int, unit int64) {
	m := effect.MeterFrom(ctx)
	m.Count(requests, 1, price.Counted)
	m.Count(units, effect.Units(int64(n), unit), price.Derived)
}
