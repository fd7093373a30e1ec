package llm

// Assembler puts the events of a stream together into the answer that the same
// call would have had unstreamed. The zero value is ready.
type Assembler struct {
	resp Response
	open map[int]*building
	err  *Error
	done bool
}

type building struct {
	at   int // index in resp.Parts
	text []byte
	sig  []byte
}

// Add takes the next events.
func (a *Assembler) Add(events ...Event) {
	for i := range events {
		a.add(&events[i])
	}
}

func (a *Assembler) add(e *Event) {
	switch e.Kind {
	case Start:
		a.resp.ID, a.resp.Model, a.resp.Created = e.ID, e.Model, e.Created
	case BlockStart:
		if a.open == nil {
			a.open = map[int]*building{}
		}
		a.close(e.Index) // a second start of the same block ends the first
		b := &building{at: len(a.resp.Parts)}
		a.resp.Parts = append(a.resp.Parts, e.Part)
		b.text = append(b.text, e.Part.Text...)
		b.sig = append(b.sig, e.Part.Signature...)
		if e.Part.Kind == ToolCall {
			b.text = append(b.text, e.Part.Arguments...)
		}
		a.open[e.Index] = b
	case Delta:
		if b := a.open[e.Index]; b != nil {
			b.text = append(b.text, e.Text...)
			b.sig = append(b.sig, e.Signature...)
			p := &a.resp.Parts[b.at]
			if e.Maker != "" {
				p.Maker = e.Maker
			}
			if e.Citation != nil {
				p.Citations = append(p.Citations, *e.Citation)
			}
		}
	case BlockStop:
		if b := a.open[e.Index]; b != nil && len(e.Part.Extra) > 0 {
			p := &a.resp.Parts[b.at]
			p.Extra = append(p.Extra[:len(p.Extra):len(p.Extra)], e.Part.Extra...)
		}
		a.close(e.Index)
	case UsageUpdate:
		a.resp.Usage = e.Usage
	case Stop:
		a.resp.Stop, a.resp.StopDetail = e.Stop, e.StopDetail
	case End:
		a.done = true
	case Failure:
		a.err = e.Err
	}
}

func (a *Assembler) close(index int) {
	b := a.open[index]
	if b == nil {
		return
	}
	b.settle(&a.resp.Parts[b.at])
	delete(a.open, index)
}

// settle writes what was collected into its part. Arguments that never came are
// the empty object, as the formats mean it.
func (b *building) settle(p *Part) {
	switch p.Kind {
	case ToolCall:
		if len(b.text) == 0 {
			b.text = []byte("{}")
		}
		p.Arguments = append([]byte(nil), b.text...)
	case Text, Thinking, Refusal:
		p.Text = string(b.text)
	}
	if len(b.sig) > 0 {
		p.Signature = string(b.sig)
	}
}

// Response is the answer so far: whole once Done, else what a broken stream left.
// Parts that were still open hold what had come of them.
func (a *Assembler) Response() *Response {
	r := a.resp
	r.Parts = append([]Part(nil), a.resp.Parts...)
	for _, b := range a.open {
		b.settle(&r.Parts[b.at])
	}
	return &r
}

// Done reports whether the stream came to its proper end.
func (a *Assembler) Done() bool { return a.done }

// Err is the failure that the stream carried, or nil.
func (a *Assembler) Err() *Error { return a.err }
