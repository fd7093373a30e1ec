package dispatch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/limit"
)

// pattern is a model whose name has a *: it stands for many.
type pattern struct {
	name          string
	before, after string // the *
	options       ModelOptions
}

// pattern reads a model whose name has a *.
func (d *Dispatcher) pattern(w *world, name string, o ModelOptions) (pattern, error) {
	p := pattern{name: name, options: o}
	p.before, p.after, _ = strings.Cut(name, "*")
	if strings.Contains(p.after, "*") {
		return p, fmt.Errorf("model %s: has more than one *; leave one of them", name)
	}
	if len(o.Aliases) > 0 {
		return p, fmt.Errorf("model %s: a pattern has no aliases; list them as models of their own", name)
	}
	for _, do := range o.All() {
		if do.Name != "" && !strings.Contains(do.Name, "*") {
			return p, fmt.Errorf("model %s: the deployment's name %q would be that of many; put a * into it, for the upstream's name, or leave it out", name, do.Name)
		}
	}
	_, err := d.model(w, name, p.options) // finds the other mistakes
	d.mu.Lock()
	delete(d.traffics, name) // nobody asks for that name
	d.mu.Unlock()
	return p, err
}

// fits reports whether a name is one of the pattern's.
func (p *pattern) fits(name string) bool {
	return len(name) > len(p.before)+len(p.after) && strings.HasPrefix(name, p.before) && strings.HasSuffix(name, p.after)
}

// concrete are the options for one name that fits.
func (p *pattern) concrete(name string) ModelOptions {
	o := p.options
	o.Deployments = slices.Clone(o.Deployments)
	o.Tiers = slices.Clone(o.Tiers)
	for i := range o.Tiers {
		o.Tiers[i].Deployments = slices.Clone(o.Tiers[i].Deployments)
	}
	star := name[len(p.before) : len(name)-len(p.after)]
	for _, do := range o.All() {
		if do.Upstream == "*" {
			do.Upstream = name[strings.LastIndexByte(p.before, '/')+1:]
		} else {
			do.Upstream = strings.Replace(do.Upstream, "*", star, 1)
		}
		do.Name = strings.Replace(do.Name, "*", do.Upstream, 1)
	}
	return o
}

