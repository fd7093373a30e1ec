package route

import (
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
)

// Standing is how a deployment stands: all that traffic changes and that outlives a
// reload. Every attempt has one Begin and, where that was true, one End.
type Standing struct {
	Health Health
	Slots  limit.Slots // its own most in flight
	Keys   []Key       // the provider's credentials, the first one first
	// Committed is capacity that is paid for whether it is used or not; nil where there
	// is none.
	Committed *limit.Group
	// Spills: what the committed capacity has no room for is served here all the same,
	// at its rates and from its quota. Else it goes to other deployments.
	Spills bool

	asked limit.Cooldown // a rest that it asked for when it failed

	Stats Stats // last: the rest is looked at for each call, and lies together
}

// Key is how one credential of a provider stands at a deployment. Both may be shared
// with others.
type Key struct {
	Quota      *limit.Group
	Credential *limit.Cooldown
}

// Begun is an attempt that has begun: what its End has to give back, whatever a reload
// has changed meanwhile.
type Begun struct {
	Probe     bool // it finds out whether the deployment works again
	Committed bool // it is served out of committed capacity
	key       Key
	tokens    int64
	began     time.Time
}

// Observed is what became of an attempt.
type Observed struct {
	Begun
	Opened bool // the request has left
	// Err is what it ended with; nil for a whole answer.
	Err    *llm.Error
	Tokens int64         // input and output, as the provider said; -1: not known
	First  time.Duration // until the first content; 0 where there was none, or it was the whole
	Took   time.Duration // until the end
	Output int64         // tokens, as far as known
}

// Begin counts an attempt in, in its slots, its credential's quota or its committed
// capacity, and its breaker; or it changes nothing and is false, where any of these
// has no room.
func (s *Standing) Begin(key int, tokens int64, now time.Time) (b Begun, ok bool) {
	if why, _ := s.Stands(key, tokens, now); why != 0 && !(why == Resting && s.Health.spare(momentOf(now))) {
		return Begun{}, false
	}
	b = Begun{Committed: s.committed(tokens, now), key: *s.key(key), tokens: tokens, began: now}
	if b.Committed {
		b.key.Quota = s.Committed
	}
	if b.Probe, ok = s.Health.Begin(now); !ok {
		return Begun{}, false
	}
	s.Slots.Take()
	if b.key.Quota != nil {
		b.key.Quota.Take(tokens, now)
	}
	return b, true
}

// End counts an attempt out and learns from it: what is to blame rests.
func (s *Standing) End(o Observed, now time.Time) {
	s.Slots.Free()
	quota := o.key.Quota
	if !o.Opened {
		if quota != nil {
			quota.Cancel(now.Sub(o.began), o.tokens, now)
		}
		s.Health.End(Neutral, o.Probe, now)
		return
	}
	if quota != nil {
		quota.Done(now.Sub(o.began), o.tokens, o.Tokens, now)
	}
	outcome := s.rest(o.Err, &o.key, now)
	switch {
	case outcome == Failed && !o.Probe && s.Health.workedSince(o.began): // it tells of an outage that is over
		outcome = Neutral
	case o.Probe && s.Health.trippedSince(o.began): // it probed an earlier rest
		outcome = Neutral
	}
	s.Health.End(outcome, o.Probe, now)
	s.learn(&o, now)
}

// Alive tells that an attempt has brought content: where it is a probe, the deployment
// works again.
func (s *Standing) Alive(b *Begun, now time.Time) {
	if b.Probe && !s.Health.trippedSince(b.began) {
		s.Health.Alive(now)
	}
}

// Report tells what an answer's headers say of the provider's limits, when they come:
// the answer's end may be far.
func (b *Begun) Report(r limit.Reported, now time.Time) {
	if b.key.Quota == nil {
		return
	}
	if r.Took == 0 {
		r.Took = now.Sub(b.began) - r.Age
	}
	b.key.Quota.Report(r, now)
}

// rest lets rest what an error blames, and is what it says of the deployment. A
// breaker acts on the deployment only: what its credential or its quota is to blame
// for says nothing of it.
func (s *Standing) rest(err *llm.Error, k *Key, now time.Time) Outcome {
	switch Blamed(err) {
	case "":
		if k.Quota != nil {
			k.Quota.Clear()
		}
		if k.Credential != nil {
			k.Credential.Clear()
		}
		return Worked
	case llm.BlameCredential:
		after := err.RetryAfter
		if err.Class == llm.QuotaExhausted {
			after = max(after, time.Minute) // waiting a little does not mend it
		}
		if k.Credential != nil {
			k.Credential.Rest(after, now)
		}
	case llm.BlameQuota:
		if k.Quota != nil {
			k.Quota.TooMany(err.RetryAfter, now)
		}
	case llm.BlameDeployment, llm.BlameProvider:
		if err.RetryAfter > 0 { // its quota may be others' too, and is not to blame
			s.asked.Rest(err.RetryAfter, now)
		}
		return Failed
	}
	return Neutral
}

func (s *Standing) learn(o *Observed, now time.Time) {
	switch {
	case o.Err == nil:
		s.Stats.Note(o.First, o.Took, o.Output, now)
	case o.First > 0:
		s.Stats.Note(o.First, 0, 0, now)
	case o.Err.Class == llm.Canceled || o.Err.Class == llm.TimedOut:
		s.Stats.Waited(o.Took, now)
	}
}

// Blamed is whom an error rests; "" where there is none.
func Blamed(err *llm.Error) llm.Blame {
	switch {
	case err == nil:
		return ""
	case err.Blame != "":
		return err.Blame
	}
	switch err.Class {
	case llm.Unauthorized, llm.Forbidden:
		return llm.BlameCredential
	case llm.RateLimited, llm.QuotaExhausted:
		return llm.BlameQuota
	case llm.Overloaded, llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed:
		return llm.BlameDeployment
	}
	return llm.BlameRequest
}

// Expect is what to expect of an attempt.
func (s *Standing) Expect(now time.Time) Expect { return s.Stats.Expect(now) }
