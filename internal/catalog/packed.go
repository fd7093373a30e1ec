package catalog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// cells are the members of one line of the packed form, read or written: what each
// kind of line holds is said once, below, for both.
type cells struct {
	writes bool
	out    strings.Builder
	line   []string // of the line that is read, all of them
	rest   []string // those that are not yet taken
	err    error
}

func (x *cells) model(m *Model) {
	str(x, &m.Kind)
	str(x, &m.ID)
	str(x, &m.Name)
	str(x, &m.Title)
	x.aliases(&m.Aliases)
	str(x, &m.Released)
	str(x, &m.Retires)
	x.int(&m.Context)
	x.int(&m.MaxInput)
	x.int(&m.MaxOutput)
	str(x, &m.OutputCap)
	str(x, &m.Tokenizer)
	list(x, &m.Features)
	list(x, &m.Thinking.Efforts)
	x.budget(&m.Thinking.Budget)
	x.bool(&m.Thinking.Switch)
	x.ints(&m.Dimensions)
	str(x, &m.Cache.Writes)
	x.int(&m.Cache.Least)
	list(x, &m.Profiles)
}

func (x *cells) place(p *Place) {
	str(x, &p.Name)
	list(x, &p.In)
	list(x, &p.Except)
	x.int(&p.Percent)
	list(x, &p.Sources)
	str(x, &p.Note)
}

func (x *cells) service(s *Service) {
	str(x, &s.Key)
	str(x, &s.Cloud)
	str(x, &s.Service)
	str(x, &s.Region)
	str(x, &s.Title)
}

func (x *cells) pricesOf(p *Prices) {
	str(x, &p.From)
	list(x, &p.Sources)
	list(x, &p.Against)
	x.bool(&p.Unconfirmed)
	str(x, &p.Note)
}

func (x *cells) row(r *price.Rate) {
	str(x, &r.Meter)
	str(x, &r.SKU)
	x.amount(&r.Price)
	x.int(&r.Per)
	x.int(&r.Above)
	if !x.writes {
		r.Unit = r.Meter.Unit()
	}
}

func (x *cells) aliases(as *[]Alias) {
	var names []string
	for _, a := range *as {
		names = append(names, a.Name+"="+string(a.From))
	}
	list(x, &names)
	if x.writes {
		return
	}
	for _, n := range names {
		if name, from, ok := strings.Cut(n, "="); ok {
			*as = append(*as, Alias{name, Date(from)})
		}
	}
}

func (x *cells) budget(b **Budget) {
	var ns []int64
	if *b != nil {
		ns = []int64{(*b).Least, (*b).Most}
	}
	x.ints(&ns)
	if !x.writes && len(ns) == 2 {
		*b = &Budget{ns[0], ns[1]}
	}
}

// str reads or writes a text.
func str[T ~string](x *cells, s *T) {
	if !x.writes {
		*s = T(x.next())
		return
	}
	if strings.ContainsAny(string(*s), "\t\n") {
		x.fail(fmt.Errorf("%q holds a tab or a new line", *s))
	}
	x.out.WriteByte('\t')
	x.out.WriteString(string(*s))
}

func list[T ~string](x *cells, l *[]T) {
	if x.writes {
		var b strings.Builder
		for i, s := range *l {
			if i > 0 {
				b.WriteByte(',')
			}
			if s == "" || strings.Contains(string(s), ",") {
				x.fail(fmt.Errorf("%q is empty or holds a comma", s))
			}
			b.WriteString(string(s))
		}
		text := b.String()
		str(x, &text)
		return
	}
	text := x.next()
	if text == "" {
		return
	}
	*l = make([]T, 0, 1+strings.Count(text, ","))
	for more := true; more; {
		var s string
		s, text, more = strings.Cut(text, ",")
		*l = append(*l, T(s))
	}
}

func (x *cells) int(n *int64) {
	if x.writes {
		text := ""
		if *n != 0 {
			text = strconv.FormatInt(*n, 10)
		}
		str(x, &text)
		return
	}
	if text := x.next(); text != "" {
		var err error
		*n, err = strconv.ParseInt(text, 10, 64)
		x.fail(err)
	}
}

func (x *cells) ints(ns *[]int64) {
	var texts []string
	for _, n := range *ns {
		texts = append(texts, strconv.FormatInt(n, 10))
	}
	list(x, &texts)
	if x.writes {
		return
	}
	for _, t := range texts {
		n, err := strconv.ParseInt(t, 10, 64)
		x.fail(err)
		*ns = append(*ns, n)
	}
}

func (x *cells) bool(b *bool) {
	text := ""
	if *b {
		text = "+"
	}
	str(x, &text)
	*b = text == "+"
}

func (x *cells) amount(a *money.Amount) {
	var text string
	if x.writes {
		text = a.Decimal()
	}
	str(x, &text)
	if !x.writes {
		var err error
		*a, err = money.Parse(text, money.USD)
		x.fail(err)
	}
}

func (x *cells) fail(err error) {
	if x.err == nil {
		x.err = err
	}
}

func (x *cells) next() string {
	if len(x.rest) == 0 {
		x.fail(errors.New("has fewer members than its thing"))
		return ""
	}
	s := x.rest[0]
	x.rest = x.rest[1:]
	return s
}

// split is strings.Split into the same buffer each time.
func (x *cells) split(line string) {
	x.line = x.line[:0]
	for more := true; more; {
		var cell string
		cell, line, more = strings.Cut(line, "\t")
		x.line = append(x.line, cell)
	}
	x.rest = x.line
}

func (x *cells) write(letter string, members func()) {
	x.out.WriteString(letter)
	members()
	x.out.WriteByte('\n')
}
