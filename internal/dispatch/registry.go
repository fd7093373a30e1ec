package dispatch

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/limit"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/route"
	"github.com/skein-run/skein/internal/wire"
)

// world is one setup, ready for use. It does not change.
type world struct {
	setup    Setup
	models   map[string]*model // aliases too
	names    []string          // of models, sorted
	patterns []pattern         // the one that says most first
	others   sync.Map          // name → *model: of patterns, and with Setup.AnyModel
	count    atomic.Int64
}

// mostOthers bounds the names that clients can make us remember.
const mostOthers = 1000

// model is a name that clients ask for.
type model struct {
	name        string
	deployments []*deployment // its own, tier by tier, and then those of its fallback models
	own         int           // how many are its own
	tiers       []route.Tier
	facts       []route.Facts // of deployments, in their order
	require     []string
	traffic     *traffic
	outputCap   int64
	lossyOK     bool
	strip       bool                // reasoning that no deployment understands is taken out
	hedge       bool                // a slow beginning is hedged
	minRate     float64             // tokens a second
	buffer      time.Duration       // of a stream, kept back
	bufferBytes int64               // the same, in bytes of content
	standard    map[llm.Format]bool // answers in that format are written anew
	config      call.Config
}

// deployment is one upstream model at one provider.
type deployment struct {
	name      string
	upstream  string
	region    string
	context   int64
	maxOutput int64
	send      Upstream

	markedCache bool // it writes a cache for what is marked only
	searches    bool // it does what costs, unasked
	prefills    bool // it goes on from an assistant message at the end
	billsAll    bool // an answer is billed to its end, whether or not it is read
	facts       wire.Model
	route       route.Facts // as far as it does not depend on the model's name
	info        provider.Info
	surfaces    []*provider.Surface // the preferred one first
	makers      []llm.Maker         // whose opaque state it understands
	cache       uint64              // the prompt cache that it has
	oneKey      bool                // there is one credential, for everybody
	*standing
}

// standing is how a deployment stands: what outlives a reload.
type standing struct {
	// inputPerMille is the most tokens per 1,000 counted by letters that it ever
	// reported, and a quarter more; 0 where that was never above what was counted.
	inputPerMille atomic.Int64

	// Under Dispatcher.mu:
	route.Standing
	rates   route.Rates
	ratesTo time.Time // until when they are taken to hold
}

// build makes a world of a setup, or says everything that is wrong with it. What
// was known of a deployment before is kept by its name.
func (d *Dispatcher) build(s Setup) (*world, error) {
	w := &world{setup: s, models: map[string]*model{}}
	var wrong []error
	for name, o := range s.Models {
		if strings.Contains(name, "*") {
			p, err := d.pattern(w, name, o)
			wrong = append(wrong, err)
			w.patterns = append(w.patterns, p)
			continue
		}
		m, err := d.model(w, name, o)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		w.models[name] = m
		w.names = append(w.names, name)
	}
	wrong = append(wrong, w.addAliases())
	for _, name := range slices.Sorted(maps.Keys(w.models)) {
		if m := w.models[name]; m.name == name { // no alias
			wrong = append(wrong, w.addFallbacks(m, s.Models[name].Fallback)...)
		}
	}
	w.sortPatterns()
	wrong = slices.DeleteFunc(wrong, func(e error) bool { return e == nil })
	slices.Sort(w.names)
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return w, errors.Join(wrong...)
}

