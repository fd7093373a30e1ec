package raw

import "strconv"

// PathAt names the member that stands at an offset of a text, such as
// messages[2].content, for an error message. It walks from the beginning, so that
// nobody pays for it until something is wrong.
func PathAt(b []byte, offset int) string {
	c := On(b)
	path, _ := c.pathAt(offset)
	return path
}

// pathAt takes the next value and gives the path within it of what stands at
// offset, and whether it is there. Paths are made on the way back, so that a long
// name is not copied for each thing below it.
func (c *Cursor) pathAt(offset int) (path string, found bool) {
	switch c.Kind() {
	case '{':
		c.Object()
		for {
			at := c.Pos()
			name, ok := c.Key()
			if !ok {
				break
			}
			if below, ok := c.pathAt(offset); ok || offset >= at && offset < c.i {
				return join(string(name), below), true
			}
		}
	case '[':
		c.List()
		for n := 0; c.More(); n++ {
			at := c.Pos()
			if below, ok := c.pathAt(offset); ok || offset >= at && offset < c.i {
				return join("["+strconv.Itoa(n)+"]", below), true
			}
		}
	default:
		s := c.Skip()
		return "", c.err != nil || offset >= s.From && offset < s.To
	}
	return "", c.err != nil
}

func join(name, below string) string {
	if below == "" || below[0] == '[' {
		return name + below
	}
	return name + "." + below
}
