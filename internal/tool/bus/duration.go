package bus

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// duration reads an ISO 8601 duration in days and less, as Azure writes them: PT10M,
// P7D, P1DT2H. Months and years have no length of their own and do not occur.
func duration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%.40q is not a duration such as PT10M", text)
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" {
		return 0, wrong
	}
	days, clock, timed := strings.Cut(rest, "T")
	if timed && clock == "" {
		return 0, wrong
	}
	total := 0.0 // seconds
	for _, part := range []struct {
		text  string
		units []unit
	}{{days, []unit{{'W', 7 * 86400}, {'D', 86400}}}, {clock, []unit{{'H', 3600}, {'M', 60}, {'S', 1}}}} {
		left := part.text
		for _, u := range part.units {
			number, after, found := strings.Cut(left, string(u.letter))
			if !found {
				continue
			}
			n, err := strconv.ParseFloat(number, 64)
			if err != nil || !(n >= 0) {
				return 0, wrong
			}
			total, left = total+n*u.seconds, after
		}
		if left != "" {
			return 0, wrong
		}
	}
	// A window that is never to end is written as the largest there is.
	if total > (100 * 365 * 24 * time.Hour).Seconds() {
		return 100 * 365 * 24 * time.Hour, nil
	}
	return time.Duration(total * float64(time.Second)), nil
}

type unit struct {
	letter  byte
	seconds float64
}
