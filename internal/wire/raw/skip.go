package raw

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
