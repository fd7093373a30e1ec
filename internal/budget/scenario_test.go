package budget_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/skein-run/skein/internal/budget"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// TestScenarios runs the stories in testdata. The clock stands at 2026-11-24
// 12:00 UTC until `at` moves it.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		s := &story{State: budget.New(), now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.run(t, d)
		})
	})
}

type story struct {
	*budget.State
	now time.Time
}

func (s *story) run(t *testing.T, d *datadriven.TestData) string {
	arg := func(key string) string {
		if a, ok := d.Arg(key); ok {
			return strings.Join(a.Vals, ",")
		}
		return ""
	}
	number := func(key string) int64 {
		n, err := strconv.ParseInt(cmpOr(arg(key), "0"), 10, 64)
		if err != nil {
			d.Fatalf(t, "%s: %v", key, err)
		}
		return n
	}
	amount := func(key string) money.Amount {
		text, currency, _ := strings.Cut(cmpOr(arg(key), "0"), "/")
		c, err := money.ParseCurrency(cmpOr(currency, "USD"))
		if err != nil {
			d.Fatalf(t, "%s: %v", key, err)
		}
		a, err := money.Parse(text, c)
		if err != nil {
			d.Fatalf(t, "%s: %v", key, err)
		}
		return a
	}
	scopes := func() (out []string) {
		if a := arg("for"); a != "" {
			out = strings.Split(a, ",")
		}
		return out
	}

	switch d.Cmd {
	case "at":
		at, err := time.Parse(time.RFC3339, d.CmdArgs[0].Key)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		s.now = at
		return "ok"
	case "limit":
		l := budget.Limit{
			Org: arg("org"), Scope: arg("for"), Amount: amount("amount"), Window: budget.Window(arg("window")),
			Kind: budget.Kind(cmpOr(arg("kind"), "hard")),
		}
		if z := arg("zone"); z != "" {
			zone, err := time.LoadLocation(z)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			l.Zone = zone
		}
		if err := s.Define(l); err != nil {
			return err.Error()
		}
		return "ok"
	case "remove":
		return fmt.Sprint(s.Remove(arg("org"), arg("for"), budget.Window(arg("window")), budget.Kind(cmpOr(arg("kind"), "hard"))))
	case "hold":
		v := s.Hold(&budget.Ask{
			ID: arg("id"), Org: arg("org"), Scopes: scopes(), Fixed: amount("fixed"),
			PerUnit: price.PerUnit{Price: amount("price"), Per: 1_000_000},
			Want:    number("want"), Min: number("min"), Choices: number("choices"), Unbounded: arg("unbounded"),
		}, s.now)
		if !v.OK {
			return v.Refusal.Error()
		}
		return fmt.Sprintf("cap %d, held %s, hard %v, in %v", v.Cap, v.Held, v.Hard, v.Windows)
	case "settle", "return":
		out := s.Settle(arg("id"), amount("cost"))
		if !out.Found {
			return "not held"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "spent %s of %s", out.Spent, out.Held)
		if !out.Overrun.IsZero() {
			fmt.Fprintf(&b, ", overrun %s", out.Overrun)
		}
		for _, e := range out.Events {
			fmt.Fprintf(&b, "\n%s %s: %d %% of %s reached with %s", e.Limit.Kind, e.Window, e.Percent, e.Limit.Amount, e.Spent)
		}
		return b.String()
	case "seed":
		return fmt.Sprint(s.Seed(arg("org"), arg("window"), amount("spent")))
	case "correct":
		s.Correct(arg("org"), []string{arg("window")}, amount("by"))
		return "ok"
	case "restore":
		s.Restore(arg("id"), arg("org"), strings.Split(arg("in"), ","), amount("held"))
		return "ok"
	case "show":
		var b strings.Builder
		for _, st := range s.Snapshot(s.now) {
			fmt.Fprintf(&b, "%s %s: %s of %s spent, %s held", st.Limit.Kind, st.Window, st.Spent, st.Limit.Amount, st.Held)
			if !st.Opens.IsZero() {
				fmt.Fprintf(&b, ", opens %s", st.Opens.Format(time.RFC3339))
			}
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%d holds", s.Holds())
		return b.String()
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
