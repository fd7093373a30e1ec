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
// own names ([llm.TokenClass.String]); a model call itself is MeterCalls.
const (
	MeterCalls      Meter = "calls"          // upstream model requests, answered or not
	MeterSearches   Meter = "searches"       // server-side web searches
	MeterList       Meter = "requests.list"  // objects: list
	MeterGet        Meter = "requests.get"   // objects: read, head
	MeterPut        Meter = "requests.put"   // objects: write
	MeterBytesRead  Meter = "bytes.read"     // objects: payload bytes that came back
	MeterBytesSent  Meter = "bytes.sent"     // objects: payload bytes that went out
	MeterQueries    Meter = "queries"        // sql: statements run
	MeterRows       Meter = "rows"           // sql: rows returned
	MeterReadUnits  Meter = "units.read"     // table: read request units
	MeterWriteUnits Meter = "units.write"    // table: write request units
	MeterReads      Meter = "requests.read"  // table: read requests
	MeterWrites     Meter = "requests.write" // table: write requests
	MeterPublishes  Meter = "publishes"      // notify: 64 KB publish units
	MeterEvals      Meter = "evaluations"    // calculate: programs run
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
