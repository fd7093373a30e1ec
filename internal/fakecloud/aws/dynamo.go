package aws

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// dynamoStore holds tables of items.
type dynamoStore struct {
	mu     sync.Mutex
	tables map[string]*table
	done   map[string]transaction // by their tokens
}

// table is a table without indexes, billed by request.
type table struct {
	id      string
	created time.Time
	keys    []keyPart // the partition key and, where there is one, the sort key
	items   map[string]*stored
	deleted map[string]string // the command that deleted each key last, where one did
}

// keyPart is an attribute of a key, and the kind of its values: S, N or B.
type keyPart struct{ name, kind string }

// stored is an item with what is remembered of it. It is never changed, only replaced.
type stored struct {
	item    item
	size    int
	command string // that wrote it last, where one did
}

// Sizes of the units in which DynamoDB bills.
const (
	writeUnit = 1 << 10
	readUnit  = 4 << 10
	mostPage  = 1 << 20
)

func (st *dynamoStore) fill(tables map[string]standin.Table) {
	st.tables, st.done = map[string]*table{}, map[string]transaction{}
	for name, t := range tables {
		keys := []keyPart{{t.PartitionKey, "S"}}
		if t.SortKey != "" {
			keys = append(keys, keyPart{t.SortKey, "S"})
		}
		st.tables[name] = &table{id: name, created: born, keys: keys, items: map[string]*stored{}, deleted: map[string]string{}}
	}
}

func (c *Cloud) dynamoService() *service {
	m := jsonManners("application/x-amz-json-1.0", "com.amazonaws.dynamodb.v20120810#")
	m.internal = refusal{status: 500, code: "InternalServerError", message: "The request processing has failed because of an unknown error, exception or failure."}
	m.throttled = refusal{status: 400, code: "ThrottlingException", message: "Rate of requests exceeds the allowed throughput."}
	on := func(action string) func(*call) []need {
		return needs("dynamodb:"+action, func(k *call) string { return k.arn("dynamodb", "table/"+k.resource) })
	}
	return &service{manners: m, ops: map[string]operation{
		"GetItem":            {do: c.getItem, charge: one(price.MeterReads), needs: on("GetItem")},
		"Query":              {do: c.query, charge: one(price.MeterReads), needs: on("Query")},
		"Scan":               {do: c.scan, charge: one(price.MeterReads), needs: on("Scan")},
		"PutItem":            {do: c.putItem, charge: one(price.MeterWrites), needs: on("PutItem")},
		"UpdateItem":         {do: c.updateItem, charge: one(price.MeterWrites), needs: on("UpdateItem")},
		"DeleteItem":         {do: c.deleteItem, charge: one(price.MeterWrites), needs: on("DeleteItem")},
		"TransactWriteItems": {do: c.transact, charge: one(price.MeterWrites), needs: c.transactNeeds},
		"DescribeTable":      {do: c.describeTable, needs: on("DescribeTable")},
		"CreateTable":        {do: c.createTable, needs: on("CreateTable")},
		"ListTables":         {do: c.listTables, needs: needs("dynamodb:ListTables", everything)},
	}}
}

// invalid refuses what DynamoDB does not take.
func (k *call) invalid(format string, args ...any) standin.Outcome {
	return k.refuse(refusal{status: 400, code: "ValidationException", message: fmt.Sprintf(format, args...)})
}

// wrong is the answer to a body or an expression that is not right.
func (k *call) wrong(err error) standin.Outcome {
	if own := errInvalid(""); errors.As(err, &own) {
		return k.invalid("%s", string(own))
	}
	return k.refuse(refusal{status: 400, code: "SerializationException", message: err.Error()})
}

// table finds a table by its name or ARN, under the lock.
func (st *dynamoStore) table(k *call, name string) (*table, *standin.Outcome) {
	var out standin.Outcome
	if name == "" {
		out = k.invalid("The parameter 'TableName' is required but was not present in the request")
		return nil, &out
	}
	t := st.tables[lastPart(name, "/")]
	if t == nil {
		out = k.refuse(refusal{status: 400, code: "ResourceNotFoundException", message: "Requested resource not found"})
		return nil, &out
	}
	return t, nil
}

// Limits of keys.
const (
	mostPartition = 2048
	mostSort      = 1024
)

// key reads an item's key, as one text. A key that is given alone must be just that.
func (t *table) key(it item, alone bool) (string, error) {
	if alone && len(it) != len(t.keys) {
		return "", invalid("The provided key element does not match the schema")
	}
	var parts []string
	for i, part := range t.keys {
		v := it[part.name]
		switch {
		case alone && (v == nil || v.kind != part.kind):
			return "", invalid("The provided key element does not match the schema")
		case v == nil:
			return "", invalid("One or more parameter values were invalid: Missing the key %s in the item", part.name)
		case v.kind != part.kind:
			return "", invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", part.name, part.kind, v.kind)
		case v.kind != "N" && v.text == "":
			kind := map[string]string{"S": "string", "B": "binary"}[v.kind]
			return "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", kind, part.name)
		case i == 0 && len(v.text) > mostPartition:
			return "", invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of%d bytes", mostPartition)
		case i == 1 && len(v.text) > mostSort:
			return "", invalid("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of %d bytes", mostSort)
		}
		parts = append(parts, fmt.Sprintf("%q", v.kind+v.plain()))
	}
	return strings.Join(parts, " "), nil
}

// named is an item's resource, for the log: table/partition[/sort].
func (k *call) named(t *table, it item) string {
	name := k.resource
	for _, part := range t.keys {
		if v := it[part.name]; v != nil {
			name += "/" + v.plain()
		}
	}
	return name
}

// capacity is what a request consumed in halves of units, as the answer reports it.
func (k *call) capacity(report, tableName string, halves int64) map[string]any {
	if report != "TOTAL" && report != "INDEXES" {
		return nil
	}
	c := map[string]any{"TableName": lastPart(tableName, "/"), "CapacityUnits": float64(halves) / 2}
	if report == "INDEXES" {
		c["Table"] = map[string]any{"CapacityUnits": c["CapacityUnits"]}
	}
	return c
}

// order compares two items of one partition by their sort key.
func (t *table) order(a, b *stored) int {
	if len(t.keys) < 2 {
		return 0
	}
	n, _ := a.item[t.keys[1].name].compare(b.item[t.keys[1].name])
	return cmp.Compare(n, 0)
}
