// Package bus is what the topics and the queues of one service share: how it is
// reached, how a message is sent to it, and what its answers mean. Packages notify and
// queue say what a message is; this one says what a service makes of it.
//
// A [Wire] is the HTTP that every driver sends through, counted below all retries; a
// [Client] speaks plain REST over it, with a token of the session's, and [AWS] gives
// the SDK's clients their configuration. [ServiceBus] and [PubSub] are the services
// that are topic and queue at once.
package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/skein-run/skein/internal/price"
)

// Key is what a service knows a command by where it remembers ids: a hash, since
// services differ in the length and the characters that they take.
func Key(command string) string {
	sum := sha256.Sum256([]byte(command))
	return hex.EncodeToString(sum[:])
}

// What every message has beside its body, in the service's own place for such things:
// attributes, properties, headers.
const (
	// CommandAttribute is the command's id. A receiver that remembers it tells a repeat.
	CommandAttribute = "skein-command"
	// AgainAttribute says that the message may be a repeat; it is there only then.
	AgainAttribute = "skein-may-repeat"
)

// MostAttributes is the most that attributes add to a message, in bytes: their names
// and types, a command's id, a subject.
const MostAttributes = 2 << 10

// Unit is the size in which SNS, SQS, Service Bus and Event Grid count messages: each
// started 64 KB is one more.
const Unit = 64 << 10

// MostAnswer is the most that is read of an answer that only says how it went.
const MostAnswer = 64 << 10

// Line is text on one line, without control characters, as a header or a subject has it.
func Line(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }), " ")
}

// Bound is the most that n requests of so many bytes each, counted in units, can
// consume together with their answers.
func Bound(n int64, meter price.Meter, units, sent, read int64) []price.Reading {
	return []price.Reading{
		{Meter: meter, Quantity: n * units, Source: price.Counted},
		{Meter: price.MeterBytesSent, Quantity: n * sent, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: n * read, Source: price.Counted},
	}
}
