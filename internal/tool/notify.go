package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/resource"
)

// mostMessage is the most that a notification may say, in bytes.
const mostMessage = 60 << 10

func openNotify(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	if spec.Access == "read" {
		return nil, errors.New("access: a place to notify is written to only: leave access out")
	}
	topic, u, _, err := resource.Open("notify", rawURL, opts, notify.Drivers())
	if err != nil {
		return nil, err
	}
	t := &operated{resource: resourceOf(name, "notify", u, spec.PricedAs), check: topic.Check, close: topic.Close}
	g := topic.Guarantee()
	t.add(Operation{
		Name:        name + "_publish",
		Description: describe(spec, "Notifies people. They are told at once, and it cannot be taken back."),
		Schema: schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["subject","message"],"properties":{
			"subject":{"type":"string","minLength":1,"maxLength":100,"description":"one line"},
			"message":{"type":"string","minLength":1,"maxLength":%d}}}`, mostMessage)),
		Class: g.Class, For: g.For, Basis: g.Basis, Resend: spec.OnDoubt == "resend",
		Timeout: spec.Limits.Timeout, MaxResult: spec.Limits.MaxResult, Bound: topic.Bound(mostMessage),
	}, func(ctx context.Context, args json.RawMessage, command string) (Result, error) {
		return publish(ctx, topic, args, command)
	})
	return t, nil
}

func publish(ctx context.Context, topic notify.Topic, args json.RawMessage, command string) (Result, error) {
	var m notify.Message
	if err := decode(args, &m); err != nil {
		return Result{}, err
	}
	if size := len(m.Subject) + len(m.Body); size > mostMessage {
		return Result{}, refuse("subject and message have %d bytes, and %d at most are published: shorten the message", size, mostMessage)
	}
	m.Again = againFrom(ctx)
	sent, err := topic.Publish(ctx, m, command)
	if err != nil {
		return Result{}, err
	}
	return result(map[string]any{"published": true, "id": sent.ID}, sent.Repeat)
}
