package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	policy      route.Policy
	deployments []*deployment
	outputCap   int64
	lossyOK     bool
	strip       bool                // reasoning that no deployment understands is taken out
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
	facts       wire.Model
	info        provider.Info
	surfaces    []*provider.Surface // the preferred one first
	makers      []llm.Maker         // whose opaque state it understands
	oneKey      bool                // there is one credential, for everybody
	*standing
}

// standing is how a deployment stands: what outlives a reload.
type standing struct {
	// inputPerMille is the most tokens per 1,000 counted by letters that it ever
	// reported, and a quarter more; 0 where that was never above what was counted.
	inputPerMille atomic.Int64

	// Under Dispatcher.mu:
	slots   limit.Slots
	waiting map[limit.Ticket]chan struct{}
	health  route.Health
	keys    []key // the provider's credentials, the first one first
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
	w.sortPatterns()
	wrong = slices.DeleteFunc(wrong, func(e error) bool { return e == nil })
	slices.Sort(w.names)
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return w, errors.Join(wrong...)
}

func (d *Dispatcher) model(w *world, name string, o ModelOptions) (*model, error) {
	m := &model{name: name, outputCap: o.OutputCap, config: o.limits()}
	var wrong []error
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("model %s: %s", name, fmt.Sprintf(format, args...)))
	}
	policy, ok := route.Policies[o.Policy]
	if !ok {
		bad("policy %q is unknown; there is: priority", o.Policy)
	}
	m.policy = policy
	switch o.Lossy {
	case "", "refuse":
	case "allow":
		m.lossyOK = true
	default:
		bad("lossy %q: want refuse or allow", o.Lossy)
	}
	switch o.State {
	case "", "refuse":
	case "strip":
		m.strip = true
	default:
		bad("state %q: want refuse or strip", o.State)
	}
	if o.Dialect != "" && o.Dialect != "native" && o.Dialect != "standard" {
		bad("dialect %q: want native or standard", o.Dialect)
	}
	if o.OutputCap < 0 {
		bad("output_cap %d: want a number of tokens", o.OutputCap)
	}
	if len(o.Deployments) == 0 || len(o.Deployments) > call.MaxCandidates {
		bad("has %d deployments; want 1 to %d", len(o.Deployments), call.MaxCandidates)
	}
	for i, do := range o.Deployments {
		dep, err := d.deployment(w, do)
		switch {
		case err != nil:
			bad("deployment %d: %s", i+1, err)
		case slices.ContainsFunc(m.deployments, func(x *deployment) bool { return x.name == dep.name }):
			bad("deployment %d: %s is listed twice; give one another name", i+1, dep.name)
		default:
			m.deployments = append(m.deployments, dep)
		}
	}
	m.standard = standards(o.Dialect, m.deployments)
	return m, errors.Join(wrong...)
}

func (d *Dispatcher) deployment(w *world, o DeploymentOptions) (*deployment, error) {
	up := w.setup.Providers[o.Provider]
	switch {
	case up == nil:
		return nil, fmt.Errorf("provider %q is not configured", o.Provider)
	case o.Upstream == "":
		return nil, errors.New("upstream is missing: the provider's name for the model")
	case o.MaxInFlight < 0 || o.Context < 0 || o.MaxOutput < 0:
		return nil, errors.New("max_in_flight, context and max_output must not be negative")
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
	if w.setup.Facts != nil {
		f := w.setup.Facts(info.Kind, o.Upstream)
		if dep.context == 0 {
			dep.context = f.Context
		}
		if dep.maxOutput == 0 {
			dep.maxOutput = f.MaxOutput
		}
		dep.markedCache, dep.searches, dep.facts = f.MarkedCache, f.Searches, f.Model
	}
	group := o.QuotaGroup
	if group == "" {
		group = o.Provider + "|" + dep.region + "|" + o.Upstream
	}
	most := o.MaxInFlight
	if most == 0 {
		most = info.MaxInFlight
	}
	dep.oneKey = len(info.Credentials) == 0 || len(info.Credentials) == 1 && len(info.CredentialsOf("")) == 1
	dep.standing = d.standing(dep.name, group, o.Provider, info.Credentials, most)
	return dep, nil
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
func (d *Dispatcher) standing(name, group, provider string, credentials []string, most int) *standing {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.standings[name]
	if st == nil {
		st = &standing{waiting: map[limit.Ticket]chan struct{}{}}
		d.standings[name] = st
	}
	st.slots.Max = most
	keys := []key{{cooldown(d.quotas, group), cooldown(d.credentials, provider)}}
	if len(credentials) > 1 {
		keys = keys[:0]
		for _, c := range credentials {
			keys = append(keys, key{cooldown(d.quotas, group+"|"+c), cooldown(d.credentials, provider+"|"+c)})
		}
	}
	st.keys = keys
	return st
}

func cooldown(of map[string]*limit.Cooldown, name string) *limit.Cooldown {
	c := of[name]
	if c == nil {
		c = &limit.Cooldown{}
		of[name] = c
	}
	return c
}
