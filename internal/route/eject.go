package route

// Ejection: a deployment that fails far more often than its best peer is tried last.
// It is not skipped, so nobody is left without; and as it is tried less, what it did
// is soon too little to tell, and it comes back by itself.
const (
	ejectsOf    = 10  // attempts of late, of it and of the peer
	ejectsAbove = 0.2 // more of them failed than of the best peer's
)

// eject marks those that are to be tried last.
func (o *ordering) eject(keys []uint64) {
	if !o.suspects {
		return
	}
	best := float32(2)
	for i := range o.cs {
		if best == 0 {
			break
		}
		if o.mayEject(i) {
			if share, of := o.cs[i].Standing.Health.recent.share(o.at); of >= ejectsOf {
				best = min(best, share)
			}
		}
	}
	for i := range o.cs {
		if !o.mayEject(i) || !o.cs[i].Standing.suspect() {
			continue
		}
		if share, of := o.cs[i].Standing.Health.recent.share(o.at); of >= ejectsOf && share >= best+ejectsAbove {
			c := &o.got[i]
			c.Reason, c.Share, c.Peer = Ejected, share, best
			keys[i] |= keyEjected
		}
	}
}

// suspect reports whether one has failed enough to be ejected at all.
func (s *Standing) suspect() bool { return s.Health.recent.failed >= ejectsOf*one/5 }

func (o *ordering) mayEject(i int) bool {
	return o.got[i].Taken && o.got[i].Reason == 0 && o.cs[i].Standing != nil
}

// comesBack reports whether chance holds one back that is coming back after a rest.
// It is tried last then: it gets its share, and more only where no other can serve.
func (o *ordering) comesBack(c *Choice, s *Standing) bool {
	share := s.Health.ramp(o.at)
	if share >= 1 {
		return false
	}
	c.Share = share
	return float32(o.chance(forRamp+uint64(c.Candidate))>>40) >= share*(1<<24)
}
