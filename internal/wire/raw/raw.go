// Package raw reads and writes JSON text in place. A [Cursor] walks over a text
// once, checking the grammar as it goes and decoding only what it is asked for; a
// [Builder] appends members and values to a buffer. Neither builds a tree, and
// both keep numbers in the spelling that they came in.
//
// The formats need this rather than a decoder into structs because they must know
// where a member stands (to edit it and nothing else), keep the members that
// they do not know, and refuse what two parsers would read differently.
package raw

// MaxDepth is how deep objects and lists may be nested.
const MaxDepth = 256

// Span is text[From:To].
type Span struct{ From, To int }

// SyntaxError says where a text stops being JSON, or being what was expected.
type SyntaxError struct {
	Offset int
	What   string
}

func (e *SyntaxError) Error() string { return e.What }

// Valid reports whether b is one JSON value.
func Valid(b []byte) bool {
	c := On(b)
	c.Skip()
	return c.End() == nil
}
