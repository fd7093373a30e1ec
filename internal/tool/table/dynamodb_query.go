package table

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

func (t *dynamoTable) Query(ctx context.Context, q Query, limit int) ([]Item, bool, error) {
	page := t.scan
	a := asking{t: t, class: agent.Read, doing: "query the items", needs: "dynamodb:Scan",
		request: price.MeterReads, units: price.MeterReadUnits}
	if q.Partition != "" {
		page, a.needs = t.query(q), "dynamodb:Query"
	}
	var got listed
	var start map[string]types.AttributeValue
	for n := 0; n < mostPages && got.wants(limit+1); n++ {
		a.most = mostOfPage(limit + 1 - len(got.items))
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
