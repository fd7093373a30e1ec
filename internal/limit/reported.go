package limit

import (
	"math/bits"
	"time"
)

// Bucket is one limit as a provider reported it in the headers of an answer.
type Bucket struct {
	Limit, Remaining int64
	Reset            time.Duration // until the limit is whole again; 0: it did not say
	Known            bool
}

// Reported are the limits that an answer's headers told of.
type Reported struct {
	Requests, Tokens, Input, Output Bucket

	// Age is how long ago the headers came, where they are reported later than that.
	Age time.Duration
	// Took is how long before the headers the request had been sent; 0: not known.
	// What was started in that time may or may not be in Remaining, so it bounds by
	// how much reports that overtake each other can mislead.
	Took time.Duration
}

// outputPart of a call's tokens are held to be output where a provider limits that
// alone: a quarter. Conversations have 15 %, programming 2 % (the public Azure traces
// of 2024); each report corrects what is off.
const outputPart = 4

// believed is how long a report counts: no header, wrong or right, keeps a group from
// trying again for longer.
const believed = mostAfter

// gauge is a provider's window as its reports show it. It is one of two sorts:
//
//   - aligned: nothing comes back until the reset, and then all of it (Mistral, Azure,
//     Together). Every gauge begins as one: it errs on the safe side.
//   - refilling: a token bucket that fills evenly. OpenAI, Groq and Anthropic have
//     these: in recorded answers of OpenAI, 4999 of 5000 requests left comes with a
//     reset of 12 ms, which is 60 s / 5000, and 9999 of 10000 with 8.64 s, which is a
//     day / 10000. So where reset = period × used / limit holds again and again, the
//     gauge is taken to refill.
type gauge struct {
	limit int64         // 0: nothing is known
	left  int64         // aligned: of this window
	whole time.Time     // when the limit is whole again
	fills time.Duration // refilling: in how long it fills from nothing; 0: aligned
	at    time.Time     // of the last report
	agree int8          // reports in a row that agree with refilling
	seen  time.Time     // when the last of these came
	guess time.Duration // the period that they agree with
}

// Refilling is believed after so many reports that agree with it, so far apart. A
// window that does not refill agrees by chance for 2.5 s at most, in the middle of
// one that is used evenly.
const (
	agreeing   = 3
	agreeApart = 2 * time.Second
)

func (g *gauge) known(now time.Time) bool { return g.limit > 0 && now.Sub(g.at) < believed }

// leftAt is what is left now. It is negative where more was started than was left.
func (g *gauge) leftAt(now time.Time) int64 {
	switch missing := g.whole.Sub(now); {
	case missing <= 0:
		return g.limit
	case g.fills == 0:
		return g.left
	default:
		return g.limit - partOf(g.limit, missing, g.fills)
	}
}

// enough reports whether so much is left for sure, whatever the time is.
func (g *gauge) enough(need int64) bool {
	return g.limit == 0 || g.fills == 0 && g.left >= min(need, g.limit)
}

// room is when so much is left; zero if it is now. A call larger than the limit goes
// when the limit is whole: the provider may refuse it, but that is its to say.
func (g *gauge) room(need int64, now time.Time) time.Time {
	need = min(need, g.limit)
	if g.limit == 0 || !now.Before(g.whole) {
		return time.Time{}
	}
	if g.leftAt(now) >= need || !g.known(now) {
		return time.Time{}
	}
	until := g.whole
	if g.fills > 0 {
		until = until.Add(-timeFor(g.limit-need, g.limit, g.fills))
	}
	if end := g.at.Add(believed); end.Before(until) {
		return end
	}
	return until
}

// take counts what is started now.
func (g *gauge) take(n int64, now time.Time) {
	switch {
	case g.limit == 0:
	case g.fills > 0:
		if now.After(g.whole) {
			g.whole = now
		}
		g.whole = g.whole.Add(timeFor(n, g.limit, g.fills) + 1)
	default:
		if !now.Before(g.whole) { // the next window has begun, and its end is not known
			g.left, g.whole = g.limit, now.Add(window)
		}
		g.left -= n
	}
}

// giveBack takes back what was taken when a call began that was never sent. Where a
// report or another window has come since, what is left says nothing of it any more.
func (g *gauge) giveBack(n int64, began, now time.Time) {
	switch {
	case g.limit == 0 || !g.at.Before(began) || !now.Before(g.whole):
	case g.fills > 0:
		g.whole = g.whole.Add(-timeFor(n, g.limit, g.fills) - 1)
	case !began.Before(g.whole.Add(-window)):
		g.left = min(g.left+n, g.limit)
	}
}

