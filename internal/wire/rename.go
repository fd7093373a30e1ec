package wire

import "github.com/skein-run/skein/internal/wire/raw"

// RenameMember appends an object to dst with the value of one of its members, where
// it is there, replaced by a string.
func RenameMember(dst, body []byte, member, value string) []byte {
	c := raw.On(body)
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return append(dst, body...)
		}
		if string(key) != member {
			c.Skip()
			continue
		}
		at := c.Skip()
		dst = append(dst, body[:at.From]...)
		dst = raw.AppendString(dst, value)
		return append(dst, body[at.To:]...)
	}
}
