package dispatch

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/wire"
)

// How many tokens a request can be at most, before anybody has counted them, is
// found from the bytes that are sent. A token has at least one byte. Small letters
// come in words, and spaces with them, so nine of these are counted as five tokens:
// English is read at four to five bytes a token, source code and other scripts at
// two to three, random small letters at 1.8, base64 at 1.4, and what no vocabulary
// has at one. What a deployment reported beyond that, and a quarter more, is
// counted from then on.
//
// The constants are far above what providers document for their own framing.
const (
	perRequest = 32   // the model's own framing of a conversation
	perTool    = 64   // a tool's framing, and its share of the hidden instructions
	withTools  = 1024 // hidden instructions where there are tools (Anthropic documents up to about 700)
	perMedia   = 5000 // an image at its highest documented resolution
	mediaBytes = 8    // bytes of an image or of sound per token, where that is more
)

// bytesPerToken is the estimate, where a bound is not wanted.
const bytesPerToken = 4

// mostFactor bounds what a deployment's reports can teach, in tokens per 1,000
// counted: more is a mistake.
const mostFactor = 4000

// textBound is the most tokens that a text can be, by its letters.
func textBound(b []byte) int64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n, light := len(b), 0
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		low := x &^ high
		small := (low + (0x80-'a')*ones) &^ (low + (0x80-'z'-1)*ones)
		space := ^((low ^ ' '*ones) + 0x7f*ones)
		light += bits.OnesCount64((small | space) &^ x & high)
	}
	for _, c := range b {
		if c == ' ' || c >= 'a' && c <= 'z' {
			light++
		}
	}
	return int64(n - light*4/9)
}

// inputBound is the most tokens of input that a body can be counted as there, and
// how many of them are text. all is false where nothing bounds it.
func (dep *deployment) inputBound(f *wire.Facts, body []byte) (n, text int64, all bool) {
	if f.Unsized || f.ServerTool != "" {
		return dep.context, 0, dep.context > 0 && f.ServerTool == ""
	}
	if f.MediaBytes == 0 || f.Inputs > 0 { // what is to be embedded may be text in any form
		text = textBound(body)
	} else { // base64 is no text; what else is in the body may be, also in members that nobody here knows
		text = max(f.TextBytes, int64(len(body))-f.MediaBytes/3*4)
	}
	n = text*max(1000, dep.inputPerMille.Load())/1000 + 1
	n += perRequest + perTool*int64(f.Tools) + perMedia*int64(f.Media) + f.MediaBytes/mediaBytes
	if f.Tools > 0 {
		n += withTools
	}
	// More than its context it refuses: of a request for an answer, and of each text that
	// is to be embedded.
	if each := max(1, f.Inputs); dep.context > 0 && n/each >= dep.context {
		n = dep.context * each
	}
	return n, text, true
}

// learn raises the bound where an answer reports more tokens than were thought
// possible.
func (dep *deployment) learn(f *wire.Facts, text, input int64) {
	if f.Media > 0 || text < 1000 { // the constants would be taken for text
		return
	}
	seen := min((input-perRequest-perTool*int64(f.Tools))*1250/text, mostFactor)
	for {
		had := dep.inputPerMille.Load()
		if seen <= max(had, 1000) || dep.inputPerMille.CompareAndSwap(had, seen) {
			return
		}
	}
}

var (
	cacheWrites = []llm.TokenClass{llm.TokCacheWrite, llm.TokCacheWrite1h}
	mediaInput  = []llm.TokenClass{llm.TokAudioInput, llm.TokImageInput}
)

// cheapTiers are those that cost no more than the standard one. Any other is held for
// at its own price, and has no bound where the card knows none.
var cheapTiers = []string{"flex", "batch", "standard_only", "on_demand", "unspecified"}

// ask is what is known of an attempt's cost from above: no cache is written by
// models that write what is marked only, where nothing is.
func (a *attempt) ask(f *wire.Facts, output int64) price.Ask {
	ask := price.Ask{InputTokens: a.input, OutputTokens: output}
	if a.dep.markedCache && !f.CacheMarks {
		ask.Never |= price.ClassSet(cacheWrites...)
	}
	if f.Media == 0 {
		ask.Never |= price.ClassSet(mediaInput...)
	}
	if tier := price.Tier(f.Tier); tier != "" && !slices.Contains(cheapTiers, tier) {
		ask.Tiers = []string{tier}
	}
	return ask
}

// doubtPrices marks the charges of a bound that are at a dearer row than the plain
// one, so that a confirmation looks for the row that it really was.
func (a *attempt) doubtPrices(bound []price.Charge) {
	var buf [1]price.Charge
	for i := range bound {
		c := &bound[i]
		plain := a.card.AppendRate(buf[:0], []price.Reading{c.Reading}, price.Options{})
		if c.Price != plain[0].Price || c.Per != plain[0].Per {
			c.Marks = price.Marks(c.Marks, price.MarkUnconfirmed)
		}
	}
}
