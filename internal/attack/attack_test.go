package attack

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("attack.seed", 0, "the plan to try; 0 takes a new one")
	forFlag   = flag.Duration("attack.for", 9*time.Second, "how long to attack")
	crowdFlag = flag.Int("attack.clients", 14, "how many clients ask at the same time")
	keepFlag  = flag.String("attack.keep", "", "a folder to leave everything in")
)

// TestMain is also the process under attack: the test starts itself again.
func TestMain(m *testing.M) {
	if dir := os.Getenv(nodeEnv); dir != "" {
		os.Exit(serveNode(dir))
	}
	os.Exit(m.Run())
}

// TestMoneyUnderAttack: whatever clients, providers and the machine do, no budget is
// passed, no attempt or effect is lost or counted twice, and the bill is what the
// services served.
func TestMoneyUnderAttack(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for some seconds")
	}
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d; again: go test ./internal/attack -count=1 -attack.seed=%d -attack.for=%s", seed, seed, *forFlag)
	ctx, cancel := context.WithTimeout(t.Context(), *forFlag+60*time.Second)
	defer cancel()

	w := newWorld(t, seed)
	w.start(ctx)
	w.makeKeys(ctx)
	w.attack(ctx, *forFlag)
	w.settle(ctx)
	w.judge(ctx)
}

// dice is one actor's chance, so that what it does depends on nobody else.
func dice(seed uint64, actor string, n int) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, b := range []byte(actor) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h+uint64(n)))
}
