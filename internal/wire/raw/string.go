package raw

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// scanString finds the end of the string that opens at b[i], past its closing
// quote, and whether it has escapes. On a fault end is the offset of it and what
// says which.
func scanString(b []byte, i int) (end int, escaped bool, what string) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i++
	for i+8 <= len(b) {
		// Eight bytes at a time: which of them is a quote, a backslash or a control
		// character? The lowest mark is exact; those above it may be borrows.
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		marks := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & tops
		if marks == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(marks) >> 3
		switch b[i] {
		case '"':
			return i + 1, escaped, ""
		case '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return i, true, badEscape
			}
			escaped = true
			i += n
		default:
			return i, escaped, badControl
		}
	}
	for i < len(b) {
		switch ch := b[i]; {
		case ch == '"':
			return i + 1, escaped, ""
		case ch == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return i, true, badEscape
			}
			escaped = true
			i += n
		case ch < ' ':
			return i, escaped, badControl
		default:
			i++
		}
	}
	return i, escaped, "the JSON text ends inside a string"
}

const (
	badEscape  = "invalid escape in a string"
	badControl = "control character in a string"
)

// escapeLen is the length of the escape that b begins with, or 0.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 {
		return 0, false
	}
	for _, ch := range b[2:6] {
		switch {
		case ch >= '0' && ch <= '9':
			ch -= '0'
		case ch >= 'a' && ch <= 'f':
			ch -= 'a' - 10
		case ch >= 'A' && ch <= 'F':
			ch -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(ch)
	}
	return r, true
}

func (c *Cursor) skipString() (escaped bool) {
	end, escaped, what := scanString(c.b, c.i)
	if what != "" {
		c.Fail(end, what)
		return false
	}
	c.i = end
	return escaped
}

// Bytes takes a string. Without escapes the slice lies in the text; null is nil.
func (c *Cursor) Bytes() []byte {
	if c.Null() {
		return nil
	}
	if !c.expect('"', "want a string") {
		return nil
	}
	from := c.i + 1
	escaped := c.skipString()
	if c.err != nil {
		return nil
	}
	s := c.b[from : c.i-1]
	if escaped {
		s = unescape(make([]byte, 0, len(s)), s)
	}
	return s
}

// Text takes a string; null is the empty one.
func (c *Cursor) Text() string {
	if c.Null() {
		return ""
	}
	if !c.expect('"', "want a string") {
		return ""
	}
	from := c.i + 1
	escaped := c.skipString()
	if c.err != nil {
		return ""
	}
	s := c.b[from : c.i-1]
	if !escaped {
		return string(s)
	}
	var small [256]byte
	return string(unescape(small[:0], s))
}

// AppendText takes a string and appends it, decoded, to dst; null appends nothing.
func (c *Cursor) AppendText(dst []byte) []byte {
	if c.Null() || !c.expect('"', "want a string") {
		return dst
	}
	from := c.i + 1
	escaped := c.skipString()
	if c.err != nil {
		return dst
	}
	if s := c.b[from : c.i-1]; escaped {
		return unescape(dst, s)
	} else {
		return append(dst, s...)
	}
}

// TextLen takes a string and gives the length that it has when decoded; null is 0.
func (c *Cursor) TextLen() int {
	if c.Null() || !c.expect('"', "want a string") {
		return 0
	}
	from := c.i + 1
	escaped := c.skipString()
	if c.err != nil {
		return 0
	}
	s := c.b[from : c.i-1]
	if !escaped {
		return len(s)
	}
	return unescapedLen(s)
}

func unescapedLen(s []byte) int {
	n := len(s)
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return n
		}
		r, size := decodeEscape(s[i:])
		n += utf8.RuneLen(r) - size
		s = s[i+size:]
	}
}

func unescape(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		r, size := decodeEscape(s[i:])
		dst = utf8.AppendRune(append(dst, s[:i]...), r)
		s = s[i+size:]
	}
}

// decodeEscape decodes the escape that s begins with, which scanString has
// accepted. Half a surrogate pair becomes the replacement character.
func decodeEscape(s []byte) (r rune, size int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, _ := hex4(s)
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			if low, ok := hex4(s[6:]); ok {
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					return both, 12
				}
			}
		}
		return utf8.RuneError, 6
	}
	return rune(s[1]), 2
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. What is not UTF-8 becomes the
// replacement character.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		ch := s[i]
		if ch >= ' ' && ch < utf8.RuneSelf && ch != '"' && ch != '\\' {
			i++
			continue
		}
		if ch >= utf8.RuneSelf {
			_, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[from:i]...), "\uFFFD"...)
			i++
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		switch ch {
		case '"', '\\':
			dst = append(dst, '\\', ch)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[ch>>4], hexDigits[ch&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
