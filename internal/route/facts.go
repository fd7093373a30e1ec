package route

import (
	"math"
	"math/bits"

	"github.com/skein-run/skein/internal/llm"
)

// Facts are what does not change with traffic, one for each deployment and model.
type Facts struct {
	Makers []llm.Maker // whose state is understood there
	// Tags say where it is and what becomes of the data there, in lower case: geo:eu,
	// region:eu-west-1, cloud:aws, zdr.
	Tags     []string
	Context  int64  // tokens; 0: not known
	Fallback string // the other model's name, where this candidate stands for a fallback model
	Weight   int    // for the policies weighted and balanced; 0 is 1
	Same     uint32 // equal numbers are the same model; 0: not known, and like no other
	Has      Needs  // features of the model
	HasKnown bool   // whether the catalog knows them; where it does not, any request may be tried

	Name     string
	Provider string
	// MaxOutput is the most tokens of output; 0: not known.
	MaxOutput int64
	Prefill   bool // it goes on from an assistant message at the end
}

// Needs are features that a request asks of a model.
type Needs uint16

// The features.
const (
	NeedVision Needs = 1 << iota
	NeedDocuments
	NeedAudio
	NeedTools
	NeedSchema
	NeedReasoning
)

// AnyMaker among a candidate's makers: nobody knows what stands behind it, so it
// gets whatever there is.
const AnyMaker llm.Maker = "*"

// Rates are what a token costs, in 10^-12 of the currency. They are for estimates
// only: what is charged is rated from the provider's usage. CacheRead is the same as
// Input where the provider has no other price for it, CacheWrite likewise.
type Rates struct {
	Known                                bool
	Input, CacheRead, CacheWrite, Output int64
	Currency                             string
}

// expected is what a request costs there with so much of its prompt in the cache.
func (p *Rates) expected(r *Request, warm int64) int64 {
	if !p.Known {
		return 0
	}
	written := min(max(r.Marked, 0), r.Input) - warm
	if written < 0 {
		written = 0
	}
	in := add(times(warm, p.CacheRead), times(r.Input-warm-written, p.Input))
	return add(in, add(times(written, p.CacheWrite), times(r.Output, p.Output)))
}

// times multiplies tokens by a rate. Input sizes are the clients' to choose: what
// leaves 64 bits is as dear as can be.
func times(tokens, rate int64) int64 {
	if tokens <= 0 || rate <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(tokens), uint64(rate))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
