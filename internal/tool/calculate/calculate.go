// Package calculate runs small programs that a model wrote. The language is
// Starlark, a Python without I/O, clock, chance, loading of modules, while loops
// and recursion; so a program gives the same result each time and ends.
//
// That it ends soon and in little memory takes more: a step of Starlark may
// concatenate, multiply or print values that doubled in each step before. So the
// program is rewritten before it runs ([guarded]): whatever walks or makes a value
// goes through a [meter], which knows the sizes and stops a program that is too
// much.
package calculate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/skein-run/skein/internal/tool/effect"
)

// Bounds of one program.
const (
	MostProgram = 16 << 10 // bytes of text
	mostSteps   = 500_000
	mostPrinted = 64 << 10
)

// Names that a program cannot write, and so cannot change.
const (
	lastValue = "$value"
	guardMark = "$"
)

var dialect = &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true}

// Eval runs a program and gives what it found: what it printed, and then the
// value of its last expression or, where it does not end with one, of its
// variable `result`. A program that is wrong or too much is an *[effect.Error]
// that a model can act on.
func Eval(ctx context.Context, program string) (string, error) {
	if len(program) > MostProgram {
		return "", refuse("the program has %d bytes, and %d are the most", len(program), MostProgram)
	}
	if ctx.Err() != nil {
		return "", effect.Ended(ctx, effect.NotDone, "the program")
	}
	file, err := dialect.Parse("program", program, 0)
	if err != nil {
		return "", refuse("the program cannot be read: %v", err)
	}
	if file, err = guarded(file); err != nil {
		return "", refuse("the program cannot be run: %v", err)
	}
	m := &meter{left: mostWork}
	names := m.names()
	compiled, err := starlark.FileProgram(file, names.Has)
	if err != nil {
		return "", refuse("the program cannot be run: %v", err)
	}

	var printed strings.Builder
	thread := &starlark.Thread{Name: "program", Print: func(t *starlark.Thread, line string) {
		if printed.Len()+len(line) > mostPrinted {
			t.Cancel("it prints too much")
			return
		}
		printed.WriteString(line + "\n")
	}}
	thread.SetMaxExecutionSteps(mostSteps)
	thread.OnMaxSteps = func(t *starlark.Thread) { t.Cancel("it takes too many steps") }
	defer context.AfterFunc(ctx, func() { thread.Cancel("it takes too long") })()

	globals, err := compiled.Init(thread, names)
	if err != nil {
		if ctx.Err() != nil {
			return "", effect.Ended(ctx, effect.NotDone, "the program")
		}
		return "", refuse("the program failed: %s", failure(err))
	}
	return m.answer(globals, printed.String())
}

// answer is what the model sees.
func (m *meter) answer(globals starlark.StringDict, printed string) (string, error) {
	value, ok := globals[lastValue]
	if !ok || value == starlark.None {
		if result, there := globals["result"]; there {
			value, ok = result, true
		}
	}
	if !ok || value == starlark.None && printed != "" {
		if printed == "" {
			return "", refuse("the program gives nothing: end it with an expression, or set the variable result")
		}
		return strings.TrimSuffix(printed, "\n"), nil
	}
	if _, err := m.charge(value); err != nil {
		return "", refuse("the result: %v", err)
	}
	return printed + plain(value), nil
}

// failure is an error of a running program, with the line where it happened.
func failure(err error) string {
	var at *starlark.EvalError
	if !errors.As(err, &at) {
		return err.Error()
	}
	msg := strings.TrimPrefix(at.Msg, "Starlark computation cancelled: ")
	for i := range at.CallStack {
		if pos := at.CallStack.At(i).Pos; pos.Filename() == "program" && pos.Line > 0 {
			return fmt.Sprintf("line %d: %s", pos.Line, msg)
		}
	}
	return msg
}

func refuse(format string, a ...any) error {
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf(format, a...)}
}
