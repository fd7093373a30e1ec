package tool

import (
	"maps"
	"slices"
)

// builtins is every tool without a resource.
var builtins = map[string]func(Limits) Tool{
	"calculate": newCalculate,
	"todo":      newTodo,
	Results:     newResults,
}

// IsBuiltin reports whether name is a tool that needs no [Spec].
func IsBuiltin(name string) bool { return builtins[name] != nil }

// Builtins are the names of the tools that need no [Spec].
func Builtins() []string { return slices.Sorted(maps.Keys(builtins)) }
