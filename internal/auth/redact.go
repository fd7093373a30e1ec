package auth

import "strings"

// Redact is s with the secret of every Skein key in it left out. The id stays, so
// that a log still says which key it was.
func Redact(s string) string {
	i := strings.Index(s, prefix)
	if i < 0 {
		return s
	}
	var b strings.Builder
	for ; i >= 0; i = strings.Index(s, prefix) {
		b.WriteString(s[:i])
		s = s[i:]
		n := len(prefix)
		for n < len(s) && base32Text(s[n:n+1]) {
			n++
		}
		b.WriteString(s[:n])
		s = s[n:]
		rest := strings.TrimPrefix(s, "-")
		for rest != "" && letterOrDigit(rest[0]) {
			rest = rest[1:]
		}
		if len(rest) < len(s) {
			b.WriteString("-…")
		}
		s = rest
	}
	b.WriteString(s)
	return b.String()
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
