package wire

import (
	"strconv"
	"strings"
	"time"
)

// The words before a wait in the message of an error, in lower case: OpenAI's and Groq's
// "Please try again in 7.66s", Azure's "Please retry after 26 seconds", Gemini's "Please
// retry in 34.07s". An error inside a stream has no headers, and no other word of it; in
// OpenAI's streams Codex reads it there, too
// (https://github.com/openai/codex codex-rs/codex-api/src/sse/responses.rs, read 2026-11).
var waitWords = [...]string{"try again in ", "retry in ", "retry after ", "try again after "}

// waitUnits are the units of it, the longer spellings first.
var waitUnits = [...]struct {
	name string
	unit time.Duration
}{
	{"milliseconds", time.Millisecond}, {"millisecond", time.Millisecond}, {"ms", time.Millisecond},
	{"minutes", time.Minute}, {"minute", time.Minute}, {"mins", time.Minute}, {"min", time.Minute}, {"m", time.Minute},
	{"seconds", time.Second}, {"second", time.Second}, {"secs", time.Second}, {"sec", time.Second}, {"s", time.Second},
	{"hours", time.Hour}, {"hour", time.Hour}, {"h", time.Hour},
	{"days", 24 * time.Hour}, {"day", 24 * time.Hour}, {"d", 24 * time.Hour},
}

// saidWait is how long a message asks to wait, such as 2m59.56s or 26 seconds; 0 where
// it does not, or not in numbers with their unit.
func saidWait(message string) time.Duration {
	text := strings.ToLower(message)
	for _, w := range waitWords {
		if _, rest, ok := strings.Cut(text, w); ok {
			if d := leadingWait(rest); d > 0 {
				return d
			}
		}
	}
	return 0
}

func leadingWait(s string) time.Duration {
	sum := 0.0
	for {
		s = strings.TrimLeft(s, " ")
		n := 0
		for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.') {
			n++
		}
		f, err := strconv.ParseFloat(s[:n], 64)
		if err != nil {
			return seconds(sum)
		}
		rest, unit := strings.TrimLeft(s[n:], " "), time.Duration(0)
		for _, u := range waitUnits {
			if after, ok := strings.CutPrefix(rest, u.name); ok && !letter(after) {
				rest, unit = after, u.unit
				break
			}
		}
		if unit == 0 {
			return seconds(sum)
		}
		sum += f * unit.Seconds()
		s = rest
	}
}

// letter is whether a word goes on; digits may follow a unit at once, as in 1m20s.
func letter(s string) bool { return s != "" && s[0] >= 'a' && s[0] <= 'z' }
