package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/engine"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/secret"
	"github.com/skein-run/skein/internal/tool"
)

// resolve reads secret references and makes relative paths absolute.
func (c *Config) resolve(dir string, env func(string) (string, bool), s *secrets, p *problems) {
	c.Clouds.GCP.Credentials = beside(dir, c.Clouds.GCP.Credentials)
	c.TLS.Cert, c.TLS.Key = beside(dir, c.TLS.Cert), beside(dir, c.TLS.Key)
	s.source.Session = cloud.New(c.Clouds)
	s.ahead(c.keyReferences())
	p.hide = s.texts()
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		o := c.Providers[name]
		missing := false
		o.Secrets(func(place string, key *string) {
			f := field("providers", name)
			for piece := range strings.SplitSeq(place, ".") {
				if i, err := strconv.Atoi(piece); err == nil {
					f = f.index(i)
				} else {
					f = f.key(piece)
				}
			}
			if !secret.Is(*key) {
				return
			}
			text, err := s.value(*key)
			if err != nil {
				p.add(f, "%v", err)
				missing = true
			}
			*key = text
		})
		o.CredentialsFile = beside(dir, o.CredentialsFile)
		for i := range o.Credentials {
			o.Credentials[i].CredentialsFile = beside(dir, o.Credentials[i].CredentialsFile)
		}
		if !missing { // else that is what is wrong with it
			o.Complete(env)
			if o.Kind == pool.Kind {
				c.validatePool(name, o.Key, p)
			} else {
				c.validateProvider(name, o, p)
			}
		}
		c.Providers[name] = o
	}
	for _, name := range slices.Sorted(maps.Keys(c.Telemetry.Traces.Headers)) {
		if value := c.Telemetry.Traces.Headers[name]; secret.Is(value) {
			text, err := s.value(value)
			if err != nil {
				p.add(field("telemetry", "traces", "headers", name), "%v", err)
			}
			c.Telemetry.Traces.Headers[name] = text
		}
	}
	for name, t := range c.Tools {
		t.Objects = localPath(dir, t.Objects, "file:")
		t.SQL = localPath(dir, t.SQL, "sqlite:")
		t.Table = localPath(dir, t.Table, "sqlite:")
		t.Notify = localPath(dir, t.Notify, "file:")
		c.Tools[name] = t
	}
}

// keyReferences are the keys, of providers and of the collector, that are references
// to secrets.
func (c *Config) keyReferences() (refs []string) {
	for _, o := range c.Providers {
		o.Secrets(func(_ string, key *string) {
			if secret.Is(*key) {
				refs = append(refs, *key)
			}
		})
	}
	for _, value := range c.Telemetry.Traces.Headers {
		if secret.Is(value) {
			refs = append(refs, value)
		}
	}
	return refs
}

// beside is a file that a configuration names, from its own folder.
func beside(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
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
		p.add(field("version"), "is missing; write `version: 1`")
	default:
		p.add(field("version"), "is %d, and this release reads 1", c.Version)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		p.add(field("listen"), "%q is no address; want host:port, such as %s", c.Listen, DefaultListen)
	}
	for _, f := range []struct{ name, have, other string }{{"cert", c.TLS.Cert, c.TLS.Key}, {"key", c.TLS.Key, c.TLS.Cert}} {
		if f.have == "" && f.other != "" {
			p.add(field("tls", f.name), "is missing; cert and key are both needed: a file with the certificate and one with its private key")
		}
	}
	for name, n := range map[string]int64{
		"max_body": c.Gateway.MaxBody, "body_budget": c.Gateway.BodyBudget, "body_wait": int64(c.Gateway.BodyWait),
		"body_timeout": int64(c.Gateway.BodyTimeout), "write_timeout": int64(c.Gateway.WriteTimeout), "replay": int64(c.Gateway.Replay),
	} {
		notNegative(p, field("gateway", name), n)
	}
	notNegative(p, field("engine", "model_calls"), int64(c.Engine.ModelCalls))
	notNegative(p, field("engine", "effects"), int64(c.Engine.Effects))
	notNegative(p, field("drain"), int64(c.Drain))
	if cloudName, region, _ := strings.Cut(c.Location, "/"); c.Location != "" && c.Location != catalog.Internet &&
		(region == "" || !slices.Contains([]string{"aws", "azure", "gcp"}, cloudName)) {
		p.add(field("location"), "%q is no place; write cloud/region, such as aws/us-east-1, azure/westeurope or gcp/us-central1, or internet where Skein runs in none of them", c.Location)
	}
	c.Clouds.Mistakes(func(place, text string) { p.add(field("clouds").below(place), "%s", text) })
	c.Telemetry.Mistakes(func(place, text string) { p.add(field("telemetry").below(place), "%s", text) })
	c.validateModels(p)
	c.validateTools(p)
	c.validateAgents(p)
	c.validateBudgets(p)
	for _, name := range slices.Sorted(maps.Keys(c.Prices)) {
		f := field("prices", name)
		if o := c.Prices[name]; o.Service() {
			rows, err := o.Rows()
			if err == nil && len(rows) > 0 { // what no card can hold would have no effect
				_, err = catalog.NewCard(catalog.Identity{Key: name}, catalog.Prices{Rows: rows})
			}
			if err != nil {
				p.add(f, "%v", err)
			}
			if o.Like != "" {
				c.knownService(p, f.key("like"), o.Like)
			}
			if strings.Count(name, "/") != 2 {
				p.add(f, "the price of a service is named cloud/service/region, such as aws/s3/eu-central-1")
			}
			continue
		}
		if _, err := c.Prices[name].Prices(); err != nil {
			p.add(f, "%v", err)
		}
		if row, _, _ := strings.Cut(name, "/"); c.Pools[row].Price != "" {
			p.add(f, "the pool %s has a price by the hour; leave one of them out", row)
		}
		if !c.hasUpstream(name) {
			p.add(f, "no deployment has this provider/upstream, so the price has no effect")
		}
	}
}

