package analyst

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// measureKind is a figure that a finding may state and how it comes about.
type measureKind struct {
	name  string
	title string
	// expression writes the calculation from figures that were read; it fails with
	// what is missing. A figure that is only copied has no calculation.
	expression func(*work, int) (string, error)
	copied     string
}

var measureKinds = []measureKind{
	{name: "revenue_musd", title: "revenue", copied: "revenue"},
	{name: "net_income_musd", title: "net income", copied: "net_income"},
	{name: "operating_income_musd", title: "operating income", copied: "operating_income"},
	{name: "total_assets_musd", title: "total assets", copied: "total_assets"},
	{name: "revenue_growth_pct", title: "revenue growth", expression: growth("revenue")},
	{name: "net_income_growth_pct", title: "net income growth", expression: growth("net_income")},
	{name: "revenue_cagr_5y_pct", title: "five-year revenue growth a year", expression: cagr},
	{name: "net_margin_pct", title: "net margin", expression: ratio("net_income", "revenue")},
	{name: "operating_margin_pct", title: "operating margin", expression: ratio("operating_income", "revenue")},
	{name: "net_margin_avg_5y_pct", title: "average net margin of the five years before", expression: averageMargin},
	{name: "equity_ratio_pct", title: "equity ratio", expression: ratio("equity", "total_assets")},
	{name: "return_on_equity_pct", title: "return on equity", expression: ratio("net_income", "equity")},
}

// Measures that a goal which names none gets.
var usual = []string{"revenue_musd", "net_income_musd", "revenue_growth_pct", "revenue_cagr_5y_pct", "net_margin_pct", "equity_ratio_pct"}

// latest is a figure of the latest fiscal year, which the filings have.
func (w *work) latest(what string, year int) (string, error) {
	if x, ok := w.filed[year][what]; ok {
		return x, nil
	}
	return "", fmt.Errorf("%s of fiscal %d, which no filing states", strings.ReplaceAll(what, "_", " "), year)
}

// before is a figure of an earlier year: of the history, else of a filing.
func (w *work) before(what string, year int) (string, error) {
	if x, ok := w.past[year][what]; ok {
		return x, nil
	}
	if x, ok := w.filed[year][what]; ok {
		return x, nil
	}
	return "", fmt.Errorf("%s of fiscal %d, which neither history nor filings have", strings.ReplaceAll(what, "_", " "), year)
}

func growth(what string) func(*work, int) (string, error) {
	return func(w *work, year int) (string, error) {
		now, err := w.latest(what, year)
		if err != nil {
			return "", err
		}
		was, err := w.before(what, year-1)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("(%s - %s) / abs(%s) * 100", now, paren(was), was), nil
	}
}

func ratio(part, whole string) func(*work, int) (string, error) {
	return func(w *work, year int) (string, error) {
		a, err := w.latest(part, year)
		if err != nil {
			return "", err
		}
		b, err := w.latest(whole, year)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s / %s * 100", a, paren(b)), nil
	}
}

func cagr(w *work, year int) (string, error) {
	now, err := w.latest("revenue", year)
	if err != nil {
		return "", err
	}
	was, err := w.before("revenue", year-5)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(math.pow(%s / %s, 1 / 5) - 1) * 100", now, was), nil
}

func averageMargin(w *work, year int) (string, error) {
	var terms []string
	for y := year - 5; y < year; y++ {
		income, err := w.before("net_income", y)
		if err != nil {
			return "", err
		}
		revenue, err := w.before("revenue", y)
		if err != nil {
			return "", err
		}
		terms = append(terms, income+" / "+revenue)
	}
	return "(" + strings.Join(terms, " + ") + ") / 5 * 100", nil
}

// paren keeps a minus from meeting an operator.
func paren(n string) string {
	if strings.HasPrefix(n, "-") {
		return "(" + n + ")"
	}
	return n
}

// measure is one figure of this analysis.
type measure struct {
	measureKind
	expr  string // to be calculated
	value string // as it goes into the finding; "" is missing
	why   string // it is missing
}

var fieldName = regexp.MustCompile(`\b[a-z][a-z0-9_]*_(?:pct|musd)\b`)

// measure finds out which figures the goal asks for and from which numbers each
// of them comes.
func (v *view) measure(w *work) []measure {
	asked := fieldName.FindAllString(v.goal, -1)
	if len(asked) == 0 {
		asked = usual
	}
	year := w.year()
	var ms []measure
	for _, k := range measureKinds {
		if !slices.Contains(asked, k.name) {
			continue
		}
		m := measure{measureKind: k}
		var err error
		if k.copied != "" {
			m.value, err = w.latest(k.copied, year)
		} else {
			m.expr, err = k.expression(w, year)
		}
		if err != nil {
			m.why = err.Error()
		}
		ms = append(ms, m)
	}
	return ms
}

// year is the latest fiscal year that the filings report on.
func (w *work) year() int {
	ys := w.filed.years()
	for _, y := range slices.Backward(ys) {
		if w.filed[y]["revenue"] != "" {
			return y
		}
	}
	return 0
}

// compute asks for the calculations that have no result yet, and fills in those
// that have.
func (v *view) compute(w *work, ms []measure) []next {
	t := v.tools.calculate
	var calls []next
	for i := range ms {
		m := &ms[i]
		if m.expr == "" {
			continue
		}
		if !t.there() {
			m.why = "there is no tool to calculate with"
			continue
		}
		// The second spelling needs nothing but loops and functions; it is for a
		// calculator that does not know the first.
		for _, expr := range []string{m.expr, withoutPow(m.expr)} {
			args := map[string]any{t.arg("expression", "program", "code", "source"): expr}
			if result, ok := v.result(t, args); ok {
				if value, ok := twoPlaces(result); ok {
					m.value, m.why = value, ""
				} else {
					m.why = "the calculation gave no number"
				}
				break
			}
			if n := v.failures(t, args); n == 0 || n < tries && !strings.Contains(m.expr, "math.") {
				calls = append(calls, next{t, args})
				break
			}
			m.why = "the calculation failed"
		}
	}
	return calls
}

var powCall = regexp.MustCompile(`^\(math\.pow\((.*), 1 / 5\) - 1\) \* 100$`)

// withoutPow writes a fifth root as a program that finds it by Newton's method.
func withoutPow(expr string) string {
	m := powCall.FindStringSubmatch(expr)
	if m == nil {
		return expr
	}
	return "def root(x):\n    r = 1.0\n    for i in range(200):\n        r = r - (r*r*r*r*r - x) / (5*r*r*r*r)\n    return r\n" +
		"result = (root(" + m[1] + ") - 1) * 100"
}

var anyNumber = regexp.MustCompile(`-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`)

// twoPlaces takes the number out of a calculation's result and rounds it to two
// decimals, half away from zero.
func twoPlaces(result string) (string, bool) {
	text := strings.TrimSpace(result)
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) == nil {
		for _, name := range []string{"result", "value", "answer"} {
			if raw, ok := object[name]; ok {
				text = strings.Trim(string(raw), `"`)
			}
		}
	}
	found := anyNumber.FindAllString(text, -1)
	if len(found) == 0 {
		return "", false
	}
	x, ok := new(big.Rat).SetString(found[len(found)-1])
	if !ok {
		return "", false
	}
	return x.FloatString(2), true
}

// grouped writes 391035 as 391,035.
func grouped(n string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(n, "-"); ok {
		sign, n = "-", rest
	}
	whole, frac, dot := strings.Cut(n, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		whole += "." + frac
	}
	return sign + whole
}

// compare compares two decimal texts.
func compare(a, b string) (int, bool) {
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	return x.Cmp(y), true
}
