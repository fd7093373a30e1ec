package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// postgresTable is a table of items in PostgreSQL: the key attributes as columns, the
// item as jsonb, and the command that wrote it last, which is its version. jsonb keeps
// every digit of a number and writes exponents out; it has no character U+0000.
//
// The table is made where it is missing and may be written to. Nothing is sent before
// the first use.
type postgresTable struct {
	names Names
	table string // quoted
	write bool
	pool  *pgxpool.Pool
	// ready is taken while the table is looked at, and closed once it is as it should be.
	looking chan struct{}
	ready   chan struct{}
}

var qualified = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func openPostgres(u *resource.URL) (Table, error) {
	n, err := names(u)
	if err != nil {
		return nil, err
	}
	name := u.Options["table"]
	if !qualified.MatchString(name) {
		return nil, fmt.Errorf("table=%s: name the table in the database, such as findings or research.findings", name)
	}
	for _, key := range []string{n.Partition, n.Sort} {
		if key == "item" || key == "command" {
			return nil, fmt.Errorf("%q cannot be a key attribute: the table has a column of that name", key)
		}
	}
	address, err := url.Parse(u.Raw)
	if err != nil {
		return nil, errors.New("it is no URL: escape what is special in the password")
	}
	options := address.Query()
	for _, own := range []string{"table", "partition_key", "sort_key"} {
		options.Del(own)
	}
	address.RawQuery = options.Encode()
	config, err := pgxpool.ParseConfig(address.String())
	if err != nil { // it would quote the password
		return nil, errors.New("the address or its options cannot be used: write postgres://user:password@host/database?table=findings&partition_key=company&sslmode=require")
	}
	config.MaxConns, config.MinConns = 4, 0
	config.ConnConfig.ConnectTimeout = 10 * time.Second
	// Statements of a connection's own do not survive a pooler between.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.RuntimeParams["application_name"] = "skein"
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	if !u.Write {
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &postgresTable{names: n, table: pgx.Identifier(strings.Split(name, ".")).Sanitize(), write: u.Write, pool: pool,
		looking: make(chan struct{}, 1), ready: make(chan struct{})}, nil
}

func (t *postgresTable) Names() Names { return t.names }

// pgMostKey keeps keys within a page of an index, which is 2,704 bytes for a row.
const pgMostKey = 1 << 10

// columns are the key columns as SQL, each with what is written around it. Keys are
// ordered by their bytes, whatever the database's language is.
func (t *postgresTable) columns(around string) string {
	cs := []string{fmt.Sprintf(around, pgx.Identifier{t.names.Partition}.Sanitize())}
	if t.names.Sort != "" {
		cs = append(cs, fmt.Sprintf(around, pgx.Identifier{t.names.Sort}.Sanitize()))
	}
	return strings.Join(cs, ", ")
}

// where finds a key by the parameters from the first on.
func (t *postgresTable) where(k Key) (string, []any) {
	text, values := " WHERE "+pgx.Identifier{t.names.Partition}.Sanitize()+" = $1", []any{k.Partition}
	if t.names.Sort != "" {
		text, values = text+" AND "+pgx.Identifier{t.names.Sort}.Sanitize()+" = $2", append(values, k.Sort)
	}
	return text, values
}

func (t *postgresTable) Get(ctx context.Context, key Key) (Item, error) {
	item, _, err := t.read(ctx, key, fmt.Sprintf("get the item of %q", cut(key.Partition, 80)))
	return item, err
}

// pgShown is an item's text, or null where it is larger than what is read.
const pgShown = "CASE WHEN octet_length(%[1]s) <= %[2]d THEN %[1]s END"

func (t *postgresTable) read(ctx context.Context, key Key, doing string) (item Item, command string, err error) {
	if err := checkKey(t.names, key, pgMostKey); err != nil {
		return Item{}, "", err
	}
	where, values := t.where(key)
	text := "SELECT " + fmt.Sprintf(pgShown, "item::text", MostItem) + ", coalesce(command, '') FROM " + t.table + where
	s := statement{class: agent.Read, doing: doing, request: price.MeterReads, units: price.MeterReadUnits, unit: ReadUnit, text: text, values: values}
	err = t.do(ctx, s, func(rows pgx.Rows) (int, int, error) {
		item, command = Item{}, ""
		size, shown := 0, true
		for rows.Next() {
			var body *string
			if err := rows.Scan(&body, &command); err != nil {
				return 0, 0, err
			}
			if shown = body != nil; shown {
				item, size = Item{JSON: json.RawMessage(*body), Version: command}, len(*body)
			}
		}
		if err := rows.Err(); err != nil {
			return 0, 0, err
		}
		if !shown {
			return MostItem, 0, refuse("%s: it has more than %d bytes, which are not read", doing, MostItem)
		}
		return size, size + len(command), nil
	})
	return item, command, err
}

func (t *postgresTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	var conditions []string
	var values []any
	for _, c := range []struct{ name, is, value string }{{t.names.Partition, "=", q.Partition}, {t.names.Sort, ">=", q.From}, {t.names.Sort, "<=", q.To}} {
		if c.value == "" {
			continue
		}
		values = append(values, c.value)
		conditions = append(conditions, fmt.Sprintf(`%s COLLATE "C" %s $%d`, pgx.Identifier{c.name}.Sanitize(), c.is, len(values)))
	}
	where := ""
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	order := " ORDER BY " + t.columns(`%s COLLATE "C"`)
	// Rows are counted before those are left out that would be too much to read.
	text := fmt.Sprintf("SELECT "+fmt.Sprintf(pgShown, "i", MostItem)+`, coalesce(command, ''), n FROM (
		SELECT *, count(*) OVER () AS n, sum(octet_length(i)) OVER (%[1]s ROWS UNBOUNDED PRECEDING) - octet_length(i) AS before FROM (
			SELECT %[2]s, item::text AS i, command FROM %[3]s%[4]s%[1]s LIMIT %[5]d) AS picked) AS sized
		WHERE before < %[6]d%[1]s`, order, t.columns("%s"), t.table, where, limit+1, MostListed)
	s := statement{class: agent.Read, doing: "query the items", request: price.MeterReads, units: price.MeterReadUnits, unit: ReadUnit, text: text, values: values}
	var items []Item
	var found int
	err := t.do(ctx, s, func(rows pgx.Rows) (int, int, error) {
		items, found = nil, 0
		size, bytes := 0, 0
		for rows.Next() {
			var body *string
			var command string
			if err := rows.Scan(&body, &command, &found); err != nil {
				return 0, 0, err
			}
			if body == nil {
				return size, bytes, refuse("query the items: one has more than %d bytes, which are not read", MostItem)
			}
			items = append(items, Item{JSON: json.RawMessage(*body), Version: command})
			size, bytes = size+len(*body), bytes+len(*body)+len(command)
		}
		return size, bytes, rows.Err()
	})
	if err != nil {
		return nil, false, err
	}
	if len(items) > limit {
		return items[:limit], true, nil
	}
	return items, len(items) < found, nil
}

// Create implements [Table].
func (t *postgresTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error) {
	return create(ctx, pgKeeper{t}, key, item, command)
}

// Replace implements [Changer].
func (t *postgresTable) Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (Changed, error) {
	return replace(ctx, pgKeeper{t}, key, item, version, command)
}

// Delete implements [Changer].
func (t *postgresTable) Delete(ctx context.Context, key Key, version, command string) (Changed, error) {
	return remove(ctx, pgKeeper{t}, key, version, command)
}

type pgKeeper struct{ *postgresTable }

func (k pgKeeper) write(ctx context.Context, w writing) (end writeEnd, version string, err error) {
	t := k.postgresTable
	if err := checkKey(t.names, w.key, pgMostKey); err != nil {
		return 0, "", err
	}
	where, values := t.where(w.key)
	var item json.RawMessage
	if w.item != nil {
		v, err := written(t.names, w.key, w.item)
		if err != nil {
			return 0, "", err
		}
		if item, err = encode(v); err != nil {
			return 0, "", err
		}
		if len(item) > MostItem {
			return 0, "", refuse("the item has %d bytes, and %d at most are stored: shorten its texts", len(item), MostItem)
		}
	}
	n := len(values)
	refusedAs, text := writeChanged, ""
	switch {
	case w.version == "":
		marks := "$1"
		if n == 2 {
			marks = "$1, $2"
		}
		refusedAs = writeTaken
		text = fmt.Sprintf("INSERT INTO %s (%s, item, command) VALUES (%s, $%d::jsonb, $%d) ON CONFLICT DO NOTHING", t.table, t.columns("%s"), marks, n+1, n+2)
		values = append(values, string(item), w.command)
	case w.item == nil:
		text = fmt.Sprintf("DELETE FROM %s%s AND command = $%d", t.table, where, n+1)
		values = append(values, w.version)
	default:
		text = fmt.Sprintf("UPDATE %s SET item = $%d::jsonb, command = $%d%s AND command = $%d", t.table, n+1, n+2, where, n+3)
		values = append(values, string(item), w.command, w.version)
	}
	s := statement{class: agent.Keyed, doing: w.doing, request: price.MeterWrites, units: price.MeterWriteUnits, unit: WriteUnit, text: text, values: values}
	err = t.do(ctx, s, func(rows pgx.Rows) (int, int, error) {
		rows.Close()
		if err := rows.Err(); err != nil {
			return 0, 0, err
		}
		end, version = writeDone, w.command
		if rows.CommandTag().RowsAffected() == 0 {
			end, version = refusedAs, ""
		}
		return len(item), 0, nil
	})
	return end, version, err
}

func (t *postgresTable) Basis() string {
	return "INSERT … ON CONFLICT DO NOTHING on the primary key; the row keeps the command's id"
}

// ChangeBasis implements [Changer].
func (t *postgresTable) ChangeBasis() string {
	return "the row's command id is its version, compared in the statement that writes"
}

func (t *postgresTable) Bound(op Op, size Size) []price.Reading {
	const beside = 4 << 10 // keys and command ids
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, price.MeterReadUnits, units(MostItem, ReadUnit), beside, MostItem+beside)
	case OpQuery:
		return atMost(effect.Tries, price.MeterReads, price.MeterReadUnits, units(MostListed+MostItem, ReadUnit), beside,
			MostListed+MostItem+int64(size.Items)*beside)
	}
	// A write, and the read of what stood in its way.
	return append(atMost(effect.Tries, price.MeterWrites, price.MeterWriteUnits, units(int64(size.Bytes)+2*beside, WriteUnit), int64(size.Bytes)+2*beside, MostItem+beside),
		price.Reading{Meter: price.MeterReads, Quantity: effect.Tries, Source: price.Counted},
		price.Reading{Meter: price.MeterReadUnits, Quantity: effect.Tries * units(MostItem, ReadUnit), Source: price.Reported})
}

func (t *postgresTable) Check(ctx context.Context) error {
	return t.prepared(ctx, "read from the table")
}

func (t *postgresTable) Close() error {
	t.pool.Close()
	return nil
}
