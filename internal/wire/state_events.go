package wire

import (
	"slices"

	"github.com/skein-run/skein/internal/llm"
)

// Carrying does for the events of a stream what [SplitState] does for parts. A
// writer whose format has a place for state on thinking only sends its events
// through it. The zero value is ready; one for each stream.
type Carrying struct {
	// NotLast: the format's answers never end in thinking, and clients look at the last
	// block for what was said. State that would be the last thing is not told.
	NotLast bool

	shift int // how many blocks were put in, less those left out
	kept  llm.Part
	held  bool       // the open block is not told of: it has state and, so far, nothing else
	late  []llm.Part // carriers that wait for a block to stand before
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
		c.kept = e.Part
		if c.held = c.NotLast && onOther(&e.Part) && e.Part.Kind == llm.Text && e.Part.Text == ""; c.held {
			return
		}
		c.start(e)
		return
	case llm.Delta:
		if c.held && (e.Text != "" || e.Citation != nil) {
			c.held = false
			c.start(llm.Event{Kind: llm.BlockStart, Index: e.Index, Part: c.kept})
		}
		if c.kept.Kind != llm.Thinking && e.Signature != "" {
			c.kept.Signature += e.Signature
			c.kept.Maker = e.Maker
			if e.Signature, e.Maker = "", ""; e.Text == "" && e.Citation == nil {
				return
			}
		}
		e.Index += c.shift
	case llm.BlockStop:
		e.Index += c.shift
		if c.held {
			c.shift--
		} else {
			c.out = append(c.out, e)
		}
		if onOther(&c.kept) {
			c.late = append(c.late, carrier(CarrierText, c.kept.Signature, c.kept.Maker))
		}
		if c.kept, c.held = (llm.Part{}), false; !c.NotLast {
			c.tell(e.Index - c.shift + 1)
		}
		return
	}
	c.out = append(c.out, e)
}

// start tells of a block, and before it of what waited for one.
func (c *Carrying) start(e llm.Event) {
	c.tell(e.Index)
	if onOther(&e.Part) {
		c.put(e.Index, carrier(Carrier, e.Part.Signature, e.Part.Maker))
		e.Part.Signature, e.Part.Maker = "", ""
	}
	c.kept = e.Part
	e.Index += c.shift
	c.out = append(c.out, e)
}

func (c *Carrying) tell(index int) {
	for _, p := range c.late {
		c.put(index, p)
	}
	c.late = c.late[:0]
}

func (c *Carrying) put(index int, p llm.Part) {
	at := index + c.shift
	c.out = append(c.out,
		llm.Event{Kind: llm.BlockStart, Index: at, Part: p},
		llm.Event{Kind: llm.BlockStop, Index: at})
	c.shift++
}
