package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// eventGridTopic is a custom topic of Azure Event Grid, to which CloudEvents are
// posted. https://learn.microsoft.com/azure/event-grid/cloud-event-schema, read 2026-11.
type eventGridTopic struct {
	client  *bus.Client
	address string
	name    string
}

func openEventGrid(u *resource.URL) (Topic, error) {
	key := u.Options["key"]
	if key != "" {
		u.Show("eventgrid://" + u.Host + "/" + u.Path + "?key=…")
	}
	name, region, err := readEventGrid(u)
	if err != nil {
		return nil, err
	}
	t := &eventGridTopic{name: name, client: &bus.Client{Wire: bus.NewWire(nil)}}
	root := "https://" + u.Host
	if e := u.Option("endpoint", u.Session.Options().Azure.Endpoint); e != "" {
		root = strings.TrimRight(e, "/") + "/eventgrid/" + url.PathEscape(name)
	}
	t.address = root + "/api/events?api-version=2018-01-01"
	t.client.Auth = bus.AzureAuth(u.Session, "https://eventgrid.azure.net/.default")
	if key != "" {
		t.client.Secrets = []string{key}
		t.client.Auth = func(context.Context) (string, string, error) { return "aeg-sas-key", key, nil }
	}
	u.Service = bus.Service("azure/eventgrid", u.Option("region", region))
	return t, nil
}

// readEventGrid is the name of the topic and the region that its host says.
func readEventGrid(u *resource.URL) (name, region string, err error) {
	labels := strings.Split(u.Host, ".")
	if p := strings.Trim(u.Path, "/"); len(labels) < 3 || labels[0] == "" || (p != "" && p != "api/events") {
		return "", "", fmt.Errorf("write the topic's endpoint, as in eventgrid://alerts.westeurope-1.eventgrid.azure.net/api/events")
	}
	region = labels[1]
	if i := strings.LastIndex(region, "-"); i > 0 {
		region = region[:i]
	}
	return labels[0], region, nil
}

func grantsEventGrid(u *resource.URL) ([]cloud.Grant, error) {
	name, _, err := readEventGrid(u)
	if err != nil || u.Options["key"] != "" {
		return nil, err
	}
	return []cloud.Grant{{Cloud: cloud.Azure, Actions: []string{"Microsoft.EventGrid/events/send/action"}, Role: "EventGrid Data Sender",
		Resource: "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/topics/" + name}}, nil
}

const batchType = "application/cloudevents-batch+json; charset=utf-8"

// cloudEvent is an event in the form of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion string  `json:"specversion"`
	ID          string  `json:"id"`
	Source      string  `json:"source"`
	Type        string  `json:"type"`
	Subject     string  `json:"subject,omitempty"`
	Time        string  `json:"time"`
	DataType    string  `json:"datacontenttype"`
	Data        Message `json:"data"`
}

func (t *eventGridTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	const doing = "publish the notification"
	body, err := json.Marshal([]cloudEvent{{SpecVersion: "1.0", ID: command, Source: "skein", Type: "run.skein.notification", Subject: m.Title(),
		Time: time.Now().UTC().Format(time.RFC3339), DataType: "application/json", Data: Message{Subject: m.Title(), Body: m.Text()}}})
	if err != nil {
		return Sent{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": it cannot be written as JSON", Cause: err}
	}
	_, err = t.client.Do(ctx, bus.Request{
		Class: agent.Once, Method: http.MethodPost, URL: t.address, Body: body, Doing: doing, Needs: "EventGrid Data Sender on " + t.name,
		Header: map[string]string{"Content-Type": batchType},
		Counts: []price.Reading{{Meter: price.MeterPublishes, Quantity: effect.Units(int64(len(body)-len("[]")), bus.Unit), Source: price.Derived}},
	})
	return Sent{ID: command}, err
}

func (t *eventGridTopic) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Once, Basis: "Event Grid remembers no ids of events, so a second publish is a second event"}
}

func (t *eventGridTopic) Bound(size int) []price.Reading {
	n := jsonMost*int64(size+mostAdded) + bus.MostAttributes
	return bus.Bound(effect.Tries, price.MeterPublishes, effect.Units(n, bus.Unit), n, bus.MostAnswer)
}

// jsonMost is how many bytes one byte of a text may take in JSON: \u0000.
const jsonMost = 6

// Check posts a list without an event: nothing is published, and the service says
// whether the topic is there and takes events of this identity.
func (t *eventGridTopic) Check(ctx context.Context) error {
	const doing = "post no event to the topic"
	empty := false
	_, err := t.client.Do(ctx, bus.Request{Class: agent.Read, Method: http.MethodPost, URL: t.address, Body: []byte("[]"), Doing: doing,
		Header: map[string]string{"Content-Type": batchType}, Needs: "EventGrid Data Sender on " + t.name,
		Counts: []price.Reading{{Meter: price.MeterPublishes, Quantity: 1, Source: price.Derived}},
		Fail:   func(a *bus.Answer, _ *effect.Error) { empty = a.Status == http.StatusBadRequest }})
	if empty {
		return nil // it misses an event, and nothing else
	}
	return err
}

func (t *eventGridTopic) Close() error { return t.client.Wire.Close() }
