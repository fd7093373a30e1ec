package money

import "math/bits"

// u128 and u192 are magnitudes on the way through a product.
type u128 struct{ hi, lo uint64 }

type u192 struct{ hi, mid, lo uint64 }

func (a Amount) magnitude() u128 {
	if a.hi >= 0 {
		return u128{uint64(a.hi), a.lo}
	}
	lo, borrow := bits.Sub64(0, a.lo, 0)
	hi, _ := bits.Sub64(0, uint64(a.hi), borrow)
	return u128{hi, lo}
}

func (m u128) signed(negative bool, c Currency) Amount {
	if m.hi > 1<<63-1 {
		panic("money: product does not fit in 128 bits")
	}
	a := Amount{int64(m.hi), m.lo, c}
	if negative {
		return a.Neg()
	}
	return a
}

func (m u128) inc() u128 {
	lo, carry := bits.Add64(m.lo, 1, 0)
	hi, over := bits.Add64(m.hi, 0, carry)
	if over != 0 {
		panic("money: product does not fit in 128 bits")
	}
	return u128{hi, lo}
}

// Mul2 is |a| × n without rounding or overflow, for comparisons.
func (a Amount) wideMul(n int64) u192 { return a.magnitude().mul(abs64(n)) }

func (m u128) mul(n uint64) u192 {
	h1, lo := bits.Mul64(m.lo, n)
	hi, mid := bits.Mul64(m.hi, n)
	mid, carry := bits.Add64(mid, h1, 0)
	hi += carry
	return u192{hi, mid, lo}
}

func (w u192) le(m u128) bool {
	if w.hi != 0 || w.mid > m.hi {
		return false
	}
	return w.mid < m.hi || w.lo <= m.lo
}

// mulDiv is |a| × |n| ÷ per, rounded down, and the remainder.
func (a Amount) mulDiv(n, per int64) (q u128, r uint64) {
	if per <= 0 {
		panic("money: a price needs a positive number of units")
	}
	w := a.magnitude().mul(abs64(n))
	d := uint64(per)
	top := w.hi / d
	r = w.hi % d
	q.hi, r = bits.Div64(r, w.mid, d)
	q.lo, r = bits.Div64(r, w.lo, d)
	if top != 0 {
		panic("money: product does not fit in 128 bits")
	}
	return q, r
}

func abs64(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}