// CheckListen says whether clients can be served on the address, and that no provider
// is at it: a program that has OPENAI_BASE_URL set for Skein's clients would have
// Skein ask itself.
func (c *Config) CheckListen() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %q is not an address; write host:port, such as %s", c.Listen, DefaultListen)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		o := c.Providers[name]
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Port() != port || port == "0" || u.Hostname() != host && !(isLoopback(u.Hostname()) && isLoopback(host)) {
			continue
		}
		mend := "name the provider's own address"
		if k, ok := kindOf(o.Kind); ok && c.File == "" {
			mend = "unset " + k.AddressEnv + " where Skein is started; it is for Skein's clients"
		}
		return fmt.Errorf("provider %s is at %s, which is Skein's own address, so that it would ask itself: %s", name, o.Endpoint, mend)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func notNegative(p *problems, f at, n int64) {
	if n < 0 {
		p.add(f, "is less than nothing; leave it out for the default")
	}
}

// validateProvider makes a provider of the row, which sends nothing, and takes
// what it says.
func (c *Config) validateProvider(name string, o provider.Options, p *problems) {
	made, err := provider.New(name, o)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "provider "+name+": ")
		if strings.HasPrefix(text, "kind ") {
			text += ", and pool"
		}
		addRow(name, text, reflect.TypeOf(o), p)
		return
	}
	_ = made.Close() // it has no connection yet
}

// addRow notes what is wrong with a row of providers: at the field with which the text
// begins, where it does.
func addRow(name, text string, row reflect.Type, p *problems) {
	f := field("providers", name)
	if word, _, _ := strings.Cut(text, " "); slices.Contains(fieldNames(row), word) {
		f, text = f.key(word), strings.TrimPrefix(text, word+" ")
	}
	p.add(f, "%s", text)
}

func (c *Config) validateModels(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Models)) {
		m := c.Models[name]
		f := field("models", name)
		m.Mistakes(func(place, text string) { p.add(f.below(place), "%s", text) })
		c.validateNames(name, m, f, p)
		for i, other := range m.Fallback {
			switch _, known := c.Models[other]; {
			case other == name:
				p.add(f.key("fallback").index(i), "%q is the model itself; leave it out", other)
			case !known || strings.Contains(other, "*"):
				p.add(f.key("fallback").index(i), "%q is none of the models; there are: %s", other, list(c.Models))
			}
		}
		first := map[string]bool{}
		for place, d := range m.All() {
			f := f.below(place)
			if _, ok := c.Providers[d.Provider]; !ok {
				p.add(f.key("provider"), "%q is none of the providers; there are: %s", d.Provider, list(c.Providers))
			}
			called := d.Called(c.Providers[d.Provider].Region)
			if first[called] {
				p.add(f, "%s is listed twice; take one out, or give it another name", called)
			}
			first[called] = true
		}
	}
}

// validateTools finds keys of prices that are nobody's: what has no price is
// refused under a hard budget, and midnight is late to hear of it.
func (c *Config) validateTools(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Tools)) {
		key := c.Tools[name].PricedAs
		if _, own := c.Prices[key]; key != "" && !own {
			c.knownService(p, field("tools", name, "priced_as"), key)
		}
	}
}

// knownService finds the key of a service that the catalog does not have.
func (c *Config) knownService(p *problems, f at, key string) {
	cat, err := catalog.Load()
	if err != nil {
		p.add(f, "%v", err)
		return
	}
	if _, ok := cat.Service(key); !ok {
		p.add(f, "%q is not in the catalog; there are: %s", key, strings.Join(cat.Services(), ", "))
	}
}

