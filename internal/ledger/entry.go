package ledger

import (
	"time"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// EntryKind says what an entry settles.
type EntryKind string

// The kinds of entry.
const (
	Attempt EntryKind = "attempt" // one try of a model call
	Effect  EntryKind = "effect"  // one execution of a tool's operation
	Confirm EntryKind = "confirm" // what an earlier entry really was, once somebody who knows has said so
	Idle    EntryKind = "idle"    // what was paid for and had by nobody: an hour of own GPUs
)

// Cause says who and what an entry is for.
type Cause struct {
	Org      string            `json:"org"`
	Team     string            `json:"team,omitempty"`
	Project  string            `json:"project,omitempty"`
	Key      string            `json:"key,omitempty"` // the key's id, never the secret
	Customer string            `json:"customer,omitempty"`
	Agent    string            `json:"agent,omitempty"`
	Run      string            `json:"run,omitempty"`
	RootRun  string            `json:"root_run,omitempty"`
	Step     int               `json:"step,omitempty"`
	Command  string            `json:"command,omitempty"` // run/seq/n
	Call     string            `json:"call,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// Entry is what one settled attempt or effect consumed and cost. Its id is that
// of the attempt (call/n) or effect (run/seq/n), so that writing it twice leaves
// one; a bill's lines are (entry, n).
type Entry struct {
	ID    string    `json:"id"`
	Kind  EntryKind `json:"kind"`
	Cause Cause     `json:"cause"`

	Cloud      string `json:"cloud"`
	Service    string `json:"service"` // as a bill names it
	Region     string `json:"region,omitempty"`
	Deployment string `json:"deployment,omitempty"`
	Model      string `json:"model,omitempty"`       // as asked for
	Answered   string `json:"answered,omitempty"`    // the upstream's own name for what answered
	Resource   string `json:"resource,omitempty"`    // the tool and its operation: "reports.read"
	UpstreamID string `json:"upstream_id,omitempty"` // the upstream's request id

	ConsumedFrom time.Time `json:"consumed_from"`
	ConsumedTo   time.Time `json:"consumed_to"`
	BookedAt     time.Time `json:"booked_at"`

	Charges []price.Charge `json:"charges"`
	Marks   []price.Mark   `json:"marks,omitempty"` // of every line
	Book    string         `json:"book,omitempty"`  // price book version

	Held money.Amount `json:"held"` // what was set aside for it
	// Doubt is what it may have cost beyond its charges, where nobody saw its end: its
	// windows count it until a confirmation takes it back.
	Doubt   money.Amount `json:"doubt,omitzero"`
	Windows []string     `json:"windows,omitempty"` // the budget window instances in which it was held
	Outcome string       `json:"outcome"`           // ok, or an llm.ErrorClass

	Corrects string `json:"corrects,omitempty"` // Confirm: the entry that it replaces
}

// Counted is what the entry's budget windows count: its charges and its doubt.
func (e *Entry) Counted() money.Amount { return e.Total().Add(e.Doubt) }

// Total is the sum of the entry's charges.
func (e *Entry) Total() money.Amount {
	var sum money.Amount
	for i := range e.Charges {
		sum = sum.Add(e.Charges[i].Cost)
	}
	return sum
}
