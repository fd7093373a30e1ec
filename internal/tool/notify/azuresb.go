package notify

import (
	"context"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// serviceBusTopic is a topic, or a queue, of Azure Service Bus.
type serviceBusTopic struct{ bus *bus.ServiceBus }

func openServiceBus(u *resource.URL) (Topic, error) {
	s, err := bus.OpenServiceBus(u)
	if err != nil {
		return nil, err
	}
	return &serviceBusTopic{s}, nil
}

func grantsServiceBus(u *resource.URL) ([]cloud.Grant, error) {
	s, err := bus.OpenServiceBus(u)
	if err != nil {
		return nil, err
	}
	return s.Grants(true), nil
}

func (t *serviceBusTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	id, err := t.bus.Send(ctx, "publish the notification", price.MeterPublishes, envelope(m, command))
	return Sent{ID: id}, err
}

// envelope is a message for services that are topic and queue at once.
func envelope(m Message, command string) bus.Envelope {
	return bus.Envelope{Body: []byte(m.Text()), Type: "text/plain; charset=utf-8", Subject: m.Title(), Command: command, Again: m.Again}
}

func (t *serviceBusTopic) Guarantee() effect.Guarantee { return t.bus.Guarantee() }

func (t *serviceBusTopic) Bound(size int) []price.Reading {
	return t.bus.Bound(price.MeterPublishes, size+mostAdded)
}

func (t *serviceBusTopic) Check(ctx context.Context) error { return t.bus.Check(ctx) }

func (t *serviceBusTopic) Close() error { return t.bus.Client.Wire.Close() }
