package sim

import (
	"math"
	"time"

	"github.com/skein-run/skein/internal/route"
)

// fairness is what keys got from the queue, by the judge's own count.
type fairness struct {
	waiting []backlog
	served  []int64 // tokens of answers in the time of the flood
	wanted  []int64
	firsts  []float64 // with all deployments well: how often each was tried first
	choices float64
}

// backlog is what of a key waits.
type backlog struct {
	n     int
	most  int64   // the dearest that ever waited
	ahead []int64 // how much more it got than each other key, since both wait
}

// leastCost is what a small request counts as, for it takes a slot all the same.
const leastCost = 1000

func (j *judge) index(r *run) int {
	for i := range j.w.plan.keys {
		if &j.w.plan.keys[i] == r.call.key {
			return i
		}
	}
	return -1
}

// joins, leaves and served follow the queue. Between two keys of a priority that both
// wait, neither gets more than the other but for the dearest request of each.
func (j *judge) joins(r *run, cost int64) {
	k := j.index(r)
	b := &j.fair.waiting[k]
	cost = max(cost, leastCost)
	r.cost = cost
	b.most = max(b.most, cost)
	if b.n++; b.n == 1 {
		for i := range b.ahead {
			b.ahead[i], j.fair.waiting[i].ahead[k] = 0, 0
		}
	}
	if most := j.w.shell.queue.Max/4 + 1; b.n > most && j.w.o.Variant != FIFO {
		j.broken("the queue is bounded", "%d of key %d wait, and %d may", b.n, k, most)
	}
}

func (j *judge) leaves(r *run) { j.fair.waiting[j.index(r)].n-- }

func (j *judge) served(r *run) {
	k := j.index(r)
	j.idleSince = time.Time{}
	b := &j.fair.waiting[k]
	for i := range j.fair.waiting {
		o := &j.fair.waiting[i]
		if i == k || o.n == 0 || j.w.plan.keys[i].priority != r.call.key.priority {
			continue
		}
		b.ahead[i] += r.cost
		o.ahead[k] -= r.cost
		if b.ahead[i] > b.most+o.most {
			j.broken("keys take turns", "key %d got %d tokens more than key %d while both waited, whose dearest are %d and %d", k, b.ahead[i], i, b.most, o.most)
		}
	}
	b.n--
}

// inFlood reports whether a time is in that of the flood.
func (w *world) inFlood(t time.Time) bool {
	at := t.Sub(start)
	return w.plan.story == flood && at > time.Minute+10*time.Second && at < w.plan.troubled-30*time.Second
}

func (f *fairness) answered(c *request) {
	if w := c.run.w; w.inFlood(c.arrived) {
		f.served[w.judge.index(c.run)] += c.input + c.output
	}
}

// wants counts what a key asks for.
func (j *judge) wants(r *run) {
	if j.w.inFlood(r.call.arrived) {
		j.fair.wanted[j.index(r)] += r.call.input + r.call.output
	}
}

// final judges that each key got what it wanted, or else its share of what all got.
func (f *fairness) final(j *judge) {
	if j.w.plan.story != flood || j.w.o.Calls > 0 {
		return
	}
	var sum int64
	for _, n := range f.served {
		sum += n
	}
	for k, n := range f.served {
		if j.w.plan.keys[k].noisy {
			continue
		}
		share := float64(sum) / float64(len(f.served))
		if want := min(0.9*float64(f.wanted[k]), 0.8*share) - 5*5000; float64(n) < want {
			j.broken("one noisy key starves nobody", "key %d got %d tokens, of %d that it wanted; all got %d", k, n, f.wanted[k], sum)
		}
	}
}

// share counts, where nothing is wrong with any deployment, which one is tried first.
func (j *judge) share(r *run) {
	w, cs := j.w, j.w.shell.choices
	if w.plan.policy != route.Weighted && w.plan.policy != route.Priority || len(r.call.prefix) > 0 || w.plan.split > 0 {
		return
	}
	for i := range cs {
		d := &j.deployments[i]
		if !cs[i].Taken || w.plan.deployments[i].committed > 0 {
			return
		}
		if !d.failed.IsZero() && w.now.Sub(d.failed) < restsMost+probeTime+ramp+ejected/2 || d.dead {
			return
		}
	}
	if w.plan.policy == route.Priority {
		if cs[0].Candidate != 0 {
			j.broken("traffic comes back", "deployment %d is tried before the first one, with which nothing is wrong: %s", cs[0].Candidate, cs[0].Reason)
		}
		return
	}
	if j.fair.firsts == nil {
		j.fair.firsts = make([]float64, len(cs))
	}
	j.fair.firsts[cs[0].Candidate]++
	j.fair.choices++
}

// shares judges that each deployment got its share by weight.
func (j *judge) shares() {
	sum := 0.0
	for i := range j.w.plan.deployments {
		sum += float64(j.w.plan.deployments[i].weight)
	}
	for i, got := range j.fair.firsts {
		p := float64(j.w.plan.deployments[i].weight) / sum
		if off := math.Abs(got - p*j.fair.choices); off > 5*math.Sqrt(p*(1-p)*j.fair.choices)+5 {
			j.broken("traffic comes back to its share", "deployment %d was tried first by %.0f of %.0f, and its share is %.2f", i, got, j.fair.choices, p)
		}
	}
}
