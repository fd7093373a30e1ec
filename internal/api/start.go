package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/money"
)

// What a run may be started with. Its inputs stand in its first record, in lists
// and in its timeline; what is long belongs where a tool can read it.
const (
	maxInputs    = 64
	maxInputName = 128
	maxInput     = 64 << 10 // bytes of all values
)

func checkStart(s *StartRun) error {
	if err := checkBudget(s.Budget); err != nil {
		return err
	}
	if err := auth.CheckName("customer", s.Customer); err != nil {
		return asError(err)
	}
	wrong := func(format string, a ...any) error {
		return &Error{
			Status: http.StatusUnprocessableEntity, Field: "body.input", Message: fmt.Sprintf(format, a...),
			Mend: "put long texts where one of the agent's tools can read them",
		}
	}
	if len(s.Input) > maxInputs {
		return wrong("there are %d inputs, and %d are the most", len(s.Input), maxInputs)
	}
	size := 0
	for name, value := range s.Input {
		if len(name) > maxInputName {
			return wrong("the name of an input has %d bytes, and %d are the most", len(name), maxInputName)
		}
		size += len(value)
	}
	if size > maxInput {
		return wrong("the inputs have %d bytes, and %d are the most", size, maxInput)
	}
	return nil
}

// checkBudget refuses a limit that would hold nothing back: prices are in USD.
func checkBudget(b *money.Amount) error {
	switch {
	case b == nil:
		return nil
	case b.Sign() <= 0:
		return &Error{Status: http.StatusUnprocessableEntity, Field: "body.budget", Message: "a budget is more than nothing", Mend: "give an amount with its currency, such as \"0.50 USD\""}
	case b.Currency() != money.USD:
		return &Error{Status: http.StatusUnprocessableEntity, Field: "body.budget", Message: fmt.Sprintf("%s is not in USD, and prices are", b), Mend: "give an amount in USD, such as \"0.50 USD\""}
	}
	return nil
}

// scoped is an idempotency key as its own asker's: what somebody else calls the
// same is another request.
func scoped(p *auth.Principal, key string) string {
	if key == "" {
		return ""
	}
	return name(p) + "/" + key
}

// firstRecord is how long a repeated request waits for the first one's run to be
// durable.
const firstRecord = 10 * time.Second

// startedBy finds out that a run, which an idempotency key names, was started by
// this very request. The first request may still be at it.
func (l *Local) startedBy(ctx context.Context, p *auth.Principal, id string, s *StartRun) error {
	ctx, cancel := context.WithTimeout(ctx, firstRecord)
	defer cancel()
	for {
		seen := l.Store.LSN()
		journal, err := engine.ReadJournal(ctx, l.Store, p.Org, id)
		switch {
		case err == nil:
			return sameStart(journal[0].Input.Start, s)
		case !errors.Is(err, engine.ErrNoRun):
			return runError(err, id)
		}
		if err := l.Store.Wait(ctx, seen); err != nil {
			return &Error{
				Status: http.StatusConflict, Field: "header.Idempotency-Key",
				Message: "the first request of this key is still being served", Mend: "try again in a moment",
			}
		}
	}
}

func sameStart(was *agent.Start, s *StartRun) error {
	var input map[string]string
	if was != nil && len(was.Input) > 0 {
		if err := json.Unmarshal(was.Input, &input); err != nil {
			return asError(fmt.Errorf("reading the inputs of %s: %w", was.Run, err))
		}
	}
	if was == nil || was.Agent != s.Agent || was.Customer != s.Customer || !maps.Equal(input, s.Input) ||
		s.Budget != nil && was.Limits.Budget.String() != s.Budget.String() {
		return &Error{
			Status: http.StatusUnprocessableEntity, Field: "header.Idempotency-Key",
			Message: "this key has named another request", Mend: "send the same request again, or give this one a key of its own",
		}
	}
	return nil
}
