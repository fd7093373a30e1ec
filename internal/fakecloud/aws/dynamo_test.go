package aws_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type attributes = map[string]types.AttributeValue

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func num(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

func finding(company, text string) attributes {
	return attributes{"company": str(company), "text": str(text)}
}

const total = types.ReturnConsumedCapacityTotal

func putIf(it attributes, condition string) *dynamodb.PutItemInput {
	in := &dynamodb.PutItemInput{TableName: ptr("findings"), Item: it, ReturnConsumedCapacity: total}
	if condition != "" {
		in.ConditionExpression = &condition
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	return in
}

func TestItemComesBackAsItWasPut(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	it := attributes{
		"company": str("ACME / é"), "n": num("12345678901234567890.10"), "z": num("-0.00"), "e": num("1e3"), "f": num("-.5E-2"),
		"b": &types.AttributeValueMemberB{Value: []byte{0, 255}}, "t": &types.AttributeValueMemberBOOL{Value: true},
		"null": &types.AttributeValueMemberNULL{Value: true},
		"l":    &types.AttributeValueMemberL{Value: []types.AttributeValue{str("x"), num("1")}},
		"m":    &types.AttributeValueMemberM{Value: attributes{"in": str("<&>")}},
		"ss":   &types.AttributeValueMemberSS{Value: []string{"a", "b"}}, "ns": &types.AttributeValueMemberNS{Value: []string{"1", "2.50"}},
	}
	put, err := c.PutItem(t.Context(), putIf(it, ""))
	if err != nil || *put.ConsumedCapacity.CapacityUnits != 1 || *put.ConsumedCapacity.TableName != "findings" {
		t.Fatalf("%+v, %v", put, err)
	}
	if ln := w.last(); !ln.Done || ln.Resource != "findings/ACME / é" || ln.Bytes == 0 {
		t.Errorf("the log says %+v", ln)
	}
	w.wantLast(t, "dynamodb", "PutItem", map[string]int64{"requests.write": 1, "units.write": 1})
	got, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: ptr("findings"), Key: attributes{"company": str("ACME / é")}})
	if err != nil {
		t.Fatal(err)
	}
	it["n"], it["z"], it["e"], it["f"] = num("12345678901234567890.1"), num("0"), num("1000"), num("-0.005")
	it["ns"] = &types.AttributeValueMemberNS{Value: []string{"1", "2.5"}}
	if !reflect.DeepEqual(got.Item, it) {
		t.Errorf("it is %+v; wanted %+v", got.Item, it)
	}
}

func TestUnitsAreThoseOfTheItem(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	// 7 and 1 bytes of the key, 4 of a name, and the text.
	for size, want := range map[int]float64{1: 1, 1012: 1, 1013: 2, 9000: 9} {
		out, err := c.PutItem(t.Context(), putIf(finding("L", strings.Repeat("x", size)), ""))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: ptr("findings"), Key: attributes{"company": str("L")}})
		if err != nil || *out.ConsumedCapacity.CapacityUnits != want {
			t.Errorf("%d bytes consume %v, wanted %v (%v)", size, *out.ConsumedCapacity.CapacityUnits, want, err)
		}
		w.wantLast(t, "dynamodb", "DeleteItem", map[string]int64{"requests.write": 1, "units.write": int64(want)})
	}
	if _, err := c.PutItem(t.Context(), putIf(finding("L", strings.Repeat("x", 9000)), "")); err != nil {
		t.Fatal(err)
	}
	small, err := c.PutItem(t.Context(), putIf(finding("L", "x"), "attribute_exists(company)"))
	if err != nil || *small.ConsumedCapacity.CapacityUnits != 9 {
		t.Errorf("a smaller item consumes %+v, %v; wanted what the larger did", small, err)
	}
	if _, err := c.PutItem(t.Context(), putIf(finding("L", strings.Repeat("x", 9000)), "")); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		key        string
		consistent bool
		want       float64
		logged     int64
	}{{"L", true, 3, 3}, {"L", false, 1.5, 2}, {"NONE", true, 1, 1}, {"NONE", false, .5, 1}} {
		out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: ptr("findings"), Key: attributes{"company": str(q.key)},
			ConsistentRead: &q.consistent, ReturnConsumedCapacity: total})
		if err != nil || *out.ConsumedCapacity.CapacityUnits != q.want {
			t.Errorf("%+v consumes %+v, %v", q, out.ConsumedCapacity, err)
		}
		w.wantLast(t, "dynamodb", "GetItem", map[string]int64{"requests.read": 1, "units.read": q.logged})
	}
	_, err = c.PutItem(t.Context(), putIf(finding("L", strings.Repeat("x", 400<<10)), ""))
	wantError(t, err, 400, "ValidationException")
	w.wantLast(t, "dynamodb", "PutItem", map[string]int64{"requests.write": 1})
}

