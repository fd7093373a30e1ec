package raw

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Cursor walks over one JSON text. Its first error stays and ends every loop, so
// that callers ask once, at the end. The zero value is an empty text.
type Cursor struct {
	b     []byte
	i     int
	depth int
	first bool // no value has come yet in the innermost object or list
	key   Span // the last name that Key gave
	err   *SyntaxError
}

// On is a cursor at the beginning of b.
func On(b []byte) Cursor { return Cursor{b: b} }

// Err is the first error, or nil.
func (c *Cursor) Err() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// Fail makes the cursor end with an error of the caller's at the given offset.
func (c *Cursor) Fail(offset int, what string) {
	if c.err == nil {
		c.err = &SyntaxError{Offset: offset, What: what}
	}
	c.i = len(c.b)
}

// Pos is the offset of the next value or key, white space skipped.
func (c *Cursor) Pos() int {
	c.space()
	return c.i
}

// End fails unless nothing but white space is left.
func (c *Cursor) End() error {
	c.space()
	if c.err == nil && c.i < len(c.b) {
		c.Fail(c.i, "text after the end of the JSON value")
	}
	return c.Err()
}

func (c *Cursor) space() {
	if c.i < len(c.b) && c.b[c.i] <= ' ' {
		c.spaces()
	}
}

func (c *Cursor) spaces() {
	b, i := c.b, c.i
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	c.i = i
}

// kinds maps a byte to the kind of value that begins with it.
var kinds = [256]byte{
	'{': '{', '[': '[', '"': '"', 't': 't', 'f': 'f', 'n': 'n', '-': '0',
	'0': '0', '1': '0', '2': '0', '3': '0', '4': '0', '5': '0', '6': '0', '7': '0', '8': '0', '9': '0',
}

// Kind is the first byte of the next value: one of {["tfn, '0' for any number, or
// 0 where there is no value.
func (c *Cursor) Kind() byte {
	c.space()
	if c.i >= len(c.b) {
		return 0
	}
	return kinds[c.b[c.i]]
}

func (c *Cursor) expect(kind byte, what string) bool {
	if k := c.Kind(); k != kind {
		if k == 0 {
			c.bad()
		} else {
			c.Fail(c.i, what)
		}
		return false
	}
	return true
}

// bad fails with what stands where a value was expected.
func (c *Cursor) bad() {
	if c.i >= len(c.b) {
		c.Fail(c.i, "the JSON text ends too early")
		return
	}
	c.Fail(c.i, "invalid JSON: unexpected "+strconv.QuoteRune(rune(c.b[c.i])))
}

// Object enters an object; then Key gives its members.
func (c *Cursor) Object() bool { return c.expect('{', "want an object") && c.enter() }

// List enters a list; then More says whether another value follows.
func (c *Cursor) List() bool { return c.expect('[', "want a list") && c.enter() }

func (c *Cursor) enter() bool {
	if c.depth++; c.depth > MaxDepth {
		c.Fail(c.i, "nested too deeply")
		return false
	}
	c.i++
	c.first = true
	return true
}

// Key gives the name of the next member, decoded, and stops before its value. At
// the end of the object it leaves it and gives false. The name may lie in the
// text; it must not be changed.
func (c *Cursor) Key() ([]byte, bool) {
	if !c.next('}') {
		return nil, false
	}
	from := c.i
	if from >= len(c.b) || c.b[from] != '"' {
		c.bad()
		return nil, false
	}
	// Names are short and seldom escaped.
	b, i := c.b, from+1
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	if i+1 < len(b) && b[i] == '"' && b[i+1] == ':' {
		c.key = Span{from, i + 1}
		c.i = i + 2
		return b[from+1 : i], true
	}
	k := c.Bytes()
	c.key = Span{from, c.i}
	c.space()
	if c.err == nil && (c.i >= len(c.b) || c.b[c.i] != ':') {
		c.bad()
	}
	if c.err != nil {
		return nil, false
	}
	c.i++
	return k, true
}

// KeySpan is where the name that Key gave last stands, quotes included.
func (c *Cursor) KeySpan() Span { return c.key }

// More says whether another value follows in the list; at its end it leaves it.
func (c *Cursor) More() bool { return c.next(']') }

func (c *Cursor) next(end byte) bool {
	c.space()
	if c.i >= len(c.b) {
		c.bad()
		return false
	}
	if c.b[c.i] == end {
		c.i++
		c.depth--
		c.first = false
		return false
	}
	if !c.first {
		if c.b[c.i] != ',' {
			c.bad()
			return false
		}
		c.i++
		c.space()
	}
	c.first = false
	return true
}

// Null takes a null and reports whether there was one.
func (c *Cursor) Null() bool {
	if c.Kind() != 'n' {
		return false
	}
	c.literal("null")
	return c.err == nil
}

func (c *Cursor) literal(s string) {
	if len(c.b)-c.i < len(s) || string(c.b[c.i:c.i+len(s)]) != s {
		c.bad()
		return
	}
	c.i += len(s)
}

// Bool takes true or false; null counts as false.
func (c *Cursor) Bool() bool {
	switch c.Kind() {
	case 't':
		c.literal("true")
		return c.err == nil
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	default:
		c.expect('t', "want true or false")
	}
	return false
}

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

// Raw takes any value as it stands; the slice lies in the text.
func (c *Cursor) Raw() []byte {
	s := c.Skip()
	return c.b[s.From:s.To]
}

// Skip takes any value and says where it stood.
func (c *Cursor) Skip() Span {
	kind := c.Kind()
	from := c.i
	if kind == '{' || kind == '[' {
		return c.skipNested(from)
	}
	c.skipScalar(kind)
	if c.err != nil {
		return Span{}
	}
	return Span{from, c.i}
}

func (c *Cursor) skipScalar(kind byte) {
	switch kind {
	case '"':
		c.skipString()
	case '0':
		c.number()
	case 'n':
		c.literal("null")
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	default:
		c.bad()
	}
}

func (c *Cursor) skipNested(from int) Span {
	var lists [MaxDepth/64 + 1]uint64 // which of the open ones are lists
	base := c.depth
	for {
		switch kind := c.Kind(); kind {
		case '{':
			if !c.enter() {
				return Span{}
			}
			d := c.depth - base
			lists[d/64] &^= 1 << (d % 64)
		case '[':
			if !c.enter() {
				return Span{}
			}
			d := c.depth - base
			lists[d/64] |= 1 << (d % 64)
		default:
			c.skipScalar(kind)
		}
		for {
			if c.err != nil {
				return Span{}
			}
			d := c.depth - base
			if d == 0 {
				c.first = false
				return Span{from, c.i}
			}
			if lists[d/64]&(1<<(d%64)) != 0 {
				if c.More() {
					break
				}
			} else if c.skipKey() {
				break
			}
		}
	}
}

func (c *Cursor) skipKey() bool {
	if !c.next('}') {
		return false
	}
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		c.bad()
		return false
	}
	c.skipString()
	c.space()
	if c.err == nil && (c.i >= len(c.b) || c.b[c.i] != ':') {
		c.bad()
	}
	if c.err != nil {
		return false
	}
	c.i++
	return true
}

// Offset is where the cursor stands: just past what was taken last.
func (c *Cursor) Offset() int { return c.i }

// Count takes a number of things; what is no whole number above zero counts as 0.
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
	return max(0, n)
}

// TextIf takes a string; any other value counts as empty.
func (c *Cursor) TextIf() string {
	if c.Kind() != '"' {
		c.Skip()
		return ""
	}
	return c.Text()
}
