package config

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/tool"
)

// resolve reads secret references and makes relative paths absolute.
func (c *Config) resolve(dir string, env func(string) (string, bool), p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		o := c.Providers[name]
		field := "providers." + name + ".key"
		switch {
		case strings.HasPrefix(o.Key, "env:"):
			v, ok := env(strings.TrimPrefix(o.Key, "env:"))
			if !ok || v == "" {
				p.add(field, "the environment variable %s is not set", strings.TrimPrefix(o.Key, "env:"))
			}
			o.Key = v
		case strings.HasPrefix(o.Key, "file:"):
			b, err := os.ReadFile(under(dir, strings.TrimPrefix(o.Key, "file:")))
			if err != nil {
				p.add(field, "the secret cannot be read: %v", err)
			}
			o.Key = strings.TrimSpace(string(b))
		case o.Key == "":
			if k, ok := kindOf(o.Kind); ok {
				o.Key, _ = env(k.KeyEnv)
				if o.Key == "" && o.Endpoint == "" {
					p.add("providers."+name, "has no credential: set %s, or give key: env:NAME or file:PATH", k.KeyEnv)
				}
			}
		}
		c.Providers[name] = o
	}
	for name, t := range c.Tools {
		t.Objects = localPath(dir, t.Objects, "file:")
		t.SQL = localPath(dir, t.SQL, "sqlite:")
		t.Table = localPath(dir, t.Table, "sqlite:")
		t.Notify = localPath(dir, t.Notify, "file:")
		c.Tools[name] = t
	}
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// localPath makes the path in a scheme:path URL absolute, from the file's folder.
func localPath(dir, url, scheme string) string {
	rest, ok := strings.CutPrefix(url, scheme)
	if !ok || rest == "" || strings.HasPrefix(rest, "//") && filepath.IsAbs(strings.TrimPrefix(rest, "//")) {
		return url
	}
	rest = strings.TrimPrefix(rest, "//")
	path, query, has := strings.Cut(rest, "?")
	abs, err := filepath.Abs(under(dir, path))
	if err != nil {
		return url
	}
	if has {
		abs += "?" + query
	}
	if scheme == "file:" {
		return "file://" + abs
	}
	return scheme + abs
}

// validate finds what can have no effect, or not the one that is meant.
func (c *Config) validate(p *problems) {
	switch c.Version {
	case 1:
	case 0:
		p.add("version", "is missing; write `version: 1`")
	default:
		p.add("version", "is %d, and this release reads 1", c.Version)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		p.add("listen", "%q is no address; want host:port, such as %s", c.Listen, DefaultListen)
	}
	if c.Gateway.MaxBody < 0 {
		p.add("gateway.max_body", "%d is less than nothing", c.Gateway.MaxBody)
	}
	c.validateProviders(p)
	c.validateModels(p)
	c.validateAgents(p)
	for i, b := range c.Budgets {
		if _, err := b.Parsed(); err != nil {
			p.add(fmt.Sprintf("budgets[%d]", i), "%v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Prices)) {
		if _, err := c.Prices[name].Prices(); err != nil {
			p.add("prices."+name, "%v", err)
		}
		if !c.hasUpstream(name) {
			p.add("prices."+name, "no deployment has this provider/upstream, so the price has no effect")
		}
	}
}

func (c *Config) validateProviders(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		o := c.Providers[name]
		if _, ok := kindOf(o.Kind); !ok {
			p.add("providers."+name+".kind", "%q is unknown; want one of %s", o.Kind, strings.Join(provider.KindNames(), ", "))
		}
	}
}

func (c *Config) validateModels(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		m := c.Models[name]
		field := "models." + name
		if m.Policy != "" && m.Policy != "priority" {
			p.add(field+".policy", "%q is unknown; want priority", m.Policy)
		}
		if m.Lossy != "" && m.Lossy != "refuse" && m.Lossy != "allow" {
			p.add(field+".lossy", "%q is unknown; want refuse or allow", m.Lossy)
		}
		if len(m.Deployments) == 0 {
			p.add(field+".deployments", "is empty; list at least one {provider: …, upstream: …}")
		}
		for i, d := range m.Deployments {
			at := fmt.Sprintf("%s.deployments[%d]", field, i)
			if _, ok := c.Providers[d.Provider]; !ok {
				p.add(at+".provider", "%q is none of the providers; there are: %s", d.Provider, list(c.Providers))
			}
			if d.Upstream == "" {
				p.add(at+".upstream", "is missing; write the provider's own name for the model")
			}
		}
	}
}

