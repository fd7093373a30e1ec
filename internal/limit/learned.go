package limit

import "time"

// learned is what refusals (429) taught where no header and no configuration says it:
// additive increase, multiplicative decrease. The zero value has learned nothing.
//
// What a refusal means is not said, so it is read from how the group was used:
//
//   - a limit that was learned before was about reached: it is a little lower;
//   - more than half of the calls accepted in the last minute are still in flight: it
//     may be a limit of the calls at a time. The first such refusal teaches nothing
//     but the rest; the next one, that fewer may be in flight;
//   - fewer than four calls were accepted: somebody else uses the quota. The rest,
//     which doubles, is pace enough;
//   - else it is a window: the limit, of calls and of tokens, is just below what was
//     used in the last minute.
type learned struct {
	limits    Limits    // 0: not learned
	last      time.Time // the last refusal
	struck    time.Time // the first one of the strike under way
	lesson    lesson    // of the strike under way
	floor     Limits    // below which this strike does not go
	suspected int       // refusals that may be of the calls at a time
	answered  int64     // calls since the windows were raised
	answeredC int64     // and since the calls at a time were
}

// lesson is what a strike teaches; it may be both.
type lesson uint8

const (
	windows lesson = 1 << iota
	concurrency
)

const (
	// loosenAfter so long without a refusal a limit counts twice, after as long again
	// four times, and then it is forgotten: what was busy then may not be so for ever,
	// and one who tries that out should not be refused many times over.
	loosenAfter = 10 * time.Minute
	forgetAfter = 3 * loosenAfter
	// oneStrike is how long the refusals of one burst come in. They say together how
	// many calls were accepted.
	oneStrike = 2 * time.Second
	// fewest calls a minute that are taken for a window.
	fewest = 4
	// A limit falls to 15/16 of what was used, and rises by 1/32 for each window's
	// worth of answers: used to the full, one refusal in two or three minutes.
	fallBy, riseBy = 16, 32
	// perSlot answers for each call at a time let one more be in flight.
	perSlot = 16
)

// below is just below what was used.
func below(used int64) int64 { return max(used-max(used/fallBy, 1), 1) }

// TooMany is a refusal, a 429: the group rests, for as long as the provider said, or
// longer with each strike in a row. Where no report explains it, it teaches what
// [learned] says. Refusals during a rest are of one strike. It comes after the Done of
// its call, which has used no tokens, and after the Report of its headers.
func (g *Group) TooMany(retryAfter time.Duration, now time.Time) {
	l := &g.learned
	fresh := g.rest.Until(now).IsZero()
	g.rest.Rest(retryAfter, now)
	g.counted.add(started{refused: 1}, now)
	if now.Sub(l.last) >= forgetAfter {
		*l = learned{}
	}
	if fresh {
		l.limits = l.at(now)
		l.struck, l.lesson, l.floor = now, g.read(now), Limits{}
		if l.lesson&windows != 0 {
			l.floor = Limits{Requests: l.limits.Requests / 2, Tokens: l.limits.Tokens / 2}
		}
	}
	l.last = now
	if now.Sub(l.struck) > oneStrike {
		return
	}
	used := g.counted.used(now)
	if l.lesson&windows != 0 {
		l.lower(&l.limits.Requests, max(below(used.accepted()), l.floor.Requests))
		if used.tokens > 0 {
			l.lower(&l.limits.Tokens, max(below(used.tokens), l.floor.Tokens))
		}
		l.answered = 0
	}
	if l.lesson&concurrency != 0 {
		at := int64(l.limits.InFlight)
		l.lower(&at, int64(max(g.inFlight, 1)))
		l.limits.InFlight, l.answeredC = int(at), 0
	}
}

func (l *learned) lower(limit *int64, to int64) {
	if *limit == 0 || to < *limit {
		*limit = to
	}
}

// read says what the first refusal of a strike teaches.
func (g *Group) read(now time.Time) lesson {
	explained := false
	for i := range g.reported {
		explained = g.reported[i].refused(now) || explained
	}
	if explained {
		return 0
	}
	l, accepted := &g.learned, g.counted.used(now).accepted()
	var known lesson // what was learned before explains it: it was a little too high
	if r := l.limits.Requests; r > 0 && accepted >= r-r/8 {
		known |= windows
	}
	if c := l.limits.InFlight; c > 0 && g.inFlight+1 >= c {
		known |= concurrency
	}
	switch {
	case known != 0:
		return known
	case g.inFlight > 0 && accepted <= 2*int64(g.inFlight):
		if l.suspected++; l.suspected > 1 {
			return concurrency
		}
		return 0
	case accepted < fewest:
		return 0
	case g.reported[requests].known(now) && g.reported[tokens].known(now):
		return 0 // reports that say that enough is left know better
	}
	l.suspected = 0
	return windows
}

// worked counts an answer.
func (l *learned) worked() {
	if r := l.limits.Requests; r > 0 {
		if l.answered++; l.answered >= r {
			l.limits.Requests += max(r/riseBy, 1)
			if t := l.limits.Tokens; t > 0 {
				l.limits.Tokens += max(t/riseBy, 1)
			}
			l.answered = 0
		}
	}
	if c := l.limits.InFlight; c > 0 {
		if l.answeredC++; l.answeredC >= int64(c)*perSlot {
			l.limits.InFlight, l.answeredC = c+1, 0
		}
	}
}

// any reports whether anything was learned.
func (l *learned) any() bool { return l.limits.Requests|l.limits.Tokens|int64(l.limits.InFlight) != 0 }

// at are the limits that count now.
func (l *learned) at(now time.Time) Limits {
	switch unused := now.Sub(l.last); {
	case unused < loosenAfter:
		return l.limits
	case unused < forgetAfter:
		by := 1 << (unused / loosenAfter)
		return Limits{Requests: l.limits.Requests * int64(by), Tokens: l.limits.Tokens * int64(by), InFlight: l.limits.InFlight * by}
	}
	return Limits{}
}
