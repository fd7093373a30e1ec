package raw

// Balance follows a JSON object or list that comes in pieces and knows when it is
// complete. It does not check the text.
type Balance struct {
	depth           int
	quoted, escaped bool
	begun           bool
}

// Feed takes the next piece.
func (b *Balance) Feed(piece []byte) {
	for _, ch := range piece {
		switch {
		case b.escaped:
			b.escaped = false
		case b.quoted:
			switch ch {
			case '\\':
				b.escaped = true
			case '"':
				b.quoted = false
			}
		case ch == '"':
			b.quoted, b.begun = true, true
		case ch == '{' || ch == '[':
			b.depth++
			b.begun = true
		case ch == '}' || ch == ']':
			b.depth--
		}
	}
}

// Complete reports whether what has come is whole.
func (b *Balance) Complete() bool { return b.begun && b.depth <= 0 && !b.quoted }
