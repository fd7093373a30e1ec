// Package notify tells people. A [Topic] is one place to publish with its driver;
// [Drivers] is the table of those.
//
// Services differ in what they remember, so the effect class is the topic's own:
// one that keeps the ids of what it delivered can be asked again, one that does
// not is asked once.
package notify

import (
	"context"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Message is what is told.
type Message struct {
	Subject string `json:"subject"`
	Body    string `json:"message"`
	// Again says that this may be a repeat: nobody knows whether it was told before.
	Again bool `json:"-"`
}

// againText stands at the beginning of what may be a repeat, for people.
const (
	againText  = "[This may be a repeat: nobody knows whether it was told before.]\n\n"
	againTitle = "May be a repeat: "
)

// Text is what is told, and says at its beginning where it may be a repeat.
func (m Message) Text() string {
	if m.Again {
		return againText + m.Body
	}
	return m.Body
}

// Title is the subject on one line, and says so, too.
func (m Message) Title() string {
	title := bus.Line(m.Subject)
	if m.Again {
		return againTitle + title
	}
	return title
}

// mostAdded is the most that a driver adds to subject and message: that it may be a
// repeat, in both, and the subject a second time.
const mostAdded = 1 << 10

// PublishUnit is the size in which publishes are counted, after SNS, where each
// 64 KB of a message is one request. The rule is the project's own statement of
// it: the provider's pricing page was not at hand to be checked.
const PublishUnit = 64 << 10

// Units is how many publishes a message counts as.
func (m Message) Units() int64 {
	return effect.Units(int64(len(m.Subject)+len(m.Body)), PublishUnit)
}

// publishes is the bound of a driver that asks n times at most and is counted in
// units.
func publishes(n int64, size int) []price.Reading {
	return []price.Reading{{Meter: price.MeterPublishes, Quantity: n * effect.Units(int64(size), PublishUnit), Source: price.Counted}}
}

// Topic is a place to publish. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type Topic interface {
	// Publish tells what the message says, once for each command where the class
	// is keyed.
	Publish(ctx context.Context, m Message, command string) (Sent, error)
	// Guarantee is what may be done about a Publish whose outcome is unknown.
	Guarantee() effect.Guarantee
	// Bound is the most that the publish of a message of so many bytes can consume.
	Bound(size int) []price.Reading
	// Check tries whether the topic is there, without publishing.
	Check(ctx context.Context) error
	Close() error
}

// Sent is how a Publish ended.
type Sent struct {
	ID     string // the message's, as the service knows it
	Repeat bool   // it had been told before, for the same command
}

// Drivers is every driver of topics.
func Drivers() []resource.Driver[Topic] {
	return []resource.Driver[Topic]{
		{Scheme: "awssns", Service: "aws/sns", Form: "awssns:///arn:aws:sns:region:account:topic", Options: []string{"region", "endpoint", "group"}, Open: openSNS, Grants: grantsSNS},
		{Scheme: "azuresb", Service: "azure/servicebus", Form: "azuresb://namespace/topic-or-queue?dedup=10m", Options: bus.ServiceBusOptions, Open: openServiceBus, Grants: grantsServiceBus},
		{Scheme: "eventgrid", Service: "azure/eventgrid", Form: "eventgrid://topic.region-1.eventgrid.azure.net/api/events", Options: []string{"key", "endpoint", "region"}, Open: openEventGrid, Grants: grantsEventGrid},
		{Scheme: "gcppubsub", Service: "gcp/pubsub", Form: "gcppubsub://projects/project/topics/topic", Options: []string{"region", "endpoint"}, Open: openPubSub, Grants: grantsPubSub},
		{Scheme: "smtp", Service: "local/smtp", Form: "smtp://user:password@host:587?from=a@example.com&to=b@example.com,c@example.com", Options: []string{"from", "to", "tls", "ca"}, Open: openSMTP},
		{Scheme: "webhook", Service: "local/http", Form: "webhook:https://host/path?secret=whsec_…&dedup=24h", Options: []string{resource.AnyOption}, Open: openWebhook},
		{Scheme: "slack", Service: "local/http", Form: "slack:https://hooks.slack.com/services/…", Options: []string{resource.AnyOption}, Open: openSlack},
		{Scheme: "file", Service: "local/files", Form: "file:folder", Open: openFile},
	}
}
