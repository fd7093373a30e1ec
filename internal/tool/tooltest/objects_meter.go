package tooltest

import (
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/objects"
)

// wantRequests checks that exactly these requests were counted, none of them estimated.
func (p *ObjectsPlace) wantRequests(t *testing.T, m *effect.Meter, want map[price.Meter]int64) {
	t.Helper()
	sure, all := counted(m)
	for meter := range all {
		if !objectsIsBytes(meter) && (all[meter] != want[meter] || sure[meter] != want[meter]) {
			t.Errorf("counted %d %s (%d for sure), wanted %d", all[meter], meter, sure[meter], want[meter])
		}
	}
	for meter, n := range want {
		if all[meter] != n {
			t.Errorf("counted %d %s, wanted %d", all[meter], meter, n)
		}
	}
}

// served is what a stand-in says that it did for an effect.
func (p *ObjectsPlace) served(effectID string) map[price.Meter]int64 {
	served := map[price.Meter]int64{}
	for _, c := range fakecloud.Export(p.Cloud.Log().Lines()) {
		if c.ID == effectID {
			for meter, n := range c.Readings {
				served[price.Meter(meter)] += n
			}
		}
	}
	return served
}

// wantExactly checks that what was counted is what the service's log says, to the byte.
func (p *ObjectsPlace) wantExactly(t *testing.T, effectID string, m *effect.Meter) {
	t.Helper()
	if p.Cloud == nil {
		return
	}
	served := p.served(effectID)
	sure, all := counted(m)
	for meter := range objectsMeters(served, all) {
		if served[meter] != sure[meter] || served[meter] != all[meter] {
			t.Errorf("%s: the service served %d, and counted were %d (%d with estimates)", meter, served[meter], sure[meter], all[meter])
		}
	}
	if len(served) == 0 {
		t.Errorf("the service's log knows nothing of %s", effectID)
	}
}

// wantServedDespite checks a meter under faults: nothing that was served is missing,
// and nothing is sure that was not.
func (p *ObjectsPlace) wantServedDespite(t *testing.T, kind fakecloud.Kind, effectID string, m *effect.Meter) {
	t.Helper()
	if p.Cloud == nil {
		return
	}
	served := p.served(effectID)
	sure, all := counted(m)
	for meter := range objectsMeters(served, all) {
		if meter == price.MeterBytesRead && kind != fakecloud.TooMany && kind != fakecloud.ServerFail && kind != fakecloud.Refuse {
			continue // the log has the answer as it would have been, and not what of it left
		}
		if served[meter] < sure[meter] || served[meter] > all[meter] {
			t.Errorf("%s: %s: the service served %d, and counted were %d to %d", kind, meter, served[meter], sure[meter], all[meter])
		}
	}
}

// wantDone checks how often the service did what a command wanted.
func (p *ObjectsPlace) wantDone(t *testing.T, command string, n int) {
	t.Helper()
	if p.Cloud == nil {
		return
	}
	done := 0
	for _, ln := range p.Cloud.Log().Lines() {
		if ln.Done && ln.Command == command {
			done++
		}
	}
	if done != n {
		t.Errorf("it was done %d times, wanted %d", done, n)
	}
}

// wantBounded checks that no more was counted than the bound says.
func objectsBounded(t *testing.T, m *effect.Meter, bound []price.Reading) {
	t.Helper()
	most := map[price.Meter]int64{}
	for _, b := range bound {
		most[b.Meter] += b.Quantity
	}
	_, all := counted(m)
	for meter, n := range all {
		if n > most[meter] {
			t.Errorf("counted %d %s, and the bound is %d", n, meter, most[meter])
		}
	}
}

// withPayload is the bound of a write of n bytes.
func objectsPayload(r objects.Requests, n int) []price.Reading {
	return append(r.Put, price.Reading{Meter: price.MeterBytesSent, Quantity: r.Tries * int64(n), Source: price.Counted})
}

func objectsMeters(a, b map[price.Meter]int64) map[price.Meter]bool {
	both := map[price.Meter]bool{}
	for m := range a {
		both[m] = true
	}
	for m := range b {
		both[m] = true
	}
	return both
}
