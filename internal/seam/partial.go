package seam

import (
	"encoding/json"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// Partial is what the client was shown of an answer.
type Partial struct {
	ID, Model string
	Created   int64
	Parts     []llm.Part // whole ones, and of those that are open what has come
	Usage     llm.Usage  // of the attempt that broke, as far as it is known

	Stopped    bool // why the answer ends was shown already
	Stop       llm.StopReason
	StopDetail string
	Ended      bool // so was its proper end

	ends  llm.StopReason // what Finish means, where that is not told by the parts
	stops []string       // the request's

	begun bool   // there was a Start
	at    []int  // the index of each part's block
	open  []bool // the block was not ended
	said  []bool // something came of it behind its start
	next  int    // the index that no block has yet
}

// Of is the partial answer that events tell of.
func Of(events []llm.Event) *Partial {
	p := &Partial{}
	var a llm.Assembler
	for i := range events {
		e := &events[i]
		if !p.take(e) {
			continue
		}
		a.Add(*e)
	}
	r := a.Response()
	p.ID, p.Model, p.Created, p.Usage = r.ID, r.Model, r.Created, r.Usage
	p.Parts = r.Parts
	return p
}

// take follows the blocks, and reports whether the event belongs to the answer.
func (p *Partial) take(e *llm.Event) bool {
	switch e.Kind {
	case llm.Start:
		p.begun = true
	case llm.BlockStart:
		p.shut(e.Index)
		p.at, p.open, p.said = append(p.at, e.Index), append(p.open, true), append(p.said, len(e.Part.Arguments) > 0)
		p.next = max(p.next, e.Index+1)
	case llm.Delta:
		if n := p.find(e.Index); n >= 0 {
			p.said[n] = p.said[n] || e.Text != ""
		}
	case llm.BlockStop:
		p.shut(e.Index)
	case llm.Stop:
		p.Stopped, p.Stop, p.StopDetail = true, e.Stop, e.StopDetail
	case llm.End:
		p.Ended = true
	case llm.Failure:
		return false
	}
	return true
}

func (p *Partial) shut(index int) {
	if n := p.find(index); n >= 0 {
		p.open[n] = false
	}
}

// find is the part of a block that is open; -1 where there is none.
func (p *Partial) find(index int) int {
	for i := len(p.at) - 1; i >= 0; i-- {
		if p.at[i] == index && p.open[i] {
			return i
		}
	}
	return -1
}

// Open reports whether the nth part was not ended.
func (p *Partial) Open(n int) bool { return p.open[n] }

// Text is the answer's text so far, that of all its parts.
func (p *Partial) Text() string {
	n := -1
	for i := range p.Parts {
		if p.Parts[i].Kind == llm.Text && p.Parts[i].Text != "" {
			if n >= 0 {
				return p.joinedText()
			}
			n = i
		}
	}
	if n < 0 {
		return ""
	}
	return p.Parts[n].Text
}

func (p *Partial) joinedText() string {
	var b strings.Builder
	for i := range p.Parts {
		if p.Parts[i].Kind == llm.Text {
			b.WriteString(p.Parts[i].Text)
		}
	}
	return b.String()
}

// openText is the index of the text that is open, the last part; -1 where there is none.
func (p *Partial) openText() int {
	if n := len(p.Parts) - 1; n >= 0 && p.open[n] && p.Parts[n].Kind == llm.Text {
		return p.at[n]
	}
	return -1
}

// size is how many bytes were shown.
func (p *Partial) size() (n int) {
	for i := range p.Parts {
		n += len(p.Parts[i].Text) + len(p.Parts[i].Arguments)
	}
	return n
}

// has reports whether there is a part of a kind.
func (p *Partial) has(kind llm.PartKind) bool {
	for i := range p.Parts {
		if p.Parts[i].Kind == kind {
			return true
		}
	}
	return false
}

// whole reports whether a tool call's arguments are complete: its block was ended, or
// what came of them is an object already, to which nothing can be added. Arguments
// that are no JSON were cut by the model's own end.
func (p *Partial) whole(n int) bool {
	args := p.Parts[n].Arguments
	if p.open[n] {
		return p.said[n] && wholeJSON(string(args))
	}
	return json.Valid(args)
}

// shuts are the events that end the blocks which are open.
func (p *Partial) shuts(dst []llm.Event, but int) []llm.Event {
	for i, index := range p.at {
		if p.open[i] && index != but {
			dst = append(dst, llm.Event{Kind: llm.BlockStop, Index: index})
		}
	}
	return dst
}
