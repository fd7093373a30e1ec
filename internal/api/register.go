package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
)

// The pieces that inputs and outputs are made of. Huma fills in embedded structs
// only where their types are exported.
type (
	output[T any] struct{ Body T }

	// Idempotent is an input that may come twice.
	Idempotent struct {
		Key string `header:"Idempotency-Key" maxLength:"255" doc:"Names the request: sent again, it is done once."`
	}
	// OfRun is an input about one run.
	OfRun struct {
		ID string `path:"id" maxLength:"128" doc:"The run's id, run_…"`
	}
	// Page is an input that asks for a list.
	Page struct {
		Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
)

// Lists are objects, so that they can grow members.
type (
	// RunList is what a list of runs answers.
	RunList struct {
		Runs []Run `json:"runs"`
	}
	// CallList is what a list of calls answers.
	CallList struct {
		Calls []dispatch.Listed `json:"calls"`
	}
	// KeyList is what a list of keys answers.
	KeyList struct {
		Keys []auth.Key `json:"keys"`
	}
	// BudgetList is what a list of budgets answers.
	BudgetList struct {
		Budgets []Budget `json:"budgets"`
	}
)

// add registers one operation. Bodies were read before, so huma sets no deadline.
func add[I, O any](api huma.API, method, path, id, summary, tag string, f func(context.Context, *I) (O, error)) {
	op := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{tag},
		MaxBodyBytes: maxBody, BodyReadTimeout: -1,
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*output[O], error) {
		v, err := f(ctx, in)
		if err != nil {
			return nil, refused(err)
		}
		return &output[O]{v}, nil
	})
}

func register(api huma.API, s Service) {
	registerRuns(api, s)
	registerEvents(api, s)
	registerMoney(api, s)
	registerKeys(api, s)
	add(api, http.MethodGet, "/version", "version", "Say what is running", "system",
		func(ctx context.Context, _ *struct{}) (*Version, error) { return s.Version(ctx) })
}

func registerRuns(api huma.API, s Service) {
	add(api, http.MethodPost, "/runs", "start-run", "Start an agent", "runs",
		func(ctx context.Context, in *struct {
			Idempotent
			Body StartRun
		}) (*Run, error) {
			in.Body.Idempotency = in.Key
			return s.StartRun(ctx, in.Body)
		})
	add(api, http.MethodGet, "/runs", "list-runs", "List runs, the latest first", "runs",
		func(ctx context.Context, in *struct {
			Page
			Agent  string `query:"agent"`
			Status string `query:"status" enum:"running,sleeping,in doubt,done,stopped,failed,canceled"`
		}) (*RunList, error) {
			runs, err := s.Runs(ctx, RunQuery{Agent: in.Agent, Status: agent.Status(in.Status), Limit: in.Limit})
			return &RunList{runs}, err
		})
	add(api, http.MethodGet, "/runs/{id}", "get-run", "Read a run and its timeline", "runs",
		func(ctx context.Context, in *OfRun) (*Run, error) { return s.Run(ctx, in.ID) })
	add(api, http.MethodPost, "/runs/{id}/cancel", "cancel-run", "End a run", "runs",
		func(ctx context.Context, in *struct {
			OfRun
			Idempotent
			Body *struct {
				Reason string `json:"reason,omitempty" maxLength:"1024"`
			}
		}) (*Run, error) {
			reason := ""
			if in.Body != nil {
				reason = in.Body.Reason
			}
			return s.CancelRun(ctx, in.ID, reason)
		})
	add(api, http.MethodPost, "/runs/{id}/resume", "resume-run", "Go on with a run that stopped at a limit, or failed", "runs",
		func(ctx context.Context, in *struct {
			OfRun
			Idempotent
			Body *NewLimits
		}) (*Run, error) {
			var l NewLimits
			if in.Body != nil {
				l = *in.Body
			}
			return s.ResumeRun(ctx, in.ID, l)
		})
	add(api, http.MethodPost, "/runs/{id}/effects/{effect}/resolve", "resolve-effect", "Say what became of an effect in doubt", "runs",
		func(ctx context.Context, in *struct {
			OfRun
			Idempotent
			Effect string `path:"effect" maxLength:"256" doc:"The effect's id, its slashes written as %2F."`
			Body   Answer
		}) (*Run, error) {
			return s.ResolveEffect(ctx, in.ID, in.Effect, in.Body)
		})
}

