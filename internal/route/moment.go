package route

import "time"

// moment is a time as a number, which a choice among a hundred deployments has the
// time to reckon with. What is kept of the past is kept so. A clock that was set makes
// the past seem longer or shorter ago: nothing here lasts longer for that than it may
// at most.
type moment int64

func momentOf(t time.Time) moment { return moment(t.UnixNano()) }

// since is how long ago another moment was; never less than nothing.
func (m moment) since(past moment) time.Duration { return time.Duration(max(m-past, 0)) }

func (m moment) add(d time.Duration) moment { return m + moment(d) }

// halvings is how many whole half-lives are in a time.
func halvings(d, halfLife time.Duration) uint {
	if d < halfLife { // mostly; and a division costs more than all the rest
		return 0
	}
	return uint(min(d/halfLife, 63))
}
