package tool

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/calculate"
	"github.com/skein-run/skein/internal/tool/effect"
)

// mostCalculation is how long a program may take, whatever the tool's limit.
const mostCalculation = 5 * time.Second

// newCalculate runs programs that the model writes; see [calculate.Eval].
func newCalculate(lim Limits) Tool {
	t := &operated{resource: Resource{Name: "calculate", Kind: "calculate", Cloud: "local", Service: "local/starlark"}}
	t.add(Operation{
		Name: "calculate",
		Description: "Runs a small program in Starlark (like Python, without imports, while and recursion) and gives the value of its last " +
			"expression, after what it printed. There are round(x, n), sum, min, max, sorted and math.sqrt, math.pow, math.log and their like. " +
			"Use it for all arithmetic.",
		Schema: schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["program"],"properties":{
			"program":{"type":"string","minLength":1,"maxLength":%d,"description":"such as: round((391035 - 383285) / 383285 * 100, 1)"}}}`, calculate.MostProgram)),
		Class: agent.Local, Basis: "computed here", Timeout: min(lim.Timeout, mostCalculation), MaxResult: lim.MaxResult,
		Bound: []price.Reading{{Meter: price.MeterEvals, Quantity: 1, Source: price.Counted}},
	}, func(ctx context.Context, args json.RawMessage, _ string) (Result, error) {
		var in struct{ Program string }
		if err := decode(args, &in); err != nil {
			return Result{}, err
		}
		effect.MeterFrom(ctx).Count(price.MeterEvals, 1, price.Counted)
		text, err := calculate.Eval(ctx, in.Program)
		if err != nil {
			return Result{}, err
		}
		if len(text) > lim.MaxResult {
			cut := fmt.Sprintf("\n[cut: the result has %d bytes]", len(text))
			text = cutText(text, lim.MaxResult-len(cut)) + cut
		}
		return Result{Content: []byte(text)}, nil
	})
	return t
}
