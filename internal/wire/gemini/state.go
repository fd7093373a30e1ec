package gemini

import (
	"encoding/base64"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// skipSignature is what Google documents for function calls in a history that did
// not come from Gemini 3: such a model refuses a step whose first call has no thought
// signature, and takes this one for it. The other word is documented beside it.
// https://ai.google.dev/gemini-api/docs/thought-signatures (read 2026-11-24)
const (
	skipSignature  = "skip_thought_signature_validator"
	otherSignature = "context_engineering_is_the_way_to_go"
)

// dummy reports whether a signature says nothing but that there is none.
func dummy(signature string) bool {
	switch signature {
	case skipSignature, otherSignature:
		return true
	}
	b, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && len(b) < 64 && (string(b) == skipSignature || string(b) == otherSignature)
}

// wrappedPrefix is how a wrapped state begins once it is base64, as thoughtSignature
// must be: SDKs decode it. The last character depends on what follows.
var wrappedPrefix = base64.StdEncoding.EncodeToString([]byte("skein1."))[:9]

// inner is the state as the rest of the house knows it: a wrapped one comes out of
// its base64.
func inner(signature string) string {
	if !strings.HasPrefix(signature, wrappedPrefix) {
		return signature
	}
	for _, e := range [...]*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(signature); err == nil && strings.HasPrefix(string(b), "skein1.") {
			return string(b)
		}
	}
	return signature
}

// sign reads a thoughtSignature into a part.
func sign(p *llm.Part, signature string) {
	wire.UnwrapState(p, inner(signature), llm.MakerGoogle, false)
}

// signature is a part's state as a client of this format keeps it.
func signature(p *llm.Part) string {
	s := wire.WrapState(p, llm.MakerGoogle)
	if strings.HasPrefix(s, "skein1.") {
		return base64.StdEncoding.EncodeToString([]byte(s))
	}
	return s
}

// native reports whether a part has state that Google's models understand.
func native(p *llm.Part) bool {
	return p.Signature != "" && p.Maker == llm.MakerGoogle && !wire.IsCarrier(p)
}
