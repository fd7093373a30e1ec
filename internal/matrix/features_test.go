package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// feature is one thing that a request can ask for. Its try says what is wrong; an
// error that came with a conversation is the API's.
type feature struct {
	name string
	doc  string
	core bool // also tried with the clients that are not tried with everything
	try  func(c *cell) (talker, error)
	// field is what the tables call it, where some provider cannot carry it.
	field string
}

var features = []feature{
	{name: "text", doc: "a question and an answer", core: true, try: func(c *cell) (talker, error) {
		return c.once(wish{}, input{text: "say hello"}, func(got said, _ string) error {
			return want(strings.Contains(got.text, "Hello!") && got.stop == "end", got)
		})
	}},
	{name: "system", doc: "system text", try: func(c *cell) (talker, error) {
		return c.once(wish{system: "Be as brief as QUARTZ."}, input{text: "say hello"}, func(got said, body string) error {
			return want(strings.Contains(got.text, "Hello!") && strings.Contains(body, "QUARTZ"), got)
		})
	}},
	{name: "turns", doc: "a conversation of several turns", try: tryTurns},
	{name: "tool", doc: "a tool is called, and its result told", core: true, try: func(c *cell) (talker, error) { return c.tools(wish{tools: true}, "Paris") }},
	{name: "parallel", doc: "two calls in one turn", try: func(c *cell) (talker, error) { return c.tools(wish{tools: true}, "Paris", "Rome") }},
	{name: "forced", doc: "a tool has to be called", try: func(c *cell) (talker, error) {
		return c.once(wish{tools: true, force: toolName}, input{text: "It is nice here in Oslo"}, func(got said, _ string) error {
			return want(len(got.calls) == 1 && got.calls[0].name == toolName && strings.Contains(got.calls[0].args, "Oslo"), got)
		})
	}},
	{name: "image", doc: "a picture, its bytes in the request", try: func(c *cell) (talker, error) {
		return c.once(wish{}, input{text: "say hello", image: dot}, func(got said, body string) error {
			return want(strings.Contains(got.text, "Hello!") && got.in > 1000 && strings.Contains(body, inBase64(dot)), got)
		})
	}},
	{name: "pdf", doc: "a document, its bytes in the request", try: func(c *cell) (talker, error) {
		return c.once(wish{}, input{text: "say hello", pdf: page}, func(got said, body string) error {
			return want(got.stop == "end" && got.in > 1000 && strings.Contains(body, inBase64(page)), got)
		})
	}},
	{name: "reasoning", doc: "thinking is asked for, and goes back with its state", try: tryReasoning},
	{name: "schema", doc: "an answer that follows a schema", try: func(c *cell) (talker, error) {
		return c.once(wish{schema: true}, input{text: "Name a city such as Lyon"}, func(got said, _ string) error {
			var in struct{ City string }
			return want(json.Unmarshal([]byte(got.text), &in) == nil && in.City != "", got)
		})
	}},
	{name: "stop", doc: "a stop sequence", field: "stop", try: func(c *cell) (talker, error) {
		return c.once(wish{stop: "know only"}, input{text: "Tell me who you are"}, func(got said, _ string) error {
			// Most formats tell it as any other end.
			return want(strings.Contains(got.text, "stand-in model") && !strings.Contains(got.text, "only") && (got.stop == "end" || got.stop == "sequence"), got)
		})
	}},
	{name: "cap", doc: "an output cap that is reached", try: func(c *cell) (talker, error) {
		return c.once(wish{most: 16}, input{text: strings.Repeat("the quick brown fox jumps over the lazy dog ", 3)}, func(got said, _ string) error {
			return want(got.stop == "length" && got.out == 16, got)
		})
	}},
	{name: "cache", doc: "a long prompt whose cached part is marked, asked twice", try: tryCache},
	{name: "seed", doc: "a seed", field: "seed", try: func(c *cell) (talker, error) {
		return c.once(wish{seed: true}, input{text: "say hello"}, func(got said, body string) error {
			return want(strings.Contains(got.text, "Hello!") && strings.Contains(body, `seed":7`), got)
		})
	}},
	{name: "n", doc: "two answers", field: "n>1", try: tryTwo},
}

func want(ok bool, got said) error {
	if !ok {
		return fmt.Errorf("the answer is %+v", got)
	}
	return nil
}

