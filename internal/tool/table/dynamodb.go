package table

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// dynamoTable is a table of DynamoDB. An item keeps the command that wrote it in the
// attribute skein_command, which is its version; one that others wrote has no such
// attribute, and "" is its version: it can be replaced while nothing of ours has been.
//
// Reads are strongly consistent. A write that its condition refuses brings the item
// that is there in its error, which saves a second request.
type dynamoTable struct {
	names   Names
	table   string
	region  string
	indexes int64 // that each write goes to as well
	client  *dynamodb.Client
	base    *http.Transport
}

var dynamoName = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)

// dynamoURL reads the parts of the URL that need no configuration.
func dynamoURL(u *resource.URL) (n Names, indexes int64, err error) {
	if n, err = names(u); err != nil {
		return n, 0, err
	}
	if !dynamoName.MatchString(u.Host) || u.Path != "" {
		return n, 0, fmt.Errorf("%q is no name of a table: write dynamodb://findings?partition_key=company", u.Host+strings.TrimRight("/"+u.Path, "/"))
	}
	for _, key := range []string{n.Partition, n.Sort} {
		if key == commandAttr {
			return n, 0, fmt.Errorf("%q cannot be a key attribute: items keep the command that wrote them there", key)
		}
	}
	if text := u.Options["indexes"]; text != "" {
		if indexes, err = strconv.ParseInt(text, 10, 64); err != nil || indexes < 0 || indexes > 25 {
			return n, 0, fmt.Errorf("indexes=%s: say how many secondary indexes the table has, 0 to 25", text)
		}
	}
	return n, indexes, nil
}

func openDynamo(u *resource.URL) (Table, error) {
	n, indexes, err := dynamoURL(u)
	if err != nil {
		return nil, err
	}
	cfg, err := u.Session.AWS(context.Background(), u.Options["region"])
	if err != nil {
		return nil, err
	}
	u.Service = "aws/dynamodb/" + cfg.Region
	t := &dynamoTable{names: n, table: u.Host, region: cfg.Region, indexes: indexes, base: effect.NewBase()}
	t.client = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Logger = logging.Nop{} // what goes wrong is in the error
		o.HTTPClient = unled(counting(dynamoAnswers{t.base}))
		if e := u.Options["endpoint"]; e != "" {
			o.BaseEndpoint = aws.String(strings.TrimRight(e, "/"))
		}
	})
	return t, nil
}

func dynamoGrants(u *resource.URL) ([]cloud.Grant, error) {
	if _, _, err := dynamoURL(u); err != nil {
		return nil, err
	}
	region := u.Option("region", u.Session.Options().AWS.Region)
	if region == "" {
		region = "*"
	}
	actions := []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"}
	if u.Write {
		actions = append(actions, "dynamodb:PutItem") // which replaces, too: the condition of the write forbids it
	}
	if u.Change {
		actions = append(actions, "dynamodb:DeleteItem")
	}
	return []cloud.Grant{{Cloud: cloud.AWS, Actions: actions, Resource: "arn:" + cloud.Partition(region) + ":dynamodb:" + region + ":*:table/" + u.Host}}, nil
}

func (t *dynamoTable) Names() Names { return t.names }

// Unordered implements [Scanner]: a scan goes by the hashes of partition keys.
func (t *dynamoTable) Unordered() bool { return true }

// Key sizes, from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
// (general knowledge; a longer one is the service's to refuse).
const dynamoMostKey = 1 << 10

func (t *dynamoTable) key(k Key) map[string]types.AttributeValue {
	m := map[string]types.AttributeValue{t.names.Partition: &types.AttributeValueMemberS{Value: k.Partition}}
	if t.names.Sort != "" {
		m[t.names.Sort] = &types.AttributeValueMemberS{Value: k.Sort}
	}
	return m
}

func (t *dynamoTable) Get(ctx context.Context, key Key) (Item, error) {
	item, _, err := t.read(ctx, key, fmt.Sprintf("get the item of %q", cut(key.Partition, 80)))
	return item, err
}