func (d *Dispatcher) model(w *world, name string, o ModelOptions) (*model, error) {
	m := &model{name: name}
	var wrong problems
	o.Mistakes(func(place, text string) {
		wrong = append(wrong, fmt.Errorf("model %s: %s: %s", name, strings.ReplaceAll(place, ".[", "["), text))
	})
	m.settle(&o)
	tiers := o.Tiers
	if len(tiers) == 0 {
		tiers = []TierOptions{{Deployments: o.Deployments}}
	}
	for _, t := range tiers {
		first := len(m.deployments)
		for _, do := range t.Deployments {
			dep, err := d.deployment(w, do)
			if err == nil && m.has(dep.name) {
				err = fmt.Errorf("%s is listed twice; give one another name", dep.name)
			}
			if err != nil {
				wrong = append(wrong, fmt.Errorf("model %s: %w", name, err))
				continue
			}
			m.add(dep, "")
		}
		m.tiers = append(m.tiers, route.Tier{Policy: policyOf(orElse(t.Policy, o.Policy)), First: first, End: len(m.deployments)})
	}
	m.own = len(m.deployments)
	if m.own > call.MaxCandidates {
		wrong = append(wrong, fmt.Errorf("model %s: has %d deployments; want at most %d", name, m.own, call.MaxCandidates))
	}
	m.standard = standards(o.Dialect, m.deployments)
	if len(wrong) > 0 {
		return m, errors.Join(wrong...)
	}
	m.traffic = d.trafficOf(m, o.MaxQueue)
	return m, nil
}

type problems []error

// add adds a deployment; fallback is the other model that it stands for, or "".
func (m *model) add(dep *deployment, fallback string) {
	f := dep.route
	f.Fallback = fallback
	m.deployments = append(m.deployments, dep)
	m.facts = append(m.facts, f)
}

// addFallbacks puts the deployments of other models behind a model's own.
func (w *world) addFallbacks(m *model, names []string) (wrong problems) {
	for _, other := range names {
		f := w.models[other]
		switch {
		case f == nil:
			wrong = append(wrong, fmt.Errorf("model %s: fallback %q is none of the models that are listed", m.name, other))
			continue
		case f == m:
			wrong = append(wrong, fmt.Errorf("model %s: it is its own fallback; leave that out", m.name))
			continue
		}
		for _, t := range f.tiers {
			if t.First >= f.own { // those of its own fallback models
				break
			}
			first := len(m.deployments)
			for _, dep := range f.deployments[t.First:t.End] {
				if len(m.deployments) < call.MaxCandidates && !m.has(dep.name) {
					m.add(dep, f.name)
				}
			}
			m.tiers = append(m.tiers, route.Tier{Policy: t.Policy, First: first, End: len(m.deployments)})
		}
	}
	return wrong
}

func (m *model) has(name string) bool {
	return slices.ContainsFunc(m.deployments, func(dep *deployment) bool { return dep.name == name })
}

// fallback is the model that a candidate stands for, where that is another one.
func (dep *deployment) fallback(m *model, candidate uint16) string {
	return m.facts[candidate].Fallback
}

func (d *Dispatcher) deployment(w *world, o DeploymentOptions) (*deployment, error) {
	up := w.setup.Providers[o.Provider]
	switch {
	case up == nil:
		return nil, fmt.Errorf("provider %q is not configured", o.Provider)
	case o.Upstream == "":
		return nil, errors.New("a deployment has no upstream")
	}
	info := up.Info()
	dep := &deployment{
		name: o.Called(info.Region), upstream: o.Upstream, region: o.Region, context: o.Context, maxOutput: o.MaxOutput,
		send: up, info: info, makers: info.MakersOf(o.Upstream),
	}
	for _, s := range surfacesAt(up, o.Upstream) {
		if d.o.Codecs(s.Format) != nil {
			dep.surfaces = append(dep.surfaces, s)
		}
	}
	if len(dep.surfaces) == 0 {
		return nil, fmt.Errorf("provider %s has no API for a model named %q", o.Provider, o.Upstream)
	}
	if dep.region == "" {
		dep.region = info.Region
	}
	var f ModelFacts
	if w.setup.Facts != nil {
		f = w.setup.Facts(info.Kind, o.Upstream)
	}
	if dep.context == 0 {
		dep.context = f.Context
	}
	if dep.maxOutput == 0 {
		dep.maxOutput = f.MaxOutput
	}
	dep.markedCache, dep.searches, dep.facts = f.MarkedCache, f.Searches, f.Model
	dep.prefills, dep.billsAll = f.Prefill, f.BillsAll
	group := o.QuotaGroup
	if group == "" {
		group = o.Provider + "|" + dep.region + "|" + o.Upstream
	}
	most := o.MaxInFlight
	if most == 0 {
		most = info.MaxInFlight
	}
	dep.oneKey = len(info.Credentials) == 0 || len(info.Credentials) == 1 && len(info.CredentialsOf("")) == 1
	dep.cache = route.WarmID(info.Name, dep.region, o.Upstream)
	dep.route = route.Facts{
		Name: dep.name, Provider: info.Name, Makers: dep.makers, Context: dep.context, MaxOutput: dep.maxOutput,
		Has: f.Has, HasKnown: f.HasKnown, Weight: o.Weight, Same: f.Identity, Prefill: f.Prefill,
	}
	if f.Identity == 0 { // who lists the same name twice means the same model
		dep.route.Same = nameIdentity(o.Upstream)
	}
	for _, tag := range o.Tags {
		dep.route.Tags = append(dep.route.Tags, strings.ToLower(tag))
	}
	if f.Tags != nil {
		dep.route.Tags = append(dep.route.Tags, f.Tags(info.Cloud, dep.region)...)
	}
	dep.standing = d.standing(dep.name, group, o.Provider, info.Credentials, most, &o)
	return dep, nil
}

