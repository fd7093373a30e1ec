package limit

import "time"

// Cooldown is a rest: of a quota group after a 429, of a credential after a 401.
// The zero value does not rest.
type Cooldown struct {
	until   time.Time
	strikes int
}

// The rests where the upstream names none, doubled with each strike.
const (
	firstRest   = time.Second
	longestRest = time.Minute
)

// mostAfter bounds what an upstream may ask for: a date far off in a header, by
// mistake, must not take a deployment away for good.
const mostAfter = time.Hour

// Rest begins or prolongs a rest: for as long as the upstream asked, or, where it
// did not, longer with each strike in a row. Calls that were under way together are
// one strike: what fails during a rest does not double it.
func (c *Cooldown) Rest(after time.Duration, now time.Time) {
	resting := !c.Until(now).IsZero()
	if after <= 0 {
		if resting {
			return
		}
		after = min(firstRest<<min(c.strikes, 10), longestRest)
	}
	if !resting {
		c.strikes++
	}
	if until := now.Add(min(after, mostAfter)); until.After(c.until) {
		c.until = until
	}
}

// Clear ends the strikes: it works again.
func (c *Cooldown) Clear() { c.strikes = 0 }

// Until is when the rest is over; zero where there is none. A nil one never rests.
func (c *Cooldown) Until(now time.Time) time.Time {
	if c.Never() {
		return time.Time{}
	}
	return c.still(now)
}

// Never reports whether it has never rested, which is looked up faster than Until.
func (c *Cooldown) Never() bool { return c == nil || c.until.IsZero() }

func (c *Cooldown) still(now time.Time) time.Time {
	if now.Before(c.until) {
		return c.until
	}
	return time.Time{}
}
