package dispatch

import (
	"errors"
	"io"
	"net/http"

	"github.com/skein-run/skein/internal/call"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/wire"
)

// maxKept bounds what is kept back before the first content.
const maxKept = 1 << 20

// readStream passes a stream on: frames as they came in the client's own format,
// else its events, as they are or in the client's format. Nil: its proper end has
// come, and is kept in terminal.
func (r *run) readStream(ans *provider.Answer) error {
	a := &r.at
	same := r.passes()
	o := wire.FrameOptions{Events: !same, HideUsage: !r.as.StreamUsage, Framing: r.as.Framing, Seal: r.as.Seal}
	if same && r.as.Model != a.dep.upstream {
		o.Model = r.as.Model
	}
	s := a.codec.Frames(ans.Body, a.on.Dialect, o)
	var w wire.Writer
	switch {
	case r.want == "":
		a.gather = &llm.Assembler{}
	case !same:
		w = r.codec.Writer(r.as)
	}
	r.kept, r.terminal, r.shown = r.kept[:0], r.terminal[:0], false // what an earlier attempt brought is forgotten
	for {
		r.reading.Store(r.d.now().UnixNano())
		f, err := s.Next()
		r.reading.Store(0)
		if err != nil {
			a.progress = s.Progress()
			if err == io.EOF { // an end without its terminal frame cannot be told from a cut
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if !same { // what is made of events keeps all of an answer's text
			if p := s.Progress(); p.TextBytes+p.ThinkingBytes+p.ToolBytes > maxWhole {
				a.progress = p
				return r.malformed(errTooLong)
			}
		}
		b := f.Bytes
		if w != nil {
			r.out = w.Write(r.out[:0], f.Events)
			b = r.out
		}
		if a.gather != nil {
			b = nil
			a.gather.Add(f.Events...)
		}
		switch f.Class {
		case wire.Terminal:
			a.progress = s.Progress()
			r.terminal = append(r.terminal, b...)
			if a.gather != nil {
				a.end = append(a.end[:0], f.Events...)
			}
			_, _ = s.Next() // is at its end, and lets go of its buffers
			return nil
		case wire.Content:
			if !r.shown {
				if err := r.firstContent(b, f.Events); err != nil {
					a.progress = s.Progress()
					return err
				}
				continue
			}
		default:
			if !r.shown {
				r.kept = append(r.kept, b...)
				if len(r.kept) > maxKept {
					a.progress = s.Progress()
					return r.malformed(errPrelude)
				}
				continue
			}
		}
		if err := r.pass(b, f.Events); err != nil {
			a.progress = s.Progress()
			return err
		}
	}
}

// firstContent lets what was kept go, and the first content with it, in one piece.
func (r *run) firstContent(b []byte, events []llm.Event) error {
	a := &r.at
	a.rec.FirstContent = r.d.now()
	r.feed(call.Event{Kind: call.FirstContent})
	if !r.shown { // the attempt was cancelled just before
		return errSink
	}
	if len(r.kept) > 0 {
		r.kept = append(r.kept, b...)
		b = r.kept
	}
	return r.pass(b, events)
}

// show is the machine's word that content may go out.
func (r *run) show() {
	r.shown = true
	r.announce()
}

// pass hands over one piece.
func (r *run) pass(b []byte, events []llm.Event) error {
	if r.want == "" {
		b = nil
	} else if events = nil; len(b) == 0 {
		return nil
	}
	if err := r.c.Sink.Frame(b, events); err != nil {
		return errSink
	}
	return nil
}

// finish hands the end over: the entry is durable.
func (r *run) finish() {
	same := r.passes()
	if !r.facts.Stream {
		var err error
		switch {
		case same:
			err = r.c.Sink.Whole(r.receipt, r.renamed(), nil)
		case r.want == "":
			err = r.c.Sink.Whole(r.receipt, nil, r.whole)
			r.body = nil // the response may hold pieces of it
		default:
			r.out = append(r.out[:0], r.codec.EncodeResponse(r.whole, r.as)...)
			err = r.c.Sink.Whole(r.receipt, r.out, nil)
		}
		r.close(err)
		return
	}
	b := r.terminal
	if !r.shown { // an answer without content
		r.announce()
		r.kept = append(r.kept, b...)
		b = r.kept
	}
	r.close(r.pass(b, r.at.end))
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