// report takes a report in. What was started after the headers came is not in it:
// after. What was started while the provider worked on the call may not be: maybe.
// Between these bounds the own count is trusted, and outside of them the report: so a
// report that was overtaken by others does not put back what they have used.
func (g *gauge) report(b Bucket, after, maybe int64, came, now time.Time) {
	if !b.Known || b.Limit <= 0 || b.Remaining < 0 {
		return
	}
	b.Limit, b.Reset = max(b.Limit, b.Remaining), min(b.Reset, 365*24*time.Hour)
	mine, had := g.leftAt(now), g.known(now)
	had = had && (g.fills > 0 || now.Before(g.whole))
	g.observe(b, now)

	least, most := max(b.Remaining-after-maybe, 0), max(b.Remaining-after, 0)
	whole := came.Add(b.Reset)
	switch {
	case g.fills > 0: // what came back since
		back := b.Limit - partOf(b.Limit, g.fills-now.Sub(came), g.fills)
		least, most = min(least+back, b.Limit), min(most+back, b.Limit)
	case b.Reset <= 0:
		whole = now.Add(min(window, believed))
		if had && most <= mine {
			whole = g.whole // the same window goes on
		}
	case !whole.After(now): // it tells of a window that is over
		if had {
			return
		}
		least, most, whole = max(b.Limit-after, 0), b.Limit, now.Add(window)
	case whole.After(g.whole.Add(2 * time.Second)): // times come in whole seconds
		had = false // a new window
	}
	left := least
	if had {
		left = min(max(mine, least), most)
	}
	g.limit, g.left, g.at, g.whole = b.Limit, left, now, whole
	if g.fills > 0 {
		g.whole = now.Add(timeFor(b.Limit-left, b.Limit, g.fills))
	}
}

// observe weighs whether the reports are those of a bucket that refills evenly.
func (g *gauge) observe(b Bucket, now time.Time) {
	used := b.Limit - b.Remaining
	if b.Reset <= 0 || used <= 0 {
		return // it says neither
	}
	for _, period := range [...]time.Duration{window, 24 * time.Hour} {
		want := timeFor(used, b.Limit, period)
		if off := (b.Reset - want).Abs(); off > time.Second+want/20 {
			continue
		}
		switch {
		case g.guess != period:
			g.guess, g.agree, g.seen = period, 1, now
		case now.Sub(g.seen) >= agreeApart:
			g.agree, g.seen = min(g.agree+1, agreeing), now
		}
		if g.agree == agreeing {
			g.fills = period
		} else {
			g.fills = 0
		}
		return
	}
	g.guess, g.agree, g.fills = 0, 0, 0
}

// refused reports whether the gauge explains a refusal: an eighth or less is left.
// Then nothing is. A refusal that a refilling gauge does not explain says that it does
// not refill.
func (g *gauge) refused(now time.Time) bool {
	if !g.known(now) || !now.Before(g.whole) {
		return false
	}
	left := g.leftAt(now)
	if left > g.limit/8 {
		if g.fills > 0 {
			g.left, g.fills, g.agree, g.guess = left, 0, 0, 0
			g.whole = now.Add(window)
		}
		return false
	}
	g.left = min(g.left, 0)
	if empty := now.Add(g.fills); g.fills > 0 && g.whole.Before(empty) {
		g.whole = empty
	}
	return true
}

// partOf is what of a limit a part of the period makes, rounded up: exact, without a
// product that leaves 64 bits.
func partOf(limit int64, part, period time.Duration) int64 {
	if part <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(limit), uint64(part))
	lo, carry := bits.Add64(lo, uint64(period)-1, 0)
	if hi += carry; hi >= uint64(period) {
		return limit // more periods than can be counted
	}
	n, _ := bits.Div64(hi, lo, uint64(period))
	return int64(min(n, 1<<62))
}

// timeFor is the part of a period in which so much of a limit comes back, rounded down.
func timeFor(n, limit int64, period time.Duration) time.Duration {
	if n <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), uint64(period))
	if hi >= uint64(limit) {
		return 1 << 62
	}
	d, _ := bits.Div64(hi, lo, uint64(limit))
	return time.Duration(min(d, 1<<62))
}
