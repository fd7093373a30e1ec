// Package table reads and writes items: JSON objects under a key. A [Table] is
// one table with its driver; [Drivers] is the table of those.
//
// An item keeps the id of the command that wrote it last, so that the same command,
// executed again after a crash, finds its own work. It is created where there is
// none, and changed only under the version that the caller has seen.
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
	// Get reads one item; its JSON is nil where there is none.
	Get(ctx context.Context, key Key) (Item, error)
	// Query reads at most limit items in the order of their keys, and says whether
	// there are more. It stops early once it has read [MostListed] bytes of them.
	Query(ctx context.Context, q Query, limit int) (items []Item, more bool, err error)
	// Create stores an item under a key that is free, with the command's id.
	Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error)
	// Basis says what the keyed effect of Create rests on.
	Basis() string
	// Bound is the most that one call of a method can consume.
	Bound(op Op, size Size) []price.Reading
	// Check is a read that costs next to nothing.
	Check(ctx context.Context) error
	Close() error
}

// Changer is a Table whose items can be replaced and deleted, under the condition
// that nobody has changed them since; see [objects.Changer]. Both are keyed for ever.
type Changer interface {
	Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (Changed, error)
	Delete(ctx context.Context, key Key, version, command string) (Changed, error)
	// ChangeBasis says what the two rest on.
	ChangeBasis() string
}

// Scanner is a Table that may have no order among its partitions: a Query of one gives
// its items in the order of the sort key, and one of all gives what the service hands
// out first, ordered within what came.
type Scanner interface {
	Unordered() bool
}

// Item is an item as it is stored, without what the driver keeps beside it.
type Item struct {
	JSON json.RawMessage
	// Version changes with every write: an ETag, the id of the command that wrote it.
	// "" where the driver has no [Changer].
	Version string
}

// Query picks items: of a partition, or of all where it is ""; in it, those whose
// sort key is between From and To, both included, where they are given.
type Query struct{ Partition, From, To string }

// Op is a method of a Table, for [Table.Bound].
type Op string

// The methods.
const (
	OpGet     Op = "get"
	OpQuery   Op = "query"
	OpCreate  Op = "create"
	OpReplace Op = "replace"
	OpDelete  Op = "delete"
)

// Size bounds one call: items that may come back, and bytes of the item that goes out.
type Size struct {
	Items int
	Bytes int
}

// Changed is how a Replace or Delete ended.
type Changed struct {
	Repeat  bool // it had been done before, by the same command
	Stale   bool // the item has another version by now, or is gone: nothing was changed
	Version string
	Item    json.RawMessage // what is there, where the version was stale
}

// Created is how a Create ended.
type Created struct {
	Repeat  bool            // it had been done before, by the same command
	Taken   bool            // the key is another command's
	By      string          // that command
	Item    json.RawMessage // what is there, where the key was taken
	Version string          // of what is there now, where the driver has a [Changer]
}

// Drivers is every driver of tables.
func Drivers() []resource.Driver[Table] {
	return []resource.Driver[Table]{
		{Scheme: "sqlite", Service: "local/sqlite", Form: "sqlite:path?table=name&partition_key=attribute",
			Options: []string{"table", "partition_key", "sort_key"}, Open: openSQLite},
		{Scheme: "dynamodb", Service: "aws/dynamodb", Form: "dynamodb://table?partition_key=attribute&sort_key=attribute&region=us-east-1",
			Options: []string{"partition_key", "sort_key", "region", "endpoint", "indexes"}, Open: openDynamo, Grants: dynamoGrants},
		{Scheme: "cosmos", Service: "azure/cosmosdb", Form: "cosmos://account/database/container?partition_key=attribute&sort_key=attribute&region=westeurope",
			Options: []string{"partition_key", "sort_key", "region", "endpoint"}, Open: openCosmos, Grants: cosmosGrants},
		{Scheme: "aztables", Service: "azure/tables", Form: "aztables://account/table?partition_key=attribute&sort_key=attribute&region=westeurope",
			Options: []string{"partition_key", "sort_key", "region", "endpoint"}, Open: openAzTables, Grants: azTablesGrants},
		{Scheme: "firestore", Service: "gcp/firestore", Form: "firestore://project/collection?partition_key=attribute&sort_key=attribute&region=us-central1",
			Options: []string{"partition_key", "sort_key", "region", "endpoint", "database"}, Open: openFirestore, Grants: firestoreGrants},
		{Scheme: "postgres", Service: "local/postgres", Form: "postgres://user:password@host/database?table=name&partition_key=attribute&sort_key=attribute",
			Options: []string{resource.AnyOption}, Open: openPostgres},
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
	// MostListed is after how many bytes of items a Query stops: more than a result
	// can show, which is 1 MiB at most.
	MostListed = 1 << 20
)

// mostPages is how many requests one Query sends, beside those that are sent again.
const mostPages = 3

// mostAnswer is the most that is read of one answer of a service. The services here
// send items of less than 1 MiB, or pages of up to 4, in a JSON of their own that can
// have twice the bytes.
const mostAnswer = 8 << 20

// commandAttr is what a driver keeps with an item, where the service has no room
// beside it: the id of the command that wrote it last.
const commandAttr = "skein_command"

// bound is the bound of a driver that asks n times at most and counts as DynamoDB does.
func bound(n int64, op Op, size Size) []price.Reading {
	if op == OpGet || op == OpQuery {
		return []price.Reading{{Meter: price.MeterReads, Quantity: n, Source: price.Counted},
			{Meter: price.MeterReadUnits, Quantity: n * int64(size.Items) * effect.Units(MostItem, ReadUnit), Source: price.Counted}}
	}
	bytes := int64(size.Bytes)
	if op == OpDelete { // it is the item that is there which counts
		bytes = MostItem
	}
	return []price.Reading{{Meter: price.MeterWrites, Quantity: n, Source: price.Counted},
		{Meter: price.MeterWriteUnits, Quantity: n * effect.Units(bytes, WriteUnit), Source: price.Counted}}
}

// billed is how many bytes of an item count: a file can have larger ones than a service.
func billed(item json.RawMessage) int { return min(len(item), MostItem) }

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
