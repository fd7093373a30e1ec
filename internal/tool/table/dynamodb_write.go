package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

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
