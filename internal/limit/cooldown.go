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
// did not, longer with each strike in a row.
func (c *Cooldown) Rest(after time.Duration, now time.Time) {
	if after <= 0 {
		after = min(firstRest<<min(c.strikes, 10), longestRest)
	}
	if c.Until(now).IsZero() { // calls that were under way together are one strike
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
	if c != nil && now.Before(c.until) {
		return c.until
	}
	return time.Time{}
}

// Retries keeps repeated tries a share of the traffic, so that an outage is not
// multiplied by those who wait for its end. It is counted in tenths: a call adds
// one, a repetition takes ten.
type Retries struct{ spent int }

// mostRetries may happen at once, however little traffic there is.
const mostRetries = 20

// Call counts a call, which earns a tenth of a repetition.
func (r *Retries) Call() { r.spent = max(r.spent-1, 0) }

// Take takes one repetition, or says that there are none left.
func (r *Retries) Take() bool {
	if r.spent+10 > mostRetries*10 {
		return false
	}
	r.spent += 10
	return true
}
