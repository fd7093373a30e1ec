package aws

import (
	"maps"
	"regexp"
	"slices"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

var tableName = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)

type keyElement struct{ AttributeName, KeyType string }

type keyAttribute struct{ AttributeName, AttributeType string }

func (c *Cloud) createTable(k *call) standin.Outcome {
	var in struct {
		TableName              string
		KeySchema              []keyElement
		AttributeDefinitions   []keyAttribute
		BillingMode            string
		GlobalSecondaryIndexes []any
		LocalSecondaryIndexes  []any
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	switch {
	case !tableName.MatchString(in.TableName):
		return k.invalid("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", in.TableName)
	case len(in.GlobalSecondaryIndexes)+len(in.LocalSecondaryIndexes) > 0:
		return k.invalid("indexes are not here")
	case len(in.KeySchema) == 0 || len(in.KeySchema) > 2 || in.KeySchema[0].KeyType != "HASH" || len(in.KeySchema) == 2 && in.KeySchema[1].KeyType != "RANGE":
		return k.invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(in.AttributeDefinitions) != len(in.KeySchema):
		return k.invalid("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	t := &table{id: k.id, created: k.Now, items: map[string]*stored{}, deleted: map[string]string{}}
	for _, e := range in.KeySchema {
		i := slices.IndexFunc(in.AttributeDefinitions, func(a keyAttribute) bool { return a.AttributeName == e.AttributeName })
		if i < 0 || !slices.Contains([]string{"S", "N", "B"}, in.AttributeDefinitions[i].AttributeType) {
			return k.invalid("One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [%s]", e.AttributeName)
		}
		t.keys = append(t.keys, keyPart{e.AttributeName, in.AttributeDefinitions[i].AttributeType})
	}
	if len(t.keys) == 2 && t.keys[0].name == t.keys[1].name {
		return k.invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	c.dynamo.mu.Lock()
	defer c.dynamo.mu.Unlock()
	if c.dynamo.tables[in.TableName] != nil {
		return k.refuse(refusal{status: 400, code: "ResourceInUseException", message: "Table already exists: " + in.TableName})
	}
	c.dynamo.tables[in.TableName] = t
	d := k.description(t)
	d["TableStatus"] = "CREATING" // though whoever asks next finds it active
	out := k.json(map[string]any{"TableDescription": d})
	out.Done = true
	return out
}

func (c *Cloud) describeTable(k *call) standin.Outcome {
	var in struct{ TableName string }
	if out := k.decode(&in); out != nil {
		return *out
	}
	c.dynamo.mu.Lock()
	defer c.dynamo.mu.Unlock()
	t, no := c.dynamo.table(k, in.TableName)
	if no != nil {
		if in.TableName == "" {
			return *no
		}
		return k.refuse(refusal{status: 400, code: "ResourceNotFoundException",
			message: "Requested resource not found: Table: " + k.resource + " not found"})
	}
	return k.json(map[string]any{"Table": k.description(t)})
}

func (k *call) description(t *table) map[string]any {
	var schema []keyElement
	var attributes []keyAttribute
	for i, part := range t.keys {
		schema = append(schema, keyElement{part.name, []string{"HASH", "RANGE"}[i]})
		attributes = append(attributes, keyAttribute{part.name, part.kind})
	}
	size := 0
	for _, s := range t.items {
		size += s.size
	}
	return map[string]any{
		"TableName": k.resource, "TableStatus": "ACTIVE", "TableArn": k.arn("dynamodb", "table/"+k.resource), "TableId": t.id,
		"KeySchema": schema, "AttributeDefinitions": attributes, "CreationDateTime": t.created.Unix(),
		"ItemCount": len(t.items), "TableSizeBytes": size, "DeletionProtectionEnabled": false,
		"BillingModeSummary":    map[string]any{"BillingMode": "PAY_PER_REQUEST"},
		"ProvisionedThroughput": map[string]any{"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0},
	}
}

func (c *Cloud) listTables(k *call) standin.Outcome {
	var in struct {
		ExclusiveStartTableName string
		Limit                   *int
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	limit := 100
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > 100 {
		return k.invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value between 1 and 100", limit)
	}
	c.dynamo.mu.Lock()
	defer c.dynamo.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(c.dynamo.tables)), func(n string) bool { return n <= in.ExclusiveStartTableName })
	answer := map[string]any{"TableNames": names}
	if len(names) > limit {
		answer["TableNames"], answer["LastEvaluatedTableName"] = names[:limit], names[limit-1]
	}
	return k.json(answer)
}
