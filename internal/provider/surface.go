package provider

import (
	"path"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Surface is one API of a service: a format, where it is spoken, and for which of
// its models. A service has one or many.
type Surface struct {
	Format  llm.Format
	Dialect *wire.Dialect // never nil once it is a provider's

	// Path is below the kind's endpoint; {model} is the upstream's name, escaped, and
	// {project}, {region} are the row's. Stream is the path of streams where it is
	// another one, query included.
	Path, Stream string
	// Upstreams are patterns (path.Match) of the upstream names that are served so;
	// none means all. Not are those that are not.
	Upstreams, Not []string

	dialect string // the dialect's name, in a kind
}

// Serves reports whether the surface is there for an upstream model.
func (s *Surface) Serves(upstream string) bool {
	return (len(s.Upstreams) == 0 || match(s.Upstreams, upstream)) && !match(s.Not, upstream)
}

func match(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok { // patterns are ours, and a test looks at them
			return true
		}
	}
	return false
}

// SurfacesOf are those that an upstream model has at the provider, the preferred
// ones first.
func (i *Info) SurfacesOf(upstream string) []*Surface {
	var out []*Surface
	for _, s := range i.Surfaces {
		if s.Serves(upstream) {
			out = append(out, s)
		}
	}
	return out
}

// MakersOf are those whose opaque state an upstream model understands.
func (i *Info) MakersOf(upstream string) []llm.Maker {
	if i.Makers == nil {
		return nil
	}
	return i.Makers(upstream)
}
