package wire

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// Carrying does for the events of a stream what [SplitState] does for parts. A
// writer whose format has a place for state on thinking only sends its events
// through it. The zero value is ready; one for each stream.
type Carrying struct {
	shift int // how many blocks were put in
	kept  llm.Part
	out   []llm.Event
	did   bool
}

// Events gives e with state on blocks that are no thinking moved into carriers:
// before the block where its start brings it, behind it where it comes later. The
// slice is valid until the next call; it is e itself while there is nothing to do.
func (c *Carrying) Events(e []llm.Event) []llm.Event {
	if !c.did && !slices.ContainsFunc(e, needsCarrier) {
		for i := range e {
			if e[i].Kind == llm.BlockStart {
				c.kept = llm.Part{Kind: e[i].Part.Kind}
			}
		}
		return e
	}
	c.did = true
	c.out = c.out[:0]
	for i := range e {
		c.add(e[i])
	}
	return c.out
}

func needsCarrier(e llm.Event) bool {
	return e.Kind == llm.BlockStart && onOther(&e.Part) || e.Kind == llm.Delta && e.Signature != "" && e.Maker != "" && e.Maker != llm.MakerAnthropic
}

func (c *Carrying) add(e llm.Event) {
	switch e.Kind {
	case llm.BlockStart:
		if onOther(&e.Part) {
			c.carry(Carrier, e.Index, e.Part.Signature, e.Part.Maker)
			e.Part.Signature, e.Part.Maker = "", ""
		}
		c.kept = e.Part
	case llm.Delta:
		if c.kept.Kind != llm.Thinking && e.Signature != "" {
			c.kept.Signature += e.Signature
			c.kept.Maker = e.Maker
			if e.Signature, e.Maker = "", ""; e.Text == "" && e.Citation == nil {
				return
			}
		}
	case llm.BlockStop:
		e.Index += c.shift
		c.out = append(c.out, e)
		if onOther(&c.kept) {
			c.carry(CarrierText, e.Index-c.shift+1, c.kept.Signature, c.kept.Maker)
		}
		c.kept = llm.Part{}
		return
	}
	if e.Kind == llm.Delta || e.Kind == llm.BlockStart {
		e.Index += c.shift
	}
	c.out = append(c.out, e)
}

func (c *Carrying) carry(name string, index int, state string, maker llm.Maker) {
	at := index + c.shift
	c.out = append(c.out,
		llm.Event{Kind: llm.BlockStart, Index: at, Part: carrier(name, state, maker)},
		llm.Event{Kind: llm.BlockStop, Index: at})
	c.shift++
}
