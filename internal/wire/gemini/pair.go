package gemini

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/skein-run/skein/internal/llm"
)

// pair gives the calls and results that came without ids ids of their own: those of a
// call from its place, which a longer history does not change, those of a result from
// the call of its name that waits for one. They are marked, so that the same format
// leaves them out again.
func pair(messages []llm.Message) {
	type waiting struct{ name, id string }
	var calls []waiting
	for i := range messages {
		for j := range messages[i].Parts {
			p := &messages[i].Parts[j]
			switch p.Kind {
			case llm.ToolCall:
				if p.ID == "" {
					p.ID = madeID(strconv.Itoa(i) + "/" + strconv.Itoa(j))
					p.Extra = note(p.Extra, noteID, "true")
				}
				calls = append(calls, waiting{p.Name, p.ID})
			case llm.ToolResult:
				at := -1
				for k := range calls {
					if p.ID == calls[k].id || p.ID == "" && p.Name == calls[k].name {
						at = k
						break
					}
				}
				if p.ID == "" {
					p.Extra = note(p.Extra, noteID, "true")
					if at >= 0 {
						p.ID = calls[at].id
					}
				}
				if at >= 0 {
					calls = append(calls[:at], calls[at+1:]...)
				}
			}
		}
	}
}

// madeID is a call's id where the upstream gave none, from what tells it from others.
func madeID(of string) string {
	sum := sha256.Sum256([]byte(of))
	return "call_" + hex.EncodeToString(sum[:12])
}
