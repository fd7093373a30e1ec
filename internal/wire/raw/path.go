package raw

import "strconv"

// PathAt names the member that stands at an offset of a text, such as
// messages[2].content, for an error message. It walks from the beginning, so that
// nobody pays for it until something is wrong.
func PathAt(b []byte, offset int) string {
	c := On(b)
	path, _ := c.pathAt("", offset)
	return path
}

// pathAt takes the next value and gives the path of what stands at offset in it,
// and whether it is there.
func (c *Cursor) pathAt(path string, offset int) (string, bool) {
	switch c.Kind() {
	case '{':
		c.Object()
		for {
			at := c.Pos()
			name, ok := c.Key()
			if !ok {
				break
			}
			inner := string(name)
			if path != "" {
				inner = path + "." + inner
			}
			if found, ok := c.pathAt(inner, offset); ok {
				return found, true
			}
			if offset >= at && offset < c.i {
				return inner, true
			}
		}
	case '[':
		c.List()
		for n := 0; c.More(); n++ {
			at, inner := c.Pos(), path+"["+strconv.Itoa(n)+"]"
			if found, ok := c.pathAt(inner, offset); ok {
				return found, true
			}
			if offset >= at && offset < c.i {
				return inner, true
			}
		}
	default:
		s := c.Skip()
		return path, c.err == nil && offset >= s.From && offset < s.To || c.err != nil
	}
	return path, c.err != nil
}