// names are the names that fit and whose upstream is one of those known.
func (p *pattern) names(w *world) (out []string) {
	if w.setup.Upstreams == nil {
		return nil
	}
	for _, do := range p.options.All() {
		up := w.setup.Providers[do.Provider]
		if up == nil || !strings.Contains(do.Upstream, "*") {
			continue
		}
		before, after, _ := strings.Cut(do.Upstream, "*")
		for _, known := range w.setup.Upstreams(up.Info().Kind) {
			var name string
			switch {
			case do.Upstream == "*":
				name = p.before[:strings.LastIndexByte(p.before, '/')+1] + known
			case len(known) > len(before)+len(after) && strings.HasPrefix(known, before) && strings.HasSuffix(known, after):
				name = p.before + known[len(before):len(known)-len(after)] + p.after
			}
			if p.fits(name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// sortPatterns puts those that say most first.
func (w *world) sortPatterns() {
	slices.SortFunc(w.patterns, func(a, b pattern) int {
		if n := len(b.name) - len(a.name); n != 0 {
			return n
		}
		return strings.Compare(a.name, b.name)
	})
}

// addAliases enters the other names of models.
func (w *world) addAliases() error {
	var wrong []error
	for _, name := range slices.Clone(w.names) {
		m := w.models[name]
		for _, alias := range w.setup.Models[name].Aliases {
			if w.models[alias] != nil || alias == "" || strings.Contains(alias, "*") {
				wrong = append(wrong, fmt.Errorf("model %s: alias %q is a model's name already, or none", name, alias))
				continue
			}
			w.models[alias] = m
			w.names = append(w.names, alias)
		}
	}
	return errors.Join(wrong...)
}

// find is the model of a name; nil where there is none. Its own name comes first,
// then the patterns, then what serves every model.
func (d *Dispatcher) find(w *world, name string) *model {
	if m := w.models[name]; m != nil {
		return m
	}
	if m, ok := w.others.Load(name); ok {
		return m.(*model)
	}
	o, ok := w.options(name)
	if !ok {
		return nil
	}
	if w.count.Load() >= mostOthers {
		d.forget(w)
	}
	m, err := d.model(w, name, o)
	if err != nil {
		return nil
	}
	w.addFallbacks(m, o.Fallback) // those of a pattern were looked at when it was read
	if _, had := w.others.LoadOrStore(name, m); !had {
		w.count.Add(1)
	}
	return m
}

// forget lets go of the names that clients made us remember, and of what is known of
// their deployments: whoever makes up names must not keep others from being served.
// Calls under way end as they began.
func (d *Dispatcher) forget(w *world) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.count.Load() < mostOthers { // somebody else did
		return
	}
	keptStandings, keptQuotas := map[*standing]bool{}, map[*limit.Group]bool{}
	for _, m := range w.models {
		for _, dep := range m.deployments {
			keptStandings[dep.standing] = true
			for _, k := range dep.Keys {
				keptQuotas[k.Quota] = true
			}
		}
	}
	gone := map[*limit.Group]bool{}
	w.others.Range(func(name, m any) bool {
		w.others.Delete(name)
		if t := m.(*model).traffic; len(t.waiting)+t.called == 0 {
			delete(d.traffics, m.(*model).name)
		}
		for _, dep := range m.(*model).deployments {
			if keptStandings[dep.standing] || dep.Slots.InFlight() > 0 {
				continue
			}
			delete(d.standings, dep.name)
			for _, k := range dep.Keys {
				gone[k.Quota] = !keptQuotas[k.Quota]
			}
		}
		return true
	})
	maps.DeleteFunc(d.quotas, func(_ string, q *limit.Group) bool { return gone[q] })
	w.count.Store(0)
}

// options are those of a name that is no model of its own.
func (w *world) options(name string) (ModelOptions, bool) {
	for i := range w.patterns {
		if w.patterns[i].fits(name) {
			return w.patterns[i].concrete(name), true
		}
	}
	if !w.setup.AnyModel {
		return ModelOptions{}, false
	}
	if prov, upstream, ok := strings.Cut(name, "/"); ok && upstream != "" && w.setup.Providers[prov] != nil {
		return ModelOptions{Deployments: []DeploymentOptions{{Provider: prov, Upstream: upstream}}}, true
	}
	var o ModelOptions
	if w.setup.Homes != nil && name != "" {
		for _, prov := range w.setup.Homes(name) {
			if up := w.setup.Providers[prov]; up != nil && len(surfacesAt(up, name)) > 0 {
				o.Deployments = append(o.Deployments, DeploymentOptions{Provider: prov, Upstream: name})
			}
		}
	}
	return o, len(o.Deployments) > 0
}

// Resolve is the name of the model that a name means: itself, or what it is an alias
// of; "" where nothing is served under it.
func (d *Dispatcher) Resolve(name string) string {
	w := d.world.Load()
	if m := w.models[name]; m != nil {
		return m.name
	}
	o, ok := w.options(name)
	if !ok {
		return ""
	}
	for _, do := range o.All() {
		if up := w.setup.Providers[do.Provider]; up != nil && do.Upstream != "" && len(surfacesAt(up, do.Upstream)) > 0 {
			return name // it is not remembered: asking for a name is not using it
		}
	}
	return ""
}

// Names are the models that can be listed, sorted: those of the configuration, and
// of those that it does not list, the ones that are known.
func (d *Dispatcher) Names() []string {
	w := d.world.Load()
	names := slices.Clone(w.names)
	for i := range w.patterns {
		names = append(names, w.patterns[i].names(w)...)
	}
	if w.setup.AnyModel && w.setup.Upstreams != nil {
		for _, prov := range slices.Sorted(maps.Keys(w.setup.Providers)) {
			for _, known := range w.setup.Upstreams(w.setup.Providers[prov].Info().Kind) {
				names = append(names, prov+"/"+known)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