func (c *Config) validateAgents(p *problems) {
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		a := c.Agents[name]
		f := field("agents", name)
		if a.Model != "" && !c.serves(a.Model) {
			p.add(f.key("model"), "%q is none of the models; there are: %s", a.Model, list(c.Models))
		}
		if a.Model == "" {
			p.add(f.key("model"), "is missing; there are: %s", list(c.Models))
		}
		if a.Goal == "" {
			p.add(f.key("goal"), "is missing; say in words what a run is to achieve")
		} else if _, err := engine.ParseGoal(name, a.Goal); err != nil {
			p.add(f.key("goal"), "%v", err)
		}
		if b := a.Limits.Budget; b != "" {
			if m, err := money.ParseWithCurrency(b); err != nil {
				p.add(f.key("limits").key("budget"), "%v", err)
			} else if m.Sign() <= 0 {
				p.add(f.key("limits").key("budget"), "%q is nothing; leave it out for no limit", b)
			}
		}
		notNegative(p, f.key("limits").key("steps"), int64(a.Limits.Steps))
		notNegative(p, f.key("limits").key("time"), int64(a.Limits.Time))
		notNegative(p, f.key("output_cap"), a.OutputCap)
		a.Identity.Mistakes(func(place, text string) { p.add(f.key("identity").below(place), "%s", text) })
		for i, t := range a.Tools {
			if _, ok := c.Tools[t]; !ok && !tool.IsBuiltin(t) {
				p.add(f.key("tools").index(i), "%q is none of the tools; there are: %s, and the built-in %s",
					t, list(c.Tools), strings.Join(tool.Builtins(), ", "))
			}
		}
	}
}

// validateBudgets defines all of them as the process will, because a limit can be
// right by itself and wrong beside another.
func (c *Config) validateBudgets(p *problems) {
	together := budget.New()
	for i, b := range c.Budgets {
		l, err := b.Parsed()
		if err == nil {
			err = together.Define(l)
		}
		if err != nil {
			p.add(field("budgets").index(i), "%v", err)
			continue
		}
		kind, name, _ := strings.Cut(b.Scope, ":")
		f := field("budgets").index(i).key("scope")
		switch kind {
		case "team", "project", "key", "customer":
		case "org":
			if name != budget.DefaultOrg {
				p.add(f, "%q is no org, so the limit has no effect; want org:%s", name, budget.DefaultOrg)
			}
		case "agent":
			if _, ok := c.Agents[name]; !ok {
				p.add(f, "%q is none of the agents, so the limit has no effect; there are: %s", name, list(c.Agents))
			}
		default:
			p.add(f, "%q has no effect; want org:, team:, project:, key:, customer: or agent: and a name", b.Scope)
		}
	}
}

func (c *Config) hasUpstream(name string) bool {
	for _, m := range c.Models {
		for _, d := range m.All() {
			if d.Provider+"/"+d.Upstream == name || strings.Contains(d.Upstream, "*") && strings.HasPrefix(name, d.Provider+"/") {
				return true
			}
		}
	}
	return false
}

// kindOf finds a kind of provider by its name.
func kindOf(name string) (provider.Kind, bool) {
	for _, k := range provider.Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return provider.Kind{}, false
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
	if l.Amount.Currency() != money.USD {
		return l, fmt.Errorf("limit: %s cannot be held against prices, which are in USD; write it in USD", l.Amount)
	}
	if b.Zone != "" {
		if l.Zone, err = time.LoadLocation(b.Zone); err != nil {
			return l, fmt.Errorf("zone %q is unknown; want a name such as Europe/Berlin", b.Zone)
		}
	}
	return l, budget.New().Define(l)
}

// Rows are the operator's own prices of a service's meters, in their order.
func (o PriceOptions) Rows() ([]catalog.Row, error) {
	if o.Input+o.Output+o.CacheRead+o.CacheWrite+o.CacheWrite1h+o.Reasoning != "" {
		return nil, errors.New("like and meters are of services, input, output and other classes of tokens of models: leave one of them out")
	}
	var rows []catalog.Row
	for _, name := range slices.Sorted(maps.Keys(o.Meters)) {
		m, meter := o.Meters[name], price.Meter(name)
		if !meter.Known() || meter.IsToken() {
			return nil, fmt.Errorf("meters.%s: there is no such meter of services; docs/metering.md lists them", name)
		}
		a, err := money.Parse(m.Price, money.USD)
		if err != nil || a.Sign() < 0 {
			return nil, fmt.Errorf("meters.%s.price: %q is no price in US dollars, such as \"0.0004\"", name, m.Price)
		}
		if m.Per < 0 {
			return nil, fmt.Errorf("meters.%s.per: %d units are less than nothing", name, m.Per)
		}
		rows = append(rows, catalog.Row{Meter: meter, SKU: name, Price: m.Price, Per: max(1, m.Per)})
	}
	return rows, nil
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
