package call

import "github.com/skein-run/skein/internal/llm"

// The machine's own errors.
var (
	errGone     = &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient, Billed: llm.BilledMaybe, Status: 499, Message: "the client went away before the answer was complete"}
	errDeadline = &llm.Error{Class: llm.TimedOut, Blame: llm.BlameSkein, Billed: llm.BilledMaybe, Status: 504, Message: "the call's deadline passed before the answer was complete"}
	errLost     = &llm.Error{Class: llm.Canceled, Blame: llm.BlameSkein, Billed: llm.BilledMaybe, Status: 499, Message: "another deployment answered first"}
	errUnsent   = &llm.Error{Class: llm.Canceled, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 499, Message: "it was not needed any more, and was not sent"}
	errNothing  = &llm.Error{Class: llm.Busy, Blame: llm.BlameSkein, Billed: llm.BilledNo, Status: 503, Message: "no deployment can take this call now"}
)

// final reports whether the same request fails everywhere, or must not be tried
// elsewhere: the client's own mistake, and a refusal of its content.
func (s *State) final(e *llm.Error) bool {
	switch e.Class {
	case llm.Filtered:
		return !s.Config.NextRefuse
	case llm.Canceled, llm.Internal:
		return true
	case llm.BadRequest:
		return e.Blame == llm.BlameRequest || e.Blame == ""
	}
	return false
}

// bars reports whether the candidate would fail this request again: a silent route
// is not tried twice, a missing model does not come, a credential is not mended by
// asking again.
func (s *State) bars(e *llm.Error) bool {
	switch e.Class {
	case llm.RateLimited, llm.Overloaded, llm.ServerError, llm.Unreachable, llm.BrokenStream, llm.Busy:
		return false
	case llm.Malformed:
		return e.Blame == llm.BlameSkein // who did not go on from an answer as asked will not do so the next time
	}
	return true
}

// tell keeps the most telling error: what the client can act on comes before what
// only its operator can, and that before what merely happened.
func (s *State) tell(e *llm.Error) {
	if e != nil && (s.told == nil || telling(e) >= telling(s.told)) {
		s.told = e
	}
}

func telling(e *llm.Error) int {
	switch e.Class {
	case llm.Canceled:
		return 11
	case llm.BadRequest, llm.Filtered, llm.ContextOverflow:
		return 10
	case llm.OverBudget:
		return 9
	case llm.Lossy:
		return 8
	case llm.RateLimited, llm.QuotaExhausted:
		return 7
	case llm.Overloaded:
		return 6
	case llm.ServerError:
		return 5
	case llm.BrokenStream, llm.Malformed:
		return 4
	case llm.TimedOut:
		return 3
	case llm.Unreachable:
		return 2
	case llm.Unauthorized, llm.Forbidden, llm.NotFound:
		return 1
	}
	return 0
}
