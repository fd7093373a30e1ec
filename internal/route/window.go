package route

import "time"

// window counts attempts that worked and that failed, of late: what was counted is
// worth half as much after each halfLife. The zero value has seen nothing.
type window struct {
	worked, failed uint32 // in fractions of an attempt, so that halving loses little
	from           moment
}

const (
	halfLife = 20 * time.Second
	one      = 1 << 8 // an attempt, as it is counted
	mostSeen = 1 << 30
)

func (w *window) note(failed bool, now moment) {
	if w.worked|w.failed == 0 {
		w.from = now
	} else if n := halvings(now.since(w.from), halfLife); n > 0 {
		w.worked, w.failed, w.from = w.worked>>n, w.failed>>n, w.from.add(time.Duration(n)*halfLife)
	}
	switch {
	case failed && w.failed < mostSeen:
		w.failed += one
	case !failed && w.worked < mostSeen:
		w.worked += one
	}
}

// share is the share of attempts that failed, and of how many.
func (w *window) share(now moment) (share float32, of int) {
	n := halvings(now.since(w.from), halfLife)
	worked, failed := w.worked>>n, w.failed>>n
	if worked+failed == 0 {
		return 0, 0
	}
	return float32(failed) / float32(worked+failed), int(worked+failed) / one
}
