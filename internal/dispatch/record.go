package dispatch

import (
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// CallRecord is the story of one call: what arrived, what was chosen and why,
// each attempt, and how it ended. It is the body of a record of kind "call".
type CallRecord struct {
	ID       string          `json:"id"`
	Cause    ledger.Cause    `json:"cause"`
	Model    string          `json:"model"`
	Format   llm.Format      `json:"format,omitempty"` // the client's; empty for a run
	Stream   bool            `json:"stream"`
	Arrived  time.Time       `json:"arrived"`
	Ended    time.Time       `json:"ended"`
	Facts    CallFacts       `json:"facts"`
	Choice   []Choice        `json:"choice"` // every deployment of the model, in the order chosen, with the reason
	Attempts []AttemptRecord `json:"attempts"`
	Lossy    []wire.Loss     `json:"lossy,omitempty"`
	Cap      int64           `json:"output_cap,omitempty"`
	Cost     string          `json:"cost,omitempty"`
	Outcome  string          `json:"outcome"` // ok, or an llm.ErrorClass
	Error    string          `json:"error,omitempty"`
}

// CallFacts is what was known of the request.
type CallFacts struct {
	Bytes      int64 `json:"bytes"`
	TextBytes  int64 `json:"text_bytes"`
	MediaBytes int64 `json:"media_bytes,omitempty"`
	Messages   int   `json:"messages"`
	Tools      int   `json:"tools,omitempty"`
	MaxOutput  int64 `json:"max_output,omitempty"`
}

// Choice is one deployment that was considered.
type Choice struct {
	Deployment string `json:"deployment"`
	Taken      bool   `json:"taken"`
	Reason     string `json:"reason"`
}

// AttemptRecord is one try at one deployment.
type AttemptRecord struct {
	ID           string       `json:"id"`
	Deployment   string       `json:"deployment"`
	Cloud        string       `json:"cloud"`
	Region       string       `json:"region,omitempty"`
	Started      time.Time    `json:"started"`
	FirstContent time.Time    `json:"first_content,omitzero"`
	Ended        time.Time    `json:"ended"`
	Status       int          `json:"status,omitempty"`
	UpstreamID   string       `json:"upstream_id,omitempty"`
	Cap          int64        `json:"output_cap,omitempty"`
	Outcome      string       `json:"outcome"`
	Error        string       `json:"error,omitempty"`
	Progress     llm.Progress `json:"progress"`
	Cost         string       `json:"cost,omitempty"`
}
