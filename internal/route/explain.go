package route

import (
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/money"
)

// Explain is the reason in words, with the numbers that it rests on: "cheapest:
// 0.00123 USD expected, 12,000 tokens warm". It is to be asked with what the choice
// was made from, and at its time.
func (c *Choice) Explain(r *Request, cs []Candidate, now time.Time) string {
	return string(c.Append(nil, r, cs, now))
}

// Append appends what Explain says.
func (c *Choice) Append(b []byte, r *Request, cs []Candidate, now time.Time) []byte {
	x := &cs[c.Candidate]
	if c.Taken && c.Tier > 0 {
		b = append(b, "in tier "...)
		b = append(strconv.AppendInt(b, int64(c.Tier)+1, 10), ": "...)
	}
	b = append(b, c.Reason.String()...)
	switch c.Reason {
	case MissingTag:
		b = append(append(b, ": "...), missing(r.Require, x.Tags)...)
	case TooShort:
		b = c.appendShort(b, r, x)
	case Ejected:
		b = append(appendPercent(append(b, ": "...), c.Share), " of its recent attempts failed, "...)
		b = append(appendPercent(b, c.Peer), " of the peer's"...)
	case ComingBack:
		b = appendPercent(append(b, ": "...), c.Share)
	case Fallback:
		b = append(append(b, ": "...), x.Fallback...)
	}
	if c.Taken {
		b = c.appendExpected(b, x)
	}
	if !c.Until.IsZero() {
		b = append(append(b, ", again in "...), until(c.Until.Sub(now))...)
	}
	return b
}

func (c *Choice) appendShort(b []byte, r *Request, x *Candidate) []byte {
	if x.Context == 0 {
		return append(b, ", as far as is known"...)
	}
	b = append(appendCount(append(b, ": "...), x.Context), " tokens; "...)
	if r.LongerThan > 0 && x.Context <= r.LongerThan {
		return append(appendCount(append(b, "want more than "...), r.LongerThan), " after an overflow"...)
	}
	return append(appendCount(b, r.Input), " come in"...)
}

// appendExpected tells what is expected, as far as it is known: money, the warm part
// of the prompt, times, and, where its load decided, what is in flight.
func (c *Choice) appendExpected(b []byte, x *Candidate) []byte {
	between := ": "
	if c.Reason == Ejected || c.Reason == ComingBack || c.Reason == Fallback {
		between = "; "
	}
	next := func() {
		b = append(b, between...)
		between = ", "
	}
	if c.Reason == ByLoad || c.Reason == NextByLoad {
		next()
		b = append(appendCount(b, int64(c.InFlight)), " in flight"...)
	}
	if c.Reason == ByWeight || c.Reason == NextByWeight {
		next()
		b = appendCount(append(b, "weight "...), weight(x))
	}
	if x.Rates.Known && c.Cost > 0 {
		next()
		b = append(appendMoney(b, c.Cost, x.Rates.Currency), " expected"...)
	}
	if c.Warm > 0 {
		next()
		b = append(appendCount(b, c.Warm), " tokens warm"...)
	}
	if c.First > 0 {
		next()
		b = append(append(b, "first content in "...), short(c.First)...)
	}
	if c.Whole > c.First {
		next()
		b = append(append(b, "all in "...), short(c.Whole)...)
	}
	return b
}

// appendCount writes a number with a comma before each three digits.
func appendCount(b []byte, n int64) []byte {
	s := strconv.FormatInt(n, 10)
	for i, d := range []byte(s) {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b = append(b, ',')
		}
		b = append(b, d)
	}
	return b
}

func appendPercent(b []byte, share float32) []byte {
	return append(strconv.AppendInt(b, int64(share*100+0.5), 10), " %"...)
}

// appendMoney writes an estimate with as many digits as mean something.
func appendMoney(b []byte, pico int64, currency string) []byte {
	for scale := int64(1); ; scale *= 10 {
		if pico/scale < 1000 {
			pico = (pico + scale/2) / scale * scale
			break
		}
	}
	b = append(b, money.New(pico, -12, money.USD).Decimal()...)
	return append(append(b, ' '), currency...)
}

// short is a duration with three digits at most.
func short(d time.Duration) string {
	for _, unit := range []time.Duration{time.Minute, time.Second, time.Millisecond} {
		if d >= unit {
			return d.Round(unit / 100).Truncate(unit / 100).String()
		}
	}
	return d.Round(time.Microsecond).String()
}

// until is how long somebody has to wait, never said to be less than it is.
func until(d time.Duration) string {
	unit := time.Second
	if d < 10*time.Second {
		unit = 10 * time.Millisecond
	}
	return max((d + unit - 1).Truncate(unit), 0).String()
}
