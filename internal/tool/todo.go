package tool

import (
	"context"
	"encoding/json"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

// newTodo is a list that an agent keeps for itself. It needs no storage: the
// list is in the arguments, so it is in the run's journal and in what the model
// sees next.
func newTodo(lim Limits) Tool {
	t := &operated{resource: Resource{Name: "todo", Kind: "todo", Cloud: "local", Service: "local/todo"}}
	t.add(Operation{
		Name: "todo_write",
		Description: "Replaces the to-do list: give all items each time, in order. " +
			"Write it when you plan, and again when something is done or the plan changes.",
		Schema: schema(`{"type":"object","additionalProperties":false,"required":["items"],"properties":{
			"items":{"type":"array","maxItems":50,"items":{"type":"object","additionalProperties":false,"required":["task","status"],"properties":{
				"task":{"type":"string","minLength":1,"maxLength":300},
				"status":{"enum":["pending","doing","done"]}}}}}}`),
		Class: agent.Local, Basis: "the list is in the arguments", Timeout: lim.Timeout, MaxResult: lim.MaxResult,
		Bound: []price.Reading{},
	}, func(_ context.Context, args json.RawMessage, _ string) (Result, error) {
		return writeTodo(args, lim)
	})
	return t
}

func writeTodo(args json.RawMessage, lim Limits) (Result, error) {
	type item struct {
		Task   string `json:"task"`
		Status string `json:"status"`
	}
	var in struct{ Items []item }
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	items := make([][]byte, len(in.Items))
	for i := range in.Items {
		var err error
		if items[i], err = plainJSON(in.Items[i]); err != nil {
			return Result{}, err
		}
	}
	return listing(`{"items":`, items, false, "the others are in what you wrote", lim.MaxResult), nil
}
