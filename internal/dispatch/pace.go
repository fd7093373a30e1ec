package dispatch

import (
	"fmt"
	"time"
)

// pace is the floor under a stream's speed: one that trickles, so that it is never
// silent for long and never done, is broken off. The floor is far below what the
// deployment usually does, so a slow one is not taken for a broken one.
type pace struct {
	least rate
	from  time.Time // since when it is measured; zero where it is not
	bytes int64     // that had come by then
	idle  int64     // nanoseconds that the client had been waited for by then
}

// rate is in tokens a second.
type rate float64

func (r rate) String() string { return fmt.Sprintf("%.3g tokens a second", float64(r)) }

// paceWindow is over how long the speed is taken.
const paceWindow = 30 * time.Second

func (p *pace) due() time.Time {
	if p.from.IsZero() {
		return p.from
	}
	return p.from.Add(paceWindow)
}

// begin begins to measure, where there is a floor.
func (p *pace) begin(now time.Time) {
	if p.least > 0 {
		p.from = now
	}
}

// slow reports whether the window that has passed brought too little, and begins the
// next one.
func (p *pace) slow(l *lane, now time.Time) bool {
	if p.from.IsZero() || now.Before(p.due()) {
		return false
	}
	bytes, idle := l.bytes.Load(), l.idle.Load()
	waited := now.Sub(p.from) - time.Duration(idle-p.idle)
	came := bytes - p.bytes
	p.from, p.bytes, p.idle = now, bytes, idle
	if waited < paceWindow/2 { // it was the client who was slow
		return false
	}
	return float64(came)/bytesPerToken < float64(p.least)*waited.Seconds()
}
