package catalog

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/skein-run/skein/internal/price"
)

// packed is what [Read] makes of data/, with the prices as the rows of their cards.
// Reading YAML takes a hundred times as long, and a program starts often.
//
//go:embed packed.txt
var packed string

// Load reads the catalog that is built in.
func Load() (*Catalog, error) {
	c, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("catalog: packed.txt: %w; write it again with go test ./internal/catalog -update", err)
	}
	c.index()
	return c, nil
}

// packedForm is how the first line begins; another one is another form.
const packedForm = "skein catalog 1"

// The packed form has a line for each thing, which begins with its letter and has
// its members between tabs. What is inside another follows it: a model or service,
// its places, its prices, and for each of the prices a card for everywhere and then
// one for each place, with their rows.
const (
	lineModel   = "M"
	linePlace   = "L"
	lineService = "S"
	linePrices  = "P"
	lineCard    = "C"
	lineRow     = "R"
)

func unpack(text string) (*Catalog, error) {
	head, text, _ := strings.Cut(text, "\n")
	form, book, ok := strings.Cut(head, "\t")
	if !ok || form != packedForm {
		return nil, fmt.Errorf("is not of the form %q", packedForm)
	}
	u := unpacker{c: &Catalog{book: book}}
	for n := 2; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		u.split(line)
		if err := u.take(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return u.c, u.c.complete()
}

// complete makes sure that each of the prices has its cards.
func (c *Catalog) complete() error {
	whole := func(key string, places int, sets []Prices) error {
		for _, p := range sets {
			if p.card == nil || len(p.places) != places {
				return fmt.Errorf("prices of %s from %s do not have a card for everywhere and for each of %d places", key, p.From, places)
			}
		}
		return nil
	}
	for _, m := range c.models {
		if err := whole(m.Kind+" "+m.ID, len(m.Places), m.Prices); err != nil {
			return err
		}
	}
	for _, s := range c.services {
		if err := whole(s.Key, 0, s.Prices); err != nil {
			return err
		}
	}
	return nil
}

// unpacker knows what the last lines were about.
type unpacker struct {
	cells
	c      *Catalog
	id     Identity
	places *[]Place
	prices *[]Prices
	card   *price.Card
}

func (u *unpacker) take() error {
	var letter string
	str(&u.cells, &letter)
	switch {
	case letter == lineModel:
		m := &Model{}
		u.model(m)
		u.c.models = append(u.c.models, m)
		u.about(&m.Places, &m.Prices, m.identity(u.c.book))
	case letter == lineService:
		s := &Service{}
		u.service(s)
		u.c.services = append(u.c.services, s)
		u.about(nil, &s.Prices, s.identity(u.c.book))
	case letter == linePlace && u.places != nil:
		var p Place
		u.place(&p)
		*u.places = append(*u.places, p)
	case letter == linePrices && u.prices != nil:
		var p Prices
		u.pricesOf(&p)
		*u.prices = append(*u.prices, p)
	case letter == lineCard && u.prices != nil && len(*u.prices) > 0:
		var rows int64
		u.int(&rows)
		u.card = newBare(u.id)
		u.card.Rates = make([]price.Rate, 0, min(max(rows, 0), 64))
		if p := &(*u.prices)[len(*u.prices)-1]; p.card == nil {
			p.card = u.card
		} else {
			p.places = append(p.places, u.card)
		}
	case letter == lineRow && u.card != nil:
		var r price.Rate
		u.row(&r)
		u.card.Rates = append(u.card.Rates, r)
	default:
		return fmt.Errorf("begins with %q, which says nothing here", letter)
	}
	if u.err == nil && len(u.rest) > 0 {
		u.err = errors.New("has more members than its thing")
	}
	return u.err
}

func (u *unpacker) about(places *[]Place, prices *[]Prices, id Identity) {
	u.places, u.prices, u.card, u.id = places, prices, nil, id
}

// pack writes the catalog in the packed form.
func (c *Catalog) pack() (string, error) {
	x := cells{writes: true}
	x.out.WriteString(packedForm + "\t" + c.book + "\n")
	for _, m := range c.models {
		x.write(lineModel, func() { x.model(m) })
		for i := range m.Places {
			x.write(linePlace, func() { x.place(&m.Places[i]) })
		}
		x.writePrices(m.Prices)
	}
	for _, s := range c.services {
		x.write(lineService, func() { x.service(s) })
		x.writePrices(s.Prices)
	}
	return x.out.String(), x.err
}

func (x *cells) writePrices(sets []Prices) {
	for i := range sets {
		p := &sets[i]
		x.write(linePrices, func() { x.pricesOf(p) })
		for _, card := range append([]*price.Card{p.card}, p.places...) {
			n := int64(len(card.Rates))
			x.write(lineCard, func() { x.int(&n) })
			for j := range card.Rates {
				x.write(lineRow, func() { x.row(&card.Rates[j]) })
			}
		}
	}
}
