package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// Surface is one API of a service: a format, where it is spoken, and for which of
// its models. A service has one or many.
type Surface struct {
	Format  llm.Format
	Dialect *wire.Dialect // never nil once it is a provider's

	// Path is below the kind's endpoint; {model} is the upstream's name, escaped,
	// {base} the same without an inference profile, and {project}, {region} are the
	// row's. Stream is the path of streams where it is another one, query included.
	Path, Stream string
	// Upstreams are patterns of the upstream names that are served so, where * is any
	// text; none means all. Not are those that are not.
	Upstreams, Not []string
	// Optional: only newer or other versions have it; a row has it if its `formats`
	// name it, and at the kind's own address if the kind is [Kind.Generic].
	Optional bool
	// KeyHeader takes the key where it is another one than the kind's.
	KeyHeader string
	Headers   // beside the kind's

	dialect string // the dialect's name, in a kind
	call    [2]route
	fixed   http.Header
	accept  []string // of streams
}

// Headers are rules for a request's headers; all names are canonical.
type Headers struct {
	Fixed    []string // name, value, …
	Allow    []string // the client's that pass
	Override []string // of Fixed: the client's value wins
}

// messagesHeaders are those of Messages wherever it is spoken as at its maker's.
var messagesHeaders = Headers{
	Fixed:    []string{"Anthropic-Version", anthropicVersion},
	Allow:    []string{"Anthropic-Beta", "Anthropic-Version"},
	Override: []string{"Anthropic-Version"},
}

// Serves reports whether the surface is there for an upstream model.
func (s *Surface) Serves(upstream string) bool {
	return (len(s.Upstreams) == 0 || match(s.Upstreams, upstream)) && !match(s.Not, upstream)
}

func match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, name) })
}

// glob is whether a name is of a pattern, in which * stands for any text: names hold
// slashes and colons.
func glob(pattern, name string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	for ok && more {
		var part string
		if part, rest, more = strings.Cut(rest, "*"); !more {
			return strings.HasSuffix(name, part)
		}
		_, name, ok = strings.Cut(name, part)
	}
	return ok
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

// surfaces are the APIs that a row has.
func (k *Kind) surfacesOf(o *Options, custom bool) ([]*Surface, error) {
	all := k.Surfaces
	if k.special.surfaces != nil {
		if row := k.special.surfaces(o); row != nil {
			all = row
		}
	}
	for _, f := range o.Formats {
		if !slices.ContainsFunc(all, func(s Surface) bool { return s.Format == llm.Format(f) }) {
			return nil, fmt.Errorf("formats: %s has no %q; it has: %s", k.Name, f, strings.Join(formatsOf(all), ", "))
		}
	}
	var out []*Surface
	for i := range all {
		s := all[i]
		switch {
		case len(o.Formats) > 0:
			if !slices.Contains(o.Formats, string(s.Format)) {
				continue
			}
		case s.Optional && (custom || !k.Generic):
			continue
		}
		var err error
		if s.Dialect, err = o.dialect(k, &s, custom); err != nil {
			return nil, err
		}
		out = append(out, &s)
	}
	return out, nil
}

func formatsOf(all []Surface) []string {
	var out []string
	for i := range all {
		if f := string(all[i].Format); !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}