func TestCreateItemIsDoneOnceAndConsumesEverAfter(t *testing.T) {
	w := start(t)
	for i, who := range []string{"run_1/1/0/1", "run_1/1/0/2", "run_2/1/0/1"} {
		it := finding("A", strings.Repeat("x", 1500))
		it["skein-command"] = str(who[:len(who)-2])
		_, err := dynamodb.NewFromConfig(w.as(who)).PutItem(t.Context(), putIf(it, "attribute_not_exists(company)"))
		ln := w.last()
		if ln.Done != (i == 0) || ln.Duplicate != (i == 1) || ln.Resource != "findings/A" {
			t.Errorf("%s: the log says %+v", who, ln)
		}
		w.wantLast(t, "dynamodb", "PutItem", map[string]int64{"requests.write": 1, "units.write": 2})
		if i == 0 {
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		wantError(t, err, 400, "ConditionalCheckFailedException")
		var failed *types.ConditionalCheckFailedException
		if !errors.As(err, &failed) || !reflect.DeepEqual(failed.Item["skein-command"], str("run_1/1/0")) {
			t.Errorf("the error brings %+v", failed)
		}
	}
	in := putIf(finding("A", "y"), "attribute_not_exists(company)")
	in.ReturnValuesOnConditionCheckFailure = ""
	_, err := dynamodb.NewFromConfig(w.config).PutItem(t.Context(), in)
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) || failed.Item != nil {
		t.Errorf("the error brings %+v, which nobody asked for", failed)
	}
}

func TestOneOfManyCreatesAnItem(t *testing.T) {
	w := start(t)
	const n = 16
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			_, errs[i] = dynamodb.NewFromConfig(w.config).PutItem(t.Context(), putIf(finding("R", fmt.Sprint(i)), "attribute_not_exists(company)"))
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantError(t, err, 400, "ConditionalCheckFailedException")
		}
	}
	if won != 1 {
		t.Errorf("%d created it", won)
	}
}

