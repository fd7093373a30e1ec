package demo

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/money"
)

// dry says what a tour in a real account would use, make and cost at most.
func (t *tour) dry() error {
	conf, err := t.plan.config("")
	if err != nil {
		return err
	}
	sc := t.plan.scene
	t.say("A tour on %s with real services would\n", sc.title)
	t.say("- read filings, write one finding and send one notice for each of %d companies, in", len(t.plan.companies))
	for _, m := range resourceURL.FindAllStringSubmatch(string(conf), -1) {
		t.say("    %-8s %s", m[1], expanded(m[2]))
	}
	t.say("  which are there already, or are made and removed by examples/analyst/cloud/%s.sh up and down", sc.name)
	most := money.New(50, -2, money.USD).Mul(int64(len(t.plan.companies) - 1)).Add(*t.plan.budget)
	t.say("- call the models of %s; every run has a hard budget for models and services together", strings.Join(models(string(conf)), " and "))
	t.say("- cost at most %s: %d runs of 0.50 USD, and one of %s", most, len(t.plan.companies)-1, t.plan.budget)
	t.say("- kill Skein once in the middle\n\nNothing was done. Without --dry-run it is.")
	return nil
}

var (
	resourceURL = regexp.MustCompile(`(?m)^    (objects|sql|table|notify): "(.*)"$`)
	deployment  = regexp.MustCompile(`(?m)^      - \{provider: (\w+), upstream: "(.*?)"`)
	inBraces    = regexp.MustCompile(`\$\{([A-Z_]+):-([^}]*)\}`)
)

// expanded is text with its variables, as the environment has them.
func expanded(text string) string {
	return inBraces.ReplaceAllStringFunc(text, func(v string) string {
		m := inBraces.FindStringSubmatch(v)
		return given(m[1], m[2], false)
	})
}

func models(conf string) (list []string) {
	for _, m := range deployment.FindAllStringSubmatch(conf, -1) {
		list = append(list, fmt.Sprintf("%s (%s)", expanded(m[2]), m[1]))
	}
	return list
}
