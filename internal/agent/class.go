package agent

import "time"

// Class says what may be done about an effect whose outcome is unknown.
type Class string

// The effect classes.
const (
	Read     Class = "read"      // done again
	Keyed    Class = "keyed"     // done again under the same key, for as long as the service remembers it
	Once     Class = "once"      // never done again on its own: in doubt
	PaidRead Class = "paid-read" // done again as a new call with a new hold
	Local    Class = "local"     // computed here, without a side effect: done again
)

// Started reports whether an effect of class c needs a durable record before its
// first byte leaves.
func (c Class) Started() bool { return c == Keyed || c == Once }

// Promise is what may be done about an effect whose outcome is unknown. It stands in
// the command, whatever becomes of the configuration.
type Promise struct {
	Class Class `json:"class,omitempty"`
	// For is how long the service remembers the key of a keyed effect, counted from the
	// first time that it may have begun; zero is for ever.
	For time.Duration `json:"for,omitempty"`
	// Resend does an effect again that nothing protects from being done twice, with word
	// that it may be a repeat, where the run would otherwise ask.
	Resend bool `json:"resend,omitempty"`
}

// margin is how much earlier a key is taken for forgotten: what is sent within its
// time must also arrive within it.
func margin(remembered time.Duration) time.Duration {
	return min(max(remembered/10, 30*time.Second), remembered/2)
}

// Blind reports whether nothing protects another try of the effect at that moment: an
// earlier one may have been done, and the service would not know it again. A clock that
// was set back says nothing of how long ago that was.
func (o *Open) Blind(at time.Time) bool {
	switch {
	case !o.Started && !o.Unsure:
		return false
	case o.Class == Once:
		return true
	case o.Class == Keyed && o.For > 0:
		return at.Before(o.First) || !at.Before(o.First.Add(o.For-margin(o.For)))
	}
	return false
}

// Protected is how much longer, at that moment, the effect can be sent once more under
// its key; zero is for ever.
func (o *Open) Protected(at time.Time) time.Duration {
	if o.Class != Keyed || o.For == 0 {
		return 0
	}
	left := o.For - margin(o.For)
	if past := at.Sub(o.First); !o.First.IsZero() && past > 0 && past < left {
		left -= past
	}
	return left
}

// MayRepeat reports whether this try, begun at that moment, may do the effect once more:
// whoever is told of it should hear so.
func (o *Open) MayRepeat(at time.Time) bool {
	before := *o
	before.Started = false // which is of this try
	return before.Blind(at)
}

// asks reports whether a person has to be asked before another try at that moment.
func (o *Open) asks(at time.Time) bool { return o.Blind(at) && !o.Resend }

// known reports whether c is one of the classes. An effect of any other is
// treated as [Once]: a class is never assumed.
func (c Class) known() bool {
	switch c {
	case Read, Keyed, Once, PaidRead, Local:
		return true
	}
	return false
}
