// Package route orders the deployments that could serve a call, with the reason
// for each: [Choose] takes a [Request] and the [Candidate]s of its model, and gives
// one [Choice] for each of them, those to be tried first.
//
// A [Health] is what is known of a deployment from its recent attempts. Pure: the
// time is an argument, and the caller has the lock.
package route

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
)

// Policy is a way to order candidates that can serve.
type Policy uint8

// The policies.
const (
	Priority Policy = iota // in the order listed: the next one serves what the ones before it cannot
)

// Policies are the policies by their names in the configuration.
var Policies = map[string]Policy{"": Priority, "priority": Priority}

// Request is what a choice depends on.
type Request struct {
	Bindings   []llm.Maker // whose own state it carries
	Input      int64       // tokens of input, as estimated
	LongerThan int64       // only a context longer than this will do; 0: any
	LossyOK    bool        // a loss of meaning is allowed
}

// Candidate is one deployment of the model, as it stands now.
type Candidate struct {
	Makers    []llm.Maker   // whose state is understood there
	Context   int64         // tokens; 0: not known
	Loses     bool          // it cannot carry all that the request means
	Lacks     llm.Operation // it has no API for the request's operation, which is this; "" where it has one
	Elsewhere bool          // what the request goes on from is kept by another deployment
	Full      bool          // no slot is free
	Health    *Health
	// NoCredential: none of its credentials is for the caller.
	NoCredential bool
	Credential   *limit.Cooldown
	Quota        *limit.Cooldown
}

// Choice is the verdict on one candidate.
type Choice struct {
	Candidate uint16 // its index
	Taken     bool   // worth a try, in the order of the choices
	Reason    Reason
	Until     time.Time // skipped: when this may be different; zero where time does not mend it
}

// Choose appends a choice for every candidate to out: those to try, in order, then
// the skipped ones. Where nothing but capacity stands in the way of some, these are
// given as taken with the reason [Queue]: the caller waits for a slot.
func Choose(_ Policy, r *Request, cs []Candidate, now time.Time, out []Choice) []Choice {
	from, queue := len(out), true
	for i := range cs {
		reason, until := judge(r, &cs[i], now)
		out = append(out, Choice{Candidate: uint16(i), Reason: reason, Until: until})
		queue = queue && reason != 0
	}
	judged := len(out)
	for _, loses := range [...]bool{false, true} { // what keeps the meaning comes first
		for i := range cs {
			c := out[from+i]
			if cs[i].Loses == loses && (c.Reason == 0 || queue && c.Reason == AtCapacity) {
				c.Taken, c.Reason = true, order(len(out)-judged, loses, queue)
				out = append(out, c)
			}
		}
	}
	for i := range cs {
		if c := out[from+i]; c.Reason != 0 && !(queue && c.Reason == AtCapacity) {
			out = append(out, c)
		}
	}
	copy(out[from:], out[judged:])
	return out[:judged]
}

func order(place int, loses, queue bool) Reason {
	switch {
	case queue:
		return Queue
	case loses:
		return Lossy
	case place == 0:
		return First
	}
	return Next
}

// judge says why a candidate is skipped; 0 where it is not. What time does not mend
// comes first, so that the reason shown is the one to act on.
func judge(r *Request, c *Candidate, now time.Time) (Reason, time.Time) {
	switch {
	case c.Lacks != "":
		return lacks(c.Lacks), time.Time{}
	case c.NoCredential:
		return NoCredential, time.Time{}
	case c.Elsewhere:
		return KeptElsewhere, time.Time{}
	case !bound(r.Bindings, c.Makers):
		return OtherState, time.Time{}
	case r.LongerThan > 0 && c.Context <= r.LongerThan, c.Context > 0 && r.Input > c.Context:
		return TooShort, time.Time{}
	case c.Loses && !r.LossyOK:
		return Loss, time.Time{}
	}
	return stands(c, now)
}

// Standing says why a candidate could serve nobody now; 0 where it could.
func Standing(c *Candidate, now time.Time) Reason {
	reason, _ := stands(c, now)
	return reason
}

func stands(c *Candidate, now time.Time) (Reason, time.Time) {
	if until := c.Credential.Until(now); !until.IsZero() {
		return CredentialRests, until
	}
	if until := c.Quota.Until(now); !until.IsZero() {
		return QuotaRests, until
	}
	if until := c.Health.Until(now); !until.IsZero() {
		return Resting, until
	}
	if c.Health.Probing() {
		return Probed, now.Add(probeWait)
	}
	if c.Full {
		return AtCapacity, time.Time{}
	}
	return 0, time.Time{}
}

// bound reports whether the state that a request carries is understood there.
func bound(bindings, makers []llm.Maker) bool {
	for _, b := range bindings {
		if !slices.Contains(makers, b) && !slices.Contains(makers, AnyMaker) {
			return false
		}
	}
	return true
}

// AnyMaker among a candidate's makers: nobody knows what stands behind it, so it
// gets whatever there is.
const AnyMaker llm.Maker = "*"
