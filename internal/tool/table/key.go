package table

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/tool/effect"
)

// checkKey refuses a key that the service could not store as it is. most is in bytes.
func checkKey(n Names, k Key, most int) error {
	for name, value := range map[string]string{n.Partition: k.Partition, n.Sort: k.Sort} {
		why := ""
		switch {
		case name == "" && value == "":
		case name == "":
			return refuse("the table has no sort key, and %q is given for one", cut(value, 80))
		case value == "":
			why = "is empty"
		case len(value) > most:
			why = fmt.Sprintf("is longer than %d bytes", most)
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			why = "has characters that keys cannot have"
		}
		if why != "" {
			return refuse("the key %s=%q %s", name, cut(value, 80), why)
		}
	}
	return nil
}

// checkKeyOf is the key of an item that nobody has, to check a table with.
func checkKeyOf(n Names) Key {
	k := Key{Partition: "skein-check"}
	if n.Sort != "" {
		k.Sort = k.Partition
	}
	return k
}

// The marks of escaped keys: two characters at the end of the last private-use plane,
// above all that texts have.
const (
	highMark = "\U0010FFFD"
	tailMark = "\U0010FFFC"
)

// escapeKey writes a key for a service whose ids cannot have the characters of
// forbidden: each becomes the character before it and a mark that is above all others,
//
//	"2026/01" → "2026." + U+10FFFD + "01"
//
// so that the order of ids is that of keys, and a key without such characters is
// its own id. None of the characters before may be forbidden itself.
func escapeKey(key, forbidden string) (string, error) {
	if strings.Contains(key, highMark) || strings.Contains(key, tailMark) {
		return "", refuse("the key %q has characters that keys cannot have", cut(key, 80))
	}
	var b strings.Builder
	for _, r := range key {
		switch {
		case strings.ContainsRune(forbidden, r):
			b.WriteRune(r - 1)
			b.WriteString(highMark)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return "", refuse("the key %q has control characters, which this service's keys cannot have", cut(key, 80))
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), nil
}

func refuse(format string, a ...any) error {
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf(format, a...)}
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
