package dispatch

import (
	"time"

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
				InFlight: dep.slots.InFlight(), MaxInFlight: dep.slots.Max, State: "ready",
			}
			for _, s := range dep.surfaces {
				info.Formats = append(info.Formats, s.Format)
			}
			c := dep.candidate("", now)
			if reason := route.Standing(&c, now); reason != 0 {
				info.State = reason.String()
			}
			mi.Deployments = append(mi.Deployments, info)
		}
		out = append(out, mi)
	}
	return out
}

// candidate is the deployment as route sees it for a team, under Dispatcher.mu.
func (dep *deployment) candidate(team string, now time.Time) route.Candidate {
	key := dep.pick(team, now)
	quota, credential := dep.rests(key)
	return route.Candidate{
		Makers: dep.makers, Context: dep.context, NoCredential: key < 0,
		Full: dep.slots.Full(), Health: &dep.health, Credential: credential, Quota: quota,
	}
}
