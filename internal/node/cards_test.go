package node

import (
	"slices"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/config"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool"
)

// What is confirmed of an effect may name what nobody had seen when it was booked, such as
// the bytes of an answer that never came: it has the price that it would have had.
func TestWhatIsConfirmedOfAnEffectHasItsPrice(t *testing.T) {
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	cards := &cards{catalog: cat, location: "internet", mine: map[string]config.PriceOptions{
		"aws/s3/eu-central-2": {Like: "aws/s3/us-east-1", Meters: map[string]config.MeterOption{"bytes.read": {Price: "0.08", Per: 1 << 30}}},
	}}
	for _, c := range []struct {
		service  string
		notional bool
		sku      string
	}{
		{"aws/s3/us-east-1", false, "egress-us-east-1-outbound-data-transfer-to-internet-first-10tb"},
		{"aws/s3/us-east-1", true, "egress-us-east-1-same-region"},
		{"aws/s3/eu-central-2", false, "bytes.read"},
		{"gcp/storage/us-east1", false, "transfer-worldwide-first-1tb"},
	} {
		card, ok := cards.resource(tool.Resource{Service: c.service, Notional: c.notional}, now)
		if !ok {
			t.Fatalf("%s is not there", c.service)
		}
		e := &ledger.Entry{Kind: ledger.Effect, Cloud: card.Cloud, Service: card.Service, Region: card.Region, ConsumedFrom: now,
			Charges: card.Rate([]price.Reading{{Meter: price.MeterGet, Quantity: 1, Source: price.Estimated}}, price.Options{})}
		ch, err := cards.rate(e, price.Reading{Meter: price.MeterBytesRead, Quantity: 1 << 30, Source: price.Reported}, 0)
		if err != nil || ch.SKU != c.sku || slices.Contains(ch.Marks, price.MarkNotional) != c.notional {
			t.Errorf("%s (notional %v): %+v, %v; wanted %s", c.service, c.notional, ch, err, c.sku)
		}
	}
	e := &ledger.Entry{Kind: ledger.Effect, Cloud: "aws", Service: "Amazon S3", Region: "us-east-1", ConsumedFrom: now,
		Charges: []price.Charge{{Reading: price.Reading{Meter: price.MeterGet, Quantity: 1}, SKU: "of-another-list"}}}
	if ch, _ := cards.rate(e, price.Reading{Meter: price.MeterBytesRead, Quantity: 1}, 0); !slices.Contains(ch.Marks, price.Unpriced) {
		t.Errorf("what was priced by a list that is gone is now %+v", ch)
	}
}
