package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/skein-run/skein/internal/tool/effect"
)

// operated is a tool made of a resource and a list of operations with what each
// does. Every kind of tool is one.
type operated struct {
	resource Resource
	ops      []Operation
	does     map[string]does
	check    func(context.Context) error
	close    func() error
}

// does carries out one operation; command is the key of a keyed effect.
type does func(ctx context.Context, args json.RawMessage, command string) (Result, error)

func (t *operated) Resource() Resource { return t.resource }

func (t *operated) Operations() []Operation { return t.ops }

func (t *operated) Check(ctx context.Context) error {
	if t.check == nil {
		return nil
	}
	return t.check(ctx)
}

func (t *operated) Close() error {
	if t.close == nil {
		return nil
	}
	return t.close()
}

// add gives the tool one more operation.
func (t *operated) add(op Operation, do does) {
	if t.does == nil {
		t.does = map[string]does{}
	}
	t.ops = append(t.ops, op)
	t.does[op.Name] = do
}

// Do executes one operation within its time and size.
func (t *operated) Do(ctx context.Context, c Call) (r Result, err error) {
	do := t.does[c.Op]
	if do == nil {
		return Result{}, &Error{Outcome: Refused, Message: fmt.Sprintf("the tool %s has no operation %q", t.resource.Name, c.Op)}
	}
	var op *Operation
	for i := range t.ops {
		if t.ops[i].Name == c.Op {
			op = &t.ops[i]
		}
	}
	id := effect.ID{Command: c.ID, Try: c.Try}
	if c.Protected > 0 {
		id.Until = time.Now().Add(c.Protected)
	}
	ctx = withAgain(effect.With(ctx, id), c.Again)
	ctx, cancel := context.WithTimeout(ctx, op.Timeout)
	defer cancel()
	outcome := Refused
	if op.Class.Started() {
		outcome = Unknown // nobody knows how far it came
	}
	defer caught(c.Op, outcome, &err)
	r, err = do(ctx, orEmpty(c.Args), c.ID)
	var known *Error
	switch {
	case err == nil && len(r.Content) > op.MaxResult:
		// A result is cut to fit where it is made; this is for what cannot be cut.
		r.Content = []byte(`{"note":"it was done, but the result is too large to be shown"}`)
	case err != nil && ctx.Err() != nil && !errors.As(err, &known) && !op.Class.Started():
		err = effect.Ended(ctx, NotDone, c.Op)
	}
	return r, brief(err, op.MaxResult)
}

type againKey struct{}

// withAgain lets an operation know that it may be a repeat.
func withAgain(ctx context.Context, again bool) context.Context {
	return context.WithValue(ctx, againKey{}, again)
}

func againFrom(ctx context.Context) bool {
	again, _ := ctx.Value(againKey{}).(bool)
	return again
}

// caught turns a panic into an error. What a model wrote goes through parsers and
// drivers of many hands, and a bug in one of them must not take every run along, and
// again after each restart. The log says where it was, and nothing of what it was about.
func caught(op string, outcome Outcome, err *error) {
	r := recover()
	if r == nil {
		return
	}
	slog.Error("a tool ended in a bug", slog.String("operation", op), slog.String("panic", fmt.Sprintf("%T", r)), slog.String("stack", string(debug.Stack())))
	*err = &Error{Outcome: outcome, Message: op + " ended in a bug of its own; it may go well with other arguments"}
}

// mostReason is how long an error may be: it goes back to the model, like a
// result, and what it quotes may be as long as a whole object.
const mostReason = 2000

func brief(err error, most int) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if most = min(most, mostReason); len(e.Message) <= most {
		return err
	}
	short := *e
	short.Message = cutText(e.Message, most-len("…")) + "…"
	return &short
}

// orEmpty reads no arguments as an empty object, as some models write it.
func orEmpty(args json.RawMessage) json.RawMessage {
	if len(bytes.TrimSpace(args)) == 0 {
		return json.RawMessage("{}")
	}
	return args
}

// decode reads arguments that the schema has already accepted.
func decode(args json.RawMessage, into any) error {
	if err := json.Unmarshal(args, into); err != nil {
		return refuse("the arguments cannot be read: %v", err)
	}
	return nil
}

func refuse(format string, a ...any) error {
	return &Error{Outcome: Refused, Message: fmt.Sprintf(format, a...)}
}

// result is JSON for the model, without the escapes that HTML needs.
func result(v any, repeat bool) (Result, error) {
	b, err := plainJSON(v)
	return Result{Content: b, Repeat: repeat}, err
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write a result: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// noteRoom is what a result keeps free to say that it was cut.
const noteRoom = 200

// listing writes `head[items…]}` in at most most bytes. Where items are left
// out, by it or by the driver (more), a note says how many there are and what to
// do about it.
func listing(head string, items [][]byte, more bool, advice string, most int) Result {
	b := bytes.NewBufferString(head + "[")
	shown := 0
	for _, it := range items {
		if b.Len()+len(it)+noteRoom > most {
			more = true
			break
		}
		if shown > 0 {
			b.WriteByte(',')
		}
		b.Write(it)
		shown++
	}
	b.WriteByte(']')
	if more {
		note, err := plainJSON(fmt.Sprintf("the first %d only: %s", shown, advice))
		if err == nil && b.Len()+len(note)+9 <= most { // a text always encodes
			b.WriteString(`,"note":`)
			b.Write(note)
		}
	}
	b.WriteByte('}')
	return Result{Content: b.Bytes()}
}
