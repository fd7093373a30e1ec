package matrix

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// elsewhere is a conversation with thinking that goes on with another maker's model.
var elsewhere = feature{name: "elsewhere", doc: "the same, and then another maker's model goes on"}

// others are the lanes of another maker than each.
var others = map[llm.Maker]string{llm.MakerOpenAI: "anthropic", llm.MakerAnthropic: "gemini", llm.MakerGoogle: "openai-responses"}

// tryElsewhere begins a conversation with thinking at one provider and goes on with
// another family's, which cannot read the state of it: that is refused, and the field
// is named; where the client's format has carried no state, it goes on.
func (w *world) tryElsewhere(l *lane, c *client, stream bool) result {
	x := &cell{w: w, lane: l, client: c, stream: stream, sent: w.counter()}
	to, err := x.talk(wish{tools: true, thinks: true})
	if err != nil {
		return result{err: err}
	}
	first, err := x.say(to, input{text: "What is the weather in Paris?"})
	if err != nil || len(first.calls) != 1 {
		return result{err: fmt.Errorf("the first answer is %+v, %w", first, orNothing(err))}
	}
	to.aim(others[l.maker])
	n := x.sent.requests()
	got, err := to.say(w.ctx, stream, input{results: []string{"sunny, 21 degrees"}})
	status, message := to.status(err)
	switch {
	case x.sent.requests() != n+1:
		return result{err: fmt.Errorf("the SDK sent %d requests", x.sent.requests()-n)}
	case err == nil && !strings.Contains(got.text, "sunny, 21 degrees"):
		return result{err: fmt.Errorf("the second answer is %+v", got)}
	case err == nil && first.thoughts > 0:
		return result{err: fmt.Errorf("another maker's model took the state of %s", l.maker)}
	case err == nil:
		return result{}
	case status != http.StatusBadRequest || !strings.Contains(message, "thinking") && !strings.Contains(message, "reasoning"):
		return result{err: fmt.Errorf("told as %d: %w", status, err)}
	}
	return result{lost: "thinking.signature"}
}
