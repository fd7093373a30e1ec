// Package notify tells people. A [Topic] is one place to publish with its driver;
// [Drivers] is the table of those.
//
// Services differ in what they remember, so the effect class is the topic's own:
// one that keeps the ids of what it delivered can be asked again, one that does
// not is asked once.
package notify

import (
	"context"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Message is what is told.
type Message struct {
	Subject string `json:"subject"`
	Body    string `json:"message"`
}

// PublishUnit is the size in which publishes are counted, after SNS, where each
// 64 KB of a message is one request. The rule is the project's own statement of
// it: the provider's pricing page was not at hand to be checked.
const PublishUnit = 64 << 10

// Units is how many publishes a message counts as.
func (m Message) Units() int64 {
	return effect.Units(int64(len(m.Subject)+len(m.Body)), PublishUnit)
}

// Topic is a place to publish. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type Topic interface {
	// Publish tells what the message says, once for each command where the class
	// is keyed.
	Publish(ctx context.Context, m Message, command string) (Sent, error)
	// Class is the effect class of Publish, and what it rests on.
	Class() (class agent.Class, basis string)
	// Tries is how often one call asks the service at most.
	Tries() int64
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
		{Scheme: "file", Service: "local/files", Form: "file:folder", Open: openFile},
		{Scheme: "fake", Service: "local/fake", Form: "fake://host:port/topic?dedup=id", Options: []string{"dedup"}, Open: openFake},
	}
}
