package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
)

// TestALongerHistoryBeginsAsTheShorterOne, so that the cache of the last step's prompt
// is found, and another one's is not.
func TestALongerHistoryBeginsAsTheShorterOne(t *testing.T) {
	message := func(text string) llm.Message {
		return llm.Message{Role: llm.User, Parts: []llm.Part{{Kind: llm.Text, Text: text}}}
	}
	short := &llm.Request{Messages: []llm.Message{message(strings.Repeat("a report. ", 500))}}
	long := &llm.Request{Messages: append(slices.Clone(short.Messages), message(strings.Repeat("more of it. ", 500)))}
	other := &llm.Request{Messages: []llm.Message{message("x" + strings.Repeat("a report. ", 500))}}
	a, b, c := prefixOf(short), prefixOf(long), prefixOf(other)
	if len(a) != 4 || len(b) != 10 || !slices.Equal(a, b[:len(a)]) {
		t.Errorf("%d blocks, then %d", len(a), len(b))
	}
	if a[0] == c[0] {
		t.Error("another history begins the same")
	}
	if huge := prefixOf(&llm.Request{Messages: []llm.Message{message(strings.Repeat("x", 8<<20))}}); len(huge) != mostBlocks {
		t.Errorf("%d blocks are kept", len(huge))
	}
}
