package tool

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

// Results is the built-in that reads on in a result of which only the beginning was
// shown. An agent has it where one of its operations keeps the rest (see
// [Operation.Rest]), listed or not.
const Results = "results"

// Rest finds the whole of a result by the name that was shown with its beginning; nil
// where this run has none of that name.
type Rest func(ctx context.Context, name string) ([]byte, error)

type restKey struct{}

// WithRest lets operations find what earlier results of the same run left out.
func WithRest(ctx context.Context, find Rest) context.Context {
	return context.WithValue(ctx, restKey{}, find)
}

// RestNote is what stands at the end of a result of which only the beginning is shown.
func RestNote(name string, shown, whole int) string {
	return fmt.Sprintf("\n[the first %d of %d bytes; call %s_read with result %q and offset %d for the next part]", shown, whole, Results, name, shown)
}

func newResults(lim Limits) Tool {
	t := &operated{resource: Resource{Name: Results, Kind: Results, Cloud: "local", Service: "local/starlark"}}
	chunk := lim.MaxResult - noteRoom
	t.add(Operation{
		Name:        Results + "_read",
		Description: "Reads on in the result of an earlier call of which only the beginning was shown.",
		Schema: schema(`{"type":"object","additionalProperties":false,"required":["result","offset"],"properties":{
			"result":{"type":"string","minLength":1,"maxLength":200,"description":"the result's name, as its last line says"},
			"offset":{"type":"integer","minimum":0,"maximum":1073741824,"description":"the byte to begin at"}}}`),
		Class: agent.Local, Basis: "kept beside the run", Timeout: lim.Timeout, MaxResult: lim.MaxResult, Bound: []price.Reading{},
	}, func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
		return readOn(ctx, args, chunk)
	})
	return t
}

func readOn(ctx context.Context, args json.RawMessage, chunk int) (Result, error) {
	var in struct {
		Result string
		Offset int
	}
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	find, _ := ctx.Value(restKey{}).(Rest)
	if find == nil {
		return Result{}, refuse("there is nothing kept here")
	}
	whole, err := find(ctx, in.Result)
	if err != nil {
		return Result{}, &Error{Outcome: NotDone, Retry: true, Message: "the result cannot be read now", Cause: err}
	}
	if whole == nil {
		return Result{}, refuse("this run has no result %q of which a rest is kept", cutText(in.Result, 80))
	}
	if in.Offset >= len(whole) {
		return Result{Content: fmt.Appendf(nil, "[nothing at offset %d: the result has %d bytes]", in.Offset, len(whole))}, nil
	}
	text, skipped := wholeRunes(whole[in.Offset:min(len(whole), in.Offset+chunk)])
	end := in.Offset + skipped + len(text)
	if end < len(whole) {
		return Result{Content: fmt.Appendf(text, "\n[bytes %d to %d of %d; go on with offset %d]", in.Offset+skipped, end, len(whole), end)}, nil
	}
	return Result{Content: fmt.Appendf(text, "\n[this is its end]")}, nil
}
