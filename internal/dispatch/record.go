package dispatch

import (
	"time"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/route"
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

	Priority string        `json:"priority,omitempty"` // low or high; "" is normal
	Hints    Hints         `json:"hints,omitzero"`     // the caller's, and its key's tags
	Queued   time.Duration `json:"queued_ns,omitempty"`
	Rounds   []Round       `json:"rounds,omitempty"` // each time that deployments were considered; none where it was once, which is Choice
	Seams    []SeamRecord  `json:"seams,omitempty"`
	Fallback string        `json:"fallback,omitempty"` // the fallback model that answered
}

// Round is one time that deployments were considered.
type Round struct {
	At     time.Time     `json:"at"`
	After  string        `json:"after,omitempty"`     // the attempt after which it was done again
	Queued time.Duration `json:"queued_ns,omitempty"` // what it then waited for room
	Choice []Choice      `json:"choice"`
}

// SeamRecord is what was decided about a break after the first content.
type SeamRecord struct {
	After   string `json:"after"`   // the attempt that broke
	Verdict string `json:"verdict"` // continue, restart, finish or refuse
	Reason  string `json:"reason,omitempty"`
	Shown   int64  `json:"shown"` // bytes of the answer that the client had seen
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
	Reason     string `json:"reason"` // names no amount: Cost may have to be hidden

	Tier  int           `json:"tier,omitempty"`     // from 1, where the model has several
	Until time.Time     `json:"until,omitzero"`     // when what stands in the way ends
	Cost  string        `json:"cost,omitempty"`     // expected
	First time.Duration `json:"first_ns,omitempty"` // expected, to the first content
	Warm  int64         `json:"warm,omitempty"`     // tokens of the prompt that its cache is thought to hold
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
	Credential   string       `json:"credential,omitempty"` // its name, where the provider has several
	Hedge        bool         `json:"hedge,omitempty"`      // it ran beside another
	Seam         string       `json:"seam,omitempty"`       // how it goes on after a break: continue or restart
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
func (r *run) noteChoice(req *route.Request, now time.Time) {
	out := make([]Choice, 0, len(r.choices))
	for i := range r.choices {
		c := &r.choices[i]
		x := Choice{Deployment: r.m.deployments[c.Candidate].name, Taken: c.Taken, Reason: c.Reason.String(), First: c.First, Warm: c.Warm, Tier: r.m.tier(c.Candidate)}
		if !c.Taken { // what it rests on is no money
			x.Reason = c.Explain(req, r.candidates, now)
		}
		if c.Until.After(now) {
			x.Until = micro(c.Until)
		}
		if rates := &r.candidates[c.Candidate].Rates; c.Cost > 0 && len(r.choices) > 1 {
			x.Cost = picoText(c.Cost, rates.Currency)
		}
		out = append(out, x)
		if m := r.d.o.Signs; m != nil {
			m.Chosen(r.m.name, x.Deployment, c.Reason.String())
		}
	}
	r.books.Lock()
	defer r.books.Unlock()
	if r.rec.Choice != nil {
		if len(r.rec.Rounds) == 0 { // the first one
			r.rec.Rounds = append(r.rec.Rounds, Round{At: r.rec.Arrived, Queued: r.rec.Queued, Choice: r.rec.Choice})
		}
		r.rec.Rounds = append(r.rec.Rounds, Round{At: micro(now), After: r.after, Choice: out})
	}
	r.rec.Choice = out
}

// tier is a candidate's, from 1; 0 where there is but one.
func (m *model) tier(candidate uint16) int {
	if len(m.tiers) < 2 {
		return 0
	}
	for i, t := range m.tiers {
		if int(candidate) < t.End {
			return i + 1
		}
	}
	return 0
}

// noteWait adds to the latest round what it waited for room.
func (r *run) noteWait(d time.Duration) {
	r.rec.Queued += d
	if n := len(r.rec.Rounds); n > 0 {
		r.rec.Rounds[n-1].Queued += d
	}
}

// priorityName is a priority's word.
func priorityName(p limit.Priority) string {
	switch {
	case p < limit.Normal:
		return "low"
	case p > limit.Normal:
		return "high"
	}
	return "normal"
}

// picoText is an estimate of 10^-12 of a currency as text.
func picoText(n int64, currency string) string {
	cur, err := money.ParseCurrency(currency)
	if err != nil {
		return ""
	}
	return money.New(n, -12, cur).String()
}

// endAttempt puts an attempt that is over into the call's record.
func (r *run) endAttempt(l *lane, e *ledger.Entry, err *llm.Error, cost money.Amount) {
	a := &l.at
	r.books.Lock()
	defer r.books.Unlock()
	r.cost = r.cost.Add(cost)
	a.rec.ID, a.rec.Deployment, a.rec.Cloud, a.rec.Region = a.id, a.dep.name, e.Cloud, e.Region
	a.rec.Started, a.rec.Ended = micro(a.rec.Started), micro(a.rec.Ended)
	if !a.rec.FirstContent.IsZero() {
		a.rec.FirstContent = micro(a.rec.FirstContent)
	}
	a.rec.Cap, a.rec.Progress, a.rec.Cost, a.rec.Outcome = a.cap, a.progress, costText(cost), e.Outcome
	if err != nil {
		a.rec.Error = err.Message
	}
	a.rec.Hedge = a.hedge
	if len(a.dep.info.Credentials) > 1 {
		a.rec.Credential = a.credential()
	}
	a.rec.Seam = a.seam
	r.after = a.id
	r.rec.Attempts = append(r.rec.Attempts, a.rec)
	r.endSpan(l, err, cost)
}

// tellReceipt completes the receipt with the attempt that the call ends with; where
// there is none, with what its attempts add up to.
func (r *run) tellReceipt(l *lane, attempt int) {
	r.sink.Lock()
	defer r.sink.Unlock()
	a := &l.at
	if attempt > 0 {
		r.told(l)
		r.receipt.Usage, r.receipt.Deployment = a.progress.Usage, a.dep.name
		r.rec.Fallback = r.receipt.Model
	}
	if n := len(r.rec.Attempts); n > 0 {
		r.receipt.Attempts, r.receipt.Cost = n, costText(r.cost)
	}
}

// endRecord completes the call's record.
func (r *run) endRecord(told *llm.Error) *CallRecord {
	rec := r.rec
	if r.c.Priority != limit.Normal {
		rec.Priority = priorityName(r.c.Priority)
	}
	rec.Hints = r.c.Hints
	rec.Ended, rec.Cost, rec.Outcome = micro(r.d.now()), costText(r.cost), outcomeOK
	rec.Lossy = r.receipt.Lossy
	rec.Cap = r.receipt.OutputCap
	if told != nil {
		rec.Outcome, rec.Error = string(told.Class), told.Message
	}
	if m := r.d.o.Metrics; m != nil {
		var first time.Duration
		for i := range rec.Attempts { // the first that anybody brought is what the client saw
			if at := rec.Attempts[i].FirstContent; !at.IsZero() && (first == 0 || at.Sub(rec.Arrived) < first) {
				first = at.Sub(rec.Arrived)
			}
		}
		m.Call(r.m.name, rec.Outcome, len(rec.Attempts), rec.Ended.Sub(rec.Arrived), first)
	}
	r.endCallSpan(told)
	return rec
}
