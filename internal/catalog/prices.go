package catalog

import (
	"fmt"
	"slices"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// Prices are what something costs since a day. Models have prices by token class,
// services by meter. Those of a loaded catalog have their card in place of what it
// was made of.
type Prices struct {
	From    Date     `yaml:"from"`
	Sources []string `yaml:"sources"` // names of the file's sources
	// Against are sources that say otherwise, and Unconfirmed is what fewer than two
	// public lists agree with: an operator may want to see the provider's page.
	Against     []string `yaml:"against"`
	Unconfirmed bool     `yaml:"unconfirmed"`
	Note        string   `yaml:"note"`

	Per      int64             `yaml:"per"`    // tokens that a price is for; 0 is 1,000,000
	Tokens   map[string]string `yaml:"tokens"` // token class: price
	Above    *Above            `yaml:"above"`
	Searches *Fee              `yaml:"searches"`
	Requests *Fee              `yaml:"requests"` // for the call itself, whatever it reads and writes

	Rows []Row `yaml:"rows"`

	card   *price.Card
	places []*price.Card // one for each of the model's places
}

// Above are the prices of a whole request with more input than so many tokens.
type Above struct {
	Input  int64             `yaml:"input"`
	Tokens map[string]string `yaml:"tokens"`
}

// Fee is a price for so many requests.
type Fee struct {
	Price string `yaml:"price"`
	Per   int64  `yaml:"per"`
}

// Row is the price of one meter of a service.
type Row struct {
	Meter price.Meter `yaml:"meter"`
	SKU   string      `yaml:"sku"`
	Price string      `yaml:"price"`
	Per   int64       `yaml:"per"`
	Note  string      `yaml:"note"`
}

// Date is a day such as 2026-11-24, in UTC; empty where none is stated. It is text
// and not a decoded time, because the decoder takes time quadratic in the file's
// size for members that decode themselves.
type Date string

// Time is the day's first moment, or the zero time where no day is stated.
func (d Date) Time() time.Time {
	t, _ := time.Parse(time.DateOnly, string(d))
	return t
}

func (d Date) valid() bool { return !d.Time().IsZero() }

// Source is where a fact was read.
type Source struct {
	Title string `yaml:"title"`
	URL   string `yaml:"url"`
	Date  Date   `yaml:"date"` // of the page or list
}

// Identity is what a card says of itself.
type Identity struct {
	Key, Book, Cloud, Service, Region string
}

func (m *Model) identity(book string) Identity {
	return Identity{Key: m.Kind + "/" + m.Name, Book: book, Cloud: m.Kind, Service: APIName(m.Kind)}
}

func (s *Service) identity(book string) Identity {
	return Identity{Key: s.Key, Book: book, Cloud: s.Cloud, Service: s.Service, Region: s.Region}
}

// newBare is a card that has no rows yet.
func newBare(id Identity) *price.Card {
	return &price.Card{Key: id.Key, Book: id.Book, Cloud: id.Cloud, Service: id.Service, Region: id.Region}
}

// NewCard makes a card in US dollars from prices, for whatever states its own:
// an operator's price wins over the catalog's by taking its card's place. A model
// call itself costs nothing where no fee is stated, and is a line.
func NewCard(id Identity, p Prices) (*price.Card, error) { return newCard(id, p, nil) }

// newCard makes the card of a place, or the plain one.
func newCard(id Identity, p Prices, at *Place) (*price.Card, error) {
	c := newBare(id)
	b := builder{card: c, key: id.Key}
	if at != nil {
		b.suffix, b.percent = "."+at.Name, at.Percent
		if len(at.Tokens) > 0 {
			p.Tokens, p.Above = at.Tokens, nil
		}
	}
	if len(p.Tokens) > 0 {
		b.tokens(p.Tokens, p.Per, 0, "")
		fee := Fee{Price: "0", Per: 1}
		if p.Requests != nil {
			fee = *p.Requests
		}
		b.row(price.MeterCalls, id.Key+"/calls", fee.Price, fee.Per, 0)
	}
	if p.Above != nil {
		b.tokens(p.Above.Tokens, p.Per, p.Above.Input, fmt.Sprintf(".above_%d", p.Above.Input))
	}
	if p.Searches != nil {
		b.row(price.MeterSearches, id.Key+"/searches", p.Searches.Price, p.Searches.Per, 0)
	}
	for _, r := range p.Rows {
		b.row(r.Meter, r.SKU, r.Price, r.Per, 0)
	}
	if b.err == nil && len(c.Rates) == 0 {
		b.err = fmt.Errorf("prices of %s: there is not one price", id.Key)
	}
	if b.err == nil {
		b.err = c.Validate()
	}
	return c, b.err
}

type builder struct {
	card    *price.Card
	key     string
	suffix  string // of the SKUs of tokens: the place
	percent int64  // on top of their prices
	err     error
}

// tokens adds a row for each class, in the order of the classes.
func (b *builder) tokens(prices map[string]string, per, above int64, suffix string) {
	if per == 0 {
		per = 1_000_000
	}
	left := len(prices)
	for class := range llm.NumTokenClasses {
		if p, ok := prices[class.String()]; ok {
			b.row(price.Meter(class.String()), b.key+"/"+class.String()+b.suffix+suffix, p, per, above)
			r := &b.card.Rates[len(b.card.Rates)-1]
			r.Price = r.Price.MulDiv(100+b.percent, 100)
			left--
		}
	}
	if left > 0 && b.err == nil {
		b.err = fmt.Errorf("prices of %s: %q are not all token classes; want input, cache_read, cache_write, cache_write_1h, output, reasoning, audio_input, audio_output or image_input", b.key, keys(prices))
	}
}

func (b *builder) row(m price.Meter, sku, text string, per, above int64) {
	p, err := money.Parse(text, money.USD)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("prices of %s: %s: %w", b.key, m, err)
	}
	b.card.Rates = append(b.card.Rates, price.Rate{Meter: m, SKU: sku, Unit: m.Unit(), Price: p, Per: per, Above: above})
}

func keys(m map[string]string) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}