// once says one thing in a new conversation and looks at the answer and at what
// reached the provider.
func (c *cell) once(k wish, in input, look func(got said, body string) error) (talker, error) {
	to, err := c.talk(k)
	if err != nil {
		return nil, err
	}
	n := c.lane.seen.count()
	got, err := c.say(to, in)
	if err != nil {
		return to, err
	}
	return nil, look(got, strings.Join(c.upstream(n), "\n"))
}

func tryTurns(c *cell) (talker, error) {
	to, err := c.talk(wish{})
	if err != nil {
		return nil, err
	}
	if _, err := c.say(to, input{text: "My first remark is about GRANITE."}); err != nil {
		return to, err
	}
	n := c.lane.seen.count()
	got, err := c.say(to, input{text: "My second remark is about BASALT."})
	if err != nil {
		return to, err
	}
	body := strings.Join(c.upstream(n), "\n")
	return nil, want(strings.Contains(got.text, "BASALT") && strings.Contains(body, "first remark") && strings.Contains(body, "shown."), got)
}

// tools asks for the weather of cities, one call for each, and tells what it is.
func (c *cell) tools(k wish, cities ...string) (talker, error) {
	to, err := c.talk(k)
	if err != nil {
		return nil, err
	}
	first, err := c.say(to, input{text: "What is the weather in " + strings.Join(cities, " and in ") + "?"})
	if err != nil {
		return to, err
	}
	var args, results []string
	ids := map[string]bool{}
	for _, call := range first.calls {
		args = append(args, call.name+strings.ReplaceAll(call.args, " ", ""))
		ids[call.id] = true
	}
	var expected []string
	for i, city := range cities {
		expected = append(expected, fmt.Sprintf(`get_weather{"city":"%s"}`, city))
		results = append(results, fmt.Sprintf("sunny, %d degrees", 21+i))
	}
	if !slices.Equal(args, expected) || first.stop != "tools" || !ids[""] && len(ids) != len(cities) {
		return nil, fmt.Errorf("the first answer is %+v", first)
	}
	if c.client.thinks && k.thinks && !c.lane.hides && c.lane.maker != "" && first.thoughts == 0 {
		return nil, fmt.Errorf("no thinking came: %+v", first)
	}
	n := c.lane.seen.count()
	second, err := c.say(to, input{results: results})
	if err != nil {
		return to, fmt.Errorf("after the results: %w", err)
	}
	if len(second.calls) != 0 || !strings.Contains(second.text, strings.Join(results, "; ")) {
		return nil, fmt.Errorf("the second answer is %+v", second)
	}
	if body := strings.Join(c.upstream(n), "\n"); c.client.thinks && k.thinks && c.lane.maker != "" && !strings.Contains(body, stateOf[c.lane.maker]) {
		return nil, errors.New("the state of the thinking does not go back")
	}
	return nil, nil
}

// stateOf is how each maker's state lies in a request.
var stateOf = map[llm.Maker]string{
	llm.MakerOpenAI: `"encrypted_content":"`, llm.MakerAnthropic: `"signature":"`, llm.MakerGoogle: `"thoughtSignature":"`,
}

func tryReasoning(c *cell) (talker, error) {
	return c.tools(wish{tools: true, thinks: true}, "Paris", "Rome")
}

// tryCache asks the same thing twice; what was read from the cache is told, and with
// marks, or at a provider that needs none, it was.
func tryCache(c *cell) (talker, error) {
	system := cellName(c.lane, c.client, c.stream) + strings.Repeat(" is how this begins, and it goes on for long enough;", 120)
	for i := range 2 {
		to, err := c.talk(wish{system: system, marks: true})
		if err != nil {
			return nil, err
		}
		got, err := c.say(to, input{text: "say hello"})
		if err != nil {
			return to, err
		}
		if got.cached == nil || i == 1 && *got.cached < 1024 {
			return nil, fmt.Errorf("answer %d: nothing is told of the cache: %+v", i+1, got)
		}
	}
	return nil, nil
}

// tryTwo: the stand-ins give one answer. That they were asked for two is what counts.
func tryTwo(c *cell) (talker, error) {
	to, err := c.talk(wish{n: true})
	if err != nil {
		return nil, err
	}
	n := c.lane.seen.count()
	_, err = c.say(to, input{text: "say hello"})
	body := strings.Join(c.upstream(n), "\n")
	if status, _ := to.status(err); status == http.StatusBadRequest && (strings.Contains(body, `"n":2`) || strings.Contains(body, `"candidateCount":2`)) {
		return nil, nil
	}
	if err == nil {
		return nil, errors.New("one answer came, and nobody says that it should be two")
	}
	return to, err
}