func TestVersionsOfItems(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	it := attributes{"company": str("V"), "version": num("1")}
	if _, err := c.PutItem(t.Context(), putIf(it, "")); err != nil {
		t.Fatal(err)
	}
	replace := putIf(attributes{"company": str("V"), "version": num("2")}, "#v = :v AND attribute_exists(company)")
	replace.ExpressionAttributeNames = map[string]string{"#v": "version"}
	replace.ExpressionAttributeValues = attributes{":v": num("1.0")}
	replace.ReturnValues = types.ReturnValueAllOld
	out, err := c.PutItem(t.Context(), replace)
	if err != nil || !reflect.DeepEqual(out.Attributes, it) {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = c.PutItem(t.Context(), replace)
	wantError(t, err, 400, "ConditionalCheckFailedException")
	del := &dynamodb.DeleteItemInput{TableName: ptr("findings"), Key: attributes{"company": str("V")}, ConditionExpression: ptr("#v = :v"),
		ExpressionAttributeNames: replace.ExpressionAttributeNames, ExpressionAttributeValues: replace.ExpressionAttributeValues}
	_, err = c.DeleteItem(t.Context(), del)
	wantError(t, err, 400, "ConditionalCheckFailedException")
	del.ExpressionAttributeValues = attributes{":v": num("2")}
	for i, who := range []string{"run_1/1/0/1", "run_1/1/0/2", "run_2/1/0/1"} {
		_, err = dynamodb.NewFromConfig(w.as(who)).DeleteItem(t.Context(), del)
		if ln := w.last(); ln.Done != (i == 0) || ln.Duplicate != (i == 1) {
			t.Errorf("%s: %v, the log says %+v", who, err, ln)
		}
		if i > 0 {
			wantError(t, err, 400, "ConditionalCheckFailedException")
		}
	}
	w.wantLast(t, "dynamodb", "DeleteItem", map[string]int64{"requests.write": 1, "units.write": 1})
	del.ConditionExpression, del.ExpressionAttributeNames, del.ExpressionAttributeValues = nil, nil, nil
	if _, err = c.DeleteItem(t.Context(), del); err != nil || w.last().Done {
		t.Errorf("what is not there is deleted without a word: %v, %+v", err, w.last())
	}
}

func TestUpdateExpressions(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	update := func(expression string, values attributes) (*dynamodb.UpdateItemOutput, error) {
		in := &dynamodb.UpdateItemInput{TableName: ptr("findings"), Key: attributes{"company": str("U")}, UpdateExpression: &expression, ReturnValues: types.ReturnValueAllNew}
		if values != nil {
			in.ExpressionAttributeValues = values
		}
		return c.UpdateItem(t.Context(), in)
	}
	list := func(vs ...types.AttributeValue) types.AttributeValue { return &types.AttributeValueMemberL{Value: vs} }
	want := attributes{"company": str("U")}
	for _, s := range []struct {
		expression string
		values     attributes
		change     attributes // nil values go away
	}{
		{"SET n = :one, l = :l", attributes{":one": num("1"), ":l": list(str("a"), str("b"), str("c"))},
			attributes{"n": num("1"), "l": list(str("a"), str("b"), str("c"))}},
		{"SET n = n + :one, prev = n ADD hits :one", attributes{":one": num("1.5")}, attributes{"n": num("2.5"), "prev": num("1"), "hits": num("1.5")}},
		{"SET n = n - :one, k = if_not_exists(n, :one)", attributes{":one": num("3")}, attributes{"n": num("-0.5"), "k": num("2.5")}},
		{"REMOVE l[0], l[2], k", nil, attributes{"l": list(str("b")), "k": nil}},
		{"SET l = list_append(:l, l), l2 = if_not_exists(nowhere, :l)", attributes{":l": list(str("z"))}, attributes{"l": list(str("z"), str("b")), "l2": list(str("z"))}},
		{"ADD tags :t", attributes{":t": &types.AttributeValueMemberSS{Value: []string{"x", "y"}}}, attributes{"tags": &types.AttributeValueMemberSS{Value: []string{"x", "y"}}}},
		{"DELETE tags :t", attributes{":t": &types.AttributeValueMemberSS{Value: []string{"x", "y"}}}, attributes{"tags": nil}},
	} {
		out, err := update(s.expression, s.values)
		if err != nil {
			t.Fatalf("%s: %v", s.expression, err)
		}
		for name, v := range s.change {
			if want[name] = v; v == nil {
				delete(want, name)
			}
		}
		if !reflect.DeepEqual(out.Attributes, want) {
			t.Errorf("%s gives %+v; wanted %+v", s.expression, out.Attributes, want)
		}
	}
	for expression, values := range map[string]attributes{
		"SET company = :v": {":v": str("x")}, "SET n = nowhere": nil, "SET a = :v, a = :v": {":v": str("x")}, "SET n = n + :v": {":v": str("x")},
		"SET a.b.c = :v": {":v": str("x")}, "ADD n": nil, "SET": nil, "SET x = :v SET y = :v": {":v": str("x")}, "DELETE n :v": {":v": num("1")},
	} {
		_, err := update(expression, values)
		wantError(t, err, 400, "ValidationException")
	}
}

func history(t *testing.T, c *dynamodb.Client) {
	t.Helper()
	for _, company := range []string{"A", "B"} {
		for _, period := range []string{"2023-Q4", "2024-Q1", "2024-Q2", "2025-Q1"} {
			_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("history"),
				Item: attributes{"company": str(company), "period": str(period), "pad": str(strings.Repeat("x", 3000)), "n": num(period[:4])}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestQueriesByKey(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	history(t, c)
	query := func(in dynamodb.QueryInput) string {
		t.Helper()
		in.TableName, in.ReturnConsumedCapacity, in.ConsistentRead = ptr("history"), total, ptr(true)
		got := ""
		for p := dynamodb.NewQueryPaginator(c, &in); p.HasMorePages(); {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range page.Items {
				got += it["company"].(*types.AttributeValueMemberS).Value + it["period"].(*types.AttributeValueMemberS).Value[2:] + " "
			}
			got += fmt.Sprint("(", page.Count, "/", page.ScannedCount, " ", *page.ConsumedCapacity.CapacityUnits, ")")
		}
		return got
	}
	a := attributes{":c": str("A"), ":x": str("2024-Q1")}
	between := attributes{":c": str("A"), ":x": str("2024-Q1"), ":y": str("2024-Q2")}
	for _, q := range []struct {
		in   dynamodb.QueryInput
		want string
	}{
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c"), ExpressionAttributeValues: attributes{":c": str("B")}}, "B23-Q4 B24-Q1 B24-Q2 B25-Q1 (4/4 3)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c AND period >= :x"), ExpressionAttributeValues: a}, "A24-Q1 A24-Q2 A25-Q1 (3/3 3)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("(company = :c) AND (period < :x)"), ExpressionAttributeValues: a}, "A23-Q4 (1/1 1)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c AND period <= :x"), ExpressionAttributeValues: a}, "A23-Q4 A24-Q1 (2/2 2)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c AND period BETWEEN :x AND :y"), ExpressionAttributeValues: between}, "A24-Q1 A24-Q2 (2/2 2)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c AND begins_with(period, :x)"),
			ExpressionAttributeValues: attributes{":c": str("A"), ":x": str("2024")}}, "A24-Q1 A24-Q2 (2/2 2)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c"), ExpressionAttributeValues: attributes{":c": str("A")}, ScanIndexForward: ptr(false), Limit: ptr(int32(3))},
			"A25-Q1 A24-Q2 A24-Q1 (3/3 3)A23-Q4 (1/1 1)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c"), ExpressionAttributeValues: attributes{":c": str("A")}, Limit: ptr(int32(4))},
			"A23-Q4 A24-Q1 A24-Q2 A25-Q1 (4/4 3)(0/0 1)"}, // a page that is full does not know that it is the last
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c"), FilterExpression: ptr("n = :n"), ExpressionAttributeValues: attributes{":c": str("A"), ":n": num("2024")}},
			"A24-Q1 A24-Q2 (2/4 3)"},
		{dynamodb.QueryInput{KeyConditionExpression: ptr("company = :c"), ExpressionAttributeValues: attributes{":c": str("none")}}, "(0/0 1)"},
	} {
		if got := query(q.in); got != q.want {
			t.Errorf("%s %s gives %q; wanted %q", *q.in.KeyConditionExpression, sdk.ToString(q.in.FilterExpression), got, q.want)
		}
	}
	for expression, values := range map[string]attributes{
		"company > :c": {":c": str("A")}, "period = :c": {":c": str("A")}, "company = :c OR period = :c": {":c": str("A")},
		"company = :c AND n = :n": {":c": str("A"), ":n": num("1")}, "company = :n": {":n": num("1")}, "company = :c AND company = :d": {":c": str("A"), ":d": str("B")},
		"company = :c AND contains(period, :d)": {":c": str("A"), ":d": str("B")}, "company = :none": {":c": str("A")}, "company": {":c": str("A")},
		"company = :c AND period BETWEEN :y AND :x": {":c": str("A"), ":x": str("1"), ":y": str("2")}, "company <> :c": {":c": str("A")},
	} {
		_, err := c.Query(t.Context(), &dynamodb.QueryInput{TableName: ptr("history"), KeyConditionExpression: &expression, ExpressionAttributeValues: values})
		wantError(t, err, 400, "ValidationException")
	}
}