// nameIdentity tells models of which nothing but the name is known.
func nameIdentity(upstream string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(upstream))
	return h.Sum32() | 1<<31 // the catalog's are small numbers
}

// Called is the deployment's name: its own, or made of what it is and of where it
// is, which is where its provider is unless it says otherwise.
func (o *DeploymentOptions) Called(providerRegion string) string {
	switch {
	case o.Name != "":
		return o.Name
	case o.Region != "":
		return Name(o.Provider, o.Upstream, o.Region)
	}
	return Name(o.Provider, o.Upstream, providerRegion)
}

// Name is a deployment's name where none is given: provider/upstream@region.
func Name(provider, upstream, region string) string {
	if region == "" {
		return provider + "/" + upstream
	}
	return provider + "/" + upstream + "@" + region
}

// standing finds what is known of a deployment, its quota group and the provider's
// credentials, each of which has a quota of its own.
func (d *Dispatcher) standing(name, group, provider string, credentials []string, most int, o *DeploymentOptions) *standing {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.standings[name]
	if st == nil {
		st = &standing{}
		d.standings[name] = st
	}
	st.Slots.Max = most
	st.ratesTo = time.Time{}
	keys := []route.Key{{Quota: entry(d.quotas, group), Credential: entry(d.credentials, provider)}}
	if len(credentials) > 1 {
		keys = keys[:0]
		for _, c := range credentials {
			keys = append(keys, route.Key{Quota: entry(d.quotas, group+"|"+c), Credential: entry(d.credentials, provider+"|"+c)})
		}
	}
	st.Keys = keys
	for _, k := range keys {
		if l := o.Limits; l != nil {
			k.Quota.Set(limit.Limits{Requests: int64(l.Requests), Tokens: int64(l.Tokens), InFlight: l.InFlight})
		}
	}
	c := o.Committed
	if c == nil {
		st.Committed, st.Spills = nil, false
		return st
	}
	if st.Committed == nil {
		st.Committed = &limit.Group{}
	}
	n := int64(max(c.Units, 1))
	st.Committed.Set(limit.Limits{Requests: n * int64(c.Requests), Tokens: n * int64(c.Tokens), InFlight: int(n) * c.InFlight})
	st.Spills = c.Spill
	return st
}

func entry[T any](of map[string]*T, name string) *T {
	c := of[name]
	if c == nil {
		c = new(T)
		of[name] = c
	}
	return c
}

// trafficOf is what is known of the calls for a model.
func (d *Dispatcher) trafficOf(m *model, most int) *traffic {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.traffics[m.name]
	if t == nil {
		t = &traffic{waiting: map[limit.Ticket]*waiter{}}
		d.traffics[m.name] = t
	}
	t.m, t.queue.Max = m, most
	return t
}

// room is what a provider may have that has room for so much at a time, as a pool
// of own machines.
type room interface{ Room(upstream string) bool }

// full reports whether what stands behind the deployment has no room.
func (dep *deployment) full() bool {
	r, ok := dep.send.(room)
	return ok && !r.Room(dep.upstream)
}
