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
)

// world is one setup, ready for use. It does not change.
type world struct {
	setup  Setup
	models map[string]*model
	names  []string // of models, sorted
	others sync.Map // name → *model, with Setup.AnyModel
	count  atomic.Int64
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
	info        provider.Info
	surfaces    []*provider.Surface // the preferred one first
	makers      []llm.Maker         // whose opaque state it understands
	*standing
}

// standing is how a deployment stands: what outlives a reload.
type standing struct {
	// inputPerMille is the most tokens per 1,000 counted by letters that it ever
	// reported, and a quarter more; 0 where that was never above what was counted.
	inputPerMille atomic.Int64

	// Under Dispatcher.mu:
	slots      limit.Slots
	waiting    map[limit.Ticket]chan struct{}
	health     route.Health
	quota      *limit.Cooldown
	credential *limit.Cooldown
}

// build makes a world of a setup, or says everything that is wrong with it. What
// was known of a deployment before is kept by its name.
func (d *Dispatcher) build(s Setup) (*world, error) {
	w := &world{setup: s, models: map[string]*model{}}
	var wrong []error
	for name, o := range s.Models {
		m, err := d.model(w, name, o)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		w.models[name] = m
		w.names = append(w.names, name)
	}
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
	for _, s := range info.SurfacesOf(o.Upstream) {
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
		dep.markedCache = f.MarkedCache
	}
	group := o.QuotaGroup
	if group == "" {
		group = o.Provider + "|" + dep.region + "|" + o.Upstream
	}
	most := o.MaxInFlight
	if most == 0 {
		most = info.MaxInFlight
	}
	dep.standing = d.standing(dep.name, group, o.Provider, most)
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

// standing finds what is known of a deployment, a quota group and a credential.
func (d *Dispatcher) standing(name, group, credential string, most int) *standing {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.standings[name]
	if st == nil {
		st = &standing{waiting: map[limit.Ticket]chan struct{}{}}
		d.standings[name] = st
	}
	st.slots.Max = most
	st.quota = cooldown(d.quotas, group)
	st.credential = cooldown(d.credentials, credential)
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

// find is the model of a name; nil where there is none.
func (d *Dispatcher) find(w *world, name string) *model {
	if m := w.models[name]; m != nil || !w.setup.AnyModel {
		return m
	}
	if m, ok := w.others.Load(name); ok {
		return m.(*model)
	}
	prov, upstream, ok := strings.Cut(name, "/")
	if !ok || upstream == "" || w.setup.Providers[prov] == nil || w.count.Load() >= mostOthers {
		return nil
	}
	m, err := d.model(w, name, ModelOptions{Deployments: []DeploymentOptions{{Provider: prov, Upstream: upstream}}})
	if err != nil {
		return nil
	}
	if _, had := w.others.LoadOrStore(name, m); !had {
		w.count.Add(1)
	}
	return m
}
