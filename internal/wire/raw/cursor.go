package raw

import (
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

// Offset is where the cursor stands: just past what was taken last.
func (c *Cursor) Offset() int { return c.i }

// TextIf takes a string; any other value counts as empty.
func (c *Cursor) TextIf() string {
	if c.Kind() != '"' {
		c.Skip()
		return ""
	}
	return c.Text()
}

// Over is the cursor at the same place of another text, which must begin with the
// bytes that this one has behind it.
func (c *Cursor) Over(b []byte) Cursor {
	n := *c
	n.b = b
	return n
}

// All is the whole text that the cursor walks over.
func (c *Cursor) All() []byte { return c.b }
