package dispatch

import (
	"github.com/skein-run/skein/internal/route"
)

// Knows reports whether clients may ask for a model of this name.
func (d *Dispatcher) Knows(name string) bool { return d.find(d.world.Load(), name) != nil }

// Models lists the models by name, with how their deployments are now.
func (d *Dispatcher) Models() []ModelInfo {
	w, now := d.world.Load(), d.now()
	out := make([]ModelInfo, 0, len(w.names))
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range w.names {
		mi := ModelInfo{Name: name}
		for _, dep := range w.models[name].deployments {
			info := DeploymentInfo{
				Name: dep.name, Provider: dep.info.Name, Kind: dep.info.Kind, Upstream: dep.upstream,
				Cloud: dep.info.Cloud, Region: dep.region,
				Context: dep.context, MaxOutput: dep.maxOutput,
				InFlight: dep.Slots.InFlight(), MaxInFlight: dep.Slots.Max, State: "ready",
			}
			for _, s := range dep.surfaces {
				info.Formats = append(info.Formats, s.Format)
			}
			if reason, _ := dep.Stands(max(dep.pick("", now), 0), 1, now); reason != 0 {
				info.State = reason.String()
			} else if dep.full() {
				info.State = route.PoolFull.String()
			}
			mi.Deployments = append(mi.Deployments, info)
		}
		out = append(out, mi)
	}
	return out
}
