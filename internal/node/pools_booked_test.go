package node_test

import (
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/api"
	"github.com/skein-run/skein/internal/fakecloud"
	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/price"
)

// What a pool's calls had of its GPUs, and what was idle, costs together what the time
// costs: each line its quantity times the price by the hour, without a rounding.
func TestAPoolsTimeIsBookedOnItsCalls(t *testing.T) {
	slow := fakecloud.Manner{Speed: &fakecloud.Speed{FirstMS: 30}}
	a, b := newReplica(t, slow), newReplica(t, slow)
	h := build(t, fmt.Sprintf(withPool, fmt.Sprintf("%q, %q", a.http.URL, b.http.URL))+"budgets:\n  - {scope: \"org:default\", limit: 20 USD}\n")
	opened := time.Now()
	url, stop := served(t, h)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { ask(t, url, "Say hello.") })
	}
	wg.Wait()
	b.http.Close()
	ask(t, url, "Say goodbye.")
	stop()
	open := time.Since(opened)

	ctx, s, done := h.connect(t, node.ToRead)
	defer done()
	bill, err := s.Bill(ctx, api.BillQuery{})
	if err != nil {
		t.Fatal(err)
	}
	gpus, cost, calls := new(big.Int), new(big.Rat), map[string]bool{}
	for _, l := range bill.Lines {
		c, ok := new(big.Rat).SetString(l.Cost)
		n, ok2 := new(big.Int).SetString(l.Quantity, 10)
		if !ok || !ok2 {
			t.Fatalf("the line is %+v", l)
		}
		switch cost.Add(cost, c); l.Meter {
		case price.MeterGPUTime:
			if l.Kind != ledger.Attempt || l.Source != price.Counted || len(l.Marks) > 0 || l.Deployment != "own/local" {
				t.Errorf("a call's time is %+v", l)
			}
			calls[l.Call] = true
			gpus.Add(gpus, n)
		case price.MeterGPUIdle:
			gpus.Add(gpus, n)
		default:
			if c.Sign() != 0 {
				t.Errorf("it costs something of its own: %+v", l)
			}
		}
	}
	if len(calls) != 11 {
		t.Errorf("11 calls were made, and %d had time", len(calls))
	}
	want := new(big.Rat).SetFrac(gpus, big.NewInt(int64(time.Hour)))
	if want.Mul(want, big.NewRat(5, 2)); want.Cmp(cost) != 0 {
		t.Errorf("%s GPU-ns cost %s, want %s", gpus, cost.FloatString(20), want.FloatString(20))
	}
	if most := big.NewInt(2 * 4 * int64(open)); gpus.Cmp(most) > 0 || gpus.Sign() == 0 {
		t.Errorf("%s GPU-ns are booked, and there were %s", gpus, most)
	}
}

// Under a hard budget so much is held as all GPUs of a replica cost until the deadline.
func TestAPoolsTimeIsHeldBeforeItIsSpent(t *testing.T) {
	a := newReplica(t, fakecloud.Manner{})
	h := build(t, fmt.Sprintf(withPool, fmt.Sprintf("%q", a.http.URL))+"budgets:\n  - {scope: \"org:default\", limit: 1 USD}\n")
	url, _ := served(t, h) // ten minutes of four GPUs are 1.67 USD
	resp, err := http.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"llama","messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 400 || a.answers() != 0 {
		t.Errorf("it was answered with %d", resp.StatusCode)
	}
}
