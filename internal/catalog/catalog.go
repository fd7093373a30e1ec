// Package catalog holds facts about models and cloud services as data: limits,
// features, dialect members and list prices, each with the day since when it
// holds and the page that it comes from.
//
// A [Model] is one upstream model of a provider kind; a [Service] is one cloud
// service in one region, named by a key such as "aws/s3/us-east-1". Both give a
// [price.Card], pinned to the catalog's version, for a moment in time. What is not
// in the catalog has no price: its card has no rows, and everything rated by it is
// marked unpriced.
//
// The data are the YAML files in data/; nothing here is learned, and nothing is
// fetched.
package catalog

import (
	"cmp"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/price"
)

// Catalog is everything known, read only.
type Catalog struct {
	book     string
	models   []*Model
	services []*Service
	names    map[name][]*named // aliases and ids, newest first
	keys     map[string]*Service
}

type name struct{ kind, name string }

// named is a name that means a model since a day.
type named struct {
	from  time.Time
	model *Model
}

// Book is the version of the prices: a hash of the data.
func (c *Catalog) Book() string { return c.book }

// Models are all models, in the order of the data.
func (c *Catalog) Models() []*Model { return c.models }

// Model is what a provider of this kind means today by an upstream name, which
// may be an alias.
func (c *Catalog) Model(kind, upstream string) (*Model, bool) {
	return c.ModelAt(kind, upstream, time.Time{})
}

// ModelAt is what the name meant at a moment; the zero time is today.
func (c *Catalog) ModelAt(kind, upstream string, at time.Time) (*Model, bool) {
	for _, n := range c.names[name{kind, upstream}] {
		if at.IsZero() || !at.Before(n.from) {
			return n.model, true
		}
	}
	return nil, false
}

// Card is the prices of an upstream model at a moment; the zero time takes the
// newest. Where model or price is not known it is a card without rows, by which
// everything is unpriced, and false.
func (c *Catalog) Card(kind, upstream string, at time.Time) (*price.Card, bool) {
	if m, ok := c.ModelAt(kind, upstream, at); ok {
		if card := newest(m.Prices, at); card != nil {
			return card, true
		}
	}
	return &price.Card{Key: kind + "/" + upstream, Book: c.book, Cloud: kind, Service: APIName(kind)}, false
}

// Service is the service of a key such as "aws/s3/us-east-1".
func (c *Catalog) Service(key string) (*Service, bool) {
	s, ok := c.keys[key]
	return s, ok
}

// Services are the keys of all services, in order: what `priced_as` may say.
func (c *Catalog) Services() []string {
	keys := make([]string, len(c.services))
	for i, s := range c.services {
		keys[i] = s.Key
	}
	slices.Sort(keys)
	return keys
}

// ServiceCard is the prices of a service at a moment; the zero time takes the
// newest. Where service or price is not known it is a card without rows, by which
// everything is unpriced, and false. A local resource that is priced as if it were
// there takes the card's [price.Card.AsNotional].
func (c *Catalog) ServiceCard(key string, at time.Time) (*price.Card, bool) {
	s, ok := c.keys[key]
	if !ok {
		return &price.Card{Key: key, Book: c.book, Cloud: "unknown", Service: key}, false
	}
	if card := newest(s.Prices, at); card != nil {
		return card, true
	}
	return &price.Card{Key: key, Book: c.book, Cloud: s.Cloud, Service: s.Service, Region: s.Region}, false
}

// newest is the card of the prices that hold at a moment. The lists are in the
// order of their days.
func newest(sets []Prices, at time.Time) *price.Card {
	for _, p := range slices.Backward(sets) {
		if at.IsZero() || !at.Before(p.From.Time()) {
			return p.card
		}
	}
	return nil
}

// APIName is how a bill names the service of a provider kind.
func APIName(kind string) string {
	if n := apiNames[kind]; n != "" {
		return n
	}
	return kind + " API"
}

var apiNames = map[string]string{
	"openai":    "OpenAI API",
	"anthropic": "Anthropic API",
}

// index makes the look-ups; it wants everything valid.
func (c *Catalog) index() {
	c.names, c.keys = map[name][]*named{}, map[string]*Service{}
	for _, m := range c.models {
		c.addName(m, m.ID, "")
		for _, a := range m.Aliases {
			c.addName(m, a.Name, a.From)
		}
	}
	for _, s := range c.services {
		c.keys[s.Key] = s
	}
}

func (c *Catalog) addName(m *Model, n string, from Date) {
	k := name{m.Kind, n}
	c.names[k] = append(c.names[k], &named{from.Time(), m})
	slices.SortStableFunc(c.names[k], func(a, b *named) int { return cmp.Compare(b.from.Unix(), a.from.Unix()) })
}
