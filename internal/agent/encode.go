package agent

import (
	"encoding/json"
	"fmt"

	"github.com/skein-run/skein/internal/money"
)

// Encode is the body of the record in the store.
func (r *Record) Encode() ([]byte, error) { return json.Marshal(r) }

// Decode reads a body that was written as the given version. What it returns can
// be applied: a record that lacks what its kind needs is an error here, and parks
// the run that it belongs to.
func Decode(version int, body []byte) (Record, error) {
	var r Record
	if version != Version {
		return r, fmt.Errorf("run record of version %d: this release reads version %d; use the release that wrote it, or a newer one", version, Version)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return r, fmt.Errorf("decode a run's record: %w", err)
	}
	if r.Decision.Ignored == "" {
		if lack := r.Input.lacks(); lack != "" {
			return r, fmt.Errorf("decode a run's record: record %d: %s", r.Seq, lack)
		}
	}
	if c := r.Input.Cost; c.Cmp(money.New(1, 15, c.Currency())) > 0 || c.Cmp(money.New(-1, 15, c.Currency())) < 0 {
		return r, fmt.Errorf("decode a run's record: record %d: a cost of %s cannot be", r.Seq, c)
	}
	return r, nil
}

// lacks says what an input of its kind needs and does not have.
func (in *Input) lacks() string {
	missing := func(there bool, what string) string {
		if there {
			return ""
		}
		return fmt.Sprintf("the input %s has no %s", in.Kind, what)
	}
	switch in.Kind {
	case Started:
		return missing(in.Start != nil && in.Start.Run != "", "run to start")
	case ModelAnswered:
		return missing(in.Answer != nil, "answer")
	case ModelFailed, ToolFailed:
		return missing(in.Failure != nil, "failure")
	case ToolReturned:
		return missing(in.Result != nil, "result")
	case Resolved:
		return missing(in.Resolve != nil, "answer to a doubt")
	case EffectStarted, TimerFired, Recovered, Resumed, CancelAsked:
		return ""
	}
	return fmt.Sprintf("unknown input %q", in.Kind)
}
