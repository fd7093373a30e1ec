package analyst

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Answer is what the agent should find about one company.
type Answer struct {
	Company    string   `yaml:"company"`
	Ticker     string   `yaml:"ticker"`
	FiscalYear string   `yaml:"fiscal_year"`
	Filings    []string `yaml:"filings"`
	Verdict    string   `yaml:"verdict"`

	RevenueMUSD        string `yaml:"revenue_musd"`
	NetIncomeMUSD      string `yaml:"net_income_musd"`
	RevenueGrowthPct   string `yaml:"revenue_growth_pct"`
	NetIncomeGrowthPct string `yaml:"net_income_growth_pct"`
	RevenueCAGR5YPct   string `yaml:"revenue_cagr_5y_pct"`
	NetMarginPct       string `yaml:"net_margin_pct"`
	NetMarginAvg5YPct  string `yaml:"net_margin_avg_5y_pct"`
	EquityRatioPct     string `yaml:"equity_ratio_pct"`
}

// Figures are the answer's numbers by the names that a finding has for them.
func (a *Answer) Figures() map[string]string {
	return map[string]string{
		"revenue_musd":          a.RevenueMUSD,
		"net_income_musd":       a.NetIncomeMUSD,
		"revenue_growth_pct":    a.RevenueGrowthPct,
		"net_income_growth_pct": a.NetIncomeGrowthPct,
		"revenue_cagr_5y_pct":   a.RevenueCAGR5YPct,
		"net_margin_pct":        a.NetMarginPct,
		"net_margin_avg_5y_pct": a.NetMarginAvg5YPct,
		"equity_ratio_pct":      a.EquityRatioPct,
	}
}

type questions struct {
	Version   int               `yaml:"version"`
	Question  string            `yaml:"question"`
	Formulas  map[string]string `yaml:"formulas"`
	Companies []Answer          `yaml:"companies"`
}

var load = sync.OnceValue(func() questions {
	var q questions
	b, err := files.ReadFile("questions.yaml")
	if err == nil {
		err = yaml.UnmarshalWithOptions(b, &q, yaml.DisallowUnknownField())
	}
	if err != nil {
		panic("analyst: questions.yaml: " + err.Error())
	}
	return q
})

// Companies are those that there are filings, history and answers of.
func Companies() []string {
	var names []string
	for _, a := range load().Companies {
		names = append(names, a.Company)
	}
	return names
}

// AnswerFor is the right answer about a company.
func AnswerFor(company string) (Answer, bool) {
	i := slices.IndexFunc(load().Companies, func(a Answer) bool { return strings.EqualFold(a.Company, company) })
	if i < 0 {
		return Answer{}, false
	}
	return load().Companies[i], true
}

// Check holds a finding, as it stands in the table, against the right answer. Its
// error names everything that is wrong. Percentages may be off by 0.01, which is
// what different ways of rounding give; the other figures are exact. The sources
// must name the latest filing, and the history.
func Check(company string, finding map[string]any) error {
	want, ok := AnswerFor(company)
	if !ok {
		return fmt.Errorf("check the finding on %s: there is no answer for it, only for %s", company, strings.Join(Companies(), ", "))
	}
	var wrong []error
	bad := func(field string, got any, want string) {
		wrong = append(wrong, fmt.Errorf("%s is %v, and %s is right", field, got, want))
	}
	for field, right := range map[string]string{"company": want.Company, "fiscal_year": want.FiscalYear, "verdict": want.Verdict} {
		if got := text(finding[field]); !strings.EqualFold(got, right) {
			bad(field, finding[field], right)
		}
	}
	for field, right := range want.Figures() {
		if !near(text(finding[field]), right, strings.HasSuffix(field, "_pct")) {
			bad(field, finding[field], right)
		}
	}
	sources := text(finding["sources"])
	for _, source := range []string{want.Filings[len(want.Filings)-1], "annual"} {
		if !strings.Contains(sources, source) {
			bad("sources", sources, "that "+source+" is among them")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return fmt.Errorf("the finding on %s: %w", company, errors.Join(wrong...))
}

// text is a value as a finding may have it: as text, as a number, or as a list.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

var hundredth = big.NewRat(1, 100)

func near(got, want string, rounded bool) bool {
	clean := strings.NewReplacer(",", "", "%", "", " ", "", "−", "-").Replace(got)
	x, ok := new(big.Rat).SetString(clean)
	y, _ := new(big.Rat).SetString(want) // our own, and tested
	if !ok || y == nil {
		return false
	}
	diff := new(big.Rat).Sub(x, y)
	if rounded {
		return diff.Abs(diff).Cmp(hundredth) <= 0
	}
	return diff.Sign() == 0
}
