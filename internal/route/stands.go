package route

import (
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// Stands says why a call of so many tokens would not be served now; 0 where it
// would. Until is when that may be different, where somebody knows. A nil Standing
// is one of which nothing is known.
func (s *Standing) Stands(key int, tokens int64, now time.Time) (why Reason, until time.Time) {
	if s == nil {
		return 0, time.Time{}
	}
	why, until = s.present(key, tokens, now, momentOf(now))
	switch {
	case why != 0 && s.never(key, tokens, now):
		return TooLarge, time.Time{}
	case why != 0 || s.committed(tokens, now):
		return why, until
	}
	return s.quota(key, tokens, now)
}

// never reports whether a call is too large for all that it could be served from: time
// does not mend that, whatever else stands in the way.
func (s *Standing) never(key int, tokens int64, now time.Time) bool {
	if s.Committed != nil {
		if _, _, why := s.Committed.Room(tokens, now); why != limit.TooLarge || !s.Spills {
			return why == limit.TooLarge
		}
	}
	_, _, why := s.key(key).Quota.Room(tokens, now)
	return why == limit.TooLarge
}

// well reports whether nothing at all stands in the way but the quota, which is the
// usual case and told fast; where it is not, present says what does.
func (s *Standing) well(key int) bool {
	return !s.Health.half && s.Committed == nil && !s.Slots.Full() && s.asked.Never() && s.key(key).Credential.Never()
}

// present is Stands without the quota.
func (s *Standing) present(key int, tokens int64, now time.Time, at moment) (why Reason, until time.Time) {
	if k := s.key(key); k.Credential != nil {
		if until = k.Credential.Until(now); !until.IsZero() {
			return CredentialRests, until
		}
	}
	until = s.asked.Until(now)
	if s.Health.half {
		if rest := s.Health.resting(at); rest > 0 && !now.Add(rest).Before(until) {
			return Resting, now.Add(rest)
		}
		if until.IsZero() && s.Health.Probing(now) {
			return Probed, now.Add(probeWait)
		}
	}
	if !until.IsZero() {
		return Asked, until
	}
	if s.Committed != nil && !s.Spills {
		switch ok, until, why := s.Committed.Room(tokens, now); {
		case ok:
		case why == limit.TooLarge:
			return TooLarge, time.Time{}
		default:
			return CommittedFull, until
		}
	}
	if s.Slots.Full() {
		return AtCapacity, time.Time{}
	}
	return 0, time.Time{}
}

// quota says what stands in the way of a credential's quota.
func (s *Standing) quota(key int, tokens int64, now time.Time) (Reason, time.Time) {
	quota := s.key(key).Quota
	ok, until, why := quota.Room(tokens, now)
	switch {
	case ok:
		return 0, time.Time{}
	case why == limit.TooLarge:
		return TooLarge, time.Time{}
	}
	if rest := quota.Until(now); rest.After(until) {
		return QuotaRests, rest
	} else if !rest.IsZero() {
		return QuotaRests, until
	}
	return QuotaFull, until
}

// committed reports whether its committed capacity has room.
func (s *Standing) committed(tokens int64, now time.Time) bool {
	if s.Committed == nil {
		return false
	}
	ok, _, _ := s.Committed.Room(tokens, now)
	return ok
}

// unknownStanding and unknownKey are how a deployment and a credential stand of which
// nothing is known. They are never changed.
var (
	unknownStanding Standing
	unknownKey      Key
)

// key is how a credential stands; a reload may have taken some away.
func (s *Standing) key(i int) *Key {
	if uint(i) < uint(len(s.Keys)) {
		return &s.Keys[i]
	}
	if len(s.Keys) == 0 {
		return &unknownKey
	}
	return &s.Keys[len(s.Keys)-1]
}
