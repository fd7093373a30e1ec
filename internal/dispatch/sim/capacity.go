package sim

import (
	"slices"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// book is what was started at an account, by the judge's own count.
type book struct {
	log      []*charge
	inFlight int
	last     time.Time // when it refused last
	key      time.Time // when its credential was refused last
	strike   time.Time // when the strike under way began
	late     int       // strikes since its limits should be known
	begun    int       // attempts since then
}

// charge is one attempt in a book: with the estimate of its tokens until the actual
// number is known.
type charge struct {
	at     time.Time
	calls  int64 // 1; 0: it was never sent
	tokens int64
}

// began judges an attempt that was counted in: no limit that is configured is passed.
func (j *judge) began(l *lane, n int64) {
	w := j.w
	d := &j.deployments[l.dep.n]
	d.begun++
	if most := l.dep.plan.most; most > 0 && d.begun > most {
		j.broken("capacity is kept", "%d in flight at deployment %d, which takes %d", d.begun, l.dep.n, most)
	}
	if l.begun.Probe {
		d.probed = true
	}
	if l.begun.Committed {
		return
	}
	account := l.dep.plan.accounts[l.key]
	b, limits := &j.accounts[account], w.plan.accounts[account].config
	b.inFlight++
	if w.since() > learns {
		b.begun++
	}
	l.entry = &charge{at: w.now, calls: 1, tokens: n}
	b.log = append(b.log, l.entry)
	for len(b.log) > 0 && w.now.Sub(b.log[0].at) >= time.Minute {
		b.log = b.log[1:]
	}
	if limits.InFlight > 0 && b.inFlight > limits.InFlight {
		j.broken("capacity is kept", "%d in flight at account %d, which takes %d", b.inFlight, account, limits.InFlight)
	}
	var calls, sum int64
	for _, c := range b.log {
		calls += c.calls
		sum += c.tokens
	}
	if limits.Requests > 0 && calls > limits.Requests {
		j.broken("capacity is kept", "%d requests in a minute at account %d, which takes %d", calls, account, limits.Requests)
	}
	if limits.Tokens > 0 && sum > limits.Tokens {
		j.broken("capacity is kept", "%d tokens in a minute at account %d, which takes %d", sum, account, limits.Tokens)
	}
}

// unsent is the end of an attempt that was counted in and never sent.
func (j *judge) unsent(l *lane) {
	j.deployments[l.dep.n].begun--
	if l.entry != nil {
		l.entry.calls, l.entry.tokens = 0, 0
		j.accounts[l.dep.plan.accounts[l.key]].inFlight--
	}
}

// counted takes what an attempt really took into its account's book.
func (j *judge) counted(l *lane, err *llm.Error) {
	j.deployments[l.dep.n].begun--
	if l.entry == nil {
		return
	}
	if err == nil {
		l.entry.tokens = l.run.call.input + l.came
	}
	j.accounts[l.dep.plan.accounts[l.key]].inFlight--
}

// learns is how long it may take until an account's limits are known from its
// refusals.
const learns = 5 * time.Minute

// oneStrike is the time in which refusals are one lesson: what was sent together is
// refused together.
const oneStrike = 2 * time.Second

// refused counts a refusal by an account.
func (j *judge) refused(a *account) {
	b := &j.accounts[j.account(a)]
	b.last = j.w.now
	if j.w.since() > learns && j.w.now.Sub(b.strike) > oneStrike {
		b.late++
		b.strike = j.w.now
	}
}

func (j *judge) account(a *account) int { return slices.Index(j.w.shell.accounts, a) }

// refusals judges how often accounts refused after their limits should be known.
func (j *judge) refusals() {
	if j.w.plan.story != limits || j.w.o.Calls > 0 {
		return
	}
	for i := range j.accounts {
		b := &j.accounts[i]
		most := float64(mostRefused*b.begun)/100 + fewRefused*(j.w.since()-learns).Minutes()
		if float64(b.late) > most {
			j.broken("limits are learned", "account %d refused %d times in %d attempts after %s", i, b.late, b.begun, learns)
		}
	}
}

// Of a hundred attempts at an account whose limits should be known, so many may meet a
// refusal, and a few every minute anyway: limits that were learned rise until a refusal
// says that they are too high, and of a window of a handful of calls little can be
// learned but to rest.
const (
	mostRefused = 10
	fewRefused  = 3
)
