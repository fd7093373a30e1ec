package wire_test

import (
	"fmt"
	"testing"

	"github.com/skein-run/skein/internal/wire"
)

// TestWhatIsNoFlagIsNotSent: flags of a body come into a header, and a request whose
// header cannot be written fails as if its provider had.
func TestWhatIsNoFlagIsNotSent(t *testing.T) {
	flags := []string{"ok-2026-01-01", "a\r\nX-Api-Key: b", "a b", "a,b", "", "é", "ok-2026-01-01"}
	send, losses := wire.BetasAt(wire.CloudAnthropic, flags)
	if fmt.Sprint(send) != "[ok-2026-01-01]" || len(losses) != 5 {
		t.Errorf("sent %q, lost %v", send, losses)
	}
}
