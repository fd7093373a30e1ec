package tool_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool"
)

// named is a tool with operations of the given names.
type named []string

func (n named) Resource() tool.Resource { return tool.Resource{} }
func (n named) Operations() (ops []tool.Operation) {
	for _, name := range n {
		ops = append(ops, tool.Operation{Name: name, Schema: json.RawMessage(`{"type":"object"}`)})
	}
	return ops
}
func (n named) Do(context.Context, tool.Call) (tool.Result, error) { return tool.Result{}, nil }
func (n named) Check(context.Context) error                        { return nil }
func (n named) Close() error                                       { return nil }

func TestSetRefusesTwoOperationsOfOneName(t *testing.T) {
	_, err := tool.NewSet(map[string]tool.Tool{"a": named{"a_b_list"}, "a_b": named{"a_b_list"}})
	if err == nil || !strings.Contains(err.Error(), `"a" and "a_b" both have an operation "a_b_list"`) {
		t.Fatalf("the error is %v", err)
	}
}

func TestSetKeepsItsOrder(t *testing.T) {
	tools := map[string]tool.Tool{"b": named{"b_z", "b_a"}, "a": named{"a_1"}, "c": named{"c_1"}}
	for range 20 {
		set, err := tool.NewSet(tools)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range set.Specs() {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != "a_1 b_z b_a c_1" {
			t.Fatalf("the order is %s", got)
		}
	}
}

func TestSetFindsOperationsByName(t *testing.T) {
	set, err := tool.NewSet(map[string]tool.Tool{"a": named{"a_1", "a_2"}})
	if err != nil {
		t.Fatal(err)
	}
	if tl, op, ok := set.Lookup("a_2"); !ok || tl == nil || op.Name != "a_2" {
		t.Errorf("lookup: %v, %v, %v", tl, op, ok)
	}
	if tl, op, ok := set.Lookup("a_3"); ok || tl != nil || op != nil {
		t.Errorf("lookup of none: %v, %v, %v", tl, op, ok)
	}
}