func registerMoney(api huma.API, s Service) {
	add(api, http.MethodGet, "/calls", "list-calls", "List model calls, the latest first", "calls",
		func(ctx context.Context, in *struct {
			Page
			Run     string `query:"run"`
			Key     string `query:"key_id" doc:"The id of the key that asked."`
			Model   string `query:"model"`
			Outcome string `query:"outcome" doc:"ok, or the class of the error."`
			Before  int64  `query:"before" minimum:"0" doc:"An lsn: those recorded before it."`
		}) (*CallList, error) {
			calls, err := s.Calls(ctx, CallQuery{Run: in.Run, Key: in.Key, Model: in.Model, Outcome: in.Outcome, Limit: in.Limit, Before: in.Before})
			return &CallList{calls}, err
		})
	add(api, http.MethodGet, "/calls/{id}", "get-call", "Read the record of a model call", "calls",
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"128" doc:"The call's id, call_…, as in the x-skein-call header."`
		}) (*dispatch.CallRecord, error) {
			return s.Call(ctx, in.ID)
		})
	add(api, http.MethodGet, "/bill", "bill", "The itemised bill of what matches", "money",
		func(ctx context.Context, in *struct {
			By   string `query:"by" doc:"What to add up by: run, key, cloud, service, … or several, such as cloud,service."`
			From string `query:"from" doc:"A day or a time, such as 2026-11-01 or 2026-11-01T12:00:00Z."`
			To   string `query:"to" doc:"A day or a time; not included."`
			Run  string `query:"run"`
			Call string `query:"call"`
			Key  string `query:"key_id" doc:"The id of a key."`
		}) (*Bill, error) {
			q := BillQuery{By: in.By, Run: in.Run, Call: in.Call, Key: in.Key}
			var err error
			if q.From, err = moment("query.from", in.From); err != nil {
				return nil, err
			}
			if q.To, err = moment("query.to", in.To); err != nil {
				return nil, err
			}
			return s.Bill(ctx, q)
		})
	add(api, http.MethodGet, "/budgets", "budgets", "How every budget stands", "money",
		func(ctx context.Context, _ *struct{}) (*BudgetList, error) {
			b, err := s.Budgets(ctx)
			return &BudgetList{b}, err
		})
	add(api, http.MethodPost, "/entries/confirm", "confirm-entries",
		"Book what entries really were: an array of {id, readings}, or one of them a line", "money",
		func(ctx context.Context, in *struct {
			Idempotent
			RawBody []byte `contentType:"application/x-ndjson"`
		}) (*Confirmed, error) {
			c, err := ReadConfirmations(in.RawBody)
			if err != nil {
				return nil, err
			}
			return s.Confirm(ctx, c)
		})
}

func registerKeys(api huma.API, s Service) {
	add(api, http.MethodPost, "/keys", "create-key", "Make a key; its text is in this answer only", "keys",
		func(ctx context.Context, in *struct {
			Idempotent
			Body NewKey
		}) (*KeyText, error) {
			in.Body.Idempotency = in.Key
			return s.CreateKey(ctx, in.Body)
		})
	add(api, http.MethodGet, "/keys", "list-keys", "List the keys", "keys",
		func(ctx context.Context, _ *struct{}) (*KeyList, error) {
			keys, err := s.Keys(ctx)
			return &KeyList{keys}, err
		})
	add(api, http.MethodDelete, "/keys/{id}", "revoke-key", "End a key, now or at a time", "keys",
		func(ctx context.Context, in *struct {
			Idempotent
			ID string `path:"id" maxLength:"64" doc:"The key's id, not its text."`
			At string `query:"at" doc:"A day or a time to come, so that its successor can be put in place first."`
		}) (*auth.Key, error) {
			at, err := moment("query.at", in.At)
			if err != nil {
				return nil, err
			}
			return s.RevokeKey(ctx, in.ID, at)
		})
}

// moment reads a day or a time; "" is the zero time.
func moment(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &Error{Status: http.StatusUnprocessableEntity, Field: field, Message: "\"" + s + "\" is neither a day nor a time", Mend: "write 2026-11-01 or 2026-11-01T12:00:00Z"}
}
