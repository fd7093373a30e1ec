package api

import (
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
)

// StartRun is a run to start.
type StartRun struct {
	Agent       string            `json:"agent" minLength:"1" maxLength:"128" doc:"The agent's name in the configuration."`
	Input       map[string]string `json:"input,omitempty" doc:"Values for the agent's goal, by name."`
	Budget      *money.Amount     `json:"budget,omitempty" pattern:"^[0-9]+(\\.[0-9]+)? [A-Z]{3}$" patternDescription:"an amount with its currency, such as 0.50 USD" doc:"The most that the run may cost, such as \"0.50 USD\", in place of the agent's own limit."`
	Customer    string            `json:"customer,omitempty" maxLength:"128" doc:"Whom the run is for, on bills."`
	Idempotency string            `json:"-"`
}

// NewLimits replace a run's limits when it goes on; zero keeps what it had.
type NewLimits struct {
	Budget *money.Amount `json:"budget,omitempty" pattern:"^[0-9]+(\\.[0-9]+)? [A-Z]{3}$" patternDescription:"an amount with its currency, such as 0.50 USD" doc:"The most that the run may cost in all, such as \"2 USD\"."`
	Steps  int           `json:"steps,omitempty" minimum:"0" doc:"The most model answers in all."`
	Time   string        `json:"time,omitempty" doc:"How long it may take from now on, such as 2h."`
}

// Run is one execution of an agent.
type Run struct {
	ID         string            `json:"id"`
	Agent      string            `json:"agent"`
	Status     agent.Status      `json:"status"`
	Reason     string            `json:"reason,omitempty" doc:"Why it stopped, failed or is in doubt."`
	Input      map[string]string `json:"input,omitempty"`
	Started    time.Time         `json:"started"`
	Updated    time.Time         `json:"updated"`
	Ended      time.Time         `json:"ended,omitzero"`
	Steps      int               `json:"steps"`
	LSN        int64             `json:"lsn" doc:"Of its latest record."`
	Project    string            `json:"project,omitempty"`
	Cause      *ledger.Cause     `json:"cause,omitempty" doc:"Whom it is booked to. Of one run only, as all that follows."`
	Model      string            `json:"model,omitempty"`
	Definition string            `json:"definition,omitempty" doc:"The hash of the agent's definition as it was at the start."`
	Cost       *money.Amount     `json:"cost,omitempty" doc:"What its outcomes have cost so far; the bill has the last word."`
	Limits     *Limits           `json:"limits,omitempty"`
	Doubts     []Doubt           `json:"in_doubt,omitempty" doc:"Effects of which nobody knows whether they happened."`
	Answer     string            `json:"answer,omitempty" doc:"The reference of its last message."`
	Timeline   []Event           `json:"timeline,omitempty"`
}

// Limits bound a run.
type Limits struct {
	Budget   *money.Amount `json:"budget,omitempty"`
	Steps    int           `json:"steps,omitempty"`
	Deadline time.Time     `json:"deadline,omitzero"`
}

// Doubt is an effect whose outcome is unknown.
type Doubt struct {
	Effect string      `json:"effect" doc:"What resolve takes."`
	Tool   string      `json:"tool"`
	Class  agent.Class `json:"class"`
	Digest string      `json:"digest,omitempty" doc:"Of the tool and its arguments."`
}

// RunQuery picks runs; zero members match everything.
type RunQuery struct {
	Agent  string
	Status agent.Status
	Limit  int // default 100
}

// Answer says what became of an effect in doubt.
type Answer struct {
	Answer string `json:"answer" enum:"done,not-done,abandon" doc:"done: it happened. not-done: it did not, do it now. abandon: go on without knowing, and without trying again; the model is told so."`
	Result string `json:"result,omitempty" maxLength:"65536" doc:"What the effect gave, for done; the model is told so."`
}