func TestScansEverythingOnce(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	history(t, c)
	seen := map[string]int{}
	pages := 0
	for p := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{TableName: ptr("history"), Limit: ptr(int32(3)), ProjectionExpression: ptr("company, period")}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			if len(it) != 2 {
				t.Errorf("more came than was asked for: %+v", it)
			}
			seen[fmt.Sprint(it["company"].(*types.AttributeValueMemberS).Value, it["period"].(*types.AttributeValueMemberS).Value)]++
		}
	}
	if len(seen) != 8 || pages != 3 {
		t.Errorf("%d pages of %v", pages, seen)
	}
}

func TestPagesEndAtAMegabyte(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	for i := range 4 {
		if _, err := c.PutItem(t.Context(), putIf(finding(fmt.Sprint(i), strings.Repeat("x", 390<<10)), "")); err != nil {
			t.Fatal(err)
		}
	}
	page, err := c.Scan(t.Context(), &dynamodb.ScanInput{TableName: ptr("findings"), ReturnConsumedCapacity: total})
	if err != nil || page.Count != 2 || page.LastEvaluatedKey == nil || *page.ConsumedCapacity.CapacityUnits != 97.5+.5 {
		t.Errorf("a page has %d of %v and consumed %v: %v", page.Count, page.LastEvaluatedKey, *page.ConsumedCapacity.CapacityUnits, err)
	}
	page, err = c.Scan(t.Context(), &dynamodb.ScanInput{TableName: ptr("findings"), ExclusiveStartKey: page.LastEvaluatedKey, Select: types.SelectCount})
	if err != nil || page.Count != 2 || page.LastEvaluatedKey != nil || page.Items != nil {
		t.Errorf("the rest is %+v: %v", page, err)
	}
}

