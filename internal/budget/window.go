package budget

import (
	"fmt"
	"time"
)

// Window is the time over which a limit counts. An instance of one, such as the
// day 2026-11-24, is named scope/window/label: "key:abc/day/2026-11-24".
type Window string

// The windows.
const (
	Run   Window = "run" // the life of the scope, which is a run
	Hour  Window = "hour"
	Day   Window = "day"
	Week  Window = "week" // from Monday, ISO 8601
	Month Window = "month"
	Total Window = "total"
)

// Known says that w is one of the windows.
func (w Window) Known() bool {
	switch w {
	case Run, Hour, Day, Week, Month, Total:
		return true
	}
	return false
}

// span is one instance of a window: everything from start until before end. Both
// are zero where the instance is the only one.
type span struct {
	label      string
	start, end time.Time
}

func (s *span) covers(now time.Time) bool {
	return s.end.IsZero() || !now.Before(s.start) && now.Before(s.end)
}

// at is the instance of w that holds the moment t, by the clock on the wall in zone.
func (w Window) at(t time.Time, zone *time.Location) span {
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	y, m, d := t.Date()
	switch w {
	case Hour:
		// The offset is part of the label: an hour that the end of summer time
		// repeats is two instances.
		start := t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
		end := start.Add(time.Hour)
		if from, to := t.ZoneBounds(); !from.IsZero() || !to.IsZero() {
			if start.Before(from) {
				start = from // a change of half an hour
			}
			if !to.IsZero() && end.After(to) {
				end = to
			}
		}
		return span{t.Format("2006-01-02T15Z07:00"), start, end}
	case Day:
		return span{t.Format(time.DateOnly), midnight(y, m, d, zone), midnight(y, m, d+1, zone)}
	case Week:
		monday := d - (int(t.Weekday())+6)%7
		iy, iw := t.ISOWeek()
		return span{fmt.Sprintf("%04d-W%02d", iy, iw), midnight(y, m, monday, zone), midnight(y, m, monday+7, zone)}
	case Month:
		return span{t.Format("2006-01"), midnight(y, m, 1, zone), midnight(y, m+1, 1, zone)}
	}
	return span{label: "all"}
}

// midnight is the first moment of a day. Where summer time begins at midnight,
// the day begins at one o'clock, and [time.Date] gives a moment of the day before.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	want := time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Format(time.DateOnly)
	if t.Format(time.DateOnly) != want {
		_, t = t.ZoneBounds()
	}
	return t
}

// Instance names the instance of the limit's window that holds a moment.
func (l Limit) Instance(at time.Time) string {
	return l.Scope + "/" + string(l.Window) + "/" + l.Window.at(at, l.Zone).label
}
