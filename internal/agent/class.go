package agent

// Class says what may be done about an effect whose outcome is unknown.
type Class string

// The effect classes.
const (
	Read     Class = "read"      // done again
	Keyed    Class = "keyed"     // done again under the same key: the service keeps the key with the thing, for ever
	Once     Class = "once"      // never done again on its own: in doubt
	PaidRead Class = "paid-read" // done again as a new call with a new hold
	Local    Class = "local"     // computed here, without a side effect: done again
)

// Started reports whether an effect of class c needs a durable record before its
// first byte leaves.
func (c Class) Started() bool { return c == Keyed || c == Once }

// known reports whether c is one of the classes. An effect of any other is
// treated as [Once]: a class is never assumed.
func (c Class) known() bool {
	switch c {
	case Read, Keyed, Once, PaidRead, Local:
		return true
	}
	return false
}
