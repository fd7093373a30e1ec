package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/store"
)

// Bill is lines and their sums. The lines add up to the totals, to the last
// digit.
type Bill struct {
	Lines  []Line  `json:"lines"`
	Totals []Total `json:"totals"` // one for each currency, in its order
}

// Total is a sum in one currency.
type Total struct {
	Currency string `json:"currency"`
	Cost     string `json:"cost"`

	cost money.Amount
}

// Amount is the total as money.
func (t *Total) Amount() money.Amount { return t.cost }

// ReadBill makes the bill of the entries that q picks.
func ReadBill(ctx context.Context, r store.Reader, q Query) (*Bill, error) {
	b := &Bill{Lines: []Line{}}
	for l, err := range Lines(ctx, r, q) {
		if err != nil {
			return nil, err
		}
		b.Lines = append(b.Lines, l)
	}
	b.Totals = totals(b.Lines)
	return b, nil
}

func totals(lines []Line) []Total {
	sums := map[string]money.Amount{}
	for i := range lines {
		sums[lines[i].Currency] = sums[lines[i].Currency].Add(lines[i].cost)
	}
	out := make([]Total, 0, len(sums))
	for _, cur := range slices.Sorted(maps.Keys(sums)) {
		out = append(out, Total{cur, sums[cur].Decimal(), sums[cur]})
	}
	return out
}

// WriteJSON writes the bill as one JSON object.
func (b *Bill) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(b)
}

// Dimension is what lines can be grouped by.
type Dimension string

// dimensions say what a line has for each.
var dimensions = map[Dimension]func(*Line) string{
	"run":        func(l *Line) string { return l.Run },
	"call":       func(l *Line) string { return l.Call },
	"key":        func(l *Line) string { return l.Key },
	"team":       func(l *Line) string { return l.Team },
	"project":    func(l *Line) string { return l.Project },
	"customer":   func(l *Line) string { return l.Customer },
	"agent":      func(l *Line) string { return l.Agent },
	"cloud":      func(l *Line) string { return l.Cloud },
	"service":    func(l *Line) string { return l.Service },
	"category":   func(l *Line) string { return string(l.Category) },
	"region":     func(l *Line) string { return l.Region },
	"sku":        func(l *Line) string { return l.SKU },
	"meter":      func(l *Line) string { return string(l.Meter) },
	"model":      func(l *Line) string { return l.Model },
	"deployment": func(l *Line) string { return l.Deployment },
	"resource":   func(l *Line) string { return l.Resource },
	"outcome":    func(l *Line) string { return l.Outcome },
	"kind":       func(l *Line) string { return string(l.Kind) },
	"day":        func(l *Line) string { return l.Time.Format("2006-01-02") },
	"month":      func(l *Line) string { return l.Time.Format("2006-01") },
}

// ParseDimensions reads "run,service".
func ParseDimensions(s string) ([]Dimension, error) {
	var out []Dimension
	for _, name := range strings.Split(s, ",") {
		d := Dimension(strings.TrimSpace(name))
		if _, ok := dimensions[d]; !ok {
			return nil, fmt.Errorf("group by %q: want some of %s", name, known())
		}
		out = append(out, d)
	}
	return out, nil
}

func known() string {
	var names []string
	for d := range dimensions {
		names = append(names, string(d))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Row is the lines that have the same keys, added up, in one currency.
type Row struct {
	Keys       map[Dimension]string `json:"keys"`
	Quantities []Quantity           `json:"quantities"` // one for each unit
	Cost       string               `json:"cost"`
	Currency   string               `json:"currency"`
	Lines      int                  `json:"lines"`
	Marks      []price.Mark         `json:"marks"` // of any of them

	keys []string // in the order asked for
	cost money.Amount
}

// Amount is the row's cost as money.
func (r *Row) Amount() money.Amount { return r.cost }

// Quantity is how much of a unit.
type Quantity struct {
	Unit     string `json:"unit"`
	Quantity string `json:"quantity"`

	n int64
}

// Count is the quantity as a number.
func (q *Quantity) Count() int64 { return q.n }

// Group adds the lines up by dimensions, in the order of their keys. What was
// unknown and has been confirmed since is marked as confirmed only.
func (b *Bill) Group(by ...Dimension) ([]Row, error) {
	rows := map[string]*Row{}
	replaced := map[string]bool{}
	for i := range b.Lines {
		replaced[b.Lines[i].Corrects] = true
	}
	for i := range b.Lines {
		l := &b.Lines[i]
		keys := make([]string, len(by))
		for j, d := range by {
			f, ok := dimensions[d]
			if !ok {
				return nil, fmt.Errorf("group by %q: want some of %s", d, known())
			}
			keys[j] = f(l)
		}
		id := strings.Join(keys, "\x00") + "\x00" + l.Currency
		r := rows[id]
		if r == nil {
			r = &Row{Keys: map[Dimension]string{}, Currency: l.Currency, Marks: []price.Mark{}, keys: keys}
			for j, d := range by {
				r.Keys[d] = keys[j]
			}
			rows[id] = r
		}
		r.add(l, replaced[l.entry()])
	}
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		r.finish()
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(slices.Compare(a.keys, b.keys), cmp.Compare(a.Currency, b.Currency))
	})
	return out, nil
}

func (r *Row) add(l *Line, replaced bool) {
	r.Lines++
	r.cost = r.cost.Add(l.cost)
	i := slices.IndexFunc(r.Quantities, func(q Quantity) bool { return q.Unit == l.Unit })
	if i < 0 {
		i = len(r.Quantities)
		r.Quantities = append(r.Quantities, Quantity{Unit: l.Unit})
	}
	r.Quantities[i].n += l.quantity
	for _, m := range l.Marks {
		over := m == price.MarkReversal || replaced && (m == price.MarkUnknown || m == price.MarkEstimated)
		if !over && !slices.Contains(r.Marks, m) {
			r.Marks = append(r.Marks, m)
		}
	}
}

func (r *Row) finish() {
	r.Cost = r.cost.Decimal()
	for i := range r.Quantities {
		r.Quantities[i].Quantity = strconv.FormatInt(r.Quantities[i].n, 10)
	}
	slices.SortFunc(r.Quantities, func(a, b Quantity) int { return cmp.Compare(a.Unit, b.Unit) })
	slices.Sort(r.Marks)
}
