// Package price rates what was consumed. A [Reading] is a quantity of one meter
// with its source; a [Card] is the prices of one deployment or service at one
// time; rating gives a [Charge] for each reading. Pure: cards are built from
// price books elsewhere, and the time at which a card holds is the caller's.
//
// A price that is not known is a charge marked [Unpriced], never a zero.
package price

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
)

// Meter names what is counted, the same for every cloud: a token class such as
// "cache_read", or a service's unit such as "requests.list" or "bytes.read".
type Meter string

// The meters that tools and drivers report. Token classes are meters by their
// own names ([llm.TokenClass.String]); a model call itself is MeterCalls. What each
// counts in, and where a bill puts it, is in [meters].
const (
	MeterCalls    Meter = "calls"    // upstream model requests, answered or not
	MeterSearches Meter = "searches" // server-side web searches

	// Objects.
	MeterList   Meter = "requests.list"
	MeterGet    Meter = "requests.get" // read, head
	MeterPut    Meter = "requests.put"
	MeterDelete Meter = "requests.delete"

	// Every service: the bodies of requests and answers, as they went over the wire.
	MeterBytesRead Meter = "bytes.read" // that came back; what they cost depends on where Skein runs
	MeterBytesSent Meter = "bytes.sent" // that went out

	// What MeterBytesRead costs, by where it goes: rows of the cards of a cloud's egress,
	// of which the one that holds takes its place. No driver counts them.
	MeterToRegion   Meter = "egress.region"   // to the same region of the same cloud
	MeterToCloud    Meter = "egress.cloud"    // to another region of the same cloud
	MeterToInternet Meter = "egress.internet" // to anywhere else

	// SQL.
	MeterQueries      Meter = "queries"       // statements run
	MeterRows         Meter = "rows"          // rows returned or changed
	MeterBytesScanned Meter = "bytes.scanned" // that a service bills a query by: Athena, BigQuery

	// Tables.
	MeterReadUnits    Meter = "units.read"     // DynamoDB read request units, Firestore documents read
	MeterWriteUnits   Meter = "units.write"    // DynamoDB write request units, Firestore documents written
	MeterDeleteUnits  Meter = "units.delete"   // Firestore documents deleted
	MeterReads        Meter = "requests.read"  // read requests
	MeterWrites       Meter = "requests.write" // write requests, deletes too
	MeterRequestUnits Meter = "units.milli_ru" // Cosmos DB: thousandths of a request unit, as it reports hundredths

	// Messages: topics and queues.
	MeterPublishes      Meter = "publishes"        // requests to publish, in the units that the service counts by (SNS: each 64 KB)
	MeterSends          Meter = "requests.send"    // requests to send to a queue, in its units
	MeterReceives       Meter = "requests.receive" // requests to receive, in its units, those that find nothing too
	MeterAcks           Meter = "requests.ack"     // requests to delete, acknowledge or put back
	MeterBytesPublished Meter = "bytes.published"  // where the volume is billed: Pub/Sub, SNS FIFO
	MeterBytesDelivered Meter = "bytes.delivered"  // where the volume is billed: Pub/Sub

	// Computing.
	MeterInvocations Meter = "invocations"  // functions started
	MeterMemoryTime  Meter = "memory.mb_ms" // of a function: megabytes (MiB) × milliseconds, as billed
	MeterCPUTime     Meter = "cpu.ms"       // of a function: CPUs × milliseconds, as billed
	MeterEvals       Meter = "evaluations"  // calculate: programs run

	// Own GPUs: GPUs × nanoseconds, so that what requests had and what was idle add up
	// to the time that there was.
	MeterGPUTime Meter = "gpu.ns"      // that a request had of them
	MeterGPUIdle Meter = "gpu.idle_ns" // that nobody had
)

// Source says where a reading's quantity comes from.
type Source string

// The sources, surest first.
const (
	Reported  Source = "reported"  // by the service, in this answer
	Counted   Source = "counted"   // by Skein, at the lowest layer that the driver gives
	Derived   Source = "derived"   // by a rule, over sizes
	Estimated Source = "estimated" // from what was seen of a broken or unknown answer
)

// Reading is a quantity of one meter.
type Reading struct {
	Meter    Meter  `json:"meter"`
	Quantity int64  `json:"quantity"`
	Source   Source `json:"source"`
}

// Mark says what is special about a charge.
type Mark string

// The marks.
const (
	MarkEstimated   Mark = "estimated"
	MarkProvisional Mark = "provisional"
	MarkUnknown     Mark = "unknown" // the outcome was never seen; the bound is booked until it is confirmed
	MarkOverrun     Mark = "overrun"
	MarkUnconfirmed Mark = "price_unconfirmed"
	Unpriced        Mark = "unpriced"
	MarkReversal    Mark = "reversal"  // takes back a line that a later reading replaces
	MarkConfirmed   Mark = "confirmed" // replaces it
	MarkNotional    Mark = "notional"  // a local resource, priced as if it were elsewhere
)

// Charge is a reading with its price: quantity × price ÷ per = cost, rounded by
// the one rule of [money.Amount.MulDiv].
type Charge struct {
	Reading
	SKU   string       `json:"sku"`
	Unit  string       `json:"unit"` // of the quantity: "token", "request", "byte"
	Price money.Amount `json:"price"`
	Per   int64        `json:"per"` // the price is for so many units
	Cost  money.Amount `json:"cost"`
	Marks []Mark       `json:"marks,omitempty"`
}

// Rate is one row of a card.
type Rate struct {
	Meter Meter
	SKU   string // stable, as it stands on bills: "anthropic/claude-sonnet-4-5/input"
	Unit  string
	Price money.Amount
	Per   int64
	Above int64  // the row holds where the request's input tokens are more than this (a cliff: for the whole request)
	Tier  string // the row holds for this service tier; "" is the standard one
}

// Card is the prices of one deployment or service, pinned to one version of a
// price book.
type Card struct {
	Key      string // what it prices: "anthropic/claude-sonnet-4-5", "aws/s3/us-east-1"
	Book     string // the price book's version, for the record
	Cloud    string
	Service  string // as a bill names it: "Amazon S3", "Anthropic API"
	Region   string
	Notional bool // a local resource priced as if it were there
	Rates    []Rate
}

// UsageReadings are the readings of a model call's usage, one for each class
// that is not zero, and one call.
func UsageReadings(u llm.Usage, source Source) []Reading {
	return AppendUsage(make([]Reading, 0, 5), u, source)
}

// AppendUsage is [UsageReadings] into the caller's buffer.
func AppendUsage(rs []Reading, u llm.Usage, source Source) []Reading {
	rs = append(rs, Reading{MeterCalls, 1, Counted})
	for c, n := range u.Tokens {
		if n != 0 {
			rs = append(rs, Reading{Meter(llm.TokenClass(c).String()), n, source})
		}
	}
	if u.Searches != 0 {
		rs = append(rs, Reading{MeterSearches, u.Searches, source})
	}
	return rs
}
