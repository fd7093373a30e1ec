package demo

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/fakecloud"
)

// list is a price list of this test's own, written from the vendors' figures and not
// from Skein's catalog: dollars for so many units, by the stand-ins' names of services
// and meters. A meter that a service does not charge for has no row.
var list = map[string]map[string]struct {
	price string
	per   int64
}{
	"bedrock": {"input": {"3.30", 1e6}, "output": {"16.50", 1e6}, "cache_read": {"0.33", 1e6}}, // in a region: a tenth more
	"azure":   {"input": {"1.25", 1e6}, "output": {"10", 1e6}, "cache_read": {"0.125", 1e6}},
	"vertex":  {"input": {"1.25", 1e6}, "output": {"10", 1e6}, "cache_read": {"0.125", 1e6}},

	"s3":       {"requests.list": {"0.005", 1000}, "requests.put": {"0.005", 1000}, "requests.get": {"0.0004", 1000}},
	"dynamodb": {"units.read": {"0.125", 1e6}, "units.write": {"0.625", 1e6}},
	"sns":      {"publishes": {"0.30", 1e6}, "bytes.published": {"0.017", 1 << 30}}, // FIFO

	"blob":       {"requests.list": {"0.055", 10_000}, "requests.put": {"0.055", 10_000}, "requests.get": {"0.0044", 10_000}},
	"cosmos":     {"units.milli_ru": {"0.279", 1e9}},
	"servicebus": {"publishes": {"0.80", 1e6}},

	"gcs":       {"requests.list": {"0.005", 1000}, "requests.put": {"0.005", 1000}, "requests.get": {"0.0004", 1000}},
	"firestore": {"units.read": {"0.03", 100_000}, "units.write": {"0.09", 100_000}},
	"pubsub":    {"bytes.published": {"40", 1 << 40}, "publishes": {"0", 1}}, // by volume
}

// free is what nobody charges for: data in, data out to the same region, and requests
// that are billed by something else.
var free = map[string]bool{"calls": true, "bytes.read": true, "bytes.sent": true, "requests.read": true, "requests.write": true}

// The bill of each cloud equals what an independent calculation makes of the services'
// own log, to the last of 18 digits.
func TestTheBillEqualsAnIndependentCalculation(t *testing.T) {
	for _, sc := range scenes {
		t.Run(sc.name, func(t *testing.T) {
			tour, _ := aTour(t, sc.name, time.Millisecond, "Apple", "Tesla", "NVIDIA", poor)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := tour.stage(ctx); err != nil {
				t.Fatal(err)
			}
			if err := tour.play(ctx); err != nil {
				t.Fatal(err)
			}
			j, err := tour.evidence(ctx)
			if err != nil {
				t.Fatal(err)
			}
			want := calculated(t, j.usage)
			if len(j.bill.Totals) != 1 {
				t.Fatalf("the totals are %+v", j.bill.Totals)
			}
			got, ok := new(big.Rat).SetString(j.bill.Totals[0].Cost)
			if !ok || got.Cmp(want) != 0 || want.Sign() == 0 {
				t.Errorf("the bill is %s, and the log comes to %s", j.bill.Totals[0].Cost, want.FloatString(18))
			}
		})
	}
}

// calculated is what the log comes to: each quantity of each attempt and effect by its
// price, rounded half to even at 18 places, as a bill's lines are.
func calculated(t *testing.T, usage []fakecloud.Consumed) *big.Rat {
	t.Helper()
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	sum := new(big.Int)
	for _, u := range usage {
		for meter, n := range u.Readings {
			p, ok := list[u.Service][meter]
			if !ok {
				if n != 0 && !free[meter] {
					t.Errorf("%s: %d %s have no price in this test's list", u.Service, n, meter)
				}
				continue
			}
			r, ok := new(big.Rat).SetString(p.price)
			if !ok {
				t.Fatalf("%q is no number", p.price)
			}
			r.Mul(r, new(big.Rat).SetFrac64(n, p.per))
			r.Mul(r, new(big.Rat).SetInt(unit))
			sum.Add(sum, halfEven(r))
		}
	}
	return new(big.Rat).SetFrac(sum, unit)
}

func halfEven(r *big.Rat) *big.Int {
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	switch new(big.Int).Lsh(rest, 1).Cmp(r.Denom()) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}
