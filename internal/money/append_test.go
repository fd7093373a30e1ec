package money

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyAmount is any coefficient of 128 bits, small, large and on the edges.
var anyAmount = rapid.Custom(func(t *rapid.T) Amount {
	a := Amount{hi: rapid.Int64().Draw(t, "hi"), lo: rapid.Uint64().Draw(t, "lo"), cur: USD}
	if rapid.Bool().Draw(t, "small") {
		a.hi = rapid.SampledFrom([]int64{0, -1}).Draw(t, "sign")
	}
	return a
})

func (a Amount) big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(a.hi), 64)
	return n.Add(n, new(big.Int).SetUint64(a.lo))
}

// TestTextHasEveryDigit, also of amounts that no sum of money reaches.
func TestTextHasEveryDigit(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, a Amount) {
		n := new(big.Int).Abs(a.big())
		whole, frac := new(big.Int).QuoRem(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(Places), nil), new(big.Int))
		want := frac.String()
		want = strings.TrimRight(whole.String()+"."+strings.Repeat("0", Places-len(want))+want, "0")
		want = strings.TrimSuffix(want, ".")
		if a.hi < 0 {
			want = "-" + want
		}
		if got := a.Decimal(); got != want {
			t.Errorf("%d × 10^-18 is %s; want %s", a.big(), got, want)
		}
	}
	const one = 1_000_000_000_000_000_000
	for _, a := range []Amount{{}, {lo: 1}, {hi: -1, lo: 1<<64 - 1}, {hi: one - 1, lo: 1<<64 - 1}, {hi: one}, {hi: one, lo: 5}, {hi: 1<<63 - 1, lo: 1<<64 - 1}, {hi: -one}, {hi: -1 << 63, lo: 1}} {
		check(t, a)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, anyAmount.Draw(t, "amount")) })
}

// TestPartsAddUpToTheAmount, and are all of its sign.
func TestPartsAddUpToTheAmount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyAmount.Draw(t, "amount")
		units, nanos, attos, ok := a.Parts()
		whole := new(big.Int).Quo(a.big(), big.NewInt(1_000_000_000_000_000_000))
		if ok != whole.IsInt64() && whole.CmpAbs(new(big.Int).Lsh(big.NewInt(1), 63)) != 0 {
			t.Fatalf("parts of %s: %v", a, ok)
		}
		if !ok {
			return
		}
		sum := big.NewInt(units)
		for _, n := range []int64{nanos, attos} {
			if n <= -1_000_000_000 || n >= 1_000_000_000 || int64(a.Sign())*n < 0 {
				t.Fatalf("%s has the parts %d %d %d", a, units, nanos, attos)
			}
			sum.Mul(sum, big.NewInt(1_000_000_000)).Add(sum, big.NewInt(n))
		}
		if sum.Cmp(a.big()) != 0 {
			t.Fatalf("%s has the parts %d %d %d", a, units, nanos, attos)
		}
	})
}