func (t *dynamoTable) read(ctx context.Context, key Key, doing string) (item Item, command string, err error) {
	if err := checkKey(t.names, key, dynamoMostKey); err != nil {
		return Item{}, "", err
	}
	a := asking{t: t, class: agent.Read, doing: doing, needs: "dynamodb:GetItem",
		request: price.MeterReads, units: price.MeterReadUnits, most: units(MostItem, ReadUnit)}
	err = a.do(ctx, func(ctx context.Context) (*types.ConsumedCapacity, int64, error) {
		out, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.table, Key: t.key(key),
			ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			return nil, 0, err
		}
		item, _, err = t.item(out.Item)
		return out.ConsumedCapacity, units(sizeOf(out.Item), ReadUnit), err
	})
	return item, item.Version, err
}

// item is an item as it is seen, without what is kept in it.
func (t *dynamoTable) item(from map[string]types.AttributeValue) (Item, Key, error) {
	if len(from) == 0 {
		return Item{}, Key{}, nil
	}
	v, command := fromAttributes(from)
	raw, err := encode(v)
	return Item{JSON: raw, Version: command}, keyOf(t.names, v), err
}

// dynamoPageUnits is the most that a page of a query or scan reads: 1 MB of items.
const dynamoPageUnits = 1 << 20 / ReadUnit

// mostOfPage is the most that a page of so many items consumes.
func mostOfPage(items int) int64 {
	return min(dynamoPageUnits, int64(items)*units(MostItem, ReadUnit))
}

// mostWrite is the most that a write consumes: by the larger of the item that comes and
// the one that is there, which can have been of any size; and in each index as much
// twice, for the entry that goes and the one that comes.
func (t *dynamoTable) mostWrite() int64 { return (1 + 2*t.indexes) * MostItem / WriteUnit }

func (t *dynamoTable) Bound(op Op, size Size) []price.Reading {
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, price.MeterReadUnits, units(MostItem, ReadUnit), 2<<10, dynamoMostAnswer)
	case OpQuery:
		return append(atMost(mostPages*effect.Tries, price.MeterReads, "", 0, 8<<10, mostAnswer),
			price.Reading{Meter: price.MeterReadUnits, Quantity: mostPages * effect.Tries * mostOfPage(size.Items), Source: price.Reported})
	}
	// A write, and a read where it brings nothing of what stood in its way.
	return append(atMost(effect.Tries, price.MeterWrites, price.MeterWriteUnits, t.mostWrite(), 8*int64(size.Bytes)+8<<10, dynamoMostAnswer),
		price.Reading{Meter: price.MeterReads, Quantity: effect.Tries, Source: price.Counted},
		price.Reading{Meter: price.MeterReadUnits, Quantity: effect.Tries * units(MostItem, ReadUnit), Source: price.Reported})
}

// dynamoMostAnswer is the most that one item has in DynamoDB's JSON: a null is two
// bytes in a list and there {"NULL":true}.
const dynamoMostAnswer = 7*MostItem + 8<<10

// atMost is a bound of n requests, each of so many units and bytes out and back.
func atMost(n int64, request, units price.Meter, each, sent, read int64) []price.Reading {
	b := []price.Reading{{Meter: request, Quantity: n, Source: price.Counted}}
	if each > 0 {
		b = append(b, price.Reading{Meter: units, Quantity: n * each, Source: price.Reported})
	}
	return append(b, price.Reading{Meter: price.MeterBytesSent, Quantity: n * sent, Source: price.Counted},
		price.Reading{Meter: price.MeterBytesRead, Quantity: n * read, Source: price.Counted})
}

func units(n, size int64) int64 { return effect.Units(n, size) }

func sizeUnits(rows []map[string]types.AttributeValue) int64 {
	var size int64
	for _, row := range rows {
		size += sizeOf(row)
	}
	return units(size, ReadUnit)
}

// reported are the units that an answer reports. They come in halves only for reads
// that are not strongly consistent.
func reported(c *types.ConsumedCapacity) (int64, bool) {
	if c == nil || c.CapacityUnits == nil || !(*c.CapacityUnits >= 0 && *c.CapacityUnits < 1e6) {
		return 0, false
	}
	return int64(math.Ceil(*c.CapacityUnits)), true
}

// Check reads an item that is not there, which needs no more than reading does and
// finds out whether the keys are the table's.
func (t *dynamoTable) Check(ctx context.Context) error {
	_, err := t.Get(ctx, checkKeyOf(t.names))
	return err
}

func (t *dynamoTable) Close() error {
	t.base.CloseIdleConnections()
	return nil
}
