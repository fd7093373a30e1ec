package dispatch

import (
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
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

// KindCall is the kind of the records of calls.
const KindCall = "call"

const callVersion = 1 // of CallRecord's encoding

func (r *run) newRecord() {
	f := r.facts
	*r.rec = CallRecord{
		ID: r.c.ID, Cause: r.c.Cause, Model: r.c.Model, Format: r.want, Stream: f.Stream, Arrived: micro(r.c.Arrived),
		Facts: CallFacts{
			Bytes: f.Bytes, TextBytes: f.TextBytes, MediaBytes: f.MediaBytes,
			Messages: f.Messages, Tools: f.Tools, MaxOutput: f.MaxOutput,
		},
		Attempts: make([]AttemptRecord, 0, 2),
	}
	r.rec.Cause.Org = orDefault(r.rec.Cause.Org)
}

// noteChoice keeps the latest choice's reasons.
func (r *run) noteChoice(now time.Time) {
	out := r.rec.Choice[:0]
	if out == nil {
		out = make([]Choice, 0, len(r.choices))
	}
	for i := range r.choices {
		c := &r.choices[i]
		reason := c.Reason.String()
		if c.Until.After(now) {
			reason += ", until " + c.Until.UTC().Format(time.RFC3339)
		}
		out = append(out, Choice{Deployment: r.m.deployments[c.Candidate].name, Taken: c.Taken, Reason: reason})
	}
	r.rec.Choice = out
}

// endAttempt puts an attempt that is over into the call's record and receipt.
func (r *run) endAttempt(e *ledger.Entry, err *llm.Error, cost money.Amount) {
	a := &r.at
	a.rec.ID, a.rec.Deployment, a.rec.Cloud, a.rec.Region = a.id, a.dep.name, e.Cloud, e.Region
	a.rec.Started, a.rec.Ended = micro(a.rec.Started), micro(a.rec.Ended)
	if !a.rec.FirstContent.IsZero() {
		a.rec.FirstContent = micro(a.rec.FirstContent)
	}
	a.rec.Cap, a.rec.Progress, a.rec.Cost, a.rec.Outcome = a.cap, a.progress, costText(cost), e.Outcome
	if err != nil {
		a.rec.Error = err.Message
	}
	r.rec.Attempts = append(r.rec.Attempts, a.rec)
	r.receipt.Usage = a.progress.Usage
	r.receipt.Attempts, r.receipt.Deployment, r.receipt.Cost = len(r.rec.Attempts), a.dep.name, costText(r.cost)
}

// endRecord completes the call's record.
func (r *run) endRecord(told *llm.Error) *CallRecord {
	rec := r.rec
	rec.Ended, rec.Cost, rec.Outcome = micro(r.d.now()), costText(r.cost), outcomeOK
	rec.Lossy = r.receipt.Lossy
	rec.Cap = r.receipt.OutputCap
	if told != nil {
		rec.Outcome, rec.Error = string(told.Class), told.Message
	}
	if m := r.d.o.Metrics; m != nil {
		var first time.Duration
		if n := len(rec.Attempts); n > 0 && !rec.Attempts[n-1].FirstContent.IsZero() {
			first = rec.Attempts[n-1].FirstContent.Sub(rec.Arrived)
		}
		m.Call(r.m.name, rec.Outcome, len(rec.Attempts), rec.Ended.Sub(rec.Arrived), first)
	}
	return rec
}
