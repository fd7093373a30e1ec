package dispatch

import (
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/seam"
	"github.com/skein-run/skein/internal/wire"
)

// maxKept bounds what is kept back: before the first content, and of a tool call
// while it is not complete.
const maxKept = 1 << 20

// passage is a stream on its way from the upstream to the client.
type passage struct {
	r    *run
	l    *lane
	hand int
	same bool // bytes pass as they come
	s    wire.Stream
	w    wire.Writer  // of the client's format; nil where bytes pass, or events are wanted
	join *seam.Joiner // the attempt goes on from what was shown
	back keeping

	joined []llm.Event
	floor  bool // the pace is watched
}

// readStream passes a stream on: frames as they came in the client's own format,
// else its events, as they are or in the client's format. Nil: its proper end has
// come, and is kept in terminal.
func (r *run) readStream(hand int, l *lane, ans *provider.Answer) error {
	a := &l.at
	p := &passage{r: r, l: l, hand: hand, same: r.passes(l)}
	o := wire.FrameOptions{Events: !p.same, HideUsage: !r.as.StreamUsage, Framing: r.as.Framing, Seal: l.as.Seal}
	if p.same && r.as.Model != a.dep.upstream {
		o.Model = r.as.Model
	}
	if r.resume != nil {
		var err error
		if p.w, p.join, err = r.resume.begin(r); err != nil {
			return err
		}
	}
	p.s = a.codec.Frames(ans.Body, a.on.Dialect, o)
	switch {
	case r.resume != nil:
	case r.want == "":
		a.gather = &llm.Assembler{}
	case !p.same:
		p.w = r.codec.Writer(&l.as)
	}
	p.back.init(r)
	p.floor = r.floor(a.dep) > 0
	err := p.read()
	if a.progress = p.s.Progress(); err != nil {
		return err
	}
	_, _ = p.s.Next() // is at its end, and lets go of its buffers
	return nil
}

