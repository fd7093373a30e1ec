package notify

import (
	"context"
	"errors"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// pubSubTopic is a topic of Google Cloud Pub/Sub.
type pubSubTopic struct{ bus *bus.PubSub }

var errNoTopic = errors.New("it is a subscription, and a topic is published to: name that, as in gcppubsub://projects/acme/topics/alerts")

func openPubSub(u *resource.URL) (Topic, error) {
	p, err := bus.OpenPubSub(u)
	if err == nil && p.Topic == "" {
		err = errNoTopic
	}
	if err != nil {
		return nil, err
	}
	return &pubSubTopic{p}, nil
}

func grantsPubSub(u *resource.URL) ([]cloud.Grant, error) {
	p, err := bus.ReadPubSub(u)
	if err == nil && p.Topic == "" {
		err = errNoTopic
	}
	if err != nil {
		return nil, err
	}
	return p.Grants(true), nil
}

func (t *pubSubTopic) Publish(ctx context.Context, m Message, command string) (Sent, error) {
	id, err := t.bus.Publish(ctx, "publish the notification", price.MeterPublishes, envelope(m, command))
	return Sent{ID: id}, err
}

func (t *pubSubTopic) Guarantee() effect.Guarantee {
	return effect.Guarantee{Class: agent.Once, Basis: "Pub/Sub gives each publish an id of its own, so a second one is a second message"}
}

func (t *pubSubTopic) Bound(size int) []price.Reading {
	return t.bus.Bound(price.MeterPublishes, size+mostAdded)
}

func (t *pubSubTopic) Check(ctx context.Context) error {
	return t.bus.Check(ctx, t.bus.Topic, "pubsub.topics.publish")
}

func (t *pubSubTopic) Close() error { return t.bus.Client.Wire.Close() }
