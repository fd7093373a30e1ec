package budget_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/budget"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	return z
}

// opens is when the next instance begins, as a refusal says it.
func opens(l budget.Limit, now time.Time) time.Time {
	s := budget.New()
	if err := s.Define(l); err != nil {
		panic(err)
	}
	return s.Snapshot(now)[0].Opens
}

func TestAMomentIsInOneInstance(t *testing.T) {
	for _, x := range []struct {
		window         budget.Window
		zone           string
		at, want, open string
	}{
		{budget.Day, "UTC", "2026-11-24T00:00:00Z", "2026-11-24", "2026-11-25T00:00:00Z"},
		{budget.Day, "UTC", "2026-11-24T23:59:59.999999Z", "2026-11-24", "2026-11-25T00:00:00Z"},
		{budget.Day, "Asia/Tokyo", "2026-11-24T15:00:00Z", "2026-11-25", "2026-11-25T15:00:00Z"},
		{budget.Month, "America/New_York", "2026-12-01T04:59:59Z", "2026-11", "2026-12-01T05:00:00Z"},
		{budget.Month, "America/New_York", "2026-12-01T05:00:00Z", "2026-12", "2027-01-01T05:00:00Z"},
		{budget.Month, "UTC", "2028-02-29T12:00:00Z", "2028-02", "2028-03-01T00:00:00Z"},
		// Weeks begin on Monday, and belong to the year that has their Thursday.
		{budget.Week, "UTC", "2027-01-03T23:00:00Z", "2026-W53", "2027-01-04T00:00:00Z"},
		{budget.Week, "UTC", "2027-01-04T00:00:00Z", "2027-W01", "2027-01-11T00:00:00Z"},
		// A day of 25 hours and one of 23.
		{budget.Day, "Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25", "2026-10-25T23:00:00Z"},
		{budget.Day, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25", "2026-10-25T23:00:00Z"},
		{budget.Day, "Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29", "2026-03-29T22:00:00Z"},
		// An hour that comes twice is two instances.
		{budget.Hour, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02+02:00", "2026-10-25T01:00:00Z"},
		{budget.Hour, "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02+01:00", "2026-10-25T02:00:00Z"},
		// Half-hour zones, and one where summer time is half an hour.
		{budget.Hour, "Asia/Kolkata", "2026-11-24T06:29:00Z", "2026-11-24T11+05:30", "2026-11-24T06:30:00Z"},
		{budget.Hour, "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-05T01+11:00", "2026-04-04T15:00:00Z"},
		{budget.Hour, "Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-05T01+10:30", "2026-04-04T15:30:00Z"},
		// Summer time that begins at midnight: the day begins at one o'clock.
		{budget.Day, "Africa/Cairo", "2026-04-23T21:30:00Z", "2026-04-23", "2026-04-23T22:00:00Z"},
		{budget.Day, "Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24", "2026-04-24T21:00:00Z"},
		{budget.Day, "America/Havana", "2026-03-08T04:30:00Z", "2026-03-07", "2026-03-08T05:00:00Z"},
		{budget.Day, "America/Havana", "2026-03-08T05:00:00Z", "2026-03-08", "2026-03-09T04:00:00Z"},
		{budget.Total, "UTC", "2026-11-24T12:00:00Z", "all", ""},
	} {
		l := budget.Limit{Scope: "key:k", Window: x.window, Zone: zone(t, x.zone), Amount: usd("1"), Kind: budget.Hard}
		at, err := time.Parse(time.RFC3339, x.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Instance(at); got != "key:k/"+string(x.window)+"/"+x.want {
			t.Errorf("%s in %s: %s, want %s", x.at, x.zone, got, x.want)
		}
		got := ""
		if o := opens(l, at); !o.IsZero() {
			got = o.UTC().Format(time.RFC3339)
		}
		if got != x.open {
			t.Errorf("after %s in %s the next %s opens at %s, want %s", x.at, x.zone, x.window, got, x.open)
		}
	}
}

func TestTheNextInstanceBeginsWhenItOpens(t *testing.T) {
	names := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "America/Havana", "Asia/Beirut"}
	for _, n := range names {
		zone(t, n)
	}
	rapid.Check(t, func(t *rapid.T) {
		z, err := time.LoadLocation(rapid.SampledFrom(names).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		l := budget.Limit{
			Scope: "key:k", Zone: z, Amount: usd("1"), Kind: budget.Hard,
			Window: rapid.SampledFrom([]budget.Window{budget.Hour, budget.Day, budget.Week, budget.Month}).Draw(t, "window"),
		}
		now := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), 0)
		o := opens(l, now)
		if !o.After(now) {
			t.Fatalf("at %s the next %s opens in the past, at %s", now.In(z), l.Window, o)
		}
		here := l.Instance(now)
		if l.Instance(o.Add(-time.Nanosecond)) != here || l.Instance(o) == here {
			t.Fatalf("%s at %s does not end at %s: it is %s just before, %s then", here, now.In(z), o, l.Instance(o.Add(-time.Nanosecond)), l.Instance(o))
		}
	})
}

func TestAClockThatGoesBackFindsItsInstance(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe"} {
		z := zone(t, name)
		// Every quarter of an hour around the end of summer time, and back.
		from := time.Date(2026, 4, 4, 12, 0, 0, 0, time.UTC)
		if name == "Europe/Berlin" {
			from = time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)
		}
		for i := range 24 {
			for _, later := range []time.Duration{15 * time.Minute, 25 * time.Minute, time.Hour} {
				s := budget.New()
				l := budget.Limit{Scope: "key:k", Window: budget.Hour, Zone: z, Amount: usd("1"), Kind: budget.Hard}
				if err := s.Define(l); err != nil {
					t.Fatal(err)
				}
				a := from.Add(time.Duration(i) * 15 * time.Minute)
				for n, at := range []time.Time{a, a.Add(later), a} {
					v := s.Hold(&budget.Ask{ID: string(rune('a' + n)), Scopes: []string{"key:k"}, Fixed: usd("0.1")}, at)
					if !v.OK || v.Windows[0] != l.Instance(at) {
						t.Errorf("%s, %d of %s and %s later: held in %v, want %s", name, n+1, a, later, v.Windows, l.Instance(at))
					}
				}
			}
		}
	}
}
