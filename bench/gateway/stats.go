package main

import (
	"math"
	"slices"
	"time"
)

// percentile is the smallest value of sorted that at least p percent of the values
// do not exceed (the nearest rank). It is always one that was measured.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median is the middle value, or the mean of the middle two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}

// ratio is how many times the cost of one thing that of another is.
type ratio struct{ mid, low, high float64 }

// paired compares costs that were measured side by side: each ratio is one of the
// same round, since the machine's mood changes from round to round and hits both.
// A round in which either is missing does not count.
func paired(costs, floors []float64) ratio {
	var rs []float64
	for i := range min(len(costs), len(floors)) {
		if r := costs[i] / floors[i]; !math.IsNaN(r) && !math.IsInf(r, 0) {
			rs = append(rs, r)
		}
	}
	if len(rs) == 0 {
		return ratio{math.NaN(), math.NaN(), math.NaN()}
	}
	return ratio{median(rs), slices.Min(rs), slices.Max(rs)}
}
