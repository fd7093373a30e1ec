package sim

import (
	"fmt"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/route"
)

// story is what a seed is mostly about.
type story string

const (
	mixed    story = "a bit of everything"
	outages  story = "outages"
	recovery story = "slow recovery"
	limits   story = "limits that nobody told of"
	flood    story = "a noisy key"
)

var stories = []story{mixed, outages, recovery, limits, flood}

// plan is what a seed draws before anything happens.
type plan struct {
	story    story
	policy   route.Policy
	split    int // deployments of the first tier; 0: there is one tier
	config   call.Config
	hedges   bool
	careful  float64 // share of calls whose attempts are written down before they are sent
	bounded  int     // places of the queue
	troubled time.Duration
	calm     time.Duration

	deployments []deploymentPlan
	accounts    []accountPlan
	keys        []keyPlan
	load        float64 // calls a second, of all keys together
	output      int64   // tokens of an answer, in the middle
}

type deploymentPlan struct {
	first     time.Duration // until its first content, in the middle
	rate      float64       // tokens a second
	bears     int           // answers at a time: with more it is slower, and then it fails
	most      int           // configured; 0: not known
	weight    int
	price     int64
	committed int  // of its own capacity, paid for; 0: none
	spills    bool // on demand at the same deployment
	context   int64
	told      bool // the catalog knows it
	same      uint32
	accounts  []int // one for each credential
	solid     bool  // nothing ever happens to it
	modes     []modeAt
}

type modeAt struct {
	at   time.Duration
	mode mode
}

// accountPlan is what a provider allows an account, and what is configured of it.
type accountPlan struct {
	allows   limit.Limits
	aligned  bool // windows of whole minutes that its headers tell of
	says     bool // a refusal says when to come back
	config   limit.Limits
	revoked  [2]time.Duration // its credential does not work from, to
	headless bool
}

// keyPlan is one client key.
type keyPlan struct {
	name     string
	rate     float64 // calls a second
	priority limit.Priority
	noisy    bool
	patient  bool // no deadline of its own, and does not hang up
	insists  int  // how often it tries again
}

func (p *plan) String() string {
	return fmt.Sprintf("%s: policy %s, %d deployments, %d accounts, %d keys, %.1f calls a second, %s of trouble, %s of calm",
		p.story, p.policy, len(p.deployments), len(p.accounts), len(p.keys), p.load, p.troubled, p.calm)
}

func drawPlan(w *world) *plan {
	p := &plan{story: stories[w.o.Seed%uint64(len(stories))], output: int64(w.number(100, 400))}
	p.policy = route.Policy(w.rng.IntN(5))
	p.troubled = w.between(2*time.Minute, 4*time.Minute)
	p.calm = 4 * time.Minute
	p.load = 0.7 + 2.5*w.rng.Float64()
	if p.story == limits {
		p.troubled, p.calm = 10*time.Minute, time.Minute
	}
	p.hedges = w.chance(0.5)
	p.careful = float64(w.number(0, 1)) * w.rng.Float64()
	p.bounded = w.number(10, 200)
	if p.story == flood {
		p.bounded += 60
	}
	p.config = call.Config{
		Deadline: w.between(20*time.Second, 2*time.Minute),
		First:    w.between(5*time.Second, 30*time.Second),
		Idle:     w.between(3*time.Second, 15*time.Second),
		Queue:    w.between(3*time.Second, 30*time.Second),
		Resume:   call.Resume(w.rng.IntN(3)),
		OnHangup: call.Hangup(w.rng.IntN(3)),
		NoHedge:  !p.hedges,
	}.WithDefaults()
	p.config.NextRefuse = w.chance(0.3)
	p.drawKeys(w)
	p.drawDeployments(w)
	p.drawAccounts(w)
	for i := range p.deployments {
		p.drawModes(w, &p.deployments[i], i)
	}
	return p
}

func (p *plan) drawKeys(w *world) {
	for i := range w.number(2, 5) {
		p.keys = append(p.keys, keyPlan{
			name: fmt.Sprintf("key%d", i), rate: 0.3 + w.rng.Float64(), priority: limit.Priority(w.number(-1, 1)),
			patient: w.chance(0.4), insists: w.number(0, 2),
		})
	}
	var sum float64
	for _, k := range p.keys {
		sum += k.rate
	}
	for i := range p.keys {
		p.keys[i].rate *= p.load / sum
	}
	if p.story == flood {
		for i := range p.keys {
			p.keys[i].priority, p.keys[i].patient = limit.Normal, true
		}
		p.keys[0].noisy = true
	}
}

