// Package queue sends messages to systems, and receives those that start runs. A
// [Queue] is one queue with its driver; [Drivers] is the table of those.
//
// Services differ in what they remember, so the effect class is the queue's own.
// A receiver acknowledges what it got only when what follows from it is durable, so
// a message may come again: whoever receives knows it by its id.
package queue

import (
	"context"
	"time"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Message is what is sent: text, mostly JSON.
type Message struct {
	Body string
	// Group is that of messages that keep their order, where the queue has groups.
	Group string
	// Again says that this may be a repeat.
	Again bool
}

// Received is a message that came.
type Received struct {
	ID      string // the service's, the same however often the message comes
	Body    string
	Receipt string // what Ack and Return know it by; it changes with each delivery
	Times   int    // how often it has come, where the service counts; 0: it does not
	Sent    time.Time
}

// Queue is a queue of messages. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type Queue interface {
	// Send sends a message, once for each command where the guarantee is keyed.
	Send(ctx context.Context, m Message, command string) (Sent, error)
	// Guarantee is what may be done about a Send whose outcome is unknown.
	Guarantee() effect.Guarantee
	// Limits are what the service sets for what is sent.
	Limits() Limits
	// Bound is the most that the sending of so many bytes can consume.
	Bound(size int) []price.Reading
	// Receive waits for messages, at most so many and so long, and hides them from
	// others until hidden has passed, where the service lets a receiver say how long;
	// else for as long as the queue itself does. None is no error.
	Receive(ctx context.Context, most int, wait, hidden time.Duration) ([]Received, error)
	// Ack removes a message for good. Where the message has come to somebody else since,
	// it is refused.
	Ack(ctx context.Context, r Received) error
	// Return shows a message to others again, after a while, as far as the service lets
	// a receiver say when.
	Return(ctx context.Context, r Received, after time.Duration) error
	// Check tries whether the queue is there, and is what the URL says of it.
	Check(ctx context.Context) error
	Close() error
}

// Limits bound what can be sent.
type Limits struct {
	Bytes  int    // of a body
	Groups bool   // messages have a group, in which they keep their order
	Group  string // that of messages that say none
}

// Sent is how a Send ended.
type Sent struct {
	ID     string // the message's, as the service knows it
	Repeat bool   // it had been sent before, for the same command, where the service says so
}

// Drivers is every driver of queues.
func Drivers() []resource.Driver[Queue] {
	return []resource.Driver[Queue]{
		{Scheme: "awssqs", Service: "aws/sqs", Form: "awssqs://sqs.region.amazonaws.com/account/queue", Options: []string{"region", "endpoint", "group"}, Open: openSQS, Grants: grantsSQS},
		{Scheme: "azuresb", Service: "azure/servicebus", Form: "azuresb://namespace/queue?dedup=10m or azuresb://namespace/topic/subscriptions/name", Options: append([]string{"sessions"}, bus.ServiceBusOptions...), Open: openServiceBus, Grants: grantsServiceBus},
		{Scheme: "azurequeue", Service: "azure/storagequeue", Form: "azurequeue://account/queue", Options: []string{"region", "endpoint", "encoding"}, Open: openStorageQueue, Grants: grantsStorageQueue},
		{Scheme: "gcppubsub", Service: "gcp/pubsub", Form: "gcppubsub://projects/project/topics/topic?subscription=name", Options: []string{"subscription", "ordering", "region", "endpoint"}, Open: openPubSub, Grants: grantsPubSub},
		{Scheme: "nats", Service: "local/nats", Form: "nats://host:4222/subject?stream=name&consumer=name&dedup=2m", Options: []string{"stream", "consumer", "dedup", "tls"}, Open: openNATS},
		{Scheme: "postgres", Service: "local/postgres", Form: "postgres://user:password@host/database?table=name", Options: []string{resource.AnyOption}, Open: openPostgres},
	}
}
