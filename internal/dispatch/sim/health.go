package sim

import (
	"math"
	"time"

	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/route"
)

// tried is what became of the attempts at a deployment, by the judge's own count.
type tried struct {
	begun  int // and not over
	opened int
	row    int       // failures in a row
	failed time.Time // when one failed last
	dead   bool      // enough failed in a row, and none has worked since
	probes []*lane   // open, and begun since then
	rested time.Time // when one of these failed last
	again  time.Time // no other may begin before

	probed  bool      // an attempt is one that finds out
	worked  time.Time // when one that found out worked
	latest  time.Time // and when one did so last, be it of an earlier rest
	passed  int       // times in a row that it was to be tried first and was not tried
	passing time.Time
}

// The breaker's numbers, as they are promised.
const (
	inARow    = 5
	rests     = 250 * time.Millisecond // at least, where nobody else is left
	restsMost = time.Minute
	probeTime = 30 * time.Second // after which another may find out
	ramp      = 10 * time.Second
	rampFrom  = 0.1
	ejected   = 2 * time.Minute // at most, after the last failure
)

// opened judges an attempt that is sent: one that failed repeatedly is tried by one
// attempt at a time, with a rest after each that failed.
func (j *judge) opened(l *lane) {
	d := &j.deployments[l.dep.n]
	d.opened++
	d.passed = 0
	if !d.dead || l.began.Before(d.failed) {
		return
	}
	if l.began.Before(d.again) {
		j.broken("who rests is left alone", "deployment %d is tried again %s before its time", l.dep.n, d.again.Sub(l.began))
	}
	for _, p := range d.probes {
		if l.began.Sub(p.began) < probeTime {
			j.broken("one probe at a time", "deployment %d is tried by call %d while call %d finds out", l.dep.n, l.run.call.n, p.run.call.n)
		}
	}
	d.probes = append(d.probes, l)
}

// over takes the end of an attempt that was sent.
func (j *judge) over(l *lane, err *llm.Error) {
	w := j.w
	j.counted(l, err)
	if w.tells() {
		w.say("call %d: attempt %d at d%d is over: %v", l.run.call.n, l.attempt, l.dep.n, err)
	}
	d := &j.deployments[l.dep.n]
	d.opened--
	found := false
	for i, p := range d.probes {
		if p == l {
			d.probes, found = append(d.probes[:i], d.probes[i+1:]...), true
			break
		}
	}
	switch route.Blamed(err) {
	case "":
		j.alive(l)
	case llm.BlameDeployment, llm.BlameProvider:
		d.failed = w.now
		if l.began.Before(latest(d.worked, d.latest)) && !l.begun.Probe {
			break // it tells of an outage that is over
		}
		if d.row++; d.row >= inARow && !d.dead {
			d.dead, d.again = true, time.Time{}
			w.report.Rests++
		}
		if found && !l.began.Before(d.rested) { // else it tells of an earlier rest
			d.rested, d.again = w.now, w.now.Add(rests)
		}
	case llm.BlameCredential:
		j.accounts[l.dep.plan.accounts[l.key]].key = w.now
	}
}

// alive: what was finding out has brought content.
func (j *judge) alive(l *lane) {
	d := &j.deployments[l.dep.n]
	d.row, d.dead, d.probes = 0, false, nil
	if l.begun.Probe {
		d.latest = j.w.now
	}
	if l.begun.Probe && d.probed {
		d.probed, d.worked = false, j.w.now
	}
}

// reason judges why a candidate is not taken, or not in its place: no such reason
// lasts longer than is promised.
func (j *judge) reason(c *route.Choice) {
	w := j.w
	i := int(c.Candidate)
	d, p := &j.deployments[i], &w.plan.deployments[i]
	since := func(t time.Time) time.Duration {
		if t.IsZero() {
			return math.MaxInt64
		}
		return w.now.Sub(t)
	}
	var last, key time.Time
	limited := false
	for _, a := range p.accounts {
		b := &j.accounts[a]
		last, key = latest(last, b.last), latest(key, b.key)
		limited = limited || w.plan.accounts[a].allows != limit.Limits{} || w.plan.accounts[a].config != limit.Limits{}
	}
	switch c.Reason {
	case route.Resting:
		if ago := since(d.failed); ago > restsMost {
			j.broken("no breaker is stuck", "deployment %d rests, and failed last %s ago", i, ago)
		}
	case route.ComingBack:
		if ago := since(latest(d.worked, d.latest)); ago > ramp && since(d.failed) > restsMost { // else it may rest, and be probed as nobody else is left
			j.broken("traffic comes back", "deployment %d is held back %s after it worked", i, ago)
		}
	case route.Ejected:
		if ago := since(d.failed); ago > ejected {
			j.broken("traffic comes back", "deployment %d is ejected %s after its last failure", i, ago)
		}
	case route.CredentialRests:
		if ago := since(key); ago > restsMost {
			j.broken("no breaker is stuck", "deployment %d's credential rests %s after it was refused", i, ago)
		}
	case route.QuotaRests:
		if ago := since(last); ago > restsMost+time.Second {
			j.broken("no breaker is stuck", "deployment %d's quota rests %s after a refusal", i, ago)
		}
	case route.QuotaFull:
		if !limited {
			j.broken("capacity is used", "deployment %d's quota has no room, and nothing limits it", i)
		}
	case route.AtCapacity:
		if d.begun < p.most || p.most == 0 {
			j.broken("capacity is used", "deployment %d is at capacity with %d in flight of %d", i, d.begun, p.most)
		}
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// herd is how often deployments that came back were tried first while another could
// serve: as often as chance would have it, where each takes its share.
type herd struct {
	mean, spread float64
	firsts       int
}

// comesBack judges that one that comes back is not tried first by more than its share
// while another can serve.
func (j *judge) comesBack() {
	w, cs := j.w, j.w.shell.choices
	if len(cs) == 0 || !cs[0].Taken {
		return
	}
	others := 0
	for i := range cs {
		since := w.now.Sub(j.deployments[cs[i].Candidate].worked)
		if cs[i].Taken && since >= ramp && cs[i].Reason != route.Ejected {
			others++
		}
	}
	for i := range cs {
		d := &j.deployments[cs[i].Candidate]
		since := w.now.Sub(d.worked)
		if !cs[i].Taken || since >= ramp || d.worked.IsZero() || others == 0 {
			continue
		}
		share := rampFrom + (1-rampFrom)*float64(since)/float64(ramp)
		j.herd.mean += share
		j.herd.spread += share * (1 - share)
		if i == 0 {
			j.herd.firsts++
		}
		if most := j.herd.mean + 5*math.Sqrt(j.herd.spread) + 3; float64(j.herd.firsts) > most {
			j.broken("no herd", "deployments that come back are tried first by %d, of whom %.1f should be", j.herd.firsts, j.herd.mean)
		}
	}
}

// passes is how often in a row one may be first to be tried without being tried: the
// call may have been refused its money, or its client have gone.
const passes = 20

// getsTraffic judges that who is first to be tried is tried.
func (j *judge) getsTraffic() {
	cs := j.w.shell.choices
	if len(cs) == 0 || !cs[0].Taken {
		return
	}
	d := &j.deployments[cs[0].Candidate]
	if d.passed == 0 {
		d.passing = j.w.now
	}
	if d.passed++; d.passed > passes && j.w.now.Sub(d.passing) > rests {
		j.broken("traffic comes back", "deployment %d was first to be tried %d times, and was not", cs[0].Candidate, d.passed)
	}
}
