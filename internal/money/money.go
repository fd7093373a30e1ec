// Package money holds exact amounts and their splitting.
//
// An [Amount] is an integer coefficient of 10⁻¹⁸ of one currency, in 128 bits:
// the largest that text can hold is just below 10²⁰ units. Sums and differences are exact. A product
// that needs more places goes through the one named rounding, [Amount.MulDiv],
// and every division goes through [Amount.Split], whose shares sum to the whole.
// No float enters or leaves this package; in JSON and SQL an amount's number is a
// decimal string.
//
// Mixing currencies, and leaving the 128 bits, are broken invariants of the
// caller and panic: no budget or bill may go on after either.
package money

import (
	"fmt"
	"math/bits"
)

// Places is how many decimal places a coefficient has.
const Places = 18

// Currency is an ISO 4217 code such as USD. The zero Currency belongs to the
// zero Amount only, and takes on the currency of whatever it meets.
//
// The three letters are packed into one number, so that an Amount travels in
// registers: an array in it would put every one on the stack.
type Currency struct{ letters uint32 }

// USD is the currency of nearly every price list that we read.
var USD = code('U', 'S', 'D')

// EUR is the euro.
var EUR = code('E', 'U', 'R')

func code(a, b, c byte) Currency { return Currency{uint32(a)<<16 | uint32(b)<<8 | uint32(c)} }

// ParseCurrency takes a three-letter upper-case code.
func ParseCurrency(s string) (Currency, error) {
	if len(s) != 3 {
		return Currency{}, fmt.Errorf("currency %q: want a three-letter ISO 4217 code such as USD", s)
	}
	for i := range 3 {
		if s[i] < 'A' || s[i] > 'Z' {
			return Currency{}, fmt.Errorf("currency %q: want a three-letter ISO 4217 code such as USD", s)
		}
	}
	return code(s[0], s[1], s[2]), nil
}

// String is the code, or "" for the zero Currency.
func (c Currency) String() string {
	if c == (Currency{}) {
		return ""
	}
	return string([]byte{byte(c.letters >> 16), byte(c.letters >> 8), byte(c.letters)})
}

// Amount is exact money: coefficient × 10⁻¹⁸ of a currency. The zero value is
// nothing, in no currency yet.
type Amount struct {
	hi  int64 // two's complement, with lo
	lo  uint64
	cur Currency
}

// Zero is nothing, in a known currency.
func Zero(c Currency) Amount { return Amount{cur: c} }

// New is coefficient × 10^exp, exactly: New(15, -2, USD) is 0.15 USD.
func New(coefficient int64, exp int, c Currency) Amount {
	a := Amount{cur: c}
	if coefficient < 0 {
		a.hi = -1
	}
	a.lo = uint64(coefficient)
	shift := Places + exp
	if shift < 0 {
		panic(fmt.Sprintf("money.New: 10^%d is finer than 10^-%d", exp, Places))
	}
	for range shift {
		a = a.times(10)
	}
	return a
}

// Currency says which currency a is in; zero for the zero Amount.
func (a Amount) Currency() Currency { return a.cur }

// IsZero reports whether a is nothing.
func (a Amount) IsZero() bool { return a.hi == 0 && a.lo == 0 }

// Sign is -1, 0 or 1.
func (a Amount) Sign() int {
	switch {
	case a.hi < 0:
		return -1
	case a.IsZero():
		return 0
	}
	return 1
}

// Add is a + b.
func (a Amount) Add(b Amount) Amount {
	cur := common(a, b)
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi := a.hi + b.hi + int64(carry)
	if (a.hi < 0) == (b.hi < 0) && (hi < 0) != (a.hi < 0) {
		panic("money: sum does not fit in 128 bits")
	}
	return Amount{hi, lo, cur}
}

// Sub is a - b.
func (a Amount) Sub(b Amount) Amount { return a.Add(b.Neg()) }

// Neg is -a.
func (a Amount) Neg() Amount {
	lo, borrow := bits.Sub64(0, a.lo, 0)
	hi := -a.hi - int64(borrow)
	if a.hi < 0 && hi < 0 {
		panic("money: negation does not fit in 128 bits")
	}
	return Amount{hi, lo, a.cur}
}

