package ledger

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// markNotes explain the marks under a table.
var markNotes = map[price.Mark]string{
	price.MarkEstimated:   "counted from what was seen of a broken answer; can be confirmed later",
	price.MarkProvisional: "shared out again when the period closes",
	price.MarkUnknown:     "the outcome was never seen: the most it can have cost, until it is confirmed",
	price.MarkOverrun:     "the provider billed more than its own cap allows",
	price.MarkUnconfirmed: "the answer named a model, tier or counter without a price of its own",
	price.Unpriced:        "no price is known; it is not free",
	price.MarkReversal:    "takes an earlier line back",
	price.MarkConfirmed:   "what it was, after all",
	price.MarkNotional:    "a local resource, priced as if it were in that cloud",
}

// WriteTable writes the bill for people: a row for each combination of by, or for
// each line where nothing is named; the totals; and what the marks mean. All
// digits are shown, so that whoever adds them up gets the total to the last one.
func (b *Bill) WriteTable(w io.Writer, by ...Dimension) error {
	rows, err := b.Group(by...)
	if err != nil {
		return err
	}
	t := &table{}
	if len(by) == 0 {
		b.lineRows(t)
	} else {
		groupRows(t, rows, by)
	}
	out := bufio.NewWriter(w)
	if len(b.Lines) == 0 {
		fmt.Fprintln(out, "nothing was booked")
		return out.Flush()
	}
	for i := range b.Totals {
		t.total(&b.Totals[i])
	}
	t.write(out)
	if marks := t.marks; len(marks) > 0 {
		slices.Sort(marks)
		fmt.Fprintln(out)
		for _, m := range marks {
			fmt.Fprintf(out, "%-*s  %s\n", longest(marks), m, markNotes[m])
		}
	}
	return out.Flush()
}

func longest(marks []price.Mark) int {
	n := 0
	for _, m := range marks {
		n = max(n, len(m))
	}
	return n
}

func (b *Bill) lineRows(t *table) {
	t.head = []string{"time", "service", "sku", "quantity", "unit", "unit price", "cost", "", "marks"}
	t.right = map[int]bool{3: true, 5: true, 6: true}
	t.cost = 6
	for i := range b.Lines {
		l := &b.Lines[i]
		t.row(l.cost, l.Marks, l.Time.Format("2006-01-02 15:04:05"), l.Service, l.SKU, thousands(l.quantity), l.Unit, l.UnitPrice)
	}
}

func groupRows(t *table, rows []Row, by []Dimension) {
	t.right = map[int]bool{len(by): true, len(by) + 1: true}
	t.cost = len(by) + 1
	for _, d := range by {
		t.head = append(t.head, string(d))
	}
	t.head = append(t.head, "quantity", "cost", "", "marks")
	for i := range rows {
		r := &rows[i]
		cells := slices.Clone(r.keys)
		for j, c := range cells {
			if c == "" {
				cells[j] = "-"
			}
		}
		var qs []string
		for _, q := range r.Quantities {
			qs = append(qs, thousands(q.n)+" "+q.Unit)
		}
		t.row(r.cost, r.Marks, append(cells, strings.Join(qs, ", "))...)
	}
}

// table is cells in aligned columns, of which one is money.
type table struct {
	head  []string
	right map[int]bool // columns of numbers
	cost  int          // the column of money; that of its currency follows
	cells [][]string
	costs []money.Amount
	marks []price.Mark // all that were seen
	sums  int          // so many of the last rows are totals
}

// row adds the cells before the cost, the cost, and the marks.
func (t *table) row(cost money.Amount, marks []price.Mark, before ...string) {
	names := make([]string, len(marks))
	for i, m := range marks {
		names[i] = string(m)
		if !slices.Contains(t.marks, m) {
			t.marks = append(t.marks, m)
		}
	}
	t.cells = append(t.cells, append(before, "", cost.Currency().String(), strings.Join(names, ", ")))
	t.costs = append(t.costs, cost)
}

func (t *table) total(total *Total) {
	cells := make([]string, t.cost)
	cells[0] = "total"
	t.row(total.cost, nil, cells...)
	t.sums++
}

func (t *table) write(w *bufio.Writer) {
	t.writeCosts()
	width := make([]int, len(t.head))
	for _, cells := range append([][]string{t.head}, t.cells...) {
		for i, c := range cells {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	t.line(w, width, t.head)
	for i, cells := range t.cells {
		if i == len(t.cells)-t.sums {
			n := 0 // up to the currency
			for _, c := range width[:t.cost+2] {
				n += c + len(gap)
			}
			w.WriteString(strings.Repeat("-", n-len(gap)) + "\n")
		}
		t.line(w, width, cells)
	}
}

// writeCosts fills the column of money, aligned at the point.
func (t *table) writeCosts() {
	const least = 2 // places
	fractions := make([]string, len(t.costs))
	longest := 0
	for i, c := range t.costs {
		whole, frac, _ := strings.Cut(c.Decimal(), ".")
		if n := least - len(frac); n > 0 {
			frac += strings.Repeat("0", n)
		}
		t.cells[i][t.cost], fractions[i] = whole+".", frac
		longest = max(longest, len(frac))
		if c.IsZero() && strings.Contains(t.cells[i][t.cost+2], string(price.Unpriced)) {
			t.cells[i][t.cost], fractions[i] = "? ", "" // not a zero
		}
	}
	for i, frac := range fractions {
		t.cells[i][t.cost] += frac + strings.Repeat(" ", longest-len(frac))
	}
}

const gap = "  " // between columns

func (t *table) line(w *bufio.Writer, width []int, cells []string) {
	var b strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
		if t.right[i] {
			c = pad + c
		} else {
			c += pad
		}
		if i > 0 {
			b.WriteString(gap)
		}
		b.WriteString(c)
	}
	w.WriteString(strings.TrimRight(b.String(), " ") + "\n")
}

// thousands is n with commas, for people.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return s[:len(s)-len(digits)] + b.String()
}
