package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/function"
	"github.com/skein-run/skein/internal/tool/resource"
)

func openFunction(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	if spec.Access == "read" {
		return nil, errors.New("access: a function is called, whatever it does: leave access out, and say effect: read where it only reads")
	}
	f, u, _, err := resource.Open("function", rawURL, opts, function.Drivers())
	if err != nil {
		return nil, err
	}
	class, remembers, basis, err := declared(spec.Effect, u.Options["for"], f.Carries())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A function that runs on its own gets neither the command's id nor word that this may
	// be a repeat.
	async := f.Async() && class == agent.Once && spec.OnDoubt != "resend"
	more := ""
	if async {
		more = `,"async":{"type":"boolean","description":"true lets it run on its own: it is accepted, and nobody hears how it ends"}`
	}
	lim := spec.Limits
	t := &operated{resource: resourceOf(name, "function", u, spec.PricedAs), check: f.Check, close: f.Close}
	t.add(Operation{
		Name:        name + "_invoke",
		Description: describe(spec, "Calls a function with a JSON object and gives its answer."),
		Schema: schema(`{"type":"object","additionalProperties":false,"required":["payload"],"properties":{
			"payload":{"type":"object","description":"what the function is called with"}` + more + `}}`),
		Class: class, For: remembers, Basis: basis, Resend: spec.OnDoubt == "resend",
		Timeout: lim.Timeout, MaxResult: lim.MaxResult, Rest: true,
		Bound: triesOf(f.Bound(function.MostPayload, lim.Timeout)),
	}, func(ctx context.Context, args json.RawMessage, command string) (Result, error) {
		return invoke(ctx, f, class, lim.MaxResult, args, command)
	})
	return t, nil
}

// declared is the class of a function, as the operator declares it: what stands behind
// an address nobody can see.
func declared(class, remembers, carries string) (agent.Class, time.Duration, string, error) {
	if remembers != "" && class != "keyed" {
		return "", 0, "", errors.New("effect: for says how long a function remembers a command's id, so it goes with effect: keyed")
	}
	switch class {
	case "", "once":
		return agent.Once, 0, "nothing is declared of it, so it is never called again on its own", nil
	case "read":
		return agent.Read, 0, "declared: it only reads", nil
	case "keyed":
	default:
		return "", 0, "", fmt.Errorf("effect: %q is none of read, keyed and once", class)
	}
	if remembers == "" {
		return agent.Keyed, 0, "declared: it remembers the command's id, " + carries + ", for ever", nil
	}
	d, err := time.ParseDuration(remembers)
	if err != nil || d < time.Second {
		return "", 0, "", fmt.Errorf("function: for: %q is not how long it remembers, such as 24h", remembers)
	}
	return agent.Keyed, d, fmt.Sprintf("declared: it remembers the command's id, %s, for %s", carries, d), nil
}

// triesOf is a bound of one request for all that one execution may send.
func triesOf(one []price.Reading) []price.Reading {
	if one == nil {
		return nil
	}
	all := make([]price.Reading, len(one))
	for i, r := range one {
		r.Quantity *= effect.Tries
		all[i] = r
	}
	return all
}

func invoke(ctx context.Context, f function.Function, class agent.Class, most int, args json.RawMessage, command string) (Result, error) {
	var in struct {
		Payload json.RawMessage
		Async   bool
	}
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	var answer function.Answer
	err := effect.Retry(ctx, class, func(ctx context.Context) (err error) {
		answer, err = f.Invoke(ctx, function.Invocation{Payload: in.Payload, Async: in.Async, Again: againFrom(ctx)}, command)
		return err
	})
	switch {
	case err != nil:
		return Result{}, err
	case in.Async:
		return result(map[string]any{"accepted": true}, false)
	case answer.Failed:
		return cutResult([]byte(`{"failed":true,"error":`+string(answer.Payload)+`}`), most), nil
	}
	return cutResult(answer.Payload, most), nil
}

// cutResult is a result that is kept whole where only its beginning can be shown.
func cutResult(whole []byte, most int) Result {
	if len(whole) <= most-noteRoom {
		return Result{Content: whole}
	}
	shown := cutText(string(whole), most-noteRoom)
	return Result{Content: []byte(shown), Whole: whole}
}
