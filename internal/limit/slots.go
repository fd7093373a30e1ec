package limit

// Slots is how many calls may be in flight at one deployment. Nobody waits for them
// here: who finds none waits in a [Queue]. The zero value is unlimited.
type Slots struct {
	Max int // 0: unlimited

	inFlight int
}

// Take takes a slot, or says that there is none. Each that was given is given back
// once, with Free.
func (s *Slots) Take() bool {
	if s.Full() {
		return false
	}
	s.inFlight++
	return true
}

// Free gives a slot back.
func (s *Slots) Free() {
	if s.inFlight == 0 {
		panic("limit: a slot was given back twice")
	}
	s.inFlight--
}

// InFlight is how many slots are taken. It is more than Max where that was lowered.
func (s *Slots) InFlight() int { return s.inFlight }

// Full reports whether Take would not give a slot.
func (s *Slots) Full() bool { return s.Max > 0 && s.inFlight >= s.Max }