func TestTransactionsAreWholeAndRememberTheirToken(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	create := func(company, text string) types.TransactWriteItem {
		return types.TransactWriteItem{Put: &types.Put{TableName: ptr("findings"), Item: finding(company, text), ConditionExpression: ptr("attribute_not_exists(company)"),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}}
	}
	in := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{create("T1", "x"), create("T2", "x")},
		ClientRequestToken: ptr("token-1"), ReturnConsumedCapacity: total}
	out, err := c.TransactWriteItems(t.Context(), in)
	if err != nil || *out.ConsumedCapacity[0].WriteCapacityUnits != 4 || !w.last().Done {
		t.Fatalf("%+v, %v", out, err)
	}
	w.wantLast(t, "dynamodb", "TransactWriteItems", map[string]int64{"requests.write": 1, "units.write": 4})
	w.clock.advance(10*time.Minute - time.Second)
	out, err = c.TransactWriteItems(t.Context(), in)
	if err != nil || out.ConsumedCapacity[0].WriteCapacityUnits != nil || *out.ConsumedCapacity[0].ReadCapacityUnits != 4 || !w.last().Duplicate {
		t.Fatalf("a repeat: %+v, %v, %+v", out, err, w.last())
	}
	in.TransactItems[1] = create("T3", "x")
	_, err = c.TransactWriteItems(t.Context(), in)
	wantError(t, err, 400, "IdempotentParameterMismatchException")
	w.clock.advance(2 * time.Second)
	_, err = c.TransactWriteItems(t.Context(), in)
	wantError(t, err, 400, "TransactionCanceledException")
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) || len(cancelled.CancellationReasons) != 2 || *cancelled.CancellationReasons[0].Code != "ConditionalCheckFailed" ||
		cancelled.CancellationReasons[0].Item == nil || *cancelled.CancellationReasons[1].Code != "None" {
		t.Errorf("it was cancelled for %+v", cancelled)
	}
	got, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: ptr("findings"), Key: attributes{"company": str("T3")}})
	if err != nil || got.Item != nil {
		t.Errorf("a part of it was done: %+v, %v", got.Item, err)
	}
	in.TransactItems, in.ClientRequestToken = []types.TransactWriteItem{create("T4", "x"), create("T4", "y")}, nil
	_, err = c.TransactWriteItems(t.Context(), in)
	wantError(t, err, 400, "ValidationException")
}

func TestTables(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	in := &dynamodb.CreateTableInput{TableName: ptr("numbers"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: ptr("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: ptr("id"), AttributeType: types.ScalarAttributeTypeN}}}
	made, err := c.CreateTable(t.Context(), in)
	if err != nil || made.TableDescription.TableStatus != types.TableStatusCreating {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = c.CreateTable(t.Context(), in)
	wantError(t, err, 400, "ResourceInUseException")
	d, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: ptr("numbers")})
	if err != nil || d.Table.TableStatus != types.TableStatusActive || *d.Table.KeySchema[0].AttributeName != "id" || d.Table.AttributeDefinitions[0].AttributeType != "N" {
		t.Errorf("it is %+v, %v", d, err)
	}
	w.wantLast(t, "dynamodb", "DescribeTable", nil)
	for i, key := range []types.AttributeValue{num("7"), num("7.0"), str("7")} {
		_, err := c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("numbers"), Item: attributes{"id": key}, ConditionExpression: ptr("attribute_not_exists(id)")})
		if want := []string{"", "ConditionalCheckFailedException", "ValidationException"}[i]; want != "" {
			wantError(t, err, 400, want)
		} else if err != nil {
			t.Error(err)
		}
	}
	list, err := c.ListTables(t.Context(), &dynamodb.ListTablesInput{Limit: ptr(int32(2))})
	if err != nil || !reflect.DeepEqual(list.TableNames, []string{"findings", "history"}) || *list.LastEvaluatedTableName != "history" {
		t.Errorf("there are %+v, %v", list, err)
	}
	_, err = c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: ptr("none")})
	wantError(t, err, 400, "ResourceNotFoundException")
	_, err = c.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: ptr("none"), Item: finding("x", "y")})
	wantError(t, err, 400, "ResourceNotFoundException")
	_, err = c.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"findings": {Keys: []attributes{{"company": str("x")}}}}})
	wantError(t, err, 400, "UnknownOperationException")
}

