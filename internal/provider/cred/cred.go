// Package cred puts credentials on requests to model services. A [Credential] is
// one way to prove who asks: a key in a header, a signature of AWS, a token of
// Microsoft Entra or of Google. Where a cloud has its own way to find credentials,
// its own SDK looks for them, at the first request and not before: what is not used
// costs no start-up time.
//
// What expires is renewed before it does, by one renewal at a time, while requests
// go on with what they have. Nothing here logs, and no error holds a secret.
package cred

import (
	"context"
	"net/http"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/llm"
)

// Credential is safe for concurrent use.
type Credential interface {
	// Put adds the credential to a request's headers. The body is whole, since a
	// signature covers it; it is read during the call only. An error is an
	// *[llm.Error] that says what to do.
	Put(ctx context.Context, r *http.Request, body []byte) error
	// Refused says that the service did not take the credential, so that one which
	// can be had anew is.
	Refused()
	// Close ends renewals and waits for one that is under way.
	Close() error
}

// header is a key that stands in a header as it is.
type header struct {
	name  string // canonical
	value []string
}

// Key is a credential that stands in a header: Key("Authorization", "Bearer sk-…").
func Key(name, value string) Credential {
	return header{http.CanonicalHeaderKey(name), []string{value}}
}

func (h header) Put(_ context.Context, r *http.Request, _ []byte) error {
	r.Header[h.name] = h.value
	return nil
}

func (header) Refused()     {}
func (header) Close() error { return nil }

// none is no credential at all.
type none struct{}

// None is for services that ask for no credential.
func None() Credential { return none{} }

func (none) Put(context.Context, *http.Request, []byte) error { return nil }
func (none) Refused()                                         {}
func (none) Close() error                                     { return nil }

// failed is an error of class Unauthorized: what was wanted, why it could not be
// had, and what mends it.
func failed(what, mend string, cause error) *llm.Error {
	text := what
	if cause != nil {
		text += ": " + cloud.Reason(cause)
	}
	return &llm.Error{
		Class: llm.Unauthorized, Blame: llm.BlameCredential, Billed: llm.BilledNo, Status: http.StatusUnauthorized,
		Message: text + "; " + mend,
	}
}
