package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/queue"
	"github.com/skein-run/skein/internal/tool/resource"
)

// mostBody is the most that one message may hold, in bytes, where the service would
// take more.
const mostBody = 256 << 10

// mostGroup is how long the name of a group may be, as all services take it.
const mostGroup = 128

// OpenQueue opens a queue to receive from. Agents send to queues; what comes out of
// one starts runs, and that is the engine's. The URL is the resource, as it may be shown.
func OpenQueue(name, rawURL string, session *cloud.Session) (queue.Queue, *resource.URL, error) {
	q, u, _, err := resource.Open("queue", rawURL, resource.With{Session: session}, queue.Drivers())
	if err != nil {
		return nil, nil, fmt.Errorf("%s.%w", name, err)
	}
	return q, u, nil
}

func openQueue(name, rawURL string, spec Spec, opts resource.With) (Tool, error) {
	if spec.Access == "read" {
		return nil, errors.New("access: a queue is sent to only, and a trigger receives from it: leave access out")
	}
	q, u, _, err := resource.Open("queue", rawURL, opts, queue.Drivers())
	if err != nil {
		return nil, err
	}
	limits := q.Limits()
	most := min(limits.Bytes, mostBody)
	group := ""
	if limits.Groups {
		group = fmt.Sprintf(`,"group":{"type":"string","minLength":1,"maxLength":%d,"pattern":"^[A-Za-z0-9._:-]+$","description":"messages of one group keep their order"}`, mostGroup)
	}
	t := &operated{resource: resourceOf(name, "queue", u, spec.PricedAs), check: q.Check, close: q.Close}
	g := q.Guarantee()
	t.add(Operation{
		Name:        name + "_send",
		Description: describe(spec, "Sends a message to a queue, from which another system takes it. It cannot be taken back."),
		Schema: schema(fmt.Sprintf(`{"type":"object","additionalProperties":false,"required":["body"],"properties":{
			"body":{"type":["string","object"],"minLength":1,"maxLength":%d,"description":"a text, or an object that is sent as JSON"}%s}}`, most, group)),
		Class: g.Class, For: g.For, Basis: g.Basis, Resend: spec.OnDoubt == "resend",
		Timeout: spec.Limits.Timeout, MaxResult: spec.Limits.MaxResult, Bound: q.Bound(most),
	}, func(ctx context.Context, args json.RawMessage, command string) (Result, error) {
		return send(ctx, q, most, args, command)
	})
	return t, nil
}

func send(ctx context.Context, q queue.Queue, most int, args json.RawMessage, command string) (Result, error) {
	var in struct {
		Body  json.RawMessage `json:"body"`
		Group string          `json:"group"`
	}
	if err := decode(args, &in); err != nil {
		return Result{}, err
	}
	body, err := messageBody(in.Body)
	if err != nil {
		return Result{}, err
	}
	if len(body) > most {
		return Result{}, refuse("the message has %d bytes, and the queue takes %d: shorten it", len(body), most)
	}
	sent, err := q.Send(ctx, queue.Message{Body: body, Group: in.Group, Again: againFrom(ctx)}, command)
	if err != nil {
		return Result{}, err
	}
	return result(map[string]any{"sent": true, "id": sent.ID}, sent.Repeat)
}

// messageBody is a text as it is, and an object as JSON without its blanks.
func messageBody(raw json.RawMessage) (string, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		err := decode(raw, &text)
		return text, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return "", refuse("body cannot be read: %v", err)
	}
	return b.String(), nil
}