func TestWhatDynamoDBDoesNotTake(t *testing.T) {
	w := start(t)
	c := dynamodb.NewFromConfig(w.config)
	for name, change := range map[string]func(*dynamodb.PutItemInput){
		"no key":        func(in *dynamodb.PutItemInput) { in.Item = attributes{"text": str("x")} },
		"key of a kind": func(in *dynamodb.PutItemInput) { in.Item["company"] = num("1") },
		"empty key":     func(in *dynamodb.PutItemInput) { in.Item["company"] = str("") },
		"no number":     func(in *dynamodb.PutItemInput) { in.Item["n"] = num("one") },
		"long number":   func(in *dynamodb.PutItemInput) { in.Item["n"] = num(strings.Repeat("1", 39)) },
		"large number":  func(in *dynamodb.PutItemInput) { in.Item["n"] = num("1e126") },
		"small number":  func(in *dynamodb.PutItemInput) { in.Item["n"] = num("1e-131") },
		"empty set":     func(in *dynamodb.PutItemInput) { in.Item["s"] = &types.AttributeValueMemberSS{Value: []string{}} },
		"set with repeats": func(in *dynamodb.PutItemInput) {
			in.Item["s"] = &types.AttributeValueMemberNS{Value: []string{"1", "1.0"}}
		},
		"false null":         func(in *dynamodb.PutItemInput) { in.Item["s"] = &types.AttributeValueMemberNULL{} },
		"empty expression":   func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("") },
		"syntax":             func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("company = ") },
		"character":          func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("company ! :v") },
		"reserved word":      func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("attribute_not_exists(name)") },
		"unknown name":       func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("attribute_not_exists(#n)") },
		"function":           func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("not_there(company)") },
		"operands":           func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("attribute_exists(company, text)") },
		"double parentheses": func(in *dynamodb.PutItemInput) { in.ConditionExpression = ptr("((attribute_exists(company)))") },
		"deep parentheses": func(in *dynamodb.PutItemInput) {
			in.ConditionExpression = ptr(strings.Repeat("NOT ", 900) + "attribute_exists(company)")
		},
		"unused name": func(in *dynamodb.PutItemInput) {
			in.ConditionExpression, in.ExpressionAttributeNames = ptr("attribute_exists(company)"), map[string]string{"#n": "name"}
		},
		"unused value": func(in *dynamodb.PutItemInput) {
			in.ConditionExpression, in.ExpressionAttributeValues = ptr("attribute_exists(company)"), attributes{":v": str("x")}
		},
		"names without expression": func(in *dynamodb.PutItemInput) { in.ExpressionAttributeNames = map[string]string{"#n": "name"} },
		"return values":            func(in *dynamodb.PutItemInput) { in.ReturnValues = types.ReturnValueAllNew },
	} {
		in := putIf(finding("A", "x"), "")
		change(in)
		_, err := c.PutItem(t.Context(), in)
		if t.Run(name, func(t *testing.T) { wantError(t, err, 400, "ValidationException") }); w.last().Done {
			t.Errorf("%s: it was done", name)
		}
	}
	_, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: ptr("history"), Key: attributes{"company": str("A")}})
	wantError(t, err, 400, "ValidationException")
}

func TestAnswersCarryTheirChecksum(t *testing.T) {
	w := start(t)
	resp := w.ask(context.WithoutCancel(t.Context()), t, "dynamodb", "POST", "/", "{", map[string]string{"X-Amz-Target": "DynamoDB_20120810.GetItem"})
	if b := text(t, resp.Body); resp.StatusCode != 400 || !strings.Contains(b, `"__type":"com.amazon.coral.service#SerializationException"`) || resp.Header.Get("X-Amz-Crc32") == "" {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, b)
	}
}