// Cmp is -1, 0 or 1 as a is less than, equal to or greater than b.
func (a Amount) Cmp(b Amount) int {
	common(a, b)
	switch {
	case a.hi < b.hi, a.hi == b.hi && a.lo < b.lo:
		return -1
	case a.hi == b.hi && a.lo == b.lo:
		return 0
	}
	return 1
}

// Min is the lesser of a and b.
func Min(a, b Amount) Amount {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}

// Max is the greater of a and b.
func Max(a, b Amount) Amount {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}

// Mul is a × n, exactly.
func (a Amount) Mul(n int64) Amount { return a.MulDiv(n, 1) }

// MulDiv is a × n ÷ per, rounded half to even at the 18th place. It is the one
// rounding of a charge: a price for `per` units, times a quantity of n units.
// It panics where per is not positive.
func (a Amount) MulDiv(n, per int64) Amount {
	q, r := a.mulDiv(n, per)
	twice := r << 1 // r < per < 2^63
	if twice > uint64(per) || twice == uint64(per) && q.lo&1 == 1 {
		q = q.inc()
	}
	return q.signed(a.Sign()*sign64(n) < 0, a.cur)
}

// MulDivUp is [Amount.MulDiv] rounded away from zero: the bound of a charge.
func (a Amount) MulDivUp(n, per int64) Amount {
	q, r := a.mulDiv(n, per)
	if r != 0 {
		q = q.inc()
	}
	return q.signed(a.Sign()*sign64(n) < 0, a.cur)
}

// Quo is how many times b goes into a, rounded down, and at most limit: how many
// tokens at price b the money a affords. It wants a ≥ 0 and b > 0.
func (a Amount) Quo(b Amount, limit int64) int64 {
	common(a, b)
	if a.Sign() < 0 || b.Sign() <= 0 {
		panic("money.Quo: want a >= 0 and b > 0")
	}
	lo, hi := int64(0), limit
	if b.wideMul(hi).le(a.magnitude()) {
		return hi
	}
	for lo < hi { // lo is affordable, hi+… is not: at most 63 rounds of two multiplications
		mid := lo + (hi-lo+1)/2
		if b.wideMul(mid).le(a.magnitude()) {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// Split divides a into one share for each weight, in proportion, so that the
// shares sum to a exactly. What is left over after rounding down goes, a smallest
// unit each, to the first shares of positive weight. It panics where a weight is
// negative or all are zero.
func (a Amount) Split(weights ...int64) []Amount {
	var sum int64
	for _, w := range weights {
		if w < 0 {
			panic("money.Split: a weight is negative")
		}
		if sum += w; sum < 0 {
			panic("money.Split: the weights do not fit in 63 bits")
		}
	}
	if sum == 0 {
		panic("money.Split: no weight is positive")
	}
	shares := make([]Amount, len(weights))
	rest := a
	for i, w := range weights {
		q, _ := a.mulDiv(w, sum)
		shares[i] = q.signed(a.Sign() < 0, a.cur)
		rest = rest.Sub(shares[i])
	}
	unit := Amount{lo: 1, cur: a.cur}
	if rest.Sign() < 0 {
		unit = unit.Neg()
	}
	for i := 0; !rest.IsZero(); i = (i + 1) % len(weights) {
		if weights[i] > 0 {
			shares[i] = shares[i].Add(unit)
			rest = rest.Sub(unit)
		}
	}
	return shares
}

func common(a, b Amount) Currency {
	switch {
	case a.cur == b.cur:
		return a.cur
	case a.cur == (Currency{}) && a.IsZero():
		return b.cur
	case b.cur == (Currency{}) && b.IsZero():
		return a.cur
	}
	panic(fmt.Sprintf("money: %s meets %s; convert by a dated rate first", a.cur, b.cur))
}

// times is a × small, for building constants.
func (a Amount) times(small int64) Amount { return a.MulDiv(small, 1) }

func sign64(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
