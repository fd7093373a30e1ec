package dispatch

import (
	"slices"

	"github.com/skein-run/skein/internal/route"
)

// Hints are a caller's own wishes for one call. They narrow and order what the
// configuration allows, and never widen it.
type Hints struct {
	Policy     string   `json:"policy,omitempty"`      // overrides the model's
	Require    []string `json:"require,omitempty"`     // tags all of which a deployment must have, its key's included
	Only       []string `json:"only,omitempty"`        // deployments or providers allowed; none listed means all
	NoFallback bool     `json:"no_fallback,omitempty"` // rather an error than another model's answer
}

// None reports whether there is no wish.
func (h *Hints) None() bool {
	return h.Policy == "" && len(h.Require) == 0 && len(h.Only) == 0 && !h.NoFallback
}

// Joins reports whether a client's own repetition of a request to this model may
// join the call that still runs for it.
func (d *Dispatcher) Joins(name string) bool {
	w := d.world.Load()
	if m := w.models[name]; m != nil {
		return w.setup.Models[m.name].Join
	}
	for i := range w.patterns {
		if w.patterns[i].fits(name) {
			return w.patterns[i].options.Join
		}
	}
	return false
}

// Policies are the names of the policies that there are, sorted.
func Policies() []string {
	var names []string
	for name := range route.Policies {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Named reports whether a name is a provider's, or that of a deployment of a model
// of the configuration or of the model asked for.
func (d *Dispatcher) Named(asked, name string) bool {
	w := d.world.Load()
	if w.setup.Providers[name] != nil {
		return true
	}
	has := func(m *model) bool {
		return m != nil && slices.ContainsFunc(m.deployments, func(dep *deployment) bool { return dep.name == name })
	}
	for _, m := range w.models {
		if has(m) {
			return true
		}
	}
	return has(d.find(w, asked))
}
