package limit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/limit"
)

// TestANoisyKeyStarvesNobody: a key with a thousand waiters, and ten keys with one
// each that come later. Whatever their requests cost, each of the ten is served before
// the noisy key gets a second turn, and in the order in which they came.
func TestANoisyKeyStarvesNobody(t *testing.T) {
	for _, cost := range []struct {
		name         string
		noisy, quiet int64
	}{
		{"equal costs", 1000, 1000},
		{"the noisy one's are small", 10, 100_000},
		{"the noisy one's are large", 100_000, 10},
	} {
		for _, served := range []int{0, 1, 500} { // of the noisy key, before the others come
			t.Run(fmt.Sprintf("%s, %d before", cost.name, served), func(t *testing.T) {
				q := limit.Queue{Max: 2000, MaxPerKey: 1000}
				for range 1000 {
					mustJoin(t, &q, limit.Waiter{Key: "noisy", Cost: cost.noisy})
				}
				for range served {
					q.Next(epoch)
				}
				var quiet []limit.Ticket
				for i := range 10 {
					quiet = append(quiet, mustJoin(t, &q, limit.Waiter{Key: fmt.Sprint("quiet ", i), Cost: cost.quiet}))
				}
				noisy := 0
				for i := 0; len(quiet) > 0; i++ {
					if i > 10 {
						t.Fatalf("after %d were served %d quiet keys still wait", i, len(quiet))
					}
					if got, _ := q.Next(epoch); got == quiet[0] {
						quiet = quiet[1:]
					} else {
						noisy++
					}
				}
				if noisy > 1 {
					t.Errorf("the noisy key was served %d times meanwhile", noisy)
				}
			})
		}
	}
}

// TestANoisyKeyDoesNotKeepOthersOut: for ten minutes one key asks for five hundred
// places a second, and forty others for one every two seconds each, of the twenty-five
// that are served. No request of the others is turned away or shed, all are served
// within two seconds, and what they leave goes to the noisy key.
func TestANoisyKeyDoesNotKeepOthersOut(t *testing.T) {
	const tick = 10 * time.Millisecond
	for _, cost := range []int64{1, 1000, 1_000_000} { // of the noisy key's; the others' have 1,000
		t.Run(fmt.Sprint(cost), func(t *testing.T) {
			var q limit.Queue
			type waiter struct {
				quiet bool
				since time.Time
			}
			who := map[limit.Ticket]waiter{}
			served := map[bool]int{}
			var longest time.Duration
			join := func(key string, cost int64, now time.Time) {
				quiet := key != "noisy"
				ticket, shed, ok := q.Join(limit.Waiter{Key: key, Cost: cost, Until: now.Add(30 * time.Second)}, now)
				switch {
				case !ok && quiet:
					t.Fatalf("%s is turned away at %s", key, now.Sub(epoch))
				case shed != 0 && who[shed].quiet:
					t.Fatalf("a quiet one is shed for %s at %s", key, now.Sub(epoch))
				}
				delete(who, shed)
				if ok {
					who[ticket] = waiter{quiet, now}
				}
			}
			for i := range int(10 * time.Minute / tick) {
				now := epoch.Add(time.Duration(i) * tick)
				for range 5 {
					join("noisy", cost, now)
				}
				if i%5 == 0 { // forty keys in two seconds
					join(fmt.Sprint("quiet ", i/5%40), 1000, now)
				}
				if i%4 != 0 {
					continue
				}
				ticket, ok := q.Next(now)
				if !ok {
					t.Fatal("nobody is called")
				}
				q.Served(now)
				w := who[ticket]
				delete(who, ticket)
				served[w.quiet]++
				if took := now.Sub(w.since); w.quiet && took > longest {
					longest = took
				}
			}
			if longest > 2*time.Second {
				t.Errorf("a quiet one waited %s", longest)
			}
			if served[true] < 11_900 || served[false] < 2_900 {
				t.Errorf("served: %d quiet, %d noisy", served[true], served[false])
			}
		})
	}
}
