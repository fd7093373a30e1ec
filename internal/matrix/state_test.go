package matrix

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// elsewhere is a conversation with thinking that goes on with another maker's model.
var elsewhere = feature{name: "elsewhere", doc: "the same, and then another maker's model goes on"}

// others are the lanes of another maker than each.
var others = map[llm.Maker]string{llm.MakerOpenAI: "anthropic", llm.MakerAnthropic: "gemini", llm.MakerGoogle: "openai-responses"}

// aboutState is what a refusal for state speaks of: Skein's names the field, and of a
// provider at an address that is not its own, as these stand-ins are, nobody knows
// whose state it takes, so that it judges what comes in its own format itself.
var aboutState = regexp.MustCompile(`thinking|[Rr]easoning|signature|encrypted|carries state`)

// tryElsewhere begins a conversation with thinking at one provider and goes on with
// another family's, which cannot read the state of it: that is refused and never
// tried again. It goes on where the client's format has carried no state, or where the
// tables say that losing it changes no answer.
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
	n, asked := x.sent.requests(), w.lane(others[l.maker]).seen.count()
	got, err := to.say(w.ctx, stream, input{results: []string{"sunny, 21 degrees"}})
	status, message := to.status(err)
	state, _ := fateOf(llm.Responses, "state") // Google's, where it goes on
	switch {
	case x.sent.requests() != n+1:
		return result{err: fmt.Errorf("the SDK sent %d requests", x.sent.requests()-n)}
	case err == nil && !strings.Contains(got.text, "sunny, 21 degrees"):
		return result{err: fmt.Errorf("the second answer is %+v", got)}
	case err == nil && first.thoughts > 0 && (l.maker != llm.MakerGoogle || state.Class == wire.Semantic):
		return result{err: fmt.Errorf("another maker's model took the state of %s", l.maker)}
	case err == nil:
		return result{lossy: once(x.sent.lossy)}
	case status != http.StatusBadRequest || !aboutState.MatchString(message):
		return result{err: fmt.Errorf("told as %d: %s: %w", status, message, err)}
	}
	if w.lane(others[l.maker]).seen.count() > asked {
		return result{lost: "by the provider"}
	}
	return result{lost: "thinking.signature"}
}

func (w *world) lane(name string) *lane {
	return w.lanes[slices.IndexFunc(w.lanes, func(l *lane) bool { return l.name == name })]
}
