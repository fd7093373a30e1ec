package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/dispatch"
)

// validateNames finds names of models that could never be asked for, or would mean
// two things.
func (c *Config) validateNames(name string, m dispatch.ModelOptions, f at, p *problems) {
	star := strings.Contains(name, "*")
	if strings.Count(name, "*") > 1 {
		p.add(f, "has more than one *; leave one of them")
	}
	if star && len(m.Aliases) > 0 {
		p.add(f.key("aliases"), "are none of a pattern's; list them as models of their own")
	}
	for i, alias := range m.Aliases {
		f := f.key("aliases").index(i)
		switch _, taken := c.Models[alias]; {
		case alias == "":
			p.add(f, "is empty")
		case strings.Contains(alias, "*"):
			p.add(f, "%q has a *; make it a model of its own", alias)
		case taken:
			p.add(f, "%q is one of the models already", alias)
		case c.aliased(alias) != name:
			p.add(f, "%q is an alias of %s already", alias, c.aliased(alias))
		}
	}
	for place, d := range m.All() {
		f := f.below(place)
		if !star && strings.Contains(d.Upstream, "*") {
			p.add(f.key("upstream"), "%q has a *, and the model's name has none for it to stand for", d.Upstream)
		}
		if star && d.Name != "" && !strings.Contains(d.Name, "*") {
			p.add(f.key("name"), "%q would be that of many; put a * into it, for the upstream's name, or leave it out", d.Name)
		}
	}
}

// aliased is the first model that has the alias.
func (c *Config) aliased(alias string) string {
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		if slices.Contains(c.Models[name].Aliases, alias) {
			return name
		}
	}
	return ""
}

// serves reports whether the file has a model under that name, as a name of its own,
// an alias or a pattern.
func (c *Config) serves(name string) bool {
	if _, ok := c.Models[name]; ok || c.aliased(name) != "" {
		return ok || c.aliased(name) != ""
	}
	for pattern := range c.Models {
		before, after, star := strings.Cut(pattern, "*")
		if star && len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
			return true
		}
	}
	return false
}
