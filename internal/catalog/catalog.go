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
// The data are the YAML files in data/, one for each kind of provider and each cloud; packed.txt is
// the same in the form that a program reads at its start, and a test keeps it so.
// Upstream names are brought to the catalog's own by rules ([Canonical]), so that
// one entry holds for every region, resource name and spelling. Nothing here is
// learned, and nothing is fetched.
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
	spoken   map[string]Can    // of a kind: the features that its file has of any model
	versions map[string]string // what a maker's undated name means: identities, see [Catalog.Identity]
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

// Names are the names under which the models of a kind can be asked for, in the
// order of the data: their ids, at Bedrock with each inference profile too.
func (c *Catalog) Names(kind string) (names []string) {
	for _, m := range c.models {
		if m.Kind != kind {
			continue
		}
		names = append(names, m.ID)
		for _, p := range m.Profiles {
			names = append(names, p+"."+m.ID)
		}
	}
	return names
}

// Model is what a provider of this kind means today by an upstream name, which
// may be an alias, or any spelling that [Canonical] knows.
func (c *Catalog) Model(kind, upstream string) (*Model, bool) {
	return c.ModelAt(kind, upstream, time.Time{})
}

// ModelAt is what the name meant at a moment; the zero time is today.
func (c *Catalog) ModelAt(kind, upstream string, at time.Time) (*Model, bool) {
	canonical, _ := Canonical(kind, upstream)
	return c.named(kind, canonical, at)
}

func (c *Catalog) named(kind, canonical string, at time.Time) (*Model, bool) {
	for _, n := range c.names[name{kind, canonical}] {
		if at.IsZero() || !at.Before(n.from) {
			return n.model, true
		}
	}
	return nil, false
}

// Card is the prices of an upstream model at a moment, where no region is stated.
func (c *Catalog) Card(kind, upstream string, at time.Time) (*price.Card, bool) {
	return c.CardIn(kind, upstream, "", at)
}

// CardIn is the prices of an upstream model in a region at a moment; the zero time
// takes the newest. A place that the name itself states goes before the region.
// Where model or price is not known it is a card without rows, by which everything
// is unpriced, and false.
func (c *Catalog) CardIn(kind, upstream, region string, at time.Time) (*price.Card, bool) {
	canonical, place := Canonical(kind, upstream)
	if m, ok := c.named(kind, canonical, at); ok {
		if p := newest(m.Prices, at); p != nil {
			place = placeOf(kind, place, region)
			for i := range m.Places {
				if m.Places[i].holds(place) {
					return p.places[i], true
				}
			}
			return p.card, true
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
	if p := newest(s.Prices, at); p != nil {
		return p.card, true
	}
	return &price.Card{Key: key, Book: c.book, Cloud: s.Cloud, Service: s.Service, Region: s.Region}, false
}

// newest are the prices that hold at a moment. The lists are in the order of their
// days.
func newest(sets []Prices, at time.Time) *Prices {
	for i := range slices.Backward(sets) {
		if at.IsZero() || !at.Before(sets[i].From.Time()) {
			return &sets[i]
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
	"openai":      "OpenAI API",
	"azure":       "Azure OpenAI",
	"anthropic":   "Anthropic API",
	"bedrock":     "Amazon Bedrock",
	"vertex":      "Vertex AI",
	"gemini":      "Gemini API",
	"mistral":     "Mistral API",
	"cohere":      "Cohere API",
	"groq":        "Groq API",
	"deepseek":    "DeepSeek API",
	"xai":         "xAI API",
	"together":    "Together AI",
	"fireworks":   "Fireworks AI",
	"openrouter":  "OpenRouter",
	"perplexity":  "Perplexity API",
	"cerebras":    "Cerebras API",
	"huggingface": "Hugging Face Inference Providers",
}

// index makes the look-ups; it wants everything valid.
func (c *Catalog) index() {
	c.names, c.keys, c.versions = map[name][]*named{}, map[string]*Service{}, map[string]string{}
	c.spoken = map[string]Can{}
	for _, m := range c.models {
		c.addName(m, m.ID, "")
		c.spoken[m.Kind] |= canOf(m)
		for _, a := range m.Aliases {
			c.addName(m, a.Name, a.From)
			c.addVersion(m, a.Name)
		}
	}
	for _, s := range c.services {
		c.keys[s.Key] = s
	}
}

func (c *Catalog) addName(m *Model, n string, from Date) {
	canonical, _ := Canonical(m.Kind, n)
	k := name{m.Kind, canonical}
	c.names[k] = append(c.names[k], &named{from.Time(), m})
	slices.SortStableFunc(c.names[k], func(a, b *named) int { return cmp.Compare(b.from.Unix(), a.from.Unix()) })
}
