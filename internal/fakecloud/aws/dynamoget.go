package aws

import (
	"encoding/json"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

func (c *Cloud) getItem(k *call) standin.Outcome {
	var in struct {
		TableName              string
		Key                    item
		ConsistentRead         bool
		ReturnConsumedCapacity string
		ProjectionExpression   *string
		expressions
	}
	if err := json.Unmarshal(k.Body, &in); err != nil {
		return k.wrong(err)
	}
	c.dynamo.mu.Lock()
	defer c.dynamo.mu.Unlock()
	t, no := c.dynamo.table(k, in.TableName)
	if no != nil {
		return *no
	}
	err := in.begin(in.ProjectionExpression != nil)
	var paths [][]step
	if err == nil {
		paths, err = parseProjection(in.ProjectionExpression, in.ph)
	}
	if err == nil {
		err = in.end()
	}
	if err == nil {
		err = in.Key.whole()
	}
	var key string
	if err == nil {
		key, err = t.key(in.Key, true)
	}
	if err != nil {
		return k.wrong(err)
	}
	was := t.items[key]
	answer, size := map[string]any{}, 0
	if was != nil {
		answer["Item"], size = project(was.item, paths), was.size
	}
	halves := readHalves(size, in.ConsistentRead)
	if used := k.capacity(in.ReturnConsumedCapacity, in.TableName, halves); used != nil {
		answer["ConsumedCapacity"] = used
	}
	out := k.json(answer)
	out.Resource, out.Bytes = k.named(t, in.Key), int64(size)
	add(&out, price.MeterReadUnits, (halves+1)/2)
	return out
}

// readHalves is what it costs to read so many bytes, in halves of units: a read that
// may be behind costs half.
func readHalves(size int, consistent bool) int64 {
	n := units(size, readUnit)
	if consistent {
		n *= 2
	}
	return n
}
