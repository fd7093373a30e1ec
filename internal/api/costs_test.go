package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/dispatch"
)

// A call's record tells nobody who may not know it what it cost, or what any choice was
// expected to; the record itself, which others read, stays as it is.
func TestARecordWithoutItsCostsHoldsNone(t *testing.T) {
	record := func() *dispatch.CallRecord {
		choice := []dispatch.Choice{{Deployment: "d1", Taken: true, Reason: "cheapest", Cost: "0.7 USD", Warm: 9}}
		return &dispatch.CallRecord{
			ID: "call_1", Cost: "0.7 USD", Choice: choice, Rounds: []dispatch.Round{{Choice: choice}, {Choice: choice}},
			Attempts: []dispatch.AttemptRecord{{ID: "call_1/1", Cost: "0.7 USD"}},
		}
	}
	rec := record()
	shown := api.HideCosts(&auth.Principal{HideCost: true}, rec)
	b, err := json.Marshal(shown)
	if err != nil || strings.Contains(string(b), "USD") || !strings.Contains(string(b), `"warm":9`) {
		t.Errorf("it shows %s, %v", b, err)
	}
	if !reflect.DeepEqual(rec, record()) {
		t.Errorf("the record itself is now %+v", rec)
	}
	if whole := api.HideCosts(&auth.Principal{}, rec); whole != rec {
		t.Error("somebody who may see costs is shown less")
	}
}
