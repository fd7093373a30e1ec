package tool

import (
	"fmt"
	"maps"
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// Set is the tools of one agent, by the names of their operations. It never
// changes and is safe for concurrent use.
type Set struct {
	ops   map[string]entry
	order []string // by tool's name, then as the tool lists them: prompts keep their prefix
}

type entry struct {
	tool Tool
	op   *Operation
}

// NewSet puts tools together, by their names in the configuration. Two
// operations of one name are refused: a model could not tell them apart.
func NewSet(tools map[string]Tool) (*Set, error) {
	s := &Set{ops: map[string]entry{}}
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		for _, op := range tools[name].Operations() {
			if other, taken := owner[op.Name]; taken {
				return nil, fmt.Errorf("tools %q and %q both have an operation %q: rename one of the tools", other, name, op.Name)
			}
			if op.compiled == nil {
				var err error
				if op.compiled, err = compile(op.Schema); err != nil {
					return nil, fmt.Errorf("tool %q: operation %q: %w", name, op.Name, err)
				}
			}
			owner[op.Name] = name
			s.ops[op.Name] = entry{tools[name], &op}
			s.order = append(s.order, op.Name)
		}
	}
	return s, nil
}

// Lookup finds an operation by the name that the model calls it by.
func (s *Set) Lookup(op string) (Tool, *Operation, bool) {
	e, ok := s.ops[op]
	return e.tool, e.op, ok
}

// Specs describes all operations to a model, always in the same order.
func (s *Set) Specs() []llm.Tool {
	specs := make([]llm.Tool, 0, len(s.order))
	for _, name := range s.order {
		op := s.ops[name].op
		specs = append(specs, llm.Tool{Name: op.Name, Description: op.Description, Schema: op.Schema})
	}
	return specs
}
