package route

import (
	"math/bits"
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// lasting says why a candidate is skipped for a reason that time does not mend; 0
// where there is none. It is asked before what time does mend, so that the reason
// shown is the one to act on.
func lasting(r *Request, c *Candidate) Reason {
	f := c.Facts
	switch {
	case c.Lacks != "":
		return lacks(c.Lacks)
	case c.Key < 0:
		return NoCredential
	case c.Elsewhere:
		return KeptElsewhere
	case len(r.Bindings) > 0 && !bound(r.Bindings, f.Makers):
		return OtherState
	case len(r.Require) > 0 && missing(r.Require, f.Tags) != "":
		return MissingTag
	case len(r.Only) > 0 && !slices.Contains(r.Only, f.Name) && !slices.Contains(r.Only, f.Provider):
		return NotAllowed
	case f.HasKnown && r.Needs&^f.Has != 0:
		return unable(r.Needs &^ f.Has)
	case r.LongerThan > 0 && f.Context <= r.LongerThan, f.Context > 0 && r.Input > f.Context:
		return TooShort
	case c.Loses && !r.LossyOK:
		return Loss
	case r.SameOnly && (f.Same == 0 || f.Same != r.SameAs):
		return OtherModel
	case c.Barred:
		return Barred
	}
	return 0
}

// unable is the reason of a model that lacks features, for the first of them.
func unable(lacking Needs) Reason {
	return NoVision + Reason(bits.TrailingZeros16(uint16(lacking)))
}

// missing is the first tag that is required and not there; "" where all are.
func missing(required, tags []string) string {
	for _, t := range required {
		if !slices.Contains(tags, t) {
			return t
		}
	}
	return ""
}

// bound reports whether the state that a request carries is understood there.
func bound(bindings, makers []llm.Maker) bool {
	for _, b := range bindings {
		if !slices.Contains(makers, b) && !slices.Contains(makers, AnyMaker) {
			return false
		}
	}
	return true
}
