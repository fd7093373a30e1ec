package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/tool"
)

// cards finds prices: the operator's own first, then the catalog's. It holds the
// deployments by name, and never changes.
type cards struct {
	catalog  *catalog.Catalog
	own      map[string]*price.Card         // provider/upstream
	pools    map[string]*price.Card         // of own GPUs that are priced by the hour, by provider
	mine     map[string]config.PriceOptions // cloud/service/region: the operator's own
	revision string                         // of the configuration, for the cards made of it
	location string                         // where Skein runs
	where    map[string]upstream            // deployment name
	infos    map[string]provider.Info       // by provider
	regions  map[string][]string            // of deployments of models that are patterns, by provider
}

// upstream is what a deployment is at its provider.
type upstream struct {
	provider string
	name     string
	region   string
	info     provider.Info
}

func newCards(cat *catalog.Catalog, c *config.Config, infos map[string]provider.Info) (*cards, error) {
	cs := &cards{catalog: cat, own: map[string]*price.Card{}, pools: map[string]*price.Card{}, where: map[string]upstream{}, infos: infos, regions: map[string][]string{},
		mine: map[string]config.PriceOptions{}, revision: c.Revision, location: c.Location}
	for name, m := range c.Models {
		for _, d := range m.All() {
			info, ok := infos[d.Provider]
			if !ok {
				return nil, fmt.Errorf("models.%s: provider %q is not there", name, d.Provider)
			}
			if strings.Contains(name, "*") && d.Name == "" {
				if d.Region != "" {
					cs.regions[d.Provider] = append(cs.regions[d.Provider], d.Region)
				}
				continue // its deployments are named by what is asked for
			}
			u := upstream{provider: d.Provider, name: d.Upstream, region: d.Region, info: info}
			cs.where[d.Called(info.Region)] = u
		}
	}
	for name, o := range c.Pools {
		card, err := o.Card(name, c.Revision)
		if err != nil {
			return nil, fmt.Errorf("providers.%s: %w", name, err)
		}
		if card != nil {
			cs.pools[name] = card
		}
	}
	for name, o := range c.Prices {
		if o.Service() {
			cs.mine[name] = o
			continue
		}
		p, err := o.Prices()
		if err != nil {
			return nil, fmt.Errorf("prices.%s: %w", name, err)
		}
		card, err := catalog.NewCard(catalog.Identity{Key: name, Book: c.Revision}, p)
		if err != nil {
			return nil, err
		}
		cs.own[name] = card
	}
	return cs, nil
}

// Card is the prices of a deployment at a time.
func (c *cards) Card(deployment string, now time.Time) (*price.Card, bool) {
	u, ok := c.where[deployment]
	if !ok { // a model that is served without being listed: provider/upstream
		name, model, _ := strings.Cut(deployment, "/")
		info, known := c.infos[name]
		if !known {
			return nil, false
		}
		u = upstream{provider: name, name: model, info: info}
		for _, region := range append(c.regions[name], info.Region) {
			if short, is := strings.CutSuffix(model, "@"+region); is && region != "" {
				u.name, u.region = short, region
				break
			}
		}
	}
	card, ok := c.own[u.provider+"/"+u.name], true
	if card == nil {
		card = c.pools[u.provider]
	}
	if card == nil {
		region := u.region
		if region == "" {
			region = u.info.Region
		}
		card, ok = c.catalog.CardIn(u.info.Kind, u.name, region, now)
	}
	return placed(card, u.info, u.region), ok
}

// placed is a card that says where it is billed: a provider may stand in another
// cloud than its kind's own.
func placed(card *price.Card, info provider.Info, region string) *price.Card {
	if region == "" {
		region = info.Region
	}
	c := *card
	c.Cloud, c.Service, c.Region = info.Cloud, info.Service, region
	return &c
}

// resource is the prices of a tool's resource at a time.
func (c *cards) resource(r tool.Resource, now time.Time) (*price.Card, bool) {
	card, ok := c.service(r.Service, now)
	if !ok {
		return card, false
	}
	location := c.location
	if r.Notional { // as if both were there
		location = card.Cloud + "/" + card.Region
	}
	card = c.catalog.WithEgress(card, location, now)
	if r.Notional {
		card = card.AsNotional()
	}
	return card, ok
}

// service is the prices of a service: the operator's own meters first, then those of
// the service that it is like.
func (c *cards) service(key string, now time.Time) (*price.Card, bool) {
	o, own := c.mine[key]
	if !own {
		return c.catalog.ServiceCard(key, now)
	}
	made := price.Card{Key: key, Book: c.revision}
	parts := strings.SplitN(key, "/", 3)
	made.Cloud, made.Service, made.Region = parts[0], parts[1], parts[2]
	if rows, err := o.Rows(); err == nil && len(rows) > 0 { // the configuration was checked
		card, err := catalog.NewCard(catalog.Identity{Key: key, Book: c.revision}, catalog.Prices{Rows: rows})
		if err == nil {
			made.Rates = card.Rates
		}
	}
	like, ok := c.catalog.ServiceCard(o.Like, now)
	if ok {
		made.Service = like.Service
		for _, r := range like.Rates {
			if !slices.ContainsFunc(made.Rates, func(m price.Rate) bool { return m.Meter == r.Meter }) {
				made.Rates = append(made.Rates, r)
			}
		}
	}
	return &made, true
}

// rate prices a reading of an entry as it would have been priced at the time, for
// whatever is confirmed later.
func (c *cards) rate(e *ledger.Entry, r price.Reading, input int64) (price.Charge, error) {
	var card *price.Card
	if e.Kind == ledger.Attempt {
		card, _ = c.Card(e.Deployment, e.ConsumedFrom)
	} else {
		card = c.ofEffect(e)
	}
	charges := card.Rate([]price.Reading{r}, price.Options{InputTokens: input})
	return charges[0], nil
}

// ofEffect is the card that an effect was priced by, known by what it was charged for;
// nil where that is gone.
func (c *cards) ofEffect(e *ledger.Entry) *price.Card {
	for _, key := range slices.Concat(slices.Sorted(maps.Keys(c.mine)), c.catalog.Services()) {
		resource := tool.Resource{Service: key, Notional: slices.ContainsFunc(e.Charges, notional)}
		card, ok := c.resource(resource, e.ConsumedFrom)
		if ok && card.Cloud == e.Cloud && card.Service == e.Service && card.Region == e.Region && charged(card, e) {
			return card
		}
	}
	return nil
}

func notional(ch price.Charge) bool { return slices.Contains(ch.Marks, price.MarkNotional) }

// charged reports whether everything that an entry was charged for stands on a card.
func charged(card *price.Card, e *ledger.Entry) bool {
	for i := range e.Charges {
		ch := &e.Charges[i]
		if !slices.Contains(ch.Marks, price.Unpriced) &&
			!slices.ContainsFunc(card.Rates, func(r price.Rate) bool { return r.Meter == ch.Meter && r.SKU == ch.SKU }) {
			return false
		}
	}
	return true
}
