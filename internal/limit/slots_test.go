package limit_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skein-run/skein/internal/limit"
)

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// TestNeverMoreInFlightThanAllowed: also where the limit changes while calls run, and
// nothing is refused while there is room.
func TestNeverMoreInFlightThanAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s limit.Slots
		inFlight := 0
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				room := s.Max == 0 || inFlight < s.Max
				if s.Full() == room || s.Take() != room {
					t.Fatalf("%d of %d in flight, and Full is %v", inFlight, s.Max, s.Full())
				}
				if room {
					inFlight++
				}
			},
			"free": func(t *rapid.T) {
				if inFlight == 0 {
					t.Skip()
				}
				s.Free()
				inFlight--
			},
			"reload": func(t *rapid.T) { s.Max = rapid.IntRange(0, 4).Draw(t, "max") },
			"": func(t *rapid.T) {
				if s.InFlight() != inFlight {
					t.Fatalf("in flight: %d, want %d", s.InFlight(), inFlight)
				}
			},
		})
	})
}

func TestASlotGivenBackTwiceIsABrokenInvariant(t *testing.T) {
	var s limit.Slots
	s.Take()
	s.Free()
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	s.Free()
}

func ExampleSlots() {
	s := limit.Slots{Max: 1}
	fmt.Println(s.Take(), s.Take())
	s.Free()
	fmt.Println(s.Take())
	// Output:
	// true false
	// true
}
