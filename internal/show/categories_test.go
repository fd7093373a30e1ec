package show

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
)

// What is shown adds up to the total, also where a line is of no part that this release
// knows, or takes something back.
func TestThePartsAreTheWhole(t *testing.T) {
	line := func(c price.Category, cost string) ledger.Line {
		l := ledger.Line{Category: c, Cost: cost, Currency: "USD", Quantity: "1", UnitPrice: cost}
		body, err := json.Marshal(l)
		if err == nil {
			err = json.Unmarshal(body, &l) // which fills in the amount
		}
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var b strings.Builder
	parts(&b, []ledger.Line{line(price.Models, "0.3"), line(price.Storage, "0.2"), line("", "0.1"), line(price.Storage, "-0.1")})
	want := "  models    0.3 USD\n  storage   0.1 USD\n  other     0.1 USD\n  not tokens: 40.00 % of it\n"
	if b.String() != want {
		t.Errorf("got:\n%swanted:\n%s", &b, want)
	}
	b.Reset()
	parts(&b, []ledger.Line{line(price.Models, "0.3"), line(price.Storage, "-0.1")})
	if strings.Contains(b.String(), "%") {
		t.Errorf("a share of less than nothing is shown:\n%s", &b)
	}
	b.Reset()
	parts(&b, []ledger.Line{line(price.Models, "-0.1"), line(price.Storage, "0.3")})
	if strings.Contains(b.String(), "%") {
		t.Errorf("a share of more than the whole is shown:\n%s", &b)
	}
}
