package limit_test

import (
	"testing"
	"time"

	"github.com/skein-run/skein/internal/limit"
)

func TestWhoLooksSeesWhatIsLeftAndWhoWaits(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	var g limit.Group
	if g.Left(now) != (limit.Reported{}) || (*limit.Group)(nil).Left(now) != (limit.Reported{}) {
		t.Error("something is left of what nobody reported")
	}
	g.Report(limit.Reported{Tokens: limit.Bucket{Limit: 1000, Remaining: 400, Reset: time.Minute, Known: true}}, now)
	g.Take(150, now)
	if got := g.Left(now); got.Tokens.Limit != 1000 || got.Tokens.Remaining != 250 || got.Requests.Known {
		t.Errorf("left are %+v, want 250 of 1000 tokens", got)
	}
	var q limit.Queue
	for _, p := range []limit.Priority{limit.Low, limit.High, limit.High} {
		if _, _, ok := q.Join(limit.Waiter{Key: "k", Priority: p}, now); !ok {
			t.Fatal("it may not wait")
		}
	}
	if q.Waiting(limit.Low) != 1 || q.Waiting(limit.Normal) != 0 || q.Waiting(limit.High) != 2 {
		t.Errorf("%d, %d and %d wait", q.Waiting(limit.Low), q.Waiting(limit.Normal), q.Waiting(limit.High))
	}
}