func (p *passage) read() error {
	var since int64 // when the upstream was last heard; a ping is no word
	for {
		if since == 0 {
			since = p.r.d.now().UnixNano()
		}
		p.l.reading.Store(since)
		f, err := p.s.Next()
		p.l.reading.Store(0)
		if f.Class != wire.Heart {
			since = 0
		}
		if err == io.EOF { // an end without its terminal frame cannot be told from a cut
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if done, err := p.frame(&f); done || err != nil {
			return err
		}
	}
}

// frame takes the next piece. It reports whether that was the proper end.
func (p *passage) frame(f *wire.Frame) (done bool, err error) {
	r, l, a := p.r, p.l, &p.l.at
	progress := p.s.Progress()
	came := progress.TextBytes + progress.ThinkingBytes + progress.ToolBytes
	l.bytes.Store(came)
	if progress.Stopped {
		l.ending.Store(true)
	}
	if !p.same && came > maxWhole { // what is made of events keeps all of an answer's text
		return false, l.malformed(errTooLong)
	}
	b, events, class := f.Bytes, f.Events, f.Class
	if p.join != nil {
		if class == wire.Content && !l.heard.Load() {
			r.heard(l)
		}
		if events, err = p.through(f); err != nil {
			return false, err
		}
		if class != wire.Terminal && len(events) == 0 {
			return false, nil
		} else if class != wire.Terminal {
			class = wire.Content
		}
	}
	if p.w != nil {
		l.out = p.w.Write(l.out[:0], events)
		b = l.out
	}
	if a.gather != nil {
		b = nil
		a.gather.Add(events...)
	}
	if class != wire.Terminal {
		return false, p.pass(b, events, class)
	}
	if p.join != nil && !l.shown.Load() && !r.began(p.hand, l) { // all of it waited for its end
		return false, errSink
	}
	if p.back.content { // what was kept back goes out before the end does
		if err := p.showKept(len(l.kept)); err != nil {
			return false, err
		}
	}
	l.terminal = append(l.terminal, b...)
	if a.gather != nil {
		a.end = append(a.end[:0], events...)
	}
	return true, nil
}

// through takes a piece through the joint to what was shown.
func (p *passage) through(f *wire.Frame) ([]llm.Event, error) {
	out, refused := p.join.Add(p.joined[:0], f.Events)
	p.joined = out
	if refused != nil {
		return nil, refused
	}
	out = slices.DeleteFunc(out, func(e llm.Event) bool { return e.Kind == llm.Ping })
	for i := range out {
		p.r.resume.said = append(p.r.resume.said, kept(out[i]))
	}
	return out, nil
}

// pass hands a piece over, or keeps it back: before the first content, in a tool call
// that is not complete, in the time that is kept back anyway.
func (p *passage) pass(b []byte, events []llm.Event, class wire.FrameClass) error {
	l, back := p.l, &p.back
	if class != wire.Content && !l.shown.Load() && !back.content {
		l.kept = append(l.kept, b...)
		if len(l.kept) > maxKept {
			return l.malformed(errPrelude)
		}
		return nil
	}
	if class == wire.Content && l.at.rec.FirstContent.IsZero() {
		l.at.rec.FirstContent = p.r.d.now()
	}
	open := back.on && p.s.Progress().OpenTool
	if !open && !back.delays() {
		return p.show(b, events)
	}
	l.kept = append(l.kept, b...)
	back.content = true
	cut := back.ripe(p, open)
	if len(l.kept)-cut > maxKept { // it is shown as it comes, and cannot be gone on from
		back.on, cut = false, len(l.kept)
	}
	if cut == 0 {
		if l.shown.Load() {
			back.alive(p.r)
		}
		return nil
	}
	return p.showKept(cut)
}

// showKept shows the first n bytes of what was kept back.
func (p *passage) showKept(n int) error {
	l := p.l
	if !l.shown.Load() && !p.r.began(p.hand, l) {
		return errSink
	}
	err := p.give(l.kept[:n], nil)
	l.kept = l.kept[:copy(l.kept, l.kept[n:])]
	p.back.gave(n)
	return err
}

// show shows a piece, and before it what was kept back.
func (p *passage) show(b []byte, events []llm.Event) error {
	r, l := p.r, p.l
	if !l.shown.Load() && !r.began(p.hand, l) {
		return errSink // the attempt was cancelled just before
	}
	if len(l.kept) > 0 {
		l.kept = append(l.kept, b...)
		b = l.kept
	}
	err := p.give(b, events)
	l.kept = l.kept[:0]
	p.back.gave(len(b))
	return err
}

// give hands one piece over, and notes how long the client took for it where somebody
// asks for the pace.
func (p *passage) give(b []byte, events []llm.Event) error {
	if p.join != nil {
		p.r.resume.shown = len(p.r.resume.said)
	}
	if !p.floor {
		return p.r.give(p.l, b, events)
	}
	from := p.r.d.now()
	err := p.r.give(p.l, b, events)
	p.l.idle.Add(int64(p.r.d.now().Sub(from)))
	return err
}

// heard notes the first content of an attempt whose content is held back until it is
// known to join what was shown.
func (r *run) heard(l *lane) {
	now := r.d.now()
	l.heard.Store(true)
	if l.at.begun.Probe {
		r.d.alive(&l.at, now)
	}
	r.mu.Lock()
	r.watched.lanes[l.n].pace.begin(now)
	r.mu.Unlock()
}

// began tells the machine of the first content, and reports whether it may go out.
func (r *run) began(hand int, l *lane) bool {
	now := r.d.now()
	if l.at.rec.FirstContent.IsZero() {
		l.at.rec.FirstContent = now
	}
	if l.at.begun.Probe {
		r.d.alive(&l.at, now)
	}
	r.mu.Lock()
	r.watched.lanes[l.n].pace.begin(now)
	r.mu.Unlock()
	r.feed(hand, call.Event{Kind: call.FirstContent, Lane: l.n})
	return l.shown.Load() || l.draining.Load()
}

// show is the machine's word that content may go out.
func (r *run) show(l *lane) {
	l.shown.Store(true)
	r.sink.Lock()
	defer r.sink.Unlock()
	r.hedgeWon(l)
	r.announced(l)
}

// hedgeWon says that the answer is that of an attempt made beside another one.
func (r *run) hedgeWon(l *lane) {
	if !l.at.hedge || r.receipt.Hedged {
		return
	}
	r.receipt.Hedged = true
	if m := r.d.o.Signs; m != nil {
		m.HedgeWon(r.m.name)
	}
}

// give hands one piece over to the client.
func (r *run) give(l *lane, b []byte, events []llm.Event) error {
	if l.draining.Load() {
		r.drained(l, len(b))
		return nil
	}
	if r.want == "" {
		b = nil
	} else if events = nil; len(b) == 0 {
		return nil
	}
	r.sink.Lock()
	err := r.c.Sink.Frame(b, events)
	r.sink.Unlock()
	if err != nil {
		r.clientGone()
		if l.draining.Load() {
			return nil
		}
		return errSink
	}
	r.shown.keep(r, l, b)
	return nil
}

// finish hands the end over: the entry is durable.
func (r *run) finish(l *lane) {
	same := r.passes(l)
	r.hedgeWon(l)
	if !r.facts.Stream {
		var err error
		switch {
		case same:
			err = r.c.Sink.Whole(r.receipt, r.renamed(l), nil)
		case r.want == "":
			err = r.c.Sink.Whole(r.receipt, nil, l.whole)
			l.body = nil // the response may hold pieces of it
		default:
			l.out = append(l.out[:0], r.codec.EncodeResponse(l.whole, &l.as)...)
			err = r.c.Sink.Whole(r.receipt, l.out, nil)
		}
		r.close(err)
		return
	}
	r.sink.Lock()
	defer r.sink.Unlock()
	r.announced(l) // an answer without content
	b, events := l.terminal, l.at.end
	if len(l.kept) > 0 {
		l.kept = append(l.kept, b...)
		b = l.kept
	}
	if r.want == "" {
		b = nil
	} else {
		events = nil
	}
	var err error
	if r.want == "" || len(b) > 0 {
		err = r.c.Sink.Frame(b, events)
	}
	r.close(err)
}

func (r *run) close(err error) {
	if err != nil { // whole and paid for, but nobody took the end of it
		r.c.Sink.Close(r.receipt, &llm.Error{Class: llm.Canceled, Blame: llm.BlameClient, Billed: llm.BilledYes, Status: 499, Message: "the client went away before the end of the answer"})
		return
	}
	r.c.Sink.Close(r.receipt, nil)
}

// fail shows the client what its call ended with.
func (r *run) fail(err *llm.Error) {
	r.failed = forClient(err)
	r.sink.Lock()
	defer r.sink.Unlock()
	r.c.Sink.Close(r.receipt, r.failed)
}

// forClient is an error as a client may take it. What is between Skein and its
// providers is not the client's fault, and its own credential is fine.
func forClient(err *llm.Error) *llm.Error {
	switch blamed(err) {
	case llm.BlameCredential:
		e := *err
		e.Class, e.Status, e.Code = llm.ServerError, http.StatusBadGateway, "upstream_credential"
		e.Message = "the provider refused Skein's credential; its operator has to mend that"
		if err.Class == llm.QuotaExhausted {
			e.Message = "the account at the provider is used up; its operator has to mend that"
		}
		return &e
	case llm.BlameDeployment, llm.BlameProvider:
		if err.Class == llm.NotFound {
			e := *err
			e.Class, e.Status = llm.ServerError, http.StatusBadGateway
			return &e
		}
	}
	return err
}

var errPrelude = errors.New("much and no content")
