package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// A key reads sk-skein-<id>-<secret>, for example
//
//	sk-skein-k7q2mz4fta-…52 characters…
//
// Both parts are lower-case base32. The id finds the key and may be shown
// anywhere; the secret is 32 random bytes, so one SHA-256 of it is safe to store.
const (
	prefix       = "sk-skein-"
	idBytes      = 10
	secretBytes  = 32
	idLength     = 16
	secretLength = 52
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token is a key as its holder knows it. Only [Token.Text] shows the secret, so
// that printing or logging one by accident does not.
type Token struct{ id, secret string }

// ParseToken reads a key. Its error never repeats what it was given.
func ParseToken(s string) (Token, error) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return Token{}, fmt.Errorf("not a Skein key: it should begin with %q", prefix)
	}
	id, secret, ok := strings.Cut(rest, "-")
	switch {
	case !ok:
		return Token{}, fmt.Errorf("not a whole Skein key: it should read %s<id>-<secret>", prefix)
	case len(id) != idLength || !base32Text(id):
		return Token{}, fmt.Errorf("not a Skein key: its id should be %d characters of a-z and 2-7", idLength)
	case len(secret) != secretLength || !base32Text(secret):
		return Token{}, fmt.Errorf("not a whole Skein key: its secret should be %d characters of a-z and 2-7", secretLength)
	}
	return Token{id, secret}, nil
}

func base32Text(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '2' && c <= '7') {
			return false
		}
	}
	return true
}

func newToken() Token {
	var b [idBytes + secretBytes]byte
	rand.Read(b[:]) // never fails: it ends the process where the system has no randomness
	return Token{alphabet.EncodeToString(b[:idBytes]), alphabet.EncodeToString(b[idBytes:])}
}

// ID is the part that may be shown.
func (t Token) ID() string { return t.id }

// Text is the whole key, secret included.
func (t Token) Text() string { return prefix + t.id + "-" + t.secret }

// String is the key with its secret left out.
func (t Token) String() string { return prefix + t.id + "-…" }

// GoString keeps the secret out of %#v as well.
func (t Token) GoString() string { return t.String() }

func (t Token) hash() [sha256.Size]byte {
	var b [secretLength]byte
	return sha256.Sum256(b[:copy(b[:], t.secret)])
}