func (c *Config) validateAgents(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		a := c.Agents[name]
		if _, ok := c.Models[a.Model]; a.Model != "" && !ok && !strings.Contains(a.Model, "/") {
			p.add("agents."+name+".model", "%q is none of the models; there are: %s", a.Model, list(c.Models))
		}
		if _, err := engine.ParseGoal(name, a.Goal); err != nil {
			p.add("agents."+name+".goal", "%v", err)
		}
		for i, t := range a.Tools {
			if _, ok := c.Tools[t]; !ok && !tool.IsBuiltin(t) {
				p.add(fmt.Sprintf("agents.%s.tools[%d]", name, i), "%q is none of the tools; there are: %s, and the built-in %s",
					t, list(c.Tools), strings.Join(tool.Builtins(), ", "))
			}
		}
	}
}

func (c *Config) hasUpstream(name string) bool {
	for _, m := range c.Models {
		for _, d := range m.Deployments {
			if d.Provider+"/"+d.Upstream == name {
				return true
			}
		}
	}
	return false
}

func list[V any](m map[string]V) string {
	if len(m) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// Parsed is the budget as the machine has it.
func (b BudgetOptions) Parsed() (budget.Limit, error) {
	l := budget.Limit{Scope: b.Scope, Window: budget.Window(b.Window), Kind: budget.Kind(b.Kind)}
	if l.Window == "" {
		l.Window = budget.Total
	}
	if l.Kind == "" {
		l.Kind = budget.Hard
	}
	if b.Limit == "" {
		return l, fmt.Errorf("limit is missing; write an amount such as 500 USD")
	}
	var err error
	if l.Amount, err = money.ParseWithCurrency(b.Limit); err != nil {
		return l, fmt.Errorf("limit: %w", err)
	}
	if b.Zone != "" {
		if l.Zone, err = time.LoadLocation(b.Zone); err != nil {
			return l, fmt.Errorf("zone %q is unknown; want a name such as Europe/Berlin", b.Zone)
		}
	}
	return l, budget.New().Define(l)
}

// Prices is what the catalog makes a card of.
func (o PriceOptions) Prices() (catalog.Prices, error) {
	p := catalog.Prices{Tokens: map[string]string{}}
	if o.Input == "" || o.Output == "" {
		return p, fmt.Errorf("input and output are needed, each the price of a million tokens, such as \"0.25\"")
	}
	for class, text := range map[string]string{
		"input": o.Input, "output": o.Output, "cache_read": o.CacheRead,
		"cache_write": o.CacheWrite, "cache_write_1h": o.CacheWrite1h, "reasoning": o.Reasoning,
	} {
		if text == "" {
			continue
		}
		a, err := money.Parse(text, money.USD)
		if err != nil {
			return p, fmt.Errorf("%s: %w", class, err)
		}
		if a.Sign() < 0 || a.Cmp(money.New(10_000, 0, money.USD)) > 0 {
			return p, fmt.Errorf("%s: %s for a million tokens is out of bounds", class, a)
		}
		if a.Sign() > 0 && a.Cmp(money.New(1, -3, money.USD)) < 0 {
			return p, fmt.Errorf("%s: %s for a million tokens is very little; prices are per million tokens, not per token", class, a)
		}
		p.Tokens[class] = text
	}
	return p, nil
}
