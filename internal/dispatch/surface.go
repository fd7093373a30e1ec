package dispatch

import (
	"reflect"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
)

// A service often has several APIs for a model. The client's own format is taken
// where it is spoken; else the one into which the request loses the least, which is
// found by looking at the request decoded. Formats into which it was found to lose
// some of its meaning are remembered while the call lasts, so that route goes where
// nothing is lost.

// surfacesAt are a provider's APIs for an upstream model.
func surfacesAt(up Upstream, upstream string) []*provider.Surface {
	info := up.Info()
	return info.SurfacesOf(upstream)
}

// has reports whether the deployment has an API for the operation.
func (dep *deployment) has(op llm.Operation) bool {
	for _, s := range dep.surfaces {
		if s.Format.Operation() == op {
			return true
		}
	}
	return false
}

// speaks is the deployment's API in a format; nil where it has none.
func (dep *deployment) speaks(f llm.Format) *provider.Surface {
	for _, s := range dep.surfaces {
		if s.Format == f {
			return s
		}
	}
	return nil
}

// surface picks the API of a deployment that serves the call. There is one.
func (r *run) surface(dep *deployment) *provider.Surface {
	if s := dep.speaks(r.facts.Format); s != nil {
		return s
	}
	var best *provider.Surface
	least := -1 // what best loses; it is not looked at while there is no other
	for _, s := range dep.surfaces {
		if s.Format.Operation() != r.op {
			continue
		}
		if best == nil {
			best = s
			continue
		}
		if least < 0 {
			least = r.loss(best, dep)
		}
		if n := r.loss(s, dep); n < least {
			best, least = s, n
		}
	}
	return best
}

// loss weighs what the request loses at an API: its meaning above everything, and
// fewer are better.
func (r *run) loss(s *provider.Surface, dep *deployment) int {
	if slices.Contains(r.lossyAt, s.Format) {
		return lostMeaning
	}
	src, ok := r.c.Source.(decoder)
	if !ok {
		return 0
	}
	req, err := src.Request()
	if err != nil || req == nil {
		return 0 // the attempt says what is wrong with it
	}
	n := 0
	for _, l := range s.Dialect.Lost(req, s.Format, r.d.o.Codecs(s.Format).Losses(req)) {
		if l.Class == wire.Semantic {
			n += lostMeaning
		} else {
			n++
		}
	}
	if dep.facts.Known {
		for _, l := range dep.facts.Losses(req) {
			if l.Class != wire.Semantic { // those are the same at all APIs
				n++
			}
		}
	}
	return n
}

const lostMeaning = 1 << 20

// loses reports whether the deployment has no API that is not known to lose some of
// the request's meaning.
func (r *run) loses(dep *deployment) bool {
	if len(r.lossyAt) == 0 {
		return false
	}
	for _, s := range dep.surfaces {
		if s.Format.Operation() == r.op && (s.Format == r.facts.Format || !slices.Contains(r.lossyAt, s.Format)) {
			return false
		}
	}
	return true
}

// passes reports whether the answer's bytes are the client's as they come, but for
// what must be edited in them.
func (r *run) passes(l *lane) bool {
	return r.resume == nil && l.at.on.Format == r.want && !r.m.standard[r.want]
}

// standards are the formats in which answers are written anew: where so asked for,
// all; else those that the deployments do not all speak in the same way.
func standards(dialect string, deps []*deployment) map[llm.Format]bool {
	if dialect == "native" {
		return nil
	}
	var out map[llm.Format]bool
	first := map[llm.Format]*wire.Dialect{}
	for _, dep := range deps {
		for _, s := range dep.surfaces {
			had := first[s.Format]
			if had == nil {
				first[s.Format] = s.Dialect
			}
			if dialect == "standard" || had != nil && !sameDialect(had, s.Dialect) {
				if out == nil {
					out = map[llm.Format]bool{}
				}
				out[s.Format] = true
			}
		}
	}
	return out
}

// sameDialect reports whether two vendors' answers differ in nothing that is known.
func sameDialect(a, b *wire.Dialect) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(answering(*a), answering(*b))
}

// answering is a dialect without what concerns requests only, and without the
// framing: of that the client's is what counts.
func answering(d wire.Dialect) wire.Dialect {
	d.Name, d.OutputCapName, d.SeedName, d.Takes, d.Refuses, d.Version, d.Framing, d.Cloud = "", "", "", nil, nil, "", 0, ""
	d.NoStreamUsage, d.CacheMarks, d.InAddress, d.StreamInBody, d.BetasInBody, d.ToolIDLength = false, false, false, false, false, 0
	return d
}
