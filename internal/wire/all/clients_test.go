package all_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// TestClaudeCodesRequestLosesNoMeaning in any format: what it always sends (adaptive
// thinking, an effort, context_management, system text between the turns) is said in
// other words, or is the target's own behaviour.
func TestClaudeCodesRequestLosesNoMeaning(t *testing.T) {
	body, err := os.ReadFile(filepath.Join("testdata", "requests", "claude-code.messages.json"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := all.Codec(llm.Messages).DecodeRequest(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range others(llm.Messages) {
		_, losses, err := to.EncodeRequest(r, &wire.Target{Format: to.Format(), Upstream: "m"})
		if err != nil {
			t.Errorf("to %s: %v", to.Format(), err)
		}
		t.Logf("to %s: %v", to.Format(), losses)
	}
}
