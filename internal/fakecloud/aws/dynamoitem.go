package aws

import (
	"encoding/json"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// writeIn is what PutItem, UpdateItem and DeleteItem take, alone or in a transaction.
type writeIn struct {
	TableName                           string
	Item, Key                           item
	ConditionExpression                 *string
	UpdateExpression                    *string
	ReturnValues                        string
	ReturnConsumedCapacity              string
	ReturnValuesOnConditionCheckFailure string
	// The old ways, which cannot be mixed with expressions and are not here.
	Expected, AttributeUpdates json.RawMessage
	expressions
}

// write is one change of one item, made ready before anything is done.
type write struct {
	table     *table
	key       string
	given     item // the item of a put, the key of everything else
	condition *expr
	update    *update
	remove    bool
	check     bool // nothing but the condition
	command   string
}

// prepare reads a change, under the lock.
func (c *Cloud) prepare(k *call, op string, in *writeIn) (*write, *standin.Outcome) {
	t, no := c.dynamo.table(k, in.TableName)
	if no != nil {
		return nil, no
	}
	w, err := in.read(t, op)
	if err != nil {
		out := k.wrong(err)
		return nil, &out
	}
	w.command = k.command
	for _, name := range []string{"skein-command", "skein_command"} {
		if v := w.given[name]; v != nil && v.kind == "S" {
			w.command = v.text
		}
	}
	return w, nil
}

func (in *writeIn) read(t *table, op string) (*write, error) {
	w := &write{table: t, given: in.Key, remove: op == "Delete", check: op == "ConditionCheck"}
	if op == "Put" {
		w.given = in.Item
	}
	if in.Expected != nil || in.AttributeUpdates != nil {
		return nil, invalid("Expected and AttributeUpdates are not here: use expressions")
	}
	if err := in.begin(in.ConditionExpression != nil || in.UpdateExpression != nil); err != nil {
		return nil, err
	}
	var err error
	if in.UpdateExpression != nil {
		if w.update, err = parseUpdate(*in.UpdateExpression, in.ph); err != nil {
			return nil, err
		}
		if err := w.update.spares(t); err != nil {
			return nil, err
		}
	} else if op == "Update" {
		w.update = &update{}
	}
	if in.ConditionExpression != nil {
		if w.condition, err = parseCondition("ConditionExpression", *in.ConditionExpression, in.ph); err != nil {
			return nil, err
		}
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	if err := w.given.whole(); err != nil {
		return nil, err
	}
	if w.key, err = t.key(w.given, op != "Put"); err != nil {
		return nil, err
	}
	if w.given.size() > mostItem {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	return w, nil
}

// was is what is stored under the change's key; an empty one where nothing is.
func (w *write) was() *stored {
	if s := w.table.items[w.key]; s != nil {
		return s
	}
	return &stored{}
}

// becomes is what the change makes of the item; nil is nothing.
func (w *write) becomes() (*stored, error) {
	it := w.given
	switch {
	case w.remove:
		return nil, nil
	case w.check:
		return w.table.items[w.key], nil
	case w.update != nil:
		it = w.was().item.clone()
		if it == nil {
			it = w.given.clone()
		}
		if err := w.update.apply(it); err != nil {
			return nil, err
		}
	}
	s := &stored{item: it, size: it.size(), command: w.command}
	if s.size > mostItem {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	return s, nil
}

// apply makes the change. DynamoDB charges for the larger of the item before and
// after, also where the condition keeps it from being made.
func (c *Cloud) apply(k *call, op string, in *writeIn) standin.Outcome {
	c.dynamo.mu.Lock()
	defer c.dynamo.mu.Unlock()
	w, no := c.prepare(k, op, in)
	if no != nil {
		return *no
	}
	if bad := in.returns(op); bad != "" {
		return k.invalid("%s", bad)
	}
	was := w.was()
	size := was.size
	if !w.remove {
		size = max(size, w.given.size())
	}
	if w.condition != nil && !w.condition.test(was.item) {
		out := k.refuse(conditionFailed(was, in.ReturnValuesOnConditionCheckFailure))
		out.Resource = k.named(w.table, w.given)
		out.Duplicate = w.repeats(was)
		add(&out, price.MeterWriteUnits, units(size, writeUnit))
		return out
	}
	now, err := w.becomes()
	if err != nil {
		return k.wrong(err)
	}
	if now != nil {
		size = max(size, now.size)
	}
	charged := units(size, writeUnit)
	answer := map[string]any{}
	if attributes := returned(in.ReturnValues, w, was, now); attributes != nil {
		answer["Attributes"] = attributes
	}
	if used := k.capacity(in.ReturnConsumedCapacity, in.TableName, 2*charged); used != nil {
		answer["ConsumedCapacity"] = used
	}
	out := k.json(answer)
	out.Resource = k.named(w.table, w.given)
	out.Done = now != nil || was.item != nil
	if now != nil {
		out.Bytes = int64(now.size)
	}
	add(&out, price.MeterWriteUnits, charged)
	w.commit(now)
	return out
}

// repeats reports whether what is stored, or that nothing is, is the work of the same
// command already.
func (w *write) repeats(was *stored) bool {
	by := was.command
	if w.remove && was.item == nil {
		by = w.table.deleted[w.key]
	}
	return w.command != "" && by == w.command
}

// commit stores what the change made.
func (w *write) commit(now *stored) {
	if now == nil {
		if w.table.items[w.key] != nil {
			delete(w.table.items, w.key)
			w.table.deleted[w.key] = w.command
		}
	} else if !w.check {
		w.table.items[w.key] = now
	}
}

func conditionFailed(was *stored, returns string) refusal {
	r := refusal{status: 400, code: "ConditionalCheckFailedException", message: "The conditional request failed"}
	if returns == "ALL_OLD" && was.item != nil {
		r.members = map[string]any{"Item": was.item}
	}
	return r
}

// returns says what is wrong with what the request wants back.
func (in *writeIn) returns(op string) string {
	switch in.ReturnValues {
	case "", "NONE", "ALL_OLD":
	case "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW":
		if op != "Update" {
			return "Return values set to invalid value"
		}
	default:
		return "1 validation error detected: Value '" + in.ReturnValues + "' at 'returnValues' failed to satisfy constraint: Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
	}
	switch in.ReturnValuesOnConditionCheckFailure {
	case "", "NONE", "ALL_OLD":
		return ""
	}
	return "1 validation error detected: Value '" + in.ReturnValuesOnConditionCheckFailure + "' at 'returnValuesOnConditionCheckFailure' failed to satisfy constraint: Member must satisfy enum value set: [ALL_OLD, NONE]"
}

// returned are the attributes that the request wants back.
func returned(what string, w *write, was, now *stored) item {
	switch what {
	case "ALL_OLD":
		return was.item
	case "ALL_NEW":
		return now.item
	case "UPDATED_OLD":
		return project(was.item, w.update.paths())
	case "UPDATED_NEW":
		return project(now.item, w.update.paths())
	}
	return nil
}

func (c *Cloud) putItem(k *call) standin.Outcome    { return c.change(k, "Put") }
func (c *Cloud) updateItem(k *call) standin.Outcome { return c.change(k, "Update") }
func (c *Cloud) deleteItem(k *call) standin.Outcome { return c.change(k, "Delete") }

func (c *Cloud) change(k *call, op string) standin.Outcome {
	var in writeIn
	if err := json.Unmarshal(k.Body, &in); err != nil {
		return k.wrong(err)
	}
	return c.apply(k, op, &in)
}
