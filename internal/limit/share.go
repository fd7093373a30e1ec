package limit

// Share keeps extra attempts a share of the traffic: repetitions, so that an outage
// is not multiplied by those who wait for its end, and hedges, so that a slow day
// does not double the bill. However calls and extra attempts are mixed, there are
// never more extra ones than Burst + Percent % of the calls. The zero value allows
// none.
type Share struct {
	Percent int // of the calls; what each one earns
	Burst   int // how many there may be at once, however little traffic there is

	spent int // in hundredths of an attempt: counted in whole numbers, nothing drifts
}

// Count counts a call, which earns its share of an extra attempt.
func (s *Share) Count() { s.spent = max(s.spent-s.Percent, 0) }

// Take takes one extra attempt, or says that there is none left.
func (s *Share) Take() bool {
	if s.spent+100 > s.Burst*100 {
		return false
	}
	s.spent += 100
	return true
}
