package cred

import (
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// CallerHeader is where a client puts its own credential of a provider, beside the
// key that Skein asks for.
const CallerHeader = "X-Skein-Provider-Key"

// ours begins the keys that Skein issues; they are good for nobody else.
const ours = "sk-skein-"

// places are where the clients of the served formats put a credential.
var places = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// Caller is the client's own credential of a provider: in [CallerHeader], else
// where its format puts one, unless that is a key of Skein's.
func Caller(h http.Header) (string, error) {
	for _, name := range append([]string{CallerHeader}, places...) {
		v := strings.TrimSpace(h.Get(name))
		if scheme, rest, ok := strings.Cut(v, " "); ok {
			if !strings.EqualFold(scheme, "bearer") { // a signature is good for one request to one place
				continue
			}
			v = strings.TrimSpace(rest)
		}
		if v != "" && !strings.HasPrefix(v, ours) {
			return v, nil
		}
	}
	return "", &llm.Error{
		Class: llm.Unauthorized, Blame: llm.BlameKey, Billed: llm.BilledNo, Status: http.StatusUnauthorized,
		Message: "this provider is used with the caller's own credential, and the request holds none; put it into the header " + CallerHeader,
	}
}
