package aws

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// Limits of transactions.
const (
	mostActions   = 100
	mostTransact  = 4 << 20
	mostToken     = 36
	tokenRemember = 10 * time.Minute // from when the transaction was completed
)

// transaction is remembered by its token.
type transaction struct {
	digest [sha256.Size]byte
	ended  time.Time
	halves int64 // of read units that each repeat costs
}

// transactItem is one action, under its name.
type transactItem struct {
	Put, Update, Delete, ConditionCheck *writeIn
}

func (i *transactItem) action() (op string, in *writeIn) {
	n := 0
	for name, w := range map[string]*writeIn{"Put": i.Put, "Update": i.Update, "Delete": i.Delete, "ConditionCheck": i.ConditionCheck} {
		if w != nil {
			op, in = name, w
			n++
		}
	}
	if n != 1 {
		return "", nil
	}
	return op, in
}

type transactIn struct {
	TransactItems          []transactItem
	ClientRequestToken     *string
	ReturnConsumedCapacity string
}

func (c *Cloud) transactNeeds(k *call) []need {
	var in transactIn
	if json.Unmarshal(k.Body, &in) != nil {
		return nil
	}
	var ns []need
	for i := range in.TransactItems {
		op, w := in.TransactItems[i].action()
		if w == nil {
			continue
		}
		if op += "Item"; op == "ConditionCheckItem" {
			op = "ConditionCheckItem"
		}
		ns = append(ns, need{action: "dynamodb:" + op, resource: k.arn("dynamodb", "table/"+lastPart(w.TableName, "/"))})
	}
	return ns
}

// transact does all of its actions or none. One whose token was used before, within
// ten minutes, does nothing more, and costs what reading the items does.
func (c *Cloud) transact(k *call) standin.Outcome {
	var in transactIn
	if err := json.Unmarshal(k.Body, &in); err != nil {
		return k.wrong(err)
	}
	if n := len(in.TransactItems); n == 0 || n > mostActions {
		return k.invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to %d and at least 1", mostActions)
	}
	if in.ClientRequestToken != nil && (*in.ClientRequestToken == "" || len(*in.ClientRequestToken) > mostToken) {
		return k.invalid("1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length less than or equal to %d", mostToken)
	}
	st := &c.dynamo
	st.mu.Lock()
	defer st.mu.Unlock()
	token := ""
	if in.ClientRequestToken != nil {
		token = *in.ClientRequestToken
	}
	digest, err := digestOf(in.TransactItems)
	if err != nil {
		return k.wrong(err)
	}
	if before, ok := st.done[token]; ok && token != "" && k.Now.Before(before.ended.Add(tokenRemember)) {
		if before.digest != digest {
			return k.refuse(refusal{status: 400, code: "IdempotentParameterMismatchException",
				message: "The request uses the same client token as a previous, but non-identical request."})
		}
		out := k.json(k.transacted(&in, "ReadCapacityUnits", before.halves))
		out.Duplicate = true
		add(&out, price.MeterReadUnits, (before.halves+1)/2)
		return out
	}
	return c.transactOnce(k, &in, token, digest)
}

func (c *Cloud) transactOnce(k *call, in *transactIn, token string, digest [sha256.Size]byte) standin.Outcome {
	var writes []*write
	var results []*stored
	seen := map[string]bool{}
	reasons, failed := []map[string]any{}, []string{}
	bad, own := false, true
	var units2, halves, total int64
	for i := range in.TransactItems {
		op, item := in.TransactItems[i].action()
		if item == nil {
			return k.invalid("TransactItems can only contain one of Check, Put, Update or Delete")
		}
		if op == "ConditionCheck" && item.ConditionExpression == nil {
			return k.invalid("ConditionCheck needs a ConditionExpression")
		}
		w, no := c.prepare(k, op, item)
		if no != nil {
			return *no
		}
		if id := item.TableName + " " + w.key; seen[id] {
			return k.invalid("Transaction request cannot include multiple operations on one item")
		} else {
			seen[id] = true
		}
		was := w.was()
		code, reason := "None", map[string]any{"Code": "None"}
		var now *stored
		if w.condition != nil && !w.condition.test(was.item) {
			r := conditionFailed(was, item.ReturnValuesOnConditionCheckFailure)
			code, reason = "ConditionalCheckFailed", map[string]any{"Code": "ConditionalCheckFailed", "Message": r.message}
			if r.members != nil {
				reason["Item"] = r.members["Item"]
			}
			own = own && w.repeats(was)
		} else {
			var err error
			if now, err = w.becomes(); err != nil {
				code, reason = "ValidationError", map[string]any{"Code": "ValidationError", "Message": err.Error()}
				own = false
			}
		}
		bad = bad || code != "None"
		size := max(was.size, w.given.size())
		if now != nil {
			size = max(size, now.size)
		}
		units2 += 2 * units(size, writeUnit)
		halves += 4 * units(size, readUnit) // a transactional read costs two units
		total += int64(size)
		writes, results = append(writes, w), append(results, now)
		reasons, failed = append(reasons, reason), append(failed, code)
	}
	if total > mostTransact {
		return k.invalid("Collection size limit exceeded: the items of a transaction are larger than 4 MB")
	}
	if bad {
		out := k.refuse(refusal{status: 400, code: "TransactionCanceledException",
			message: fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(failed, ", ")),
			members: map[string]any{"CancellationReasons": reasons}})
		out.Duplicate = own
		add(&out, price.MeterWriteUnits, units2)
		return out
	}
	for i, w := range writes {
		w.commit(results[i])
	}
	if token != "" {
		c.dynamo.done[token] = transaction{digest, k.Now, halves}
	}
	out := k.json(k.transacted(in, "WriteCapacityUnits", 2*units2))
	out.Done = true
	add(&out, price.MeterWriteUnits, units2)
	return out
}

// transacted is the answer to a transaction that was done; what it consumed stands
// with its first table, as there is rarely another.
func (k *call) transacted(in *transactIn, kind string, halves int64) map[string]any {
	_, first := in.TransactItems[0].action()
	used := k.capacity(in.ReturnConsumedCapacity, first.TableName, halves)
	if used == nil {
		return map[string]any{}
	}
	used[kind] = used["CapacityUnits"]
	return map[string]any{"ConsumedCapacity": []any{used}}
}

// digestOf is what two requests with the same token must have in common.
func digestOf(items []transactItem) (d [sha256.Size]byte, err error) {
	b, err := json.Marshal(items)
	return sha256.Sum256(b), err
}