func (p *plan) drawDeployments(w *world) {
	n := w.number(2, 6)
	if w.chance(0.1) && p.story != flood {
		n = 1
	}
	if n > 2 && w.chance(0.4) {
		p.split = w.number(1, n-1)
	}
	for i := range n {
		d := deploymentPlan{
			first: w.between(200*time.Millisecond, 1500*time.Millisecond), rate: 30 + 70*w.rng.Float64(),
			weight: w.number(1, 4), price: int64(w.number(100, 1000)), context: 200_000, told: w.chance(0.7), same: 1,
		}
		if i > 0 && w.chance(0.4) {
			d.same = 2
		}
		if i < n-1 && w.chance(0.4) {
			d.context = 16_000
		}
		busy := d.lasts(p.output).Seconds() * p.load // in flight, if it served all
		switch known := w.chance(0.7) || p.story == flood; {
		case known:
			use := 0.3 + 0.5*w.rng.Float64()
			if p.story == flood {
				use = 0.5
			}
			d.bears = max(int(busy/use/float64(n)), 2)
			d.most = d.bears
		default:
			d.bears = max(int(4*busy), 12)
		}
		if w.chance(0.15) && p.story != flood {
			d.committed, d.spills = max(d.bears/2, 1), w.chance(0.5)
		}
		p.deployments = append(p.deployments, d)
	}
	if p.story == outages && n > 1 && n < p.config.Attempts && w.chance(0.6) { // nothing happens to one, and it can serve all
		d := &p.deployments[w.rng.IntN(n)]
		d.solid, d.most, d.context, d.committed = true, 0, 200_000, 0
		d.bears = 100_000
	}
}

// lasts is how long an answer of so many tokens takes.
func (d *deploymentPlan) lasts(output int64) time.Duration {
	return d.first + time.Duration(float64(output)/d.rate*float64(time.Second))
}

func (p *plan) drawAccounts(w *world) {
	n := w.number(1, len(p.deployments))
	for range n {
		p.accounts = append(p.accounts, accountPlan{headless: true})
	}
	perMinute := p.load * 60 / float64(n)
	for i := range p.accounts {
		a := &p.accounts[i]
		strict := p.story == limits || p.story == mixed && w.chance(0.3)
		if !strict {
			continue
		}
		share := 0.5 + 0.7*w.rng.Float64()
		a.aligned, a.says, a.headless = w.chance(0.5), w.chance(0.5), w.chance(0.5)
		a.headless = a.headless || !a.aligned
		switch w.rng.IntN(3) {
		case 0:
			a.allows.Requests = int64(max(perMinute*share, 8))
		case 1:
			a.allows.Requests = int64(max(perMinute*share, 8))
			a.allows.Tokens = int64(max(perMinute*share, 8) * float64(p.output+2000))
		case 2:
			a.allows.InFlight = max(int(perMinute/60*share*p.deployments[0].lasts(p.output).Seconds()), 2)
		}
		if w.chance(0.3) && p.story != limits {
			a.config = a.allows
		}
	}
	for i := range p.deployments {
		d := &p.deployments[i]
		d.accounts = []int{i % n}
		if d.solid {
			p.accounts = append(p.accounts, accountPlan{headless: true})
			d.accounts[0] = len(p.accounts) - 1
		}
		if w.chance(0.2) && !d.solid { // a second credential, for when the first one rests
			p.accounts = append(p.accounts, p.accounts[d.accounts[0]])
			d.accounts = append(d.accounts, len(p.accounts)-1)
		}
		if a := &p.accounts[d.accounts[0]]; w.chance(0.1) && p.story == mixed && !d.solid {
			a.revoked[0] = w.between(0, p.troubled/2)
			a.revoked[1] = a.revoked[0] + w.between(10*time.Second, p.troubled/2)
		}
	}
}

// drawModes draws what happens to a deployment while there is trouble.
func (p *plan) drawModes(w *world, d *deploymentPlan, i int) {
	share := map[story]float64{mixed: 0.4, outages: 0.7, recovery: 0.8, limits: 0, flood: 0}[p.story]
	if d.solid || !w.chance(share) {
		return
	}
	for at := w.between(10*time.Second, p.troubled/2); at < p.troubled-30*time.Second; {
		lasts := w.between(5*time.Second, min(90*time.Second, p.troubled-at))
		add := func(m mode) { d.modes = append(d.modes, modeAt{at, m}) }
		kind := w.rng.IntN(4)
		if p.story == recovery {
			kind = 0
		}
		down := mode{down: 1 + failing(w.rng.IntN(int(lastFailing)))}
		back := mode{}
		if p.story == recovery || w.chance(0.3) {
			back.recovers = w.between(10*time.Second, 40*time.Second)
		}
		switch kind {
		case 0: // an outage
			add(down)
			at += lasts
			add(back)
		case 1, 2: // a brown-out
			add(mode{errors: 0.1 + 0.8*w.rng.Float64(), slower: 1 + 9*w.rng.Float64()*float64(kind-1)})
			at += lasts
			add(mode{})
		default: // it flaps
			for range w.number(3, 8) {
				add(down)
				at += w.between(time.Second, 10*time.Second)
				add(mode{})
				at += w.between(time.Second, 10*time.Second)
			}
		}
		at += w.between(10*time.Second, p.troubled)
	}
}
