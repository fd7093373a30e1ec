package raw

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Number takes a number in its own spelling; null is the empty one.
func (c *Cursor) Number() json.Number {
	if c.Null() {
		return ""
	}
	if !c.expect('0', "want a number") {
		return ""
	}
	from := c.i
	c.number()
	if c.err != nil {
		return ""
	}
	return json.Number(c.b[from:c.i])
}

// Int takes a whole number; null counts as 0. A spelling such as 1e3 or 10.0 is
// whole as well.
func (c *Cursor) Int() int64 {
	if c.Null() {
		return 0
	}
	if !c.expect('0', "want a whole number") {
		return 0
	}
	from := c.i
	c.number()
	if c.err != nil {
		return 0
	}
	s := c.b[from:c.i]
	if n, ok := small(s); ok {
		return n
	}
	if bytes.ContainsAny(s, ".eE") {
		// A count is far below 2⁵³, where float64 is exact.
		if f, err := strconv.ParseFloat(string(s), 64); err == nil && f == float64(int64(f)) && f < 1<<53 && f > -(1<<53) {
			return int64(f)
		}
	}
	c.Fail(from, "want a whole number")
	return 0
}

func small(s []byte) (n int64, ok bool) {
	neg := s[0] == '-'
	if neg {
		s = s[1:]
	}
	if len(s) > 18 {
		return 0, false
	}
	for _, d := range s {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

func (c *Cursor) number() {
	b, i := c.b, c.i
	if b[i] == '-' {
		i++
	}
	ok := true
	if i < len(b) && b[i] == '0' {
		i++
	} else {
		i, ok = digits(b, i)
	}
	if ok && i < len(b) && b[i] == '.' {
		i, ok = digits(b, i+1)
	}
	if ok && i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		i, ok = digits(b, i)
	}
	c.i = i
	if !ok {
		c.bad()
	}
}

func digits(b []byte, i int) (end int, some bool) {
	from := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i, i > from
}

// maxCount is more than anything is counted to, and little enough that sums of
// counts, and their products with prices, stay what they are.
const maxCount = 1 << 48

// Count takes a number of things; what is no whole number above zero, or larger than
// anything is counted to, counts as 0.
func (c *Cursor) Count() int64 {
	if c.Kind() != '0' {
		c.Skip()
		return 0
	}
	before := *c
	n := c.Int()
	if c.err != nil {
		*c = before
		c.Skip()
		return 0
	}
	if n < 0 || n > maxCount {
		return 0
	}
	return n
}
