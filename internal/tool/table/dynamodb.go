package table

import (
	"context"
	"encoding/json"
	"errors"
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
	t := &dynamoTable{names: n, table: u.Host, indexes: indexes, base: effect.NewBase()}
	t.client = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
		o.Logger = logging.Nop{} // what goes wrong is in the error
		o.HTTPClient = &http.Client{
			Transport:     counting(dynamoAnswers{t.base}),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
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
	return []cloud.Grant{{Cloud: cloud.AWS, Actions: actions, Resource: "arn:aws:dynamodb:" + region + ":*:table/" + u.Host}}, nil
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

func (t *dynamoTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	page := t.scan
	a := asking{t: t, class: agent.Read, doing: "query the items", needs: "dynamodb:Scan",
		request: price.MeterReads, units: price.MeterReadUnits, most: dynamoPageUnits}
	if q.Partition != "" {
		page, a.needs = t.query(q), "dynamodb:Query"
	}
	var got listed
	var start map[string]types.AttributeValue
	for n := 0; n < mostPages && got.wants(limit+1); n++ {
		var rows []map[string]types.AttributeValue
		var next map[string]types.AttributeValue
		err := a.do(ctx, func(ctx context.Context) (c *types.ConsumedCapacity, units int64, err error) {
			c, rows, next, err = page(ctx, start, aws.Int32(int32(limit+1-len(got.items)))) // at most mostRows of package tool
			return c, sizeUnits(rows), err
		})
		if err != nil {
			return nil, false, err
		}
		for _, row := range rows {
			item, key, err := t.item(row)
			if err != nil {
				return nil, false, unreadable(a.doing, err)
			}
			got.add(keyed{item, key})
		}
		if start = next; len(next) == 0 {
			break
		}
	}
	items, more := got.inOrder(limit)
	return items, more || len(start) > 0, nil
}

// page asks for items from a key on.
type page func(ctx context.Context, start map[string]types.AttributeValue, limit *int32) (*types.ConsumedCapacity, []map[string]types.AttributeValue, map[string]types.AttributeValue, error)

func (t *dynamoTable) scan(ctx context.Context, start map[string]types.AttributeValue, limit *int32) (*types.ConsumedCapacity, []map[string]types.AttributeValue, map[string]types.AttributeValue, error) {
	out, err := t.client.Scan(ctx, &dynamodb.ScanInput{TableName: &t.table, ConsistentRead: aws.Bool(true), Limit: limit,
		ExclusiveStartKey: start, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return nil, nil, nil, err
	}
	return out.ConsumedCapacity, out.Items, out.LastEvaluatedKey, nil
}

func (t *dynamoTable) query(q Query) page {
	condition := "#p = :p"
	attributes := map[string]string{"#p": t.names.Partition}
	values := map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: q.Partition}}
	from, to := &types.AttributeValueMemberS{Value: q.From}, &types.AttributeValueMemberS{Value: q.To}
	switch {
	case q.From != "" && q.To != "":
		condition += " AND #s BETWEEN :from AND :to"
		values[":from"], values[":to"] = from, to
	case q.From != "":
		condition += " AND #s >= :from"
		values[":from"] = from
	case q.To != "":
		condition += " AND #s <= :to"
		values[":to"] = to
	}
	if len(values) > 1 {
		attributes["#s"] = t.names.Sort
	}
	return func(ctx context.Context, start map[string]types.AttributeValue, limit *int32) (*types.ConsumedCapacity, []map[string]types.AttributeValue, map[string]types.AttributeValue, error) {
		out, err := t.client.Query(ctx, &dynamodb.QueryInput{TableName: &t.table, ConsistentRead: aws.Bool(true), Limit: limit,
			KeyConditionExpression: &condition, ExpressionAttributeNames: attributes, ExpressionAttributeValues: values,
			ExclusiveStartKey: start, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			return nil, nil, nil, err
		}
		return out.ConsumedCapacity, out.Items, out.LastEvaluatedKey, nil
	}
}

func (t *dynamoTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error) {
	there, done, err := t.put(ctx, key, item, "put the item of %q", "attribute_not_exists(#p)", map[string]string{"#p": t.names.Partition}, nil, command)
	switch {
	case err != nil:
		return Created{}, err
	case done:
		return Created{Version: command}, nil
	case there.JSON == nil:
		return Created{}, &effect.Error{Outcome: effect.Unknown, Retry: true, Message: fmt.Sprintf("put the item of %q: it was there, and is gone again", cut(key.Partition, 80))}
	case there.Version == command:
		return Created{Repeat: true, By: command, Version: command, Item: there.JSON}, nil
	}
	return Created{Taken: true, By: there.Version, Version: there.Version, Item: there.JSON}, nil
}

// Replace writes over the version that the caller has seen.
func (t *dynamoTable) Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (Changed, error) {
	condition, attributes, values := t.has(version)
	there, done, err := t.put(ctx, key, item, "replace the item of %q", condition, attributes, values, command)
	switch {
	case err != nil:
		return Changed{}, err
	case done:
		return Changed{Version: command}, nil
	case there.Version == command && there.JSON != nil:
		return Changed{Repeat: true, Version: command, Item: there.JSON}, nil
	}
	return Changed{Stale: true, Version: there.Version, Item: there.JSON}, nil
}

// Delete removes the version that the caller has seen.
func (t *dynamoTable) Delete(ctx context.Context, key Key, version, _ string) (Changed, error) {
	if err := checkKey(t.names, key, dynamoMostKey); err != nil {
		return Changed{}, err
	}
	condition, attributes, values := t.has(version)
	a := t.writing(fmt.Sprintf("delete the item of %q", cut(key.Partition, 80)), "dynamodb:DeleteItem")
	there, done, err := t.conditional(ctx, a, key, 0, func(ctx context.Context) (*types.ConsumedCapacity, error) {
		out, err := t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.table, Key: t.key(key),
			ConditionExpression: &condition, ExpressionAttributeNames: attributes, ExpressionAttributeValues: values,
			ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
	switch {
	case err != nil:
		return Changed{}, err
	case done:
		return Changed{}, nil
	case there.JSON == nil:
		return Changed{Repeat: true}, nil
	}
	return Changed{Stale: true, Version: there.Version, Item: there.JSON}, nil
}

// has is the condition that an item is there in a version.
func (t *dynamoTable) has(version string) (string, map[string]string, map[string]types.AttributeValue) {
	if version == "" {
		return "attribute_exists(#p) AND attribute_not_exists(#c)", map[string]string{"#p": t.names.Partition, "#c": commandAttr}, nil
	}
	return "#c = :c", map[string]string{"#c": commandAttr},
		map[string]types.AttributeValue{":c": &types.AttributeValueMemberS{Value: version}}
}

func (t *dynamoTable) writing(doing, needs string) asking {
	return asking{t: t, class: agent.Keyed, doing: doing, needs: needs,
		request: price.MeterWrites, units: price.MeterWriteUnits, most: t.mostWrite()}
}

func (t *dynamoTable) put(ctx context.Context, key Key, item json.RawMessage, doing, condition string, attributes map[string]string, values map[string]types.AttributeValue, command string) (Item, bool, error) {
	if err := checkKey(t.names, key, dynamoMostKey); err != nil {
		return Item{}, false, err
	}
	v, err := written(t.names, key, item, commandAttr)
	if err != nil {
		return Item{}, false, err
	}
	row, err := toAttributes(v)
	if err != nil {
		return Item{}, false, err
	}
	row[commandAttr] = &types.AttributeValueMemberS{Value: command}
	size := sizeOf(row)
	if size > MostItem {
		return Item{}, false, refuse("the item has %d bytes as DynamoDB counts them, and %d at most are stored: shorten its texts", size, MostItem)
	}
	a := t.writing(fmt.Sprintf(doing, cut(key.Partition, 80)), "dynamodb:PutItem")
	return t.conditional(ctx, a, key, size, func(ctx context.Context) (*types.ConsumedCapacity, error) {
		out, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.table, Item: row,
			ConditionExpression: &condition, ExpressionAttributeNames: attributes, ExpressionAttributeValues: values,
			ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
		if err != nil {
			return nil, err
		}
		return out.ConsumedCapacity, nil
	})
}

// conditional is a write that its condition may refuse: then done is false and there
// is what is there, which the error brought. Such a refusal costs write units of the
// larger of the two items, and nothing in the answer says so: they are derived. See
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
// (as archived; read 2026-11-25).
//
// An item that has gone is not brought, nor is any by some services that speak DynamoDB's
// API: then it is read.
func (t *dynamoTable) conditional(ctx context.Context, a asking, key Key, size int64, write func(context.Context) (*types.ConsumedCapacity, error)) (there Item, done bool, err error) {
	err = a.do(ctx, func(ctx context.Context) (*types.ConsumedCapacity, int64, error) {
		capacity, err := write(ctx)
		var refused *types.ConditionalCheckFailedException
		if !errors.As(err, &refused) {
			done = err == nil
			return capacity, units(size, WriteUnit), err
		}
		there, _, err = t.item(refused.Item)
		return nil, units(max(size, sizeOf(refused.Item)), WriteUnit), err
	})
	if err == nil && !done && there.JSON == nil {
		there, _, err = inTheWay(ctx, t, writing{key: key, doing: a.doing})
	}
	return there, done, err
}

func (t *dynamoTable) Basis() string {
	return "a conditional put on the key; the item keeps the command's id in " + commandAttr
}

// ChangeBasis implements [Changer].
func (t *dynamoTable) ChangeBasis() string {
	return commandAttr + " is the item's version, compared in the condition of the write"
}

// dynamoPageUnits is the most that a page of a query or scan reads: 1 MB of items.
const dynamoPageUnits = 1 << 20 / ReadUnit

// mostWrite is the most that a write consumes: by the larger of the item that comes and
// the one that is there, which can have been of any size; and in each index as much
// twice, for the entry that goes and the one that comes.
func (t *dynamoTable) mostWrite() int64 { return (1 + 2*t.indexes) * MostItem / WriteUnit }

func (t *dynamoTable) Bound(op Op, size Size) []price.Reading {
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, price.MeterReadUnits, units(MostItem, ReadUnit), 2<<10, dynamoMostAnswer)
	case OpQuery:
		// All pages but the last have less than MostListed bytes, that one a page's worth.
		b := atMost(mostPages*effect.Tries, price.MeterReads, price.MeterReadUnits, 0, 8<<10, mostAnswer)
		most := min(mostPages*dynamoPageUnits, int64(size.Items)*units(MostItem, ReadUnit))
		return append(b, price.Reading{Meter: price.MeterReadUnits, Quantity: effect.Tries * most, Source: price.Reported})
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
