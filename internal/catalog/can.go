package catalog

// Can is a set of the features by which a request may be kept from a model.
type Can uint16

// The features that a request may need, in this order.
const (
	CanVision Can = 1 << iota
	CanDocuments
	CanAudio
	CanTools
	CanSchema
	CanReason
)

var can = [...]Feature{Vision, Documents, Audio, Tools, Schema, Reasoning}

// Can is what an upstream model takes or does, of what a request may need; known is
// false where the catalog does not have the model. What no model of a kind is said to
// have, its file does not speak of: that counts as there.
func (c *Catalog) Can(kind, upstream string) (has Can, known bool) {
	m, ok := c.Model(kind, upstream)
	if !ok {
		return 0, false
	}
	return canOf(m) | ^c.spoken[kind]&(1<<len(can)-1), true
}

func canOf(m *Model) (has Can) {
	for i, f := range can {
		if m.Has(f) {
			has |= 1 << i
		}
	}
	return has
}
