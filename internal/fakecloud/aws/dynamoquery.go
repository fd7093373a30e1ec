package aws

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"slices"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// readIn is what Query and Scan take.
type readIn struct {
	TableName              string
	IndexName              *string
	KeyConditionExpression *string
	FilterExpression       *string
	ProjectionExpression   *string
	ExclusiveStartKey      item
	Limit                  *int
	Select                 string
	ConsistentRead         bool
	ScanIndexForward       *bool
	ReturnConsumedCapacity string
	// The old ways and parallel scans, which are not here.
	KeyConditions, QueryFilter, ScanFilter, AttributesToGet json.RawMessage
	Segment, TotalSegments                                  *int
	expressions
}

func (c *Cloud) query(k *call) standin.Outcome { return c.read(k, true) }
func (c *Cloud) scan(k *call) standin.Outcome  { return c.read(k, false) }

// read answers a page. Items of a partition come in the order of their sort keys;
// partitions in an order that means nothing to anybody, as in DynamoDB, but which is
// always the same.
func (c *Cloud) read(k *call, query bool) standin.Outcome {
	var in readIn
	if err := json.Unmarshal(k.Body, &in); err != nil {
		return k.wrong(err)
	}
	c.dynamo.mu.Lock()
	defer c.dynamo.mu.Unlock()
	t, no := c.dynamo.table(k, in.TableName)
	if no != nil {
		return *no
	}
	plan, err := in.plan(t, query)
	if err != nil {
		return k.wrong(err)
	}
	answer := map[string]any{}
	items, scanned, size, last := plan.page(t)
	answer["Count"], answer["ScannedCount"] = len(items), scanned
	if in.Select != "COUNT" {
		answer["Items"] = items
	}
	if last != nil {
		start := item{}
		for _, part := range t.keys {
			start[part.name] = last.item[part.name]
		}
		answer["LastEvaluatedKey"] = start
	}
	halves := readHalves(size, in.ConsistentRead)
	if used := k.capacity(in.ReturnConsumedCapacity, in.TableName, halves); used != nil {
		answer["ConsumedCapacity"] = used
	}
	out := k.json(answer)
	out.Bytes = int64(size)
	add(&out, price.MeterReadUnits, (halves+1)/2)
	return out
}

// plan is a read, made ready.
type plan struct {
	key     *expr // nil: every item
	filter  *expr
	paths   [][]step
	after   *stored // an item with the key where the last page ended
	limit   int     // 0: none
	reverse bool
}

func (in *readIn) plan(t *table, query bool) (*plan, error) {
	switch {
	case in.IndexName != nil:
		return nil, invalid("The table does not have the specified index: %s", *in.IndexName)
	case in.KeyConditions != nil || in.QueryFilter != nil || in.ScanFilter != nil || in.AttributesToGet != nil:
		return nil, invalid("KeyConditions, QueryFilter, ScanFilter and AttributesToGet are not here: use expressions")
	case in.Segment != nil || in.TotalSegments != nil:
		return nil, invalid("parallel scans are not here")
	case in.Limit != nil && *in.Limit < 1:
		return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *in.Limit)
	case in.Select == "SPECIFIC_ATTRIBUTES" && in.ProjectionExpression == nil,
		in.Select != "" && in.Select != "SPECIFIC_ATTRIBUTES" && in.ProjectionExpression != nil:
		return nil, invalid("Cannot specify the ProjectionExpression when choosing to get %s", in.Select)
	case query && in.KeyConditionExpression == nil:
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	if err := in.begin(in.KeyConditionExpression != nil || in.FilterExpression != nil || in.ProjectionExpression != nil); err != nil {
		return nil, err
	}
	p := &plan{reverse: in.ScanIndexForward != nil && !*in.ScanIndexForward}
	if in.Limit != nil {
		p.limit = *in.Limit
	}
	var err error
	if query {
		if p.key, err = parseCondition("KeyConditionExpression", *in.KeyConditionExpression, in.ph); err != nil {
			return nil, err
		}
	}
	if in.FilterExpression != nil {
		if p.filter, err = parseCondition("FilterExpression", *in.FilterExpression, in.ph); err != nil {
			return nil, err
		}
	}
	if p.paths, err = parseProjection(in.ProjectionExpression, in.ph); err != nil {
		return nil, err
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	if query {
		if err := p.key.keyCondition(t); err != nil {
			return nil, err
		}
		if name := p.filter.mentions(t); name != "" {
			return nil, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
		}
	}
	if in.ExclusiveStartKey != nil {
		if err := in.ExclusiveStartKey.whole(); err != nil {
			return nil, err
		}
		if _, err := t.key(in.ExclusiveStartKey, true); err != nil {
			return nil, invalid("The provided starting key is invalid: The provided key element does not match the schema")
		}
		p.after = &stored{item: in.ExclusiveStartKey}
		if query && !p.key.test(in.ExclusiveStartKey) {
			return nil, invalid("The provided starting key is outside query boundaries based on provided conditions")
		}
	}
	return p, nil
}

// page takes items until the limit, or 1 MB of what was looked at; last is where the
// next page begins after, nil at the end. A page that ends with its limit does not
// know whether there is more.
func (p *plan) page(t *table) (items []item, scanned, size int, last *stored) {
	items = []item{}
	all := t.sorted()
	if p.reverse {
		slices.Reverse(all)
	}
	for _, s := range all {
		if p.key != nil && !p.key.test(s.item) {
			continue
		}
		if p.after != nil {
			if n := t.place(s, p.after); n == 0 || (n < 0) != p.reverse {
				continue
			}
		}
		if p.limit > 0 && scanned == p.limit || scanned > 0 && size+s.size > mostPage {
			return items, scanned, size, last
		}
		scanned, size, last = scanned+1, size+s.size, s
		if p.filter == nil || p.filter.test(s.item) {
			items = append(items, project(s.item, p.paths))
		}
	}
	if p.limit > 0 && scanned == p.limit {
		return items, scanned, size, last
	}
	return items, scanned, size, nil
}

// sorted are the items in the order of the table.
func (t *table) sorted() []*stored {
	all := make([]*stored, 0, len(t.items))
	for _, s := range t.items {
		all = append(all, s)
	}
	slices.SortFunc(all, t.place)
	return all
}

// place compares where two items stand in the table.
func (t *table) place(a, b *stored) int {
	hash := func(s *stored) []byte {
		sum := md5.Sum([]byte(s.item[t.keys[0].name].plain()))
		return sum[:]
	}
	if n := bytes.Compare(hash(a), hash(b)); n != 0 {
		return n
	}
	return t.order(a, b)
}
