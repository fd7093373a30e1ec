package main

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	ms := func(n ...int) (out []time.Duration) {
		for _, v := range n {
			out = append(out, time.Duration(v)*time.Millisecond)
		}
		return out
	}
	for _, c := range []struct {
		of   []time.Duration
		p    float64
		want int
	}{
		{ms(15, 20, 35, 40, 50), 5, 15},
		{ms(15, 20, 35, 40, 50), 30, 20},
		{ms(15, 20, 35, 40, 50), 40, 20},
		{ms(15, 20, 35, 40, 50), 50, 35},
		{ms(15, 20, 35, 40, 50), 100, 50},
		{ms(15, 20, 35, 40, 50), 0, 15},
		{ms(7), 99, 7},
		{nil, 50, 0},
	} {
		if got := percentile(c.of, c.p); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("percentile %v of %v is %v; want %d ms", c.p, c.of, got, c.want)
		}
	}
}

func TestPercentileLeavesNoMoreAboveThanItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var of []time.Duration
		for _, n := range rapid.SliceOfN(rapid.Int64Range(0, 1000), 1, 300).Draw(t, "values") {
			of = append(of, time.Duration(n))
		}
		slices.Sort(of)
		p := float64(rapid.IntRange(1, 100).Draw(t, "p"))
		got := percentile(of, p)
		atMost := 0
		for _, v := range of {
			if v <= got {
				atMost++
			}
		}
		if !slices.Contains(of, got) {
			t.Errorf("%v was not measured", got)
		}
		if float64(atMost) < p/100*float64(len(of))-1e-9 {
			t.Errorf("percentile %v is %v, and only %d of %d values are at most that", p, got, atMost, len(of))
		}
	})
}

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{9}, 9},
	} {
		before := slices.Clone(c.of)
		if got := median(c.of); got != c.want {
			t.Errorf("the median of %v is %v; want %v", c.of, got, c.want)
		}
		if !slices.Equal(c.of, before) {
			t.Errorf("%v was changed to %v", before, c.of)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

// A machine that is three times as slow in one round is so for both, and the ratio
// of that round is as good as any; the ratio of the medians would be 1.25.
func TestRatioComparesWithinARound(t *testing.T) {
	r := paired([]float64{150, 450, 160}, []float64{100, 300, 120})
	if r.mid != 1.5 || r.high != 1.5 || math.Abs(r.low-1.333) > 0.001 {
		t.Errorf("the ratio is %+v; want 1.5 (1.33 to 1.5)", r)
	}
}

func TestRatioPassesOverRoundsWithoutAFigure(t *testing.T) {
	nan := math.NaN()
	if r := paired([]float64{nan, 3, 4}, []float64{1, 0, 2}); r.mid != 2 {
		t.Errorf("the ratio is %+v; want that of the last round, 2", r)
	}
	if r := paired([]float64{nan}, []float64{1}); !math.IsNaN(r.mid) {
		t.Errorf("the ratio is %+v, of no round at all", r)
	}
}

func TestAmountsReadAsSkeinPrintsThem(t *testing.T) {
	for nano, want := range map[int64]string{
		650_000:        "0.00065 USD",
		0:              "0 USD",
		1_000_000_000:  "1 USD",
		1_300_000_000:  "1.3 USD",
		12_345_678_901: "12.345678901 USD",
	} {
		if got := usd(nano); got != want {
			t.Errorf("%d nano-dollars are printed %q; want %q", nano, got, want)
		}
	}
}
