package money

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Parse reads a plain decimal number such as "0.000003" or "-12" in currency c.
// An exponent as price lists have it ("3e-06") is read exactly too. More than 18
// places is an error, never a silent cut.
func Parse(s string, c Currency) (Amount, error) {
	bad := func(why string) (Amount, error) {
		return Amount{}, fmt.Errorf("amount %q: %s", s, why)
	}
	num, exp, err := cutExponent(s)
	if err != nil {
		return bad(err.Error())
	}
	neg := strings.HasPrefix(num, "-")
	whole, frac, point := strings.Cut(strings.TrimPrefix(num, "-"), ".")
	if whole == "" || point && frac == "" {
		return bad("want a decimal number such as 0.25")
	}
	digits := whole + frac
	places := len(frac) - exp // of the number as a whole
	for places > Places && strings.HasSuffix(digits, "0") {
		digits, places = digits[:len(digits)-1], places-1
	}
	if places > Places {
		return bad(fmt.Sprintf("has more than %d decimal places", Places))
	}
	if len(strings.TrimLeft(digits, "0"))+Places-places > 38 {
		return bad("is too large")
	}
	var m u128
	for i := 0; i < len(digits)+Places-places; i++ {
		d := byte('0')
		if i < len(digits) {
			d = digits[i]
		}
		if d < '0' || d > '9' {
			return bad("want a decimal number such as 0.25")
		}
		w := m.mul(10)
		m = u128{w.mid, w.lo}
		for range d - '0' {
			m = m.inc()
		}
	}
	return m.signed(neg, c), nil
}

// cutExponent takes a decimal exponent of at most two digits off a number.
func cutExponent(s string) (num string, exp int, err error) {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s, 0, nil
	}
	digits := s[i+1:]
	sign := 1
	switch {
	case strings.HasPrefix(digits, "-"):
		sign, digits = -1, digits[1:]
	case strings.HasPrefix(digits, "+"):
		digits = digits[1:]
	}
	if len(digits) < 1 || len(digits) > 2 {
		return "", 0, fmt.Errorf("want an exponent of one or two digits")
	}
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' {
			return "", 0, fmt.Errorf("want an exponent of one or two digits")
		}
		exp = exp*10 + int(d-'0')
	}
	return s[:i], sign * exp, nil
}

// MustParse is [Parse] for constants; it panics on an error.
func MustParse(s string, c Currency) Amount {
	a, err := Parse(s, c)
	if err != nil {
		panic(err)
	}
	return a
}

// ParseWithCurrency reads "0.50 USD", the form used in configuration.
func ParseWithCurrency(s string) (Amount, error) {
	num, code, ok := strings.Cut(strings.TrimSpace(s), " ")
	if !ok {
		return Amount{}, fmt.Errorf("amount %q: want a number and a currency, such as \"0.50 USD\"", s)
	}
	c, err := ParseCurrency(strings.TrimSpace(code))
	if err != nil {
		return Amount{}, fmt.Errorf("amount %q: %w", s, err)
	}
	return Parse(num, c)
}

// Decimal is the number alone, in full, without trailing zeros: "0.000003".
func (a Amount) Decimal() string {
	var buf [42]byte
	return string(a.AppendDecimal(buf[:0]))
}

// AppendDecimal appends [Amount.Decimal] to b.
func (a Amount) AppendDecimal(b []byte) []byte {
	m := a.magnitude()
	if a.hi < 0 {
		b = append(b, '-')
	}
	const one = 1_000_000_000_000_000_000 // 10^Places
	var whole, frac uint64
	if m.hi < one {
		whole, frac = bits.Div64(m.hi, m.lo, one)
		b = strconv.AppendUint(b, whole, 10)
	} else { // the whole part has up to 67 bits: its last digit apart
		q, r := m.div10()
		whole, frac = bits.Div64(q.hi, q.lo, one)
		b = strconv.AppendUint(b, whole, 10)
		b = append(b, '0'+byte(frac/(one/10)))
		frac = frac%(one/10)*10 + r
	}
	if frac == 0 {
		return b
	}
	var digits [Places]byte
	for i := Places - 1; i >= 0; i-- {
		digits[i] = '0' + byte(frac%10)
		frac /= 10
	}
	last := Places
	for digits[last-1] == '0' {
		last--
	}
	return append(append(b, '.'), digits[:last]...)
}

func (m u128) div10() (u128, uint64) {
	lo, r := bits.Div64(m.hi%10, m.lo, 10)
	return u128{m.hi / 10, lo}, r
}

// Parts is the amount in whole units, thousand-millionths of one, and
// thousand-millionths of these, all of its sign: for sums in places that have no
// number of 128 bits. It is false where the whole units need more than 63 bits.
func (a Amount) Parts() (units, nanos, attos int64, ok bool) {
	const nano = 1_000_000_000
	m := a.magnitude()
	q := m.hi / nano
	lo, r := bits.Div64(m.hi%nano, m.lo, nano)
	attos = int64(r)
	hi := q / nano
	whole, r := bits.Div64(q%nano, lo, nano)
	nanos = int64(r)
	if units = int64(whole); hi != 0 || units < 0 {
		return 0, 0, 0, false
	}
	if a.hi < 0 {
		units, nanos, attos = -units, -nanos, -attos
	}
	return units, nanos, attos, true
}

// String is the number and the currency: "0.000003 USD".
func (a Amount) String() string {
	var buf [46]byte
	return string(a.append(buf[:0]))
}

// append appends [Amount.String] to b.
func (a Amount) append(b []byte) []byte {
	b = a.AppendDecimal(b)
	if c := a.cur.letters; c != 0 {
		b = append(b, ' ', byte(c>>16), byte(c>>8), byte(c))
	}
	return b
}

// Fixed is the number with exactly n decimal places, rounded half to even, for
// tables that people read. It is never for arithmetic.
func (a Amount) Fixed(n int) string {
	unit := int64(1)
	for range Places - n {
		unit *= 10
	}
	rounded := a.MulDiv(1, unit) // in units of 10^-n
	neg := rounded.Sign() < 0
	m := rounded.magnitude()
	var digits []byte
	for m != (u128{}) || len(digits) <= n {
		var r uint64
		m, r = m.div10()
		digits = append(digits, '0'+byte(r))
	}
	var b strings.Builder
	if neg {
		b.WriteByte('-')
	}
	for i := len(digits) - 1; i >= 0; i-- {
		b.WriteByte(digits[i])
		if i == n && n > 0 {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// AppendText appends [Amount.String] to b; no character of it needs to be escaped
// in JSON.
func (a Amount) AppendText(b []byte) ([]byte, error) { return a.append(b), nil }

// MarshalText is [Amount.String].
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Amount) UnmarshalText(b []byte) error {
	v, err := fromText(string(b))
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// fromText reads "0.5 USD", or a bare "0" for the zero Amount.
func fromText(s string) (Amount, error) {
	if s == "" || s == "0" {
		return Amount{}, nil
	}
	return ParseWithCurrency(s)
}

// MarshalJSON is the string "0.000003 USD".
func (a Amount) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 48), '"')
	return append(a.append(b), '"'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Amount) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("amount: want a string such as \"0.50 USD\": %w", err)
	}
	return a.UnmarshalText([]byte(s))
}

// Value stores an amount as text.
func (a Amount) Value() (driver.Value, error) { return a.String(), nil }

// Scan reads what Value stored.
func (a *Amount) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return a.UnmarshalText([]byte(v))
	case []byte:
		return a.UnmarshalText(v)
	}
	return fmt.Errorf("amount: cannot read a %T from the database; want text", src)
}
