package show

import (
	"fmt"
	"io"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/money"
	"github.com/skein-run/skein/internal/price"
)

// categories are the parts of a bill, in the order in which people ask for them, as
// they are called there.
var categories = []struct {
	is   price.Category
	name string
}{
	{price.Models, "models"}, {price.Compute, "compute"}, {price.Storage, "storage"},
	{price.Databases, "databases"}, {price.Messaging, "messaging"}, {price.Networking, "network"},
	{"", "other"}, // meters of another release
}

// parts writes what the parts of a run's bill cost, and which share of it are not
// tokens.
func parts(w io.Writer, lines []ledger.Line) {
	sums := map[price.Category]money.Amount{}
	var total money.Amount
	for i := range lines {
		l := &lines[i]
		sums[l.Category] = sums[l.Category].Add(l.Amount())
		total = total.Add(l.Amount())
	}
	for _, c := range categories {
		if sum, any := sums[c.is]; any {
			fmt.Fprintf(w, "  %-10s%s\n", c.name, sum)
		}
	}
	// After corrections a part can be less than nothing, and then it has no share.
	if rest := total.Sub(sums[price.Models]); total.Sign() > 0 && rest.Sign() >= 0 && sums[price.Models].Sign() >= 0 {
		fmt.Fprintf(w, "  not tokens: %s of it\n", Share(rest, total))
	}
}

// Share is a part in percent of a whole, cut to two decimals.
func Share(part, whole money.Amount) string {
	n := part.Mul(10_000).Quo(whole, 10_000)
	return fmt.Sprintf("%d.%02d %%", n/100, n%100)
}
