package fakecloud

import (
	"slices"
	"sync"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// history keeps what Responses remembers between requests: conversations by the id of
// the answer that they ended with, and what was said by the id of its item.
type history struct {
	mu    sync.Mutex
	ended map[string]chapter
	items map[string][]analyst.Turn // empty: a thought
	order []string                  // of the answers, the oldest first
}

// chapter is a conversation up to one answer.
type chapter struct {
	turns []analyst.Turn
	open  []string // the calls that the answer made
	items []string
}

// mostChapters is how many answers are remembered.
const mostChapters = 10_000

// reference stands in a request's input for an item of an earlier answer.
type reference struct {
	before int // the turn in front of which it stands
	id     string
}

func (h *history) keep(f responsesFormat, a *answer) {
	if !a.ask.stores {
		return
	}
	c := chapter{turns: slices.Clone(a.ask.Turns)}
	said := analyst.Turn{Role: analyst.Assistant}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil {
		h.ended, h.items = map[string]chapter{}, map[string][]analyst.Turn{}
	}
	for i, p := range a.parts {
		id := f.itemID(a, i, p)
		c.items = append(c.items, id)
		h.items[id] = nil
		if p.Kind == analyst.Thinking {
			continue
		}
		said.Parts = append(said.Parts, p)
		h.items[id] = []analyst.Turn{{Role: analyst.Assistant, Parts: []analyst.Part{p}}}
		if p.Kind == analyst.Call {
			c.open = append(c.open, p.ID)
		}
	}
	c.turns = append(c.turns, said)
	h.ended[a.id], h.order = c, append(h.order, a.id)
	if len(h.order) > mostChapters {
		for _, id := range h.ended[h.order[0]].items {
			delete(h.items, id)
		}
		delete(h.ended, h.order[0])
		h.order = h.order[1:]
	}
}

// recall puts before a request what it goes on from, and in the place of each
// reference what it stands for. All calls must have been answered, as in a request
// that has everything in it.
func (h *history) recall(a *ask) *apiError {
	h.mu.Lock()
	defer h.mu.Unlock()
	var turns []analyst.Turn
	at := 0
	for _, r := range a.references {
		said, ok := h.items[r.id]
		if !ok {
			e := invalid("input", "Item with id '%s' not found.", r.id)
			e.status = 404
			return e
		}
		turns = append(append(turns, a.Turns[at:r.before]...), said...)
		at = r.before
	}
	a.Turns = append(turns, a.Turns[at:]...)
	if a.previous == "" {
		return nil
	}
	c, ok := h.ended[a.previous]
	if !ok {
		e := invalid("previous_response_id", "Previous response with id '%s' not found.", a.previous)
		e.code = "previous_response_not_found"
		return e
	}
	for _, id := range a.answers {
		if !slices.Contains(c.open, id) {
			return invalid("input", "No tool call found for function call output with call_id %s.", id)
		}
	}
	for _, id := range c.open {
		if !slices.Contains(a.answers, id) {
			return invalid("input", "No tool output found for function call %s.", id)
		}
	}
	a.Turns = append(slices.Clone(c.turns), a.Turns...)
	return nil
}
