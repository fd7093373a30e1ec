package fakecloud

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// The makers of opaque state. Anthropic's signatures are good on every cloud that
// carries its models, and Google's on both of its services; what OpenAI encrypts its
// own resources can read and those of Azure cannot.
const (
	makerAnthropic = "anthropic"
	makerGoogle    = "google"
)

// seal is the opaque state that a maker gives with something that has to come back
// as it was: a signature, or reasoning that nobody else can read.
func seal(maker, what string) string {
	sum := sha256.Sum256([]byte(maker + "\x00" + what))
	return base64.StdEncoding.EncodeToString(append([]byte(begins(maker)), sum[:24]...))
}

// begins is how a maker's state begins. Anthropic's is a protocol buffer, by which a
// gateway may know it where a model's name does not say whose it is.
func begins(maker string) string {
	if maker == makerAnthropic {
		return "\x12fakecloud " + maker + " "
	}
	return "fakecloud " + maker + " "
}

// unseal reports whether state is one that the maker gave, and whether it was given
// with what it comes back with.
func unseal(maker, state, what string) (own, same bool) {
	b, err := base64.StdEncoding.DecodeString(state)
	own = err == nil && strings.HasPrefix(string(b), begins(maker))
	return own, own && state == seal(maker, what)
}

// encrypted is a reasoning item's state in the form that OpenAI's has.
func encrypted(service, id string) string {
	return "gAAAAAB" + strings.NewReplacer("+", "-", "/", "_").Replace(seal(service, id))
}

// decrypt says of a reasoning item's state what unseal says.
func decrypt(service, state, id string) (own, same bool) {
	state, ok := strings.CutPrefix(state, "gAAAAAB")
	own, same = unseal(service, strings.NewReplacer("-", "+", "_", "/").Replace(state), id)
	return ok && own, ok && same
}
