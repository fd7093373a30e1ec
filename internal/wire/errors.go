package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// Said is what an upstream's error body says, in whichever shape.
type Said struct {
	Type, Code, Param, Message string
	Status                     int           // inside the body, for errors in streams and in answers of status 200
	RetryAfter                 time.Duration // inside the body, as Google's APIs have it
	Daily                      bool          // what is used up comes back the next day at the earliest, as Google's details say
}

// Classify makes an [llm.Error] of an upstream's answer: by what it says where that
// is more telling than the status, else by the status. The same words come from
// many vendors, so one list serves all formats.
func Classify(status int, header http.Header, said Said) *llm.Error {
	if status < 400 && said.Status >= 400 {
		status = said.Status
	}
	e := &llm.Error{
		Status: status, Code: cut(pickText(said.Code, said.Type), mostWord), Param: cut(said.Param, mostWord), Message: cut(said.Message, mostSaid),
	}
	e.RetryAfter, e.Retry = RetryAfter(header), retryOf(header)
	if e.RetryAfter == 0 {
		e.RetryAfter = said.RetryAfter
	}
	e.Class = classOf(status, said)
	e.Blame, e.Billed = blameOf(e.Class)
	switch e.Class {
	case llm.RateLimited, llm.Overloaded:
		if e.RetryAfter == 0 {
			e.RetryAfter = saidWait(said.Message)
		}
	case llm.QuotaExhausted:
		switch {
		case said.Daily:
			e.Blame = llm.BlameQuota // a day's share of one model, not the account's money
		case largerThanLimit(said):
			e.Blame = llm.BlameRequest // the next, smaller one goes through
		}
	}
	if e.Class == llm.Unauthorized {
		e.Message = "the provider refused the credential" // its own words often quote the key
	}
	if e.Message == "" {
		e.Message = "the upstream answered " + strconv.Itoa(status)
		if t := http.StatusText(status); t != "" {
			e.Message += " " + t
		}
	}
	return e
}

// How much of what an upstream says of an error is kept. It goes into the call's
// record, and some quote the request back.
const (
	mostSaid = 2000
	mostWord = 200
)

// cut is at most n bytes of s, in whole characters, and a sign that there was more.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func pickText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// blameOf says on whom a class of upstream error falls, and whether it costs. What
// was refused before any work costs nothing; what broke in the middle may.
func blameOf(class llm.ErrorClass) (llm.Blame, llm.Billed) {
	switch class {
	case llm.BadRequest, llm.ContextOverflow:
		return llm.BlameRequest, llm.BilledNo
	case llm.Filtered:
		return llm.BlameRequest, llm.BilledMaybe // Azure bills a prompt that it filtered
	case llm.Unauthorized, llm.Forbidden:
		return llm.BlameCredential, llm.BilledNo
	case llm.QuotaExhausted:
		return llm.BlameCredential, llm.BilledNo
	case llm.RateLimited:
		return llm.BlameQuota, llm.BilledNo
	case llm.NotFound:
		return llm.BlameDeployment, llm.BilledNo
	case llm.Overloaded, llm.Unreachable:
		return llm.BlameProvider, llm.BilledNo
	}
	return llm.BlameProvider, llm.BilledMaybe
}

// BrokenStream is a stream that ended without its proper end.
func BrokenStream(why string) *llm.Error {
	return &llm.Error{Class: llm.BrokenStream, Blame: llm.BlameProvider, Billed: llm.BilledYes, Message: "the stream broke off: " + why}
}
