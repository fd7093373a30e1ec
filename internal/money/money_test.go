package money_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/money"
)

var scale = new(big.Int).Exp(big.NewInt(10), big.NewInt(money.Places), nil)

// exact is the model that amounts are held against.
func exact(t interface{ Fatalf(string, ...any) }, a money.Amount) *big.Int {
	r, ok := new(big.Rat).SetString(a.Decimal())
	if !ok {
		t.Fatalf("%q is no decimal", a.Decimal())
	}
	r.Mul(r, new(big.Rat).SetInt(scale))
	if !r.IsInt() {
		t.Fatalf("%s has more than 18 places", a)
	}
	return r.Num()
}

func amounts() *rapid.Generator[money.Amount] {
	return rapid.Custom(func(t *rapid.T) money.Amount {
		c := rapid.Int64().Draw(t, "coefficient")
		return money.New(c, rapid.IntRange(-18, -6).Draw(t, "exp"), money.USD)
	})
}

func TestSumsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts().Draw(t, "a"), amounts().Draw(t, "b")
		if got, want := exact(t, a.Add(b)), new(big.Int).Add(exact(t, a), exact(t, b)); got.Cmp(want) != 0 {
			t.Fatalf("%s + %s = %s", a, b, got)
		}
		if got, want := exact(t, a.Sub(b)), new(big.Int).Sub(exact(t, a), exact(t, b)); got.Cmp(want) != 0 {
			t.Fatalf("%s - %s = %s", a, b, got)
		}
		if got, want := a.Cmp(b), exact(t, a).Cmp(exact(t, b)); got != want {
			t.Fatalf("Cmp(%s, %s) = %d, want %d", a, b, got, want)
		}
	})
}

func TestMulDivRoundsHalfToEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := amounts().Draw(t, "a")
		n := rapid.Int64Range(-1e7, 1e7).Draw(t, "n") // times 10¹³ units it still fits
		per := rapid.Int64Range(1, 1e12).Draw(t, "per")
		num := new(big.Int).Mul(exact(t, a), big.NewInt(n))
		q, r := new(big.Int).QuoRem(num, big.NewInt(per), new(big.Int))
		up := new(big.Int).Set(q)
		if r.Sign() != 0 {
			up.Add(up, big.NewInt(int64(num.Sign())))
		}
		twice := new(big.Int).Lsh(new(big.Int).Abs(r), 1)
		want := q
		if c := twice.Cmp(big.NewInt(per)); c > 0 || c == 0 && q.Bit(0) == 1 {
			want = up
		}
		if got := exact(t, a.MulDiv(n, per)); got.Cmp(want) != 0 {
			t.Fatalf("%s × %d ÷ %d = %s, want %s", a, n, per, got, want)
		}
		if got := exact(t, a.MulDivUp(n, per)); got.Cmp(up) != 0 {
			t.Fatalf("%s × %d ÷ %d rounded up = %s, want %s", a, n, per, got, up)
		}
	})
}

func TestQuoIsTheMostThatFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := money.New(rapid.Int64Range(0, 1e18).Draw(t, "a"), -12, money.USD)
		b := money.New(rapid.Int64Range(1, 1e15).Draw(t, "b"), -18, money.USD)
		limit := rapid.Int64Range(0, 1e6).Draw(t, "limit")
		n := a.Quo(b, limit)
		if b.Mul(n).Cmp(a) > 0 || n > limit {
			t.Fatalf("%d × %s does not fit into %s", n, b, a)
		}
		if n < limit && b.Mul(n+1).Cmp(a) <= 0 {
			t.Fatalf("%d × %s fits into %s as well", n+1, b, a)
		}
	})
}

func TestSplitLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := amounts().Draw(t, "a")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1e6), 1, 9).Draw(t, "weights")
		weights[0]++
		sum := money.Zero(money.USD)
		for i, s := range a.Split(weights...) {
			sum = sum.Add(s)
			if weights[i] == 0 && !s.IsZero() {
				t.Fatalf("a share of weight 0 got %s", s)
			}
		}
		if sum != a {
			t.Fatalf("shares of %s sum to %s", a, sum)
		}
	})
}

func TestTextComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := amounts().Draw(t, "a")
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back money.Amount
		if err := json.Unmarshal(b, &back); err != nil || back != a {
			t.Fatalf("%s came back as %s, %v", a, back, err)
		}
	})
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"0.25", "0.25 USD"},
		{"3e-06", "0.000003 USD"},
		{"2.50E+2", "250 USD"},
		{"-0.000000000000000001", "-0.000000000000000001 USD"},
		{"1.0000000000000000000000", "1 USD"},
		{"99999999999999999999", "99999999999999999999 USD"},
	} {
		a, err := money.Parse(c.in, money.USD)
		if err != nil || a.String() != c.want {
			t.Errorf("Parse(%q) = %s, %v; want %s", c.in, a, err, c.want)
		}
	}
	for _, bad := range []string{"", ".", "1.", ".5", "1,5", "0x1", "NaN", "1e", "1e999", "--1", "+1", "1e-19", "0.0000000000000000001", "1000000000000000000000"} {
		if a, err := money.Parse(bad, money.USD); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", bad, a)
		}
	}
}

func TestFixedIsForReading(t *testing.T) {
	a := money.MustParse("12.3456", money.USD)
	for n, want := range map[int]string{0: "12", 2: "12.35", 4: "12.3456", 6: "12.345600"} {
		if got := a.Fixed(n); got != want {
			t.Errorf("Fixed(%d) = %s, want %s", n, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0.25")
	f.Add("3e-06")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := money.Parse(s, money.USD)
		if err != nil {
			return
		}
		if b, err := money.Parse(a.Decimal(), money.USD); err != nil || b != a {
			t.Fatalf("%q is %s, and %s is %s (%v)", s, a, a.Decimal(), b, err)
		}
	})
}

func ExampleAmount_MulDiv() {
	perMillion := money.MustParse("1.25", money.USD)
	fmt.Println(perMillion.MulDiv(1843, 1_000_000))
	// Output: 0.00230375 USD
}

func ExampleAmount_Split() {
	for _, s := range money.MustParse("0.10", money.USD).Split(1, 1, 1) {
		fmt.Println(s)
	}
	// Output:
	// 0.033333333333333334 USD
	// 0.033333333333333333 USD
	// 0.033333333333333333 USD
}

func BenchmarkMulDivAdd(b *testing.B) {
	price, sum := money.MustParse("1.25", money.USD), money.Zero(money.USD)
	for i := range b.N {
		sum = sum.Add(price.MulDiv(int64(i&4095), 1_000_000))
	}
}
